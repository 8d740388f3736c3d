"""Recipes for nodes of a graph (graph embedding)."""

from __future__ import annotations

import math

from graphurl.recipes.recipe import Recipe

#: Node vectors from a linear encoder over propagated features; the default for graphs with features.
NODES = Recipe(
    task="ge", graph="citation", message="auto", features="sqrt-idf", metric="cosine", n_neighbors=5, alpha=0.1,
    encoder="linear", hops="auto", filter="auto", dim=512, loss="bce", nu_z=100.0, sigma_z=0.7, metric_z="cosine",
    batch_size=512, epochs=4, lr=5e-4, negatives=5.0, schedule="constant", warmup=0.0,
)  # fmt: skip

#: Node vectors from features alone: an MLP that finds what smoothing along the edges gives; new nodes need no edges.
NODES_MLP = NODES.but(
    encoder="mlp", teacher="smooth", loss="alignment", nu_z=math.inf, sigma_z=1.0, depth=3, hidden=512, dim=256,
    epochs=30, lr=1e-3, schedule="linear", warmup=0.1,
)  # fmt: skip

#: GenURL's own choice (Table VII): five-layer MLP on citation and feature graphs, BCE, dynamic.
GENURL_NODES = NODES.but(
    graph="citation+knn", features="idf", encoder="mlp", depth=5, hidden=512, dim=128, dynamic=True, epochs=30,
    lr=1e-3, sigma_z=0.3,
)  # fmt: skip

#: Node vectors for a graph without features: free coordinates.
NODES_ONLY = NODES.but(encoder="table", features="none", message="citation", dim=64, epochs=200, lr=1e-2)
