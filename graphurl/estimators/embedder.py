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

from graphurl import registry
from graphurl.assembly import prepared
from graphurl.assembly.message import compared_rows
from graphurl.assembly.start import SPREAD
from graphurl.data import as_samples
from graphurl.data.samples import Samples, feature_matrix
from graphurl.embedding import Embedding
from graphurl.encoders.landmarks import GIVEN, Landmarks
from graphurl.errors import InputError
from graphurl.estimators.base import GraphEmbedder, same_kind
from graphurl.estimators.continued import go_on
from graphurl.estimators.inputs import (
    PRECOMPUTED,
    as_graph,
    from_distance_rows,
    joined,
    started,
    supervised,
    unpacked,
)
from graphurl.functional.sparse import csr_matrix
from graphurl.graphs import knn
from graphurl.graphs.graph import Graph
from graphurl.pipeline import default_recipe
from graphurl.recipes import Choices, Recipe


class Embedder(TransformerMixin, GraphEmbedder):  # type: ignore[misc]  # scikit-learn has no types
    """Dimension reduction by matching a kNN graph (GenURL); scikit-learn's contract.

    A parameter that is None takes the value of the recipe.

    Args:
        n_components: Dimension of the embedding.
        n_neighbors: Neighbours in the kNN graph.
        metric: euclidean, cosine, correlation, manhattan, hamming, jaccard; precomputed, where X is a square matrix of
            distances, dense or sparse (no new row can be placed then); or a function of two blocks of rows (tensors)
            that returns the distances between them. A function is not saved: a saved run records that graph and metric
            were given, and landmarks then ask for the function before they place new rows.
        loss: bce, mse, kl, gkl, infonce; None is the one of the recipe (kl). With another the map is made by a network
            from sampled pairs.
        encoder: landmarks (free coordinates; new rows among their nearest fitted ones), charts (linear maps side by
            side) or mlp or a module of your own (a network), which learn that layout and place rows by themselves,
            table (places no new ones); None is the one of the recipe (landmarks), and table for precomputed distances.
        n_epochs: Passes over the samples.
        batch_size: Samples in a batch, 0 for all at once.
        learning_rate: Learning rate.
        nu_z: Degrees of freedom of the embedded similarity.
        negatives: Weight of far pairs relative to neighbours.
        dynamic: Let a hidden layer's similarity take over from the graph.
        init: Where free coordinates start: random, pca, spectral, or an array (N, n_components), which
            is centred and brought to the small spread of a start.
        target_weight: How much labels count, from 0 (`fit` ignores y) to 1 (they alone do); -1 in y is unknown. Labels
            pull classes together, random ones as well: such a map shows what it was told.
        warm_start: Another `fit` goes on from the trained encoder instead of fresh weights; landmarks may have new rows
            behind the earlier ones.
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
        metric: Any = "euclidean",
        loss: str | None = None,
        encoder: Any = None,
        n_epochs: int | None = None,
        batch_size: int | None = None,
        learning_rate: float | None = None,
        nu_z: float | None = None,
        negatives: float | None = None,
        dynamic: bool = False,
        init: Any = None,
        target_weight: float = 0.0,
        warm_start: bool = False,
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
        self.target_weight = target_weight
        self.warm_start = warm_start
        self.method = method
        self.random_state = random_state
        self.device = device
        self.callbacks = callbacks
        self.verbose = verbose
        self.settings = settings

    def fit(self, X: Any, y: Any = None, *, graph: Any = None) -> Self:
        """Fits the map.

        Args:
            X: Rows of numbers: array (mapped ones stay in their file), tensor, frame, sparse matrix, a Dataset or
                DataLoader of PyTorch, an AnnData, or distances with metric="precomputed".
            y: Class of each row, -1 where unknown; ignored unless target_weight says otherwise.
            graph: A similarity graph of your own among the rows, or a tuple of neighbours and distances.

        Returns:
            The fitted estimator.
        """
        samples, given, recipe = self._given(X, graph)
        if self.target_weight:
            given = supervised(samples, y, recipe, given, self.target_weight, metric=self.metric)
        if given is not None:
            recipe = recipe.but(graph="given")
        if self.warm_start and hasattr(self, "result_"):
            return self._go_on(samples, given, recipe)
        encoder = None
        if self.init is not None and not isinstance(self.init, str):
            if not recipe.free:
                raise InputError(f"init is an array and the encoder {recipe.encoder!r}: use 'landmarks' or 'table'")
            encoder = registry.resolve("encoders", recipe.encoder)(len(samples), recipe.dim)
            encoder.place(started(self.init, len(samples), recipe.dim, SPREAD))
        return self._embed(samples, given, recipe, encoder)

    def fit_transform(self, X: Any, y: Any = None, *, graph: Any = None) -> Any:
        """Fits and returns the embedded rows, as the type of array that came in."""
        return same_kind(self.fit(X, y, graph=graph).embedding_, X)

    def partial_fit(self, X: Any, y: Any = None, *, graph: Any = None) -> Self:
        """Trains on with a further portion of the rows; the first call is a fit.

        Landmarks take the portion in: its rows start where they are placed, and all rows so far move on, on one graph;
        `embedding_` has all of them, the portion last. A network trains on a graph of the portion, which becomes
        `embedding_`, and forgets what it no longer sees: portions should be drawn at random, and a further pass over
        all of them helps.
        """
        if not hasattr(self, "result_"):
            return self.fit(X, y, graph=graph)
        if isinstance(self.encoder_, Landmarks):
            rows, own, ids = unpacked(X)
            before = self.result_
            handed = before.recipe.to_dict()["graph"] == "given" and not callable(self.metric)
            if handed or graph is not None or own is not None or self.target_weight:
                raise InputError(
                    "partial_fit of landmarks finds the neighbours of all rows so far, and a graph or labels are given "
                    "for some: set warm_start=True and fit all rows, the earlier ones first, or use encoder='mlp'"
                )
            assert before.samples is not None
            X = joined(before.samples, _tensor(self._rows(rows, reset=False)), ids)
        samples, given, recipe = self._given(X, graph, reset=False)
        if self.target_weight:
            given = supervised(samples, y, recipe, given, self.target_weight, metric=self.metric)
        return self._go_on(samples, given, recipe if given is None else recipe.but(graph="given"))

    def _go_on(self, samples: Samples, graph: Graph | None, recipe: Recipe) -> Self:
        return self._keep(
            go_on(
                self.result_, samples, graph, recipe, device=self.device, callbacks=tuple(self.callbacks),
                progress=self.verbose > 0,
            )
        )  # fmt: skip

    def _keep(self, result: Embedding) -> Self:
        """Landmarks get the metric that the recipe cannot hold."""
        if callable(self.metric) and isinstance(result.model.encoder, Landmarks):
            result.model.encoder.metric = self.metric
        return super()._keep(result)

    def _given(self, x: Any, graph: Any, *, reset: bool = True) -> tuple[Samples, Graph | None, Recipe]:
        """Samples, the graph where it is not the recipe's to build, and the recipe with all settings."""
        rows, own, ids = unpacked(x)
        rows, given = self._rows(rows, reset=reset), as_graph(graph) or own
        if isinstance(self.metric, str) and self.metric == PRECOMPUTED:
            samples = from_distance_rows(rows, self.n_neighbors, given)
            given = samples.graph
        else:
            samples = as_samples(rows, ids=ids)
        recipe = self._chosen(samples)
        assert isinstance(recipe, Recipe)
        if callable(self.metric) and given is None:
            _, rows = prepared(samples, recipe)
            assert rows is not None
            given = knn(compared_rows(samples, rows, recipe), self.n_neighbors, self.metric)
        if samples.x is None and recipe.encoder != "table":
            raise InputError(f"metric is 'precomputed' and {recipe.encoder!r} reads rows: use encoder='table'")
        return samples, given, recipe

    def _resolved(self) -> dict[str, Any]:
        """Settings of the recipe; a function, distances and given coordinates are none."""
        chosen = super()._resolved()
        if callable(self.metric):
            chosen["metric"] = GIVEN
        elif self.metric == PRECOMPUTED:
            del chosen["metric"]
        if self.init is not None and not isinstance(self.init, str):
            chosen["init"] = "random"
        elif self.init is None and not callable(self.metric) and self.metric == PRECOMPUTED:
            chosen["init"] = "spectral"
        return chosen

    def _recipe(self, samples: Samples) -> Choices:
        """The recipe of the method, or the one that fits the data: free coordinates where there are no rows."""
        asked = self._resolved() | {"encoder": self.encoder}
        if samples.x is not None:
            return default_recipe(samples, self.method, asked)
        return default_recipe(samples, self.method or "map", asked).but(encoder="table")

    def transform(self, X: Any) -> Any:
        """Embeds new rows: one pass through the encoder, in evaluation mode."""
        self._check_fitted()
        rows = self._rows(unpacked(X)[0], reset=False)
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
Embedder.partial_fit = available_if(GraphEmbedder._inductive)(Embedder.partial_fit)  # type: ignore[method-assign]
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
