"""The Shepard diagram: distances before and after, of the same pairs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from graphurl.errors import InputError
from graphurl.evaluation.arrays import as_rows, as_space, dense, finite_rows, subset_rows
from graphurl.functional.distance import Metric, squared_distances
from graphurl.plots.canvas import Theme, add_bar, blank, plain_axes, save, theme_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CELLS = 80
# A median of fewer pairs than this jumps about.
_FEWEST = 20


def shepard(
    x: Any,
    z: Any,
    *,
    metric: Metric = "euclidean",
    metric_z: Metric = "euclidean",
    rows: int = 1000,
    seed: int = 0,
    title: str | None = None,
    path: str | Path | None = None,
    theme: str | Theme = "light",
) -> Figure:
    """Distances in the original space against those in the embedding, as a histogram of pairs (Shepard, 1962).

    A map that keeps all distances up to one scale lies on a line through the origin. The line drawn is the median
    of the embedded distance; the caption has the rank correlation.

    Args:
        x: The original space, (N, F), dense or sparse.
        z: The embedding, (N, d).
        metric: Distance in x.
        metric_z: Distance in z.
        rows: All pairs of so many rows are counted, the same rows whatever is drawn.
        seed: Draws the rows.
        title: Above the picture.
        path: Where to write it; the suffix names the format.
        theme: light or dark.

    Returns:
        The figure.

    Raises:
        InputError: Rows that do not match, or fewer than two that are finite.
    """
    d_x, d_z, used = pair_distances(x, z, metric, metric_z, rows, seed)
    theme = theme_of(theme)
    counts, across, up = np.histogram2d(d_x, d_z, bins=CELLS, range=[_reach(d_x), _reach(d_z)])
    figure = blank(7.0, 5.6, theme)
    axes = figure.add_subplot()
    plain_axes(axes, theme)
    axes.grid(visible=False)
    from matplotlib.colors import LogNorm
    from matplotlib.patheffects import withStroke

    shown = np.ma.masked_equal(counts.T, 0)
    style: Any = {"cmap": theme.rising(), "rasterized": True, "norm": LogNorm(0.5, max(2, counts.max()))}
    add_bar(axes, axes.pcolormesh(across, up, shown, **style), theme, "pairs")
    place = np.clip(np.digitize(d_x, across) - 1, 0, CELLS - 1)
    wide = [cell for cell in range(CELLS) if (place == cell).sum() >= _FEWEST]
    medians = [float(np.median(d_z[place == cell])) for cell in wide]
    halo = [withStroke(linewidth=3.5, foreground=theme.paper, alpha=0.8)]
    middles = [(across[cell] + across[cell + 1]) / 2 for cell in wide]
    axes.plot(middles, medians, color=theme.ink, lw=1.4, path_effects=halo)
    axes.set_ylabel(f"distance in the embedding ({_called(metric_z)})", fontsize=10, color=theme.soft)
    note = f"{len(d_x):,} pairs of {used:,} rows · {_correlation(d_x, d_z)} · line: median"
    below = f"distance in the original space ({_called(metric)})\n{note}"
    axes.set_xlabel(below, fontsize=10, color=theme.soft)
    if title:
        axes.set_title(title, fontsize=13, color=theme.ink, loc="left", pad=10)
    return save(figure, path)


def pair_distances(
    x: Any, z: Any, metric: Metric, metric_z: Metric, rows: int, seed: int
) -> tuple[np.ndarray, np.ndarray, int]:
    """Distances of all pairs of the same rows in both spaces.

    Args:
        x: The original space.
        z: The embedding.
        metric: Distance in x.
        metric_z: Distance in z.
        rows: How many rows at most.
        seed: Draws them.

    Returns:
        Distances in x and in z, each pair once, and the number of rows.
    """
    space, flat = as_space(x), as_rows(z)
    if space.shape[0] != len(flat):
        raise InputError(f"x has {space.shape[0]} rows and z {len(flat)}: both need one row per sample")
    finite = np.flatnonzero(finite_rows(space) & finite_rows(flat))
    if len(finite) < 2:
        raise InputError(f"{len(finite)} finite rows: distances need two or more")
    chosen = finite[subset_rows(len(finite), rows, seed)]
    first, second = np.triu_indices(len(chosen), 1)
    found = []
    for values, kind in ((dense(space[chosen]), metric), (flat[chosen], metric_z)):
        square = squared_distances(torch.from_numpy(np.array(values, dtype=np.float64)), metric=kind)
        found.append(square.clamp(min=0).sqrt().numpy()[first, second])
    return found[0], found[1], len(chosen)


def _reach(d: np.ndarray) -> tuple[float, float]:
    return 0.0, float(d.max()) or 1.0


def _correlation(d_x: np.ndarray, d_z: np.ndarray) -> str:
    from scipy.stats import spearmanr

    if np.ptp(d_x) == 0 or np.ptp(d_z) == 0:
        return "no rank correlation: all distances are equal"
    return f"rank correlation {spearmanr(d_x, d_z).statistic:.3f}"


def _called(metric: Metric) -> str:
    return metric if isinstance(metric, str) else getattr(metric, "__name__", "a function")
