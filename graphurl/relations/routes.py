"""Routes: how a loss over a relation is evaluated. By size and form, never by task; all agree."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeGuard

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from graphurl.functional.columns import sum_by_columns
from graphurl.functional.distance import DIFFERENCES_UP_TO, edge_squared_distances
from graphurl.functional.field import DIMENSIONS, LARGEST_GRID, edge_sum, grid_cells, radial_sum
from graphurl.functional.pairs import INNER_METRICS, LARGEST_NU, sum_log_normalisers
from graphurl.functional.ranks import ALONE, Ranks
from graphurl.functional.sparse import entries
from graphurl.losses.base import Loss, aligned
from graphurl.losses.kl import KL
from graphurl.relations.relation import Relation
from graphurl.similarity import Similarity

#: A block with at most this many pairs is evaluated at once (a handful of such float32 matrices live at a time).
DENSE_PAIRS = 2**24
#: A relation with more pairs than this is streamed where its form allows. Below it fixed costs outweigh the gain:
#: at 128 dimensions 128 × 128 is slower, 256 × 256 a little faster, 512 × 512 more than twice as fast.
STREAMED_FROM = 2**16
#: An entry of p, gathered and scattered one by one, costs as much as this many pairs in tiles.
ENTRY_COST = 64
#: From this many rows on, sums over all pairs in up to three dimensions are taken on a grid.
FIELD_FROM = 1024
#: Width of a cell, as a share of the distance at which the kernel has fallen to half.
FIELD_SPACING = 0.5
#: Degree of the splines that points are spread by: coarse, since forces of single pairs average out over thousands.
FIELD_ORDER = 1


def evaluate(
    relation: Relation, similarity: Similarity, loss: Loss, *, chunk: int | None = None, ranks: Ranks = ALONE
) -> tuple[Tensor, int]:
    """The loss of a relation: dense, streamed, on a grid, or in row chunks that the backward pass computes again.

    Several processes that hold the same relation divide its rows; what comes back is the same in all of them.

    Args:
        relation: What to compare.
        similarity: Kernel of the embedded side.
        loss: The divergence.
        chunk: Rows at a time; absent means all when the block is small, streamed tiles where the relation is large
            and of that form (`streams`), else as many rows as fit.
        ranks: The processes that hold the relation.

    Returns:
        The loss (additive losses divided by `relation.total` where that is given) and the number of pairs seen.
    """
    rows, cols = len(relation.rows), len(relation.cols)
    divided = ranks.size > 1 and rows >= ranks.size  # fewer rows than processes: all of them do all rows
    if chunk is None and not divided and rows * cols > STREAMED_FROM and streams(loss, relation, similarity):
        return loss.combine(_streamed(relation, similarity, loss)[None]), rows * cols
    if chunk is None and not divided and entries_alone(loss, relation, similarity):
        row, col, p = _similar(relation)
        part = loss.partial(p, _log_q(relation, similarity, row, col))
        return _combined(loss, part[None], relation), rows * cols
    if chunk is None and rows >= FIELD_FROM and has_sums(loss, relation, similarity):
        return _combined(loss, _summed(relation, similarity, loss)[None], relation), rows * cols
    size = chunk or max(1, min(rows, DENSE_PAIRS // max(1, cols)))
    first, last = ranks.span(rows) if divided else (0, rows)
    parts = [
        _part(relation, similarity, loss, start, min(start + size, last), recompute=size < rows)
        for start in range(first, last, size)
    ]
    stacked = torch.stack(parts)
    if divided:
        stacked = ranks.gather(stacked, [-(-(stop - start) // size) for start, stop in pairwise(ranks.bounds(rows))])
    return _combined(loss, stacked, relation), rows * cols


def _combined(loss: Loss, stacked: Tensor, relation: Relation) -> Tensor:
    """One number from all statistics, as the relation wants it divided."""
    if loss.additive and relation.total is not None:
        return loss.combine(stacked, "sum") / relation.total
    return loss.combine(stacked, "mean")


def entries_alone(loss: Loss, relation: Relation, similarity: Similarity) -> bool:
    """Whether no pair counts but the entries of a sparse p, and those alike."""
    return (
        loss.near_only
        and relation.p.layout == torch.sparse_csr
        and relation.weight is None
        and isinstance(similarity.metric, str)
        and not isinstance(similarity.mu, Tensor)
        and not isinstance(similarity.sigma, Tensor)
    )


def is_radial(loss: Loss, similarity: Similarity) -> bool:
    """Whether a loss of points is known from sums of functions of their distance.

    Where far pairs at distance 0 have an infinite loss (BCE with κ(0) = 1) no grid can hold it.
    """
    return (
        loss.summable
        and similarity.metric == "euclidean"
        and not isinstance(similarity.mu, Tensor)
        and similarity.mu == 0
        and not isinstance(similarity.sigma, Tensor)
        and (loss.finite_at_one or not similarity.normalised)
    )


def has_sums(loss: Loss, relation: Relation, similarity: Similarity) -> bool:
    """Whether a relation of all samples with themselves is known from sums: on a grid, or by some columns."""
    z = relation.rows
    return (
        is_radial(loss, similarity)
        and relation.cols is z
        and relation.same
        and relation.pairs is not None
        and relation.weight is None
        and relation.left_out is None
        and (relation.columns is not None or _has_grid(z.detach(), similarity))
    )


def _has_grid(z: Tensor, similarity: Similarity) -> bool:
    return z.shape[1] in DIMENSIONS and grid_cells(z, _spacing(similarity)) <= LARGEST_GRID


def _spacing(similarity: Similarity) -> float:
    """Width of a cell: a share of the distance at which the kernel is half of what it is at 0."""
    nu = similarity.nu
    half = math.sqrt(2 * math.log(2)) if math.isinf(nu) else math.sqrt(nu * (2 ** (2 / (nu + 1)) - 1))
    assert not isinstance(similarity.sigma, Tensor)
    return FIELD_SPACING * half * similarity.sigma


def _summed(relation: Relation, similarity: Similarity, loss: Loss) -> Tensor:
    """The statistics of the whole relation: entries edge by edge, all pairs by some columns or as a convolution."""
    z, rows, columns = relation.rows, len(relation.rows), relation.columns
    assert relation.pairs is not None
    edges = relation.pairs.of_type(z.dtype)

    def near(function: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
        return edge_sum(z, edges, lambda d2, p: function(similarity.log(d2), p))

    def everywhere(function: Callable[[Tensor], Tensor]) -> Tensor:
        if columns is not None:
            return sum_by_columns(z, columns, OfDistance(similarity, function))
        return radial_sum(z, OfDistance(similarity, function), spacing=_spacing(similarity), order=FIELD_ORDER)

    pairs = float(rows) * (rows - 1)
    return loss.of_sums(edges, pairs, relation.far_weight, near, everywhere)


@dataclass(frozen=True)
class OfDistance:
    """A function of log q as one of squared distances. Equal ones are told from others, so that a grid is kept."""

    similarity: Similarity
    function: Callable[[Tensor], Tensor]

    def __call__(self, d2: Tensor) -> Tensor:
        """f(log q(d²))."""
        return self.function(self.similarity.log(d2))


def streams(loss: Loss, relation: Relation, similarity: Similarity) -> TypeGuard[KL]:
    """Whether the loss needs q at the few entries of p only, and beyond them the normaliser of each row.

    That is so for losses normalised over rows, a sparse p, no weights but 0 (the same sample, pairs left out),
    and a similarity that is a function of an inner product.
    """
    p, metric = relation.p, similarity.metric
    rows, cols = len(relation.rows), len(relation.cols)
    return (
        isinstance(loss, KL)
        and loss.over == "rows"
        and p.layout == torch.sparse_csr
        and p.shape == (rows, cols)
        and p.values().numel() * ENTRY_COST <= rows * cols
        and relation.weight is None
        and relation.far_weight == 1
        and metric in INNER_METRICS
        and (metric == "cosine" or relation.cols.shape[1] > DIFFERENCES_UP_TO)
        and not isinstance(similarity.mu, Tensor)
        and similarity.mu == 0
        and not isinstance(similarity.sigma, Tensor)
        and (similarity.nu <= LARGEST_NU or math.isinf(similarity.nu))
    )


def _streamed(relation: Relation, similarity: Similarity, loss: KL) -> Tensor:
    """The statistics of the whole relation: its entries pair by pair, the rest in the normalisers."""
    row, col, p = _similar(relation)
    log_q = _log_q(relation, similarity, row, col)

    def log_z(count: Tensor, temperature: float) -> Tensor:
        assert isinstance(similarity.metric, str)
        assert isinstance(similarity.sigma, float | int)
        return sum_log_normalisers(
            relation.rows,
            relation.cols,
            count,
            metric=similarity.metric,
            nu=similarity.nu,
            sigma=similarity.sigma,
            temperature=temperature,
            normalised=similarity.normalised,
            same=relation.same,
            left_out=relation.left_out,
        )

    return loss.of_entries(row, p.to(log_q), log_q, len(relation.rows), log_z)


def _similar(relation: Relation) -> tuple[Tensor, Tensor, Tensor]:
    """Row, column and value of the pairs with p > 0."""
    rows = torch.arange(len(relation.rows), device=relation.p.device)
    row, entry = entries(relation.p.crow_indices(), rows)
    col, p = relation.p.col_indices()[entry], relation.p.values()[entry]
    kept = p > 0
    if relation.same:
        kept &= row != col
    if relation.left_out is not None:
        inside = col < relation.left_out.shape[1]
        kept[inside] &= ~relation.left_out[row[inside], col[inside]]
    return row[kept], col[kept], p[kept]


def _log_q(relation: Relation, similarity: Similarity, row: Tensor, col: Tensor) -> Tensor:
    """Log-similarity of some pairs, in slices whose differences the backward pass computes again."""

    def piece(rows: Tensor, cols: Tensor, at: Tensor, to: Tensor) -> Tensor:
        each = torch.arange(len(at), device=at.device)
        return similarity.log(edge_squared_distances(rows[at], cols[to], each, each, similarity.metric))

    size = max(1, DENSE_PAIRS // max(1, relation.rows.shape[1]))
    if len(row) <= size:
        return piece(relation.rows, relation.cols, row, col)
    parts = [
        checkpoint(piece, relation.rows, relation.cols, at, to, use_reentrant=False, preserve_rng_state=False)
        for at, to in zip(torch.split(row, size), torch.split(col, size), strict=True)
    ]
    return torch.cat(parts)


def _part(
    relation: Relation, similarity: Similarity, loss: Loss, start: int, stop: int, *, recompute: bool
) -> Tensor:
    def statistics(rows: Tensor, cols: Tensor) -> Tensor:
        # Made here, so that it is made again and not kept from the forward to the backward pass.
        p, weight = relation.block(start, stop)
        return loss.partial(*aligned(p, similarity.of(rows, cols), weight))

    rows = relation.rows[start:stop]
    if not recompute:
        return statistics(rows, relation.cols)
    part: Tensor = checkpoint(statistics, rows, relation.cols, use_reentrant=False, preserve_rng_state=False)
    return part
