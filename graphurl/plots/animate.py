"""A growing map as a moving picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from graphurl.errors import InputError
from graphurl.plots.canvas import Theme, blank, strip_frame, theme_of
from graphurl.plots.colors import class_colors


def animate(
    snapshots: Any,
    labels: Any = None,
    path: str | Path = "map.gif",
    *,
    fps: int = 10,
    size: float = 5.0,
    theme: str | Theme = "light",
) -> Path:
    """Writes snapshots of a fit as a GIF, one frame each; the last one stays for a second.

    Each frame is centred and brought to the same spread: a map starts a hundred times smaller than it ends. Only the
    first two coordinates are drawn.

    Args:
        snapshots: A `training.Snapshots` that watched a fit, or a sequence of embeddings (N, d) with d at least 2.
        labels: Class of each row, numbers or text, or None; -1 is grey.
        path: Where to write it, .gif.
        fps: Frames in a second.
        size: Width and height in inches.
        theme: light or dark.

    Returns:
        The path.
    """
    from matplotlib.animation import PillowWriter

    path = Path(path)
    frames = [np.asarray(z, dtype=float)[:, :2] for z in getattr(snapshots, "frames", snapshots)]
    epochs = list(getattr(snapshots, "epochs", range(1, len(frames) + 1)))
    if path.suffix.lower() != ".gif":
        raise InputError(f"{path} is no .gif: a moving picture is written as one")
    if not frames or any(z.shape != frames[0].shape or z.shape[1] < 2 for z in frames):
        raise InputError("nothing to animate: give one or more embeddings of the same rows, of two columns or more")
    theme = theme_of(theme)
    colors = _colors(labels, len(frames[0]), theme)
    figure = blank(size, size, theme)
    axes = figure.add_subplot()
    strip_frame(axes, theme)
    axes.set(xlim=(-2.6, 2.6), ylim=(-2.6, 2.6), aspect="equal")
    first = _framed(frames[0])
    points = axes.scatter(first[:, 0], first[:, 1], s=max(2.0, 2000 / len(first) ** 0.8), c=colors, linewidths=0)
    title = axes.set_title("", color=theme.ink, fontsize=10)
    writer = PillowWriter(fps=fps)
    with writer.saving(figure, str(path), dpi=100):
        for epoch, z in zip(epochs, frames, strict=True):
            points.set_offsets(_framed(z))
            title.set_text(f"epoch {epoch}")
            writer.grab_frame(facecolor=theme.paper)
        for _ in range(fps):
            writer.grab_frame(facecolor=theme.paper)
    return path


def _framed(z: np.ndarray) -> np.ndarray:
    """Centred on the median, the middle nine tenths of the widest coordinate between -2 and 2."""
    centred = z - np.median(z, axis=0)
    reach = float(np.quantile(np.abs(centred), 0.9, axis=0).max())
    made: np.ndarray = np.clip(1.6 * centred / reach if reach > 0 else centred, -2.5, 2.5)
    return made


def _colors(labels: Any, count: int, theme: Theme) -> Any:
    if labels is None:
        return theme.plain
    values: Sequence[Any] = np.asarray(labels).tolist()
    if len(values) != count:
        raise InputError(f"{len(values)} labels for {count} points: give one per point")
    classes = sorted({value for value in values if value != -1})
    palette = class_colors(len(classes))
    place = {value: i for i, value in enumerate(classes)}
    from matplotlib.colors import to_rgb

    return [to_rgb(theme.unknown) if value == -1 else tuple(palette[place[value]][:3]) for value in values]
