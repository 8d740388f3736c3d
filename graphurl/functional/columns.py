r"""Sums over all pairs of points in any dimension, estimated from the pairs with some of them.

$$\sum_{i \ne j} f(|z_i - z_j|^2) \approx \frac{N}{|J|} \sum_{j \in J} \sum_{i \ne j} f(|z_i - z_j|^2)$$

for |J| of the N points, drawn anew in every step: without bias, and with all N the sum itself. Every point is pushed by
every column, so that one step already sees N |J| pairs; beyond three dimensions, where no grid has few enough cells,
this takes the place of the field.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from graphurl.functional.field import Radial

#: Pairs that are looked at together: they stay in the cache of a core.
_PAIRS = 2**17


def sum_by_columns(z: Tensor, columns: Tensor, function: Radial) -> Tensor:
    """Sum of a function of the squared distance over all ordered pairs of different points, from those with some.

    Args:
        z: Points, N × d.
        columns: Numbers of the points that stand for all, each once, (M,).
        function: f, finite at 0.

    Returns:
        The estimate, differentiable in z (once).
    """
    total: Tensor = _SumByColumns.apply(z, columns, function)  # type: ignore[no-untyped-call]
    return total


class _SumByColumns(torch.autograd.Function):
    """Value and gradient in one go, block by block, so that no matrix of all rows and columns is held."""

    @staticmethod
    def forward(ctx: Any, z: Tensor, columns: Tensor, function: Radial) -> Tensor:
        z = z.detach()
        y, square = z[columns], z.square().sum(1)
        pull, back, total = torch.empty_like(z), torch.zeros_like(y), z.new_zeros(())
        size = max(1, _PAIRS // max(1, len(columns)))
        for start in range(0, len(z), size):
            x = z[start : start + size]
            own = ((columns >= start) & (columns < start + size)).nonzero()[:, 0]
            with torch.enable_grad():
                d2 = torch.addmm(square[columns] + square[start : start + size, None], x, y.T, alpha=-2)
                value = function(d2.clamp_min_(0).requires_grad_())
                found = value.sum() - value[columns[own] - start, own].sum()
                (slope,) = torch.autograd.grad(found, d2)
            pull[start : start + size] = slope.sum(1, keepdim=True) * x - slope @ y
            back += slope.sum(0)[:, None] * y - slope.T @ x
            total += found.detach()
        scale = len(z) / max(1, len(columns))
        ctx.save_for_backward(2 * scale * pull.index_add_(0, columns, back))
        return scale * total

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        (force,) = ctx.saved_tensors
        return gradient * force, None, None
