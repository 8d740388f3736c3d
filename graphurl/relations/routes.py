"""Routes: how a loss over a relation is evaluated. By size, never by task; all agree."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from graphurl.losses.base import Loss, aligned
from graphurl.relations.relation import Relation
from graphurl.similarity import Similarity

#: A block with at most this many pairs is evaluated at once (a handful of such float32 matrices live at a time).
DENSE_PAIRS = 2**24


def evaluate(
    relation: Relation, similarity: Similarity, loss: Loss, *, chunk: int | None = None
) -> tuple[Tensor, int]:
    """The loss of a relation, dense or in row chunks that the backward pass computes again.

    Args:
        relation: What to compare.
        similarity: Kernel of the embedded side.
        loss: The divergence.
        chunk: Rows at a time; absent means all when the block is small, else as many as fit.

    Returns:
        The loss (additive losses divided by `relation.total` where that is given) and the number of pairs seen.
    """
    rows, cols = len(relation.rows), len(relation.cols)
    size = chunk or max(1, min(rows, DENSE_PAIRS // max(1, cols)))
    parts = [
        _part(relation, similarity, loss, start, min(start + size, rows), recompute=size < rows)
        for start in range(0, rows, size)
    ]
    stacked = torch.stack(parts)
    if loss.additive and relation.total is not None:
        return loss.combine(stacked, "sum") / relation.total, rows * cols
    return loss.combine(stacked, "mean"), rows * cols


def _part(
    relation: Relation, similarity: Similarity, loss: Loss, start: int, stop: int, *, recompute: bool
) -> Tensor:
    p, weight = relation.block(start, stop)

    def statistics(rows: Tensor, cols: Tensor) -> Tensor:
        return loss.partial(*aligned(p, similarity.of(rows, cols), weight))

    rows = relation.rows[start:stop]
    if not recompute:
        return statistics(rows, relation.cols)
    part: Tensor = checkpoint(statistics, rows, relation.cols, use_reentrant=False, preserve_rng_state=False)
    return part
