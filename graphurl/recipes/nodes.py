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

#: GenURL's recipe (Table VII): an MLP on citation and feature graphs, BCE. Not the paper's, chosen by validation: two
#: layers (five), words by the root of idf, α_2 = 0.3, σ_Z = 0.3 on cosines, lr falling to 0, and p_X static; dynamic
#: is the setting that the paper prefers, its handover rising and not added.
GENURL_NODES = NODES.but(
    graph="citation+knn", alpha=0.3, encoder="mlp", depth=2, hidden=512, dim=128, epochs=30, lr=1e-3, schedule="linear",
    sigma_z=0.3, handover="rising",
)  # fmt: skip

#: Node vectors for a graph without features: free coordinates.
NODES_ONLY = NODES.but(encoder="table", features="none", message="citation", dim=64, epochs=200, lr=1e-2)
