"""Recipes for maps of feature rows (dimension reduction)."""

from __future__ import annotations

from graphurl.recipes.recipe import Recipe

#: A 2-D map with a model that places new rows; the default for rows of numbers.
MAP = Recipe(
    task="dr", graph="knn", features="scale", n_neighbors=15, encoder="mlp", depth=3, hidden=512, dim=2,
    loss="bce", nu_z=1.0, batch_size=1024, epochs=200, lr=1e-3,
)  # fmt: skip

#: GenURL's settings for MNIST (§5.2): σ_X = 5, ν_Z = 0.001, batch 2048, lr 0.0005 x batch/256.
GENURL_MNIST = MAP.but(
    features="none", sigma=5.0, nu_z=0.001, batch_size=2048, lr=5e-4, scale_lr=True, epochs=100
)

#: GenURL's settings for COIL-20: σ_X = 20, ν_Z = 0.01, batch 256.
GENURL_COIL20 = MAP.but(
    features="none", sigma=20.0, nu_z=0.01, batch_size=256, lr=5e-4, scale_lr=True, epochs=500
)
