"""NodeEmbedder: nodes of a graph to vectors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

from sklearn.utils.metaestimators import available_if
from torch import Tensor

from graphurl.data import as_samples
from graphurl.estimators.base import GraphEmbedder, same_kind
from graphurl.graphs.graph import Graph


class NodeEmbedder(GraphEmbedder):
    """Node embedding by matching a citation graph, alone or with a feature graph (GenURL).

    A parameter that is None takes the value of the recipe.

    Args:
        n_components: Dimension of the vectors.
        encoder: linear (propagated features), gcn, sage, gat, mlp (no edges at inference), table, or a module.
        loss: bce, mse, kl, gkl, infonce; None is the one of the recipe (bce).
        graph: Similarity graphs by name, joined by +: citation, knn.
        n_neighbors: Neighbours in the feature graph.
        alpha: Weight of the feature graph.
        n_epochs: Number of epochs.
        batch_size: Nodes in a batch, 0 for all pairs at once.
        learning_rate: Learning rate.
        nu_z: Degrees of freedom of the embedded similarity.
        negatives: Weight of far pairs relative to edges.
        dynamic: Let a hidden layer's similarity take over from the graph.
        method: Name of a recipe.
        random_state: A whole number makes runs repeatable.
        device: auto, cpu, cuda or mps.
        callbacks: Called with each epoch's moment; True ends the fit.
        verbose: 1 shows a progress bar on a terminal.
        settings: Any further field of `graphurl.recipes.Recipe`.

    Attributes:
        embedding_: Node vectors, float32.
        graph_: The similarity graph.
        encoder_: The trained module.
        history_: A record an epoch.
        result_: The `graphurl.Embedding`.
    """

    def __init__(
        self,
        n_components: int | None = None,
        *,
        encoder: Any = None,
        loss: str | None = None,
        graph: str | None = None,
        n_neighbors: int | None = None,
        alpha: float | None = None,
        n_epochs: int | None = None,
        batch_size: int | None = None,
        learning_rate: float | None = None,
        nu_z: float | None = None,
        negatives: float | None = None,
        dynamic: bool = False,
        method: str | None = None,
        random_state: Any = None,
        device: str = "auto",
        callbacks: Sequence[Any] = (),
        verbose: int = 0,
        settings: dict[str, Any] | None = None,
    ) -> None:
        """Only stores."""
        self.n_components = n_components
        self.encoder = encoder
        self.loss = loss
        self.graph = graph
        self.n_neighbors = n_neighbors
        self.alpha = alpha
        self.n_epochs = n_epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.nu_z = nu_z
        self.negatives = negatives
        self.dynamic = dynamic
        self.method = method
        self.random_state = random_state
        self.device = device
        self.callbacks = callbacks
        self.verbose = verbose
        self.settings = settings

    def fit(self, data: Any, y: Any = None, *, graph: Graph | None = None) -> Self:
        """Fits the vectors.

        Args:
            data: A `torch_geometric.data.Data`, a `Graph`, `Samples`, or the name or path of a data set.
            y: Ignored; labels in the data serve the report only.
            graph: A similarity graph of your own among the nodes.

        Returns:
            The fitted estimator.
        """
        return self._embed(as_samples(data), graph)

    def fit_transform(self, data: Any, y: Any = None, *, graph: Graph | None = None) -> Any:
        """Fits and returns the vectors: a tensor where the data are tensors."""
        return same_kind(self.fit(data, y, graph=graph).embedding_, getattr(data, "x", None))

    @available_if(GraphEmbedder._inductive)  # type: ignore[untyped-decorator]  # scikit-learn has no types
    def transform(self, data: Any) -> Any:
        """Embeds the nodes of another graph (or rows, for an encoder that reads no edges)."""
        self._check_fitted()
        z = self.result_.transform(data)
        return same_kind(z, data if isinstance(data, Tensor) else getattr(data, "x", None))
