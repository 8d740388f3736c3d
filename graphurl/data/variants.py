"""Data sets made harder or smaller: long-tailed, highly correlated, a balanced subset, a graph without some edges.

CLD (Wang, Liu, Yu, CVPR 2021, arXiv:2008.03813) is tested on long-tailed and on highly correlated data.
Only training rows change: those of no validation or test split.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

import torch
from torch import Tensor

from graphurl.data.flat import as_pictures
from graphurl.data.samples import UNKNOWN, Samples
from graphurl.data.stacks import Joined, Picked, Stack
from graphurl.errors import InputError, unknown
from graphurl.functional.sparse import csr_matrix, entries

_SHIFT = 1 / 16
"""Largest shift of a near-copy, as a part of the side."""
_BRIGHTNESS, _NOISE = 0.15, 4.0
"""Largest relative change of brightness, and standard deviation of the noise in steps of 256."""
_CHUNK = 1024


def long_tailed(samples: Samples, factor: float, seed: int) -> Samples:
    """Thins the classes out exponentially (Cui et al., CVPR 2019, arXiv:1901.05555).

    Class c of C keeps n_c = n_max · factor^(-c/(C - 1)) training rows (rounded, at least one), where n_max is the
    size of the largest class; a class that has fewer keeps them all.

    Args:
        samples: Labelled data. The classes keep their order, so class 0 is the largest.
        factor: Imbalance, n_max over the size of the last class; at least 1.
        seed: Of the rows that are kept.

    Returns:
        The kept training rows and all others, in their old order. Training rows of unknown class are dropped.

    Raises:
        InputError: For a factor below 1, or fewer than two classes.
    """
    if not 1 <= factor < float("inf"):
        raise InputError(f"long-tailed:{factor:g}: give an imbalance of at least 1, such as 50")
    members = _members(samples)
    if len(members) < 2:
        raise InputError(f"{samples.name}: long-tailed thins out classes: give labels of at least two")
    most, last = max(len(rows) for rows in members), len(members) - 1
    sizes = [max(1, round(most * factor ** (-c / last))) for c in range(len(members))]
    generator = torch.Generator().manual_seed(seed)
    kept = [_some(rows, size, generator) for rows, size in zip(members, sizes, strict=True)]
    return pick(samples, _with_the_rest(samples, torch.cat(kept)))


def first_of_each(samples: Samples, count: int, seed: int) -> Samples:
    """Keeps the same number of training rows of each class: the first of a permutation that the seed fixes.

    Args:
        samples: The data; without labels all training rows are of one class.
        count: Rows of each class.
        seed: Of the permutation. A smaller count keeps some of the rows of a larger one.

    Returns:
        The kept training rows and all others, in their old order. Training rows of unknown class are dropped.

    Raises:
        InputError: For a count below 1, or a class that has fewer rows.
    """
    members = _members(samples)
    fewest = min(len(rows) for rows in members)
    if not 1 <= count <= fewest:
        raise InputError(f"subset:{count}: the smallest class of {samples.name} has {fewest} rows: give 1 to {fewest}")
    generator = torch.Generator().manual_seed(seed)
    kept = [_some(rows, count, generator) for rows in members]
    return pick(samples, _with_the_rest(samples, torch.cat(kept)))


def correlated(samples: Samples, objects: int, copies: int, seed: int) -> Samples:
    """Replaces the training pictures by near-copies of a few of them.

    Each copy is shifted by up to a sixteenth of the side (edges repeat), made up to 15 % brighter or darker, and gets
    a little noise, once and for all.

    Args:
        samples: Pictures; rows that are pictures become bytes.
        objects: Pictures that are copied, as many of each class as of any other (or one more).
        copies: Copies of each.
        seed: Of all that is drawn.

    Returns:
        The copies, with the ids `original#copy`, and then all rows that are no training rows, in their old order.

    Raises:
        InputError: For counts that do not fit the data, or data that are no pictures.
    """
    members = _members(samples)
    most = sum(map(len, members))
    if not 1 <= objects <= most or copies < 1:
        raise InputError(f"correlated:{objects}x{copies}: give 1 to {most} objects and at least 1 copy")
    pictures = as_pictures(samples)
    assert pictures.images is not None
    generator = torch.Generator().manual_seed(seed)
    originals = _balanced(members, objects, generator)
    rows = originals.repeat_interleave(copies)
    near = torch.cat([_near_copies(pictures.images.take(part), generator) for part in torch.split(rows, _CHUNK)])
    others = (~_training(samples)).nonzero()[:, 0]
    names = _names(samples)
    copied = [f"{names[row]}#{copy}" for row in originals.tolist() for copy in range(copies)]
    made = pick(replace(pictures, x=None, feature_names=None), torch.cat([rows, others]))
    ids = (*copied, *(names[row] for row in others.tolist()))
    return replace(made, images=Joined([Stack(near), Picked(pictures.images, others)]), ids=ids)


def variant(samples: Samples, text: str, *, seed: int = 0) -> Samples:
    """Applies variants by name, from left to right.

    Args:
        samples: The data.
        text: `long-tailed:FACTOR`, `correlated:OBJECTSxCOPIES`, `subset:COUNT` or (of a graph) `links:SHARE`, several
            joined by `+`.
        seed: Of all that is drawn.

    Returns:
        The changed data; its provenance names the variant.

    Raises:
        InputError: For an unknown variant, wrong numbers, or data that it does not fit.
    """
    made = samples
    for part in text.split("+"):
        name, _, numbers = part.strip().partition(":")
        if name not in _KINDS:
            raise unknown("variant", name, [kind.form for kind in _KINDS.values()])
        kind = _KINDS[name]
        found = re.fullmatch(kind.numbers, numbers.strip())
        if found is None:
            raise InputError(f"variant {part.strip()!r}: write it as {kind.form}, such as {kind.example}")
        made = kind.make(made, found.groups(), seed)
    return replace(made, provenance={**made.provenance, "variant": text, "variant_seed": seed})


def without_links(samples: Samples, share: float, seed: int) -> Samples:
    """Holds out edges, to be predicted (`graphs.links.hold_out`)."""
    from graphurl.graphs.links import hold_out

    if samples.graph is None:
        raise InputError(f"{samples.name}: links:{share:g} holds out edges and there is no graph")
    graph, links = hold_out(samples.graph, share, seed)
    return replace(samples, graph=graph, links=links)


class _Kind(NamedTuple):
    """How a variant is written, and what makes it of the data, its numbers and the seed."""

    form: str
    example: str
    numbers: str
    make: Callable[[Samples, tuple[str, ...], int], Samples]


_KINDS = {
    "long-tailed": _Kind(
        "long-tailed:FACTOR",
        "long-tailed:50",
        r"(\d+(?:\.\d+)?)",
        lambda samples, numbers, seed: long_tailed(samples, float(numbers[0]), seed),
    ),
    "correlated": _Kind(
        "correlated:OBJECTSxCOPIES",
        "correlated:100x50",
        r"(\d+)x(\d+)",
        lambda samples, numbers, seed: correlated(samples, int(numbers[0]), int(numbers[1]), seed),
    ),
    "subset": _Kind(
        "subset:COUNT",
        "subset:500",
        r"(\d+)",
        lambda samples, numbers, seed: first_of_each(samples, int(numbers[0]), seed),
    ),
    "links": _Kind(
        "links:SHARE",
        "links:0.1",
        r"(\d*\.?\d+)",
        lambda samples, numbers, seed: without_links(samples, float(numbers[0]), seed),
    ),
}


def pick(samples: Samples, rows: Tensor) -> Samples:
    """Takes some rows of all that is known about samples; pictures are not copied.

    Args:
        samples: Data without a graph.
        rows: Row numbers (n,) int64, in any order, repeats allowed.

    Returns:
        The rows; those without ids get their old row numbers.

    Raises:
        InputError: For data with a graph.
    """
    if samples.graph is not None:
        raise InputError(f"{samples.name}: it comes with a graph: variants are made of pictures or rows")
    names = _names(samples)
    return replace(
        samples,
        x=None if samples.x is None else _rows_of(samples.x, rows),
        images=None if samples.images is None else Picked(samples.images, rows),
        y=None if samples.y is None else samples.y[rows],
        ids=tuple(names[row] for row in rows.tolist()),
        splits={name: mask[rows] for name, mask in samples.splits.items()},
    )


def _rows_of(x: Tensor, rows: Tensor) -> Tensor:
    if x.layout == torch.strided:
        return x[rows]
    crow = x.crow_indices()
    _, entry = entries(crow, rows)
    start = torch.cat([crow.new_zeros(1), crow.diff()[rows].cumsum(0)])
    return csr_matrix(start, x.col_indices()[entry], x.values()[entry], (len(rows), x.shape[1]))


def _names(samples: Samples) -> Sequence[str]:
    return samples.ids or tuple(map(str, range(len(samples))))


def _training(samples: Samples) -> Tensor:
    """Which rows are there to learn from: those of no validation or test split, with or without a label."""
    held_out = torch.zeros(len(samples), dtype=torch.bool)
    for name in ("val", "test"):
        if name in samples.splits:
            held_out |= samples.splits[name]
    return ~held_out


def _members(samples: Samples) -> list[Tensor]:
    """Training rows of each class that has any, in the order of the classes; without labels, all of them."""
    rows = _training(samples).nonzero()[:, 0]
    if len(rows) == 0:
        raise InputError(f"{samples.name}: all rows are for validation or test: a variant changes training rows")
    labels = torch.full_like(rows, UNKNOWN) if samples.y is None else samples.y[rows]
    classes = [label for label in torch.unique(labels).tolist() if label != UNKNOWN]
    return [rows[labels == label] for label in classes] or [rows]


def _with_the_rest(samples: Samples, kept: Tensor) -> Tensor:
    """Row numbers of the kept training rows and of all that are no training rows, in order."""
    chosen = ~_training(samples)
    chosen[kept] = True
    return chosen.nonzero()[:, 0]


def _some(rows: Tensor, count: int, generator: torch.Generator) -> Tensor:
    return rows[torch.randperm(len(rows), generator=generator)[:count]]


def _balanced(members: Sequence[Tensor], count: int, generator: torch.Generator) -> Tensor:
    """Rows drawn class by class in turn, until there are enough."""
    shuffled = torch.cat([_some(rows, len(rows), generator) for rows in members])
    turn = torch.cat([torch.arange(len(rows)) for rows in members])
    return shuffled[turn.argsort(stable=True)[:count]].sort().values


def _near_copies(pictures: Tensor, generator: torch.Generator) -> Tensor:
    """A slightly moved, brighter or darker, noisy version of each picture."""
    n, channels, height, width = pictures.shape
    down, right = (_moved(n, side, generator) for side in (height, width))
    image, channel = torch.arange(n)[:, None, None, None], torch.arange(channels)[:, None, None]
    moved = pictures[image, channel, down[:, None, :, None], right[:, None, None, :]]
    light = 1 + _BRIGHTNESS * (2 * torch.rand(n, 1, 1, 1, generator=generator) - 1)
    noise = _NOISE * torch.randn(moved.shape, generator=generator)
    return (moved * light + noise).round().clamp(0, 255).to(torch.uint8)


def _moved(n: int, side: int, generator: torch.Generator) -> Tensor:
    """Where each line of each picture comes from (n, side): a shift in which the edge repeats."""
    reach = max(1, round(_SHIFT * side))
    shift = torch.randint(-reach, reach + 1, (n, 1), generator=generator)
    return (torch.arange(side) + shift).clamp(0, side - 1)
