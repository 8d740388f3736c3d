"""Train, validation and test masks: the one place where samples are divided.

A split is a dict from name to a boolean mask (N,); the masks of one split never overlap.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from graphurl.data.samples import UNKNOWN
from graphurl.errors import InputError

DEFAULT_FRACTIONS: Mapping[str, float] = {"train": 0.6, "val": 0.2, "test": 0.2}


def planetoid_split(
    y: Tensor, *, generator: torch.Generator, per_class: int = 20, val: int = 500, test: int = 1000
) -> dict[str, Tensor]:
    """Draws a split of the kind used for citation graphs: few labels per class, the rest for measuring.

    Args:
        y: Class of each sample (N,), -1 where unknown; unknown samples are in no mask.
        generator: Source of randomness.
        per_class: Training samples of each class.
        val: Validation samples over all classes.
        test: Test samples over all classes.

    Returns:
        Masks "train", "val" and "test".

    Raises:
        InputError: Where a class or the whole is too small.
    """
    order = torch.randperm(len(y), generator=generator)
    order = order[y[order] != UNKNOWN]
    train = []
    for label in torch.unique(y[order]).tolist():
        members = order[y[order] == label]
        if len(members) < per_class:
            raise InputError(
                f"class {label}: {len(members)} samples for per_class={per_class}: lower per_class"
            )
        train.append(members[:per_class])
    chosen = _mask(torch.cat(train) if train else order[:0], len(y))
    rest = order[~chosen[order]]
    if val < 0 or test < 0 or len(rest) < val + test:
        raise InputError(f"{len(rest)} samples remain for val={val} + test={test}: lower val or test")
    return {"train": chosen, "val": _mask(rest[:val], len(y)), "test": _mask(rest[val : val + test], len(y))}


def random_split(
    n_or_y: int | Tensor,
    sizes: Mapping[str, float] = DEFAULT_FRACTIONS,
    *,
    generator: torch.Generator,
    stratified: bool = False,
) -> dict[str, Tensor]:
    """Divides samples at random into named masks.

    Args:
        n_or_y: Number of samples, or their classes (needed when stratified).
        sizes: By name, either fractions (floats, sum <= 1) or counts (integers).
        generator: Source of randomness.
        stratified: Keeps the share of each class equal in all masks; samples of unknown class are in none.

    Returns:
        One mask per name of `sizes`, of exactly the size asked for (fractions: rounded, sum kept).
    """
    y = n_or_y if isinstance(n_or_y, Tensor) else None
    n = int(n_or_y) if y is None else len(y)
    if stratified and y is None:
        raise InputError("a stratified split needs the labels: give y in place of the number of samples")
    if stratified and y is not None:  # noqa: SIM108 - two sentences read better than one of that length
        order = _spread_classes(y, generator)
    else:
        order = torch.randperm(n, generator=generator)
    counts = _counts(len(order), sizes)
    masks, start = {}, 0
    for name, count in counts.items():
        masks[name] = _mask(order[start : start + count], n)
        start += count
    return masks


def random_splits(
    n_or_y: int | Tensor,
    k: int,
    sizes: Mapping[str, float] = DEFAULT_FRACTIONS,
    *,
    generator: torch.Generator,
    stratified: bool = False,
) -> list[dict[str, Tensor]]:
    """Draws `k` independent splits, see `random_split`."""
    if k < 1:
        raise InputError(f"k={k} splits: give at least 1")
    return [random_split(n_or_y, sizes, generator=generator, stratified=stratified) for _ in range(k)]


def pick_column(mask: Tensor, column: int = 0) -> Tensor:
    """Takes one split out of a mask with one column per split.

    Args:
        mask: (N,) or (N, K), boolean or 0/1.
        column: Which of the K splits; a mask with a single column has only 0.

    Returns:
        (N,) boolean mask.
    """
    table = mask.bool().unsqueeze(1) if mask.dim() == 1 else mask.bool()
    if table.dim() != 2:
        raise InputError(f"a mask of shape {tuple(mask.shape)}: give (N,) or (N, number of splits)")
    # A mask without columns serves all splits alike (WikiCS has 20 train masks but one test mask).
    if mask.dim() == 1:
        return table[:, 0].clone()
    if not 0 <= column < table.shape[1]:
        raise InputError(
            f"split {column} of a mask with {table.shape[1]} columns: choose 0 to {table.shape[1] - 1}"
        )
    return table[:, column].clone()


def check_disjoint(splits: Mapping[str, Tensor]) -> None:
    """Refuses masks that share a sample.

    Args:
        splits: Masks (N,) by name.

    Raises:
        InputError: Naming the two masks and the first shared row.
    """
    names = list(splits)
    for position, first in enumerate(names):
        for second in names[position + 1 :]:
            both = splits[first] & splits[second]
            if bool(both.any()):
                row = int(both.nonzero()[0])
                raise InputError(
                    f"splits {first!r} and {second!r} share {int(both.sum())} rows, the first is {row}"
                )


def _mask(rows: Tensor, n: int) -> Tensor:
    mask = torch.zeros(n, dtype=torch.bool)
    mask[rows] = True
    return mask


def _counts(n: int, sizes: Mapping[str, float]) -> dict[str, int]:
    """Counts by name; fractions by the largest remainder, so that shares of 1 use every sample."""
    if not sizes:
        raise InputError("no split named: give e.g. {'train': 0.8, 'test': 0.2}")
    if all(isinstance(size, int) for size in sizes.values()):
        counts = {name: int(size) for name, size in sizes.items()}
        if min(counts.values()) < 0 or sum(counts.values()) > n:
            raise InputError(
                f"split sizes {counts} for {n} samples: give counts >= 0 that sum to at most {n}"
            )
        return counts
    if any(isinstance(size, int) and size > 1 for size in sizes.values()):
        raise InputError(f"split sizes {dict(sizes)} mix counts and fractions: give all of one kind")
    total = float(sum(sizes.values()))
    if min(sizes.values()) < 0 or total > 1 + 1e-9:
        raise InputError(
            f"split fractions {dict(sizes)} sum to {total:g}: give fractions >= 0, sum at most 1"
        )
    exact = {name: size * n for name, size in sizes.items()}
    counts = {name: int(share + 1e-9) for name, share in exact.items()}
    spare = round(min(total, 1.0) * n) - sum(counts.values())
    for name in sorted(exact, key=lambda name: counts[name] - exact[name])[: max(spare, 0)]:
        counts[name] += 1
    return counts


def _spread_classes(y: Tensor, generator: torch.Generator) -> Tensor:
    """Orders the labelled samples so that any stretch holds every class by its share.

    Member r of a class with n_c members, shuffled, stands at (r + u_c) / n_c with one random u_c per class.
    """
    order = torch.randperm(len(y), generator=generator)
    order = order[y[order] != UNKNOWN]
    place = torch.empty(len(order), dtype=torch.float64)
    for label in torch.unique(y[order]).tolist():
        members = (y[order] == label).nonzero().squeeze(1)
        start = torch.rand(1, generator=generator, dtype=torch.float64)
        place[members] = (torch.arange(len(members), dtype=torch.float64) + start) / len(members)
    return order[place.argsort(stable=True)]
