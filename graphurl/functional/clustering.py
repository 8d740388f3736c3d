"""Clusters: by direction (spherical k-means), and by distance."""

from __future__ import annotations

import torch
from torch import Tensor

from graphurl.errors import InputError
from graphurl.functional.distance import unit_rows


def spherical_kmeans(
    x: Tensor, k: int, *, n_iter: int = 5, generator: torch.Generator | None = None
) -> tuple[Tensor, Tensor]:
    """Groups rows by cosine similarity (the group assignment of CLD).

    Starts from k distinct rows drawn at random. A cluster that loses all rows takes the row that is farthest
    from its centroid, so none is empty. The assignment is found without gradient; the centroids are the
    normalised sums of the unit rows assigned to them, and carry the gradient of x.

    Args:
        x: Rows, (N, F); they are scaled to length 1 first.
        k: Number of clusters, at most N.
        n_iter: Rounds of assignment and averaging, at least 1.
        generator: Source of the start rows; the same state gives the same clusters. By default one with seed
            0.

    Returns:
        Unit centroids (k, F), and the cluster of every row (N,), int64.

    Raises:
        InputError: k is not in 1..N, or n_iter is below 1.
    """
    if not 1 <= k <= len(x):
        raise InputError(
            f"k is {k}, but {len(x)} rows make 1 to {len(x)} clusters: lower k or give more rows"
        )
    if n_iter < 1:
        raise InputError(f"n_iter is {n_iter}: give 1 or more rounds")
    rows = unit_rows(x if x.dtype == torch.float64 else x.float())
    with torch.no_grad(), torch.autocast(x.device.type, enabled=False):
        generator = torch.Generator().manual_seed(0) if generator is None else generator
        chosen = torch.randperm(len(x), generator=generator, device=generator.device)[:k]
        centroids = rows[chosen.to(x.device)]
        for _ in range(n_iter):
            assignment = _assign(rows, centroids)
            centroids = _means(rows, assignment, k)
    return _means(rows, assignment, k), assignment


def _assign(rows: Tensor, centroids: Tensor) -> Tensor:
    nearness, assignment = (rows @ centroids.T).max(1)
    counts = torch.bincount(assignment, minlength=len(centroids))
    empty = (counts == 0).nonzero()[:, 0].tolist()
    if not empty:
        return assignment
    sizes, owners = counts.tolist(), assignment.tolist()
    farthest = iter(torch.argsort(nearness, stable=True).tolist())
    for cluster in empty:
        # A cluster of one row keeps it: taking it would only move the hole.
        row = next(row for row in farthest if sizes[owners[row]] > 1)
        sizes[owners[row]] -= 1
        assignment[row] = cluster
    return assignment


def _means(rows: Tensor, assignment: Tensor, k: int) -> Tensor:
    return unit_rows(rows.new_zeros(k, rows.shape[1]).index_add(0, assignment, rows))


def kmeans(
    x: Tensor, k: int, *, n_iter: int = 6, most: int = 32_768, generator: torch.Generator | None = None
) -> Tensor:
    """Centres of Euclidean clusters (Lloyd 1982), from k distinct rows drawn at random.

    A centre that loses all its rows stays where it is.

    Args:
        x: Rows, (N, F).
        k: Number of clusters, at most N.
        n_iter: Rounds of assignment and averaging.
        most: Rows that take part, drawn at random where there are more (at least k).
        generator: Source of the draws. By default one with seed 0.

    Returns:
        Centres (k, F).

    Raises:
        InputError: k is not in 1..N.
    """
    if not 1 <= k <= len(x):
        raise InputError(
            f"k is {k}, but {len(x)} rows make 1 to {len(x)} clusters: lower k or give more rows"
        )
    generator = torch.Generator().manual_seed(0) if generator is None else generator
    order = torch.randperm(len(x), generator=generator, device=generator.device).to(x.device)
    rows, centres = x[order[: max(k, most)]], x[order[:k]]
    for _ in range(n_iter):
        half = centres.square().sum(1) / 2
        parts = torch.split(rows, max(1, 2**22 // k))
        owner = torch.cat([torch.nn.functional.linear(part, -centres, half).argmin(1) for part in parts])
        count = torch.bincount(owner, minlength=k)[:, None]
        sums = torch.zeros_like(centres).index_add(0, owner, rows)
        centres = torch.where(count > 0, sums / count.clamp_min(1), centres)
    return centres
