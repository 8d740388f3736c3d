"""The recipe for graphs: maps of feature rows and vectors of nodes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from graphurl.recipes.choices import Auto, AutoInt, Choices


@dataclass(frozen=True)
class Recipe(Choices):
    """Settings of a run on a similarity graph; those that every recipe has are listed in `Choices`.

    Numbers that may be "auto" are found from the data.

    Attributes:
        task: dr (rows of numbers to a map) or ge (nodes of a graph to vectors); decides evaluation only.
        graph: Similarity graphs, joined by +: knn, citation, citation+knn, or given (handed over).
        message: Graphs along which a graph encoder passes messages, in the same notation, or auto: citation+knn where
            features smoothed over both find held-out edges no worse, else citation (and above 50,000 nodes).
        features: none, l2 (unit rows), idf (inverse document frequency, then unit rows), sqrt-idf (its root),
            standard (columns of mean 0 and deviation 1), scale (one factor for the whole table), pca-50 or pca-100
            (leading principal coordinates).
        n_neighbors: Neighbours in the kNN graph.
        metric: Distance between feature rows: euclidean, cosine, correlation, manhattan, hamming or jaccard; given
            stands for a function that was handed over, which no file holds. All but the first compare rows as they
            are given where features is scale or pca-*, which move the origin; free coordinates then read no others.
        alpha: Weight of the second graph.
        max_hops: Length of shortest paths that fill p_X beyond the edges; 1 keeps the edges only.
        nu_x: ν of the prescribed similarity.
        sigma: σ_X, or auto for the calibration to log2 k.
        mu_x: auto (nearest neighbour) or a number.
        perplexity: Effective number of neighbours that fixes each row's own σ_X, rows then brought to unit sum (SNE);
            auto is 0.87 of n_neighbors, 0 leaves it to sigma.
        symmetrise: tconorm, max, mean or none.
        hops: Propagation steps of the linear encoder, or auto: those after which features find held-out edges best.
        filter: s2gc (a mean over the steps, and a share of a node's own features), sgc (the last step alone), or auto:
            found with the hops, s2gc where they are given.
        fanout: Neighbours that a node takes in each layer where the graph is too large to be encoded whole; -1 for all.
        dropout: Share of hidden units dropped.
        init: Where free coordinates start: random (auto), pca, spectral (eigenvectors of the similarity graph), or,
            of a layout that a network learns, encoder (where that network places the rows).
        columns: Samples drawn anew in each step that stand for all in sums over all pairs, for free coordinates in more
            than three dimensions; 0 for none: all pairs are compared.
        negatives: Weight of all far pairs relative to the mass of p, where far_weight is auto.
        edge_share: Share of a batch that is edge ends.
        teacher: none, or what the encoder has to find (with loss alignment) or to tell apart (infonce): smooth,
            features smoothed along the message graph, for which p_X only draws the batches; or layout, the map of
            free coordinates, in the units of which ν_Z and σ_Z are.
    """

    tasks: ClassVar[tuple[str, ...]] = ("dr", "ge")

    task: str = "dr"
    graph: str = "knn"
    message: str = "citation"
    features: str = "none"
    n_neighbors: int = 15
    metric: str = "euclidean"
    alpha: float = 0.1
    max_hops: int = 1
    nu_x: float = math.inf
    sigma: Auto = "auto"
    mu_x: Auto = "auto"
    perplexity: Auto = 0.0
    symmetrise: str = "tconorm"
    hops: AutoInt = 4
    filter: str = "s2gc"
    fanout: int = 10
    dropout: float = 0.0
    init: str = "auto"
    columns: int = 0
    negatives: float = 5.0
    edge_share: float = 0.75
    teacher: str = "none"

    @property
    def free(self) -> bool:
        """Whether the coordinates of each sample are trained themselves."""
        return self.encoder in ("table", "landmarks")

    @property
    def compares(self) -> str:
        """Preparation of the rows that the metric compares: none where `features` would move the origin.

        Angles, signs, zeros and equal values mean something only in rows as they are given; Euclidean distances are
        the same from any origin.
        """
        moves = self.features == "scale" or self.features.startswith("pca-")
        return "none" if moves and self.metric != "euclidean" else self.features

    @property
    def reads(self) -> str:
        """Preparation of the rows that the encoder reads: free coordinates read those that are compared."""
        return self.compares if self.free else self.features
