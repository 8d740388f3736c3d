"""Embedder: rows of numbers to a map, with a model that places new rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import torch
from sklearn.base import TransformerMixin
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import validate_data
from torch import Tensor

from graphurl.data import as_samples
from graphurl.data.samples import feature_matrix
from graphurl.estimators.base import GraphEmbedder, same_kind
from graphurl.functional.sparse import csr_matrix
from graphurl.graphs.graph import Graph


class Embedder(TransformerMixin, GraphEmbedder):  # type: ignore[misc]  # scikit-learn has no types
    """Dimension reduction by matching a kNN graph (GenURL); scikit-learn's contract.

    A parameter that is None takes the value of the recipe.

    Args:
        n_components: Dimension of the embedding.
        n_neighbors: Neighbours in the kNN graph.
        metric: euclidean, cosine or manhattan.
        loss: bce, mse, kl, gkl, infonce; None is the one of the recipe (kl). With another the map is made by a network.
        encoder: landmarks (free coordinates; new rows among their nearest fitted ones), mlp or a module of your own (a
            network places rows), table (places no new ones); None is the one of the recipe (landmarks).
        n_epochs: Passes over the samples.
        batch_size: Samples in a batch, 0 for all at once.
        learning_rate: Learning rate.
        nu_z: Degrees of freedom of the embedded similarity.
        negatives: Weight of far pairs relative to neighbours.
        dynamic: Let a hidden layer's similarity take over from the graph.
        init: auto, random or pca.
        method: Name of a recipe.
        random_state: A whole number makes runs repeatable.
        device: auto, cpu, cuda or mps.
        callbacks: Called with each epoch's moment; True ends the fit.
        verbose: 1 shows a progress bar on a terminal.
        settings: Any further field of `graphurl.recipes.Recipe`.

    Attributes:
        embedding_: Embedded rows, float32.
        graph_: The similarity graph.
        encoder_: The trained module.
        history_: A record an epoch.
        result_: The `graphurl.Embedding`.
    """

    def __init__(
        self,
        n_components: int = 2,
        *,
        n_neighbors: int = 15,
        metric: str = "euclidean",
        loss: str | None = None,
        encoder: Any = None,
        n_epochs: int | None = None,
        batch_size: int | None = None,
        learning_rate: float | None = None,
        nu_z: float | None = None,
        negatives: float | None = None,
        dynamic: bool = False,
        init: str = "auto",
        method: str | None = None,
        random_state: Any = None,
        device: str = "auto",
        callbacks: Sequence[Any] = (),
        verbose: int = 0,
        settings: dict[str, Any] | None = None,
    ) -> None:
        """Only stores."""
        self.n_components = n_components
        self.n_neighbors = n_neighbors
        self.metric = metric
        self.loss = loss
        self.encoder = encoder
        self.n_epochs = n_epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.nu_z = nu_z
        self.negatives = negatives
        self.dynamic = dynamic
        self.init = init
        self.method = method
        self.random_state = random_state
        self.device = device
        self.callbacks = callbacks
        self.verbose = verbose
        self.settings = settings

    def fit(self, X: Any, y: Any = None, *, graph: Graph | None = None) -> Self:
        """Fits the map.

        Args:
            X: Rows of numbers: array, tensor, frame or sparse matrix.
            y: Ignored.
            graph: A similarity graph of your own among the rows.

        Returns:
            The fitted estimator.
        """
        return self._embed(as_samples(self._rows(X, reset=True)), graph)

    def fit_transform(self, X: Any, y: Any = None, *, graph: Graph | None = None) -> Any:
        """Fits and returns the embedded rows, as the type of array that came in."""
        return same_kind(self.fit(X, y, graph=graph).embedding_, X)

    def transform(self, X: Any) -> Any:
        """Embeds new rows: one pass through the encoder, in evaluation mode."""
        self._check_fitted()
        rows = self._rows(X, reset=False)
        return same_kind(self.result_.model.transform(_tensor(rows)).numpy(), X)

    def _rows(self, x: Any, *, reset: bool) -> Any:
        """Rows checked by scikit-learn: shape, finiteness, names of columns."""
        if isinstance(x, Tensor):
            x = x.detach().cpu().numpy() if x.layout == torch.strided else x
        if isinstance(x, Tensor):
            if reset:
                self.n_features_in_ = x.shape[1]
            return x
        checked = validate_data(
            self, x, reset=reset, accept_sparse="csr", dtype=[np.float32, np.float64],
            ensure_min_samples=2 if reset else 1,
        )  # fmt: skip
        return checked

    def __sklearn_tags__(self) -> Any:
        """Sparse rows are welcome; float64 comes back as float32."""
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        if tags.transformer_tags is not None:
            tags.transformer_tags.preserves_dtype = ["float32"]
        return tags


# set_output wraps a class's methods when the class is made and drops their condition: it goes on last.
Embedder.transform = available_if(GraphEmbedder._inductive)(Embedder.transform)  # type: ignore[method-assign]


def _tensor(rows: Any) -> Tensor:
    """float32 rows, dense or sparse CSR."""
    if isinstance(rows, Tensor):
        return rows
    if isinstance(rows, np.ndarray):
        return feature_matrix(rows)
    csr = rows.tocsr()
    return csr_matrix(
        torch.from_numpy(csr.indptr.astype(np.int64)),
        torch.from_numpy(csr.indices.astype(np.int64)),
        torch.from_numpy(csr.data.astype(np.float32)),
        csr.shape,
    )
