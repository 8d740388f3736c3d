"""Recipes for maps of feature rows (dimension reduction)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from graphurl.recipes.recipe import Recipe

#: Any loss, any dimension, any network: batches of rows, matched by the network itself. Row-normalised KL with a
#: t-kernel is stochastic neighbour embedding. With another loss the kernel changes too (`nu_z` auto): the exact kernel
#: with ν = 0.01 has κ(0) ≈ 0.125 and keeps 1 - q away from 0, where the repulsion of BCE is singular and drowns all.
DIRECT = Recipe(
    task="dr", graph="knn", features="scale", n_neighbors=15, encoder="mlp", depth=3, hidden=256, dim=2,
    loss="kl", over="rows", nu_z="auto", normalised=False, negatives=20.0, batch_size=512, epochs=200, lr=4e-3,
)  # fmt: skip

#: From here on a batch holds too small a part of the rows to estimate a row's sum of similarities. A sum over pairs is
#: estimated without bias by any batch.
LARGE = 20_000

#: A network learns a layout from at least so many rows, seen again and again, in at most so many epochs.
LEAST_ROWS, MOST_EPOCHS = 200_000, 400

#: The default for rows of numbers: free coordinates, and new rows among their nearest fitted ones. Joint KL with a
#: t-kernel is t-SNE's loss, its sum over all pairs taken exactly; push 2/3 (exaggeration 1.5) draws clusters together
#: a little.
MAP = Recipe(
    task="dr", graph="knn", features="pca-50", n_neighbors=15, perplexity="auto", symmetrise="mean",
    encoder="landmarks", init="pca", dim=2, loss="kl", over="all", push=2 / 3, early_push=1 / 12, early=1 / 3,
    nu_z=1.0, batch_size=0, epochs=300, lr=0.5, optimiser="gains", momentum=0.8, schedule="constant", warmup=0.0,
)  # fmt: skip

#: The same loss in more than three dimensions, where no grid holds its sum over all pairs: in each step 256 rows stand
#: for all. Short steps, and ever shorter ones, since the sum is only estimated; clusters are drawn together more: these
#: are vectors to cluster, and no picture that has to fill a page.
VECTORS = MAP.but(dim=10, columns=256, lr=0.2, schedule="cosine", push=0.4)

#: A network for the same map: the layout of free coordinates is made first, and the network learns it. The kernel of
#: the match has a heavy tail, so that rows between two clusters go to one of them.
NETWORK = MAP.but(
    encoder="mlp", teacher="layout", depth=3, hidden=256, loss="alignment", normalised=True, nu_z=4.0, sigma_z=3.0,
    batch_size=128, epochs=15, lr=2e-3, optimiser="adam", schedule="cosine", warmup=0.1,
)  # fmt: skip
#: The same layout in closed form: linear maps side by side, fitted at once.
CHARTS = NETWORK.but(encoder="charts", hidden=3072, epochs=0)
#: What `NETWORK` leaves to the map that it learns; the rest of that map is `MAP`.
_LAYOUT = ("dim", "init", "push", "early_push", "early", "seed")

#: GenURL's settings for MNIST (§5.2): σ_X = 5, ν_Z = 0.001, batch 2048, lr 0.0005 x batch/256.
GENURL_MNIST = DIRECT.but(
    loss="bce", features="none", hidden=512, sigma=5.0, nu_z=0.001, batch_size=2048, lr=5e-4, scale_lr=True, epochs=20
)

#: GenURL's settings for COIL-20: σ_X = 20, ν_Z = 0.01, batch 256.
GENURL_COIL20 = DIRECT.but(
    loss="bce", features="none", hidden=512, sigma=20.0, nu_z=0.01, batch_size=256, lr=5e-4, scale_lr=True, epochs=300
)


#: Dimensions that a grid can have, as words: settings of a command line are words still.
_PICTURED = ("1", "2", "3")
#: Settings that `map-network` has and `map` has not; who gives one of them wants a network.
_NETWORK = ("batch_size", "hidden", "depth", "dropout")
#: Settings that only `map-direct` has, or that compare pairs there and something else here.
_DIRECT = ("loss", "over", "far_weight", "negatives", "sigma", "teacher", "max_hops", "edge_share")
_PAIRS = ("nu_z", "sigma_z", "mu_z", "metric_z", "normalised")


def fitting(asked: Mapping[str, Any]) -> str:
    """Name of the map recipe that has what was asked for.

    Args:
        asked: Settings that the user gave. A network is for `map-network`; another loss or sampled pairs
            for `map-direct`, as a network in more dimensions than a grid can have is; free coordinates there are for
            `map-vectors`.
    """
    encoder = asked.get("encoder")
    batches = any(name in asked for name in _NETWORK)
    free = encoder in ("landmarks", "table") or (encoder is None and not batches)
    # A module of the user's own reads rows unless it says otherwise.
    needs = getattr(encoder, "needs", "rows") if not isinstance(encoder, str) else ""
    network = needs == "rows" or encoder in ("mlp", "charts")
    # What has no meaning is refused later.
    beyond = str(asked.get("dim", 2)) not in _PICTURED
    pairs = any(name in asked for name in (_DIRECT if free else (*_DIRECT, *_PAIRS)))
    if bool(asked.get("dynamic")) or pairs or (batches if free else beyond or not network):
        return "map-direct"
    return "map-vectors" if beyond else "map" if free else "map-charts" if encoder == "charts" else "map-network"


def layout_of(recipe: Recipe) -> Recipe:
    """The map of free coordinates that a recipe's network learns, on prepared rows and a given graph."""
    kept = {name: getattr(recipe, name) for name in _LAYOUT}
    kept["init"] = "random" if recipe.init == "encoder" else recipe.init
    base = MAP if str(recipe.dim) in _PICTURED else VECTORS
    return base.but(**kept, encoder="table", features="none", graph="given")


def fitted_to(method: str, recipe: Recipe, num_rows: int) -> Recipe:
    """A map recipe as it suits so many rows: networks see few rows more often."""
    if method == "map-direct":
        chosen = recipe.but(epochs=enough_epochs(num_rows))
        return chosen if num_rows < LARGE else chosen.but(loss="bce", batch_size=1024)
    if method == "map-network":
        return recipe.but(epochs=max(recipe.epochs, min(MOST_EPOCHS, math.ceil(LEAST_ROWS / max(1, num_rows)))))
    return recipe


def enough_epochs(num_rows: int) -> int:
    """Epochs after which a map of so many rows no longer changes much: more for few rows, never below 20."""
    return 20 + math.ceil(320_000 / max(1, num_rows)) if num_rows > 1600 else 220
