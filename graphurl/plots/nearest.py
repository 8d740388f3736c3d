"""Pictures beside their nearest neighbours in the embedding."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from graphurl.data.stacks import Images
from graphurl.errors import InputError
from graphurl.evaluation.arrays import as_rows, finite_rows
from graphurl.functional.distance import Metric
from graphurl.functional.neighbors import knn
from graphurl.plots.canvas import Theme, save, theme_of
from graphurl.plots.contact import lay_sheet
from graphurl.plots.labels import read_labels

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Blue and orange differ for every kind of colour vision; the line differs for who sees no colour at all.
RIGHT, WRONG = ("#1f77d0", "solid"), ("#f08000", (0, (2, 1)))


def neighbors(
    z: Any,
    images: Images,
    y: Any = None,
    classes: Sequence[str] | None = None,
    ids: Sequence[str] | None = None,
    *,
    metric_z: Metric = "cosine",
    queries: int = 8,
    k: int = 8,
    seed: int = 0,
    title: str | None = None,
    path: str | Path | None = None,
    theme: str | Theme = "light",
) -> Figure:
    """Pictures with the nearest ones in the embedding beside them; frames tell the same class (EIR, Fig. 6).

    Args:
        z: The embedding, (N, d).
        images: The N pictures.
        y: Class of every picture, numbers or names, -1 unknown; absent means no frames.
        classes: Names of the classes 0, 1, 2, …
        ids: Name of every picture, for rows without a class.
        metric_z: Distance in z.
        queries: Rows of the sheet; of as many classes as can be.
        k: Neighbours of each.
        seed: Draws the queries.
        title: Above the sheet.
        path: Where to write it; the suffix names the format.
        theme: light or dark.

    Returns:
        The figure.

    Raises:
        InputError: Pictures or labels that do not fit, or fewer than two finite rows.
    """
    rows = as_rows(z)
    if len(images) != len(rows):
        raise InputError(f"{len(images)} pictures for {len(rows)} rows of z: give one per row")
    _, codes, names = read_labels(y, len(rows), classes)
    codes = np.full(len(rows), -1) if codes is None else codes
    finite = np.flatnonzero(finite_rows(rows))
    if len(finite) < 2:
        raise InputError(f"{len(finite)} finite rows: neighbours need two or more")
    asked = finite[pick(codes[finite], queries, seed)]
    found = nearest(rows, finite, asked, min(k, len(finite) - 1), metric_z)
    sheet_rows = []
    for query, others in zip(asked, found, strict=True):
        name = names[codes[query]] if codes[query] >= 0 else str(ids[query] if ids is not None else query)
        stack = images.take(torch.from_numpy(np.concatenate([[query], others]))).float() / 255
        sheet_rows.append((Path(name).name, stack))
    theme = theme_of(theme)
    words = ["query", *map(str, range(1, found.shape[1] + 1))]
    sheet = lay_sheet(sheet_rows, words, title, 0.9, theme)
    pairs = [
        (query, other, box)
        for query, others, boxes in zip(asked, found, sheet.boxes, strict=True)
        for other, box in zip(others, boxes[1:], strict=True)
    ]
    judged = [(codes[a] == codes[b], box) for a, b, box in pairs if codes[a] >= 0 and codes[b] >= 0]
    for right, box in judged:
        _frame(sheet.axes, box, RIGHT if right else WRONG)
    if judged:
        hits = sum(bool(right) for right, _ in judged)
        note = f"blue: the same class, {hits} of {len(judged)} · orange, dashed: another"
        sheet.axes.set_xlabel(note, fontsize=9, color=theme.soft)
    return save(sheet.figure, path)


def nearest(z: np.ndarray, among: np.ndarray, asked: np.ndarray, k: int, metric: Metric) -> np.ndarray:
    """The k nearest other rows of some rows.

    Args:
        z: The embedding.
        among: Rows that are searched.
        asked: Some of these.
        k: How many of each.
        metric: The distance.

    Returns:
        Row numbers, (asked, k), nearest first.
    """
    rows = torch.from_numpy(np.array(z))
    found = among[knn(rows[asked], k + 1, y=rows[among], metric=metric, method="exact").indices.numpy()]
    # A row is its own nearest one, unless others are equal to it; it leaves, or else the last one does.
    own = found == asked[:, None]
    own[~own.any(axis=1), -1] = True
    return np.asarray(found[~own].reshape(len(asked), k))


def pick(codes: np.ndarray, count: int, seed: int) -> np.ndarray:
    """Draws rows of as many classes as can be; rows without a class only where there is no other.

    Args:
        codes: Class of every row, -1 unknown.
        count: How many.
        seed: Draws them.

    Returns:
        Row numbers, sorted by class.
    """
    drawn = np.random.default_rng(seed).permutation(len(codes))
    # How many rows of its class were drawn before each row: the first of every class come first.
    turn = np.zeros(len(codes), dtype=int)
    for code in np.unique(codes):
        of = drawn[codes[drawn] == code]
        turn[of] = np.arange(len(of)) + (len(codes) if code < 0 else 0)
    first = np.lexsort((codes, turn))
    same_turn = first[turn[first] == turn[first[0]]]
    if len(same_turn) > count:  # more classes than rows of the sheet: from all over
        first = same_turn[np.linspace(0, len(same_turn) - 1, count).astype(int)]
    chosen = first[:count]
    return np.asarray(chosen[np.argsort(codes[chosen], kind="stable")])


def _frame(axes: Axes, box: tuple[int, int, int, int], style: tuple[str, Any]) -> None:
    from matplotlib.patches import Rectangle

    left, top, width, height = box
    color, line = style
    axes.add_patch(
        Rectangle((left - 0.5, top - 0.5), width, height, fill=False, edgecolor=color, linestyle=line, linewidth=2.5,
                  clip_on=False)
    )  # fmt: skip
