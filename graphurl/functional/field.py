r"""Sums over all pairs and over edges of points in two or three dimensions, each with its gradient.

A sum over all pairs of a function of their distance is a convolution,

$$\sum_{i \ne j} f(|z_i - z_j|^2) = \sum_i (f * \rho)(z_i) - N f(0), \qquad \rho = \sum_j \delta_{z_j},$$

so the points are spread over a grid by B-splines, convolved by the fast Fourier transform, and the result is read at
the points by the same splines. What spreading and reading blur is divided out of the kernel's transform, as in
particle-mesh methods (Hockney and Eastwood 1981); t-SNE was given a grid by Linderman et al. (2019). Time is
O(N + M log M) for M cells: no pair is left out and none is sampled.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from graphurl.functional.undirected import Pairs

#: A function of squared distances, entry by entry.
Radial = Callable[[Tensor], Tensor]

#: Dimensions that a grid can have; beyond them it has too many cells.
DIMENSIONS = (1, 2, 3)
#: Cells of a padded grid; beyond, pairs are better taken in chunks.
LARGEST_GRID = 2**25
#: Cells along an axis of a padded grid, at least: where it ends, a kernel that has not fallen off has an edge.
SMALLEST = 64
#: Pairs that are looked at together on a CPU: what is computed of them fits its cache.
PAIRS_AT_ONCE = 2**18
#: Cells of a grid whose transformed kernel is kept for the next step.
LARGEST_KEPT = 2**18


def radial_sum(z: Tensor, function: Radial, *, spacing: float = 0.5, order: int = 1) -> Tensor:
    """Sum of a function of the squared distance over all ordered pairs of different points.

    The gradient is the convolution with the function's own slope, not that of the interpolated value: both tend to
    the exact ones as the grid gets finer.

    Args:
        z: Points, N × 1, 2 or 3.
        function: f, defined at 0 and finite there.
        spacing: Width of a cell, in the units of z: half of the length on which f changes is fine enough for a map.
        order: Degree of the splines: 1 is fast, 3 is accurate (errors of forces 2 % and 0.7 % at half the width
            of a t-kernel, 0.4 % and 0.02 % at a quarter).

    Returns:
        The sum, differentiable in z (once).
    """
    total: Tensor = _RadialSum.apply(z, function, spacing, order)  # type: ignore[no-untyped-call]
    return total


def edge_sum(z: Tensor, pairs: Pairs, function: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
    """Sum over the edges of an undirected graph, in both directions, of a function of the squared distance.

    Each pair is looked at once, some at a time, so that what is computed of them stays near the processor. What pulls
    at the points is s_ij (z_i - z_j) with the slopes s, brought to both ends by a product with a sparse matrix of 1 and
    -1, which is several times as fast as scattering.

    Args:
        z: Points, N × d.
        pairs: Which points are joined.
        function: From the squared distances of some pairs and their entries to a value for each, counted twice.

    Returns:
        The sum, differentiable in z (once).
    """
    total: Tensor = _EdgeSum.apply(z, pairs, function)  # type: ignore[no-untyped-call]
    return total


def grid_cells(z: Tensor, spacing: float) -> float:
    """How many cells the padded grid of some points has: not a number, or infinite, where a coordinate is."""
    if not z.numel():
        return 0.0
    low, high = z.aminmax(dim=0)
    return math.prod([2 * (float((high - low).max()) / spacing + 6)] * z.shape[1])


class _RadialSum(torch.autograd.Function):
    """Value and gradient in one go, since they share the transform of the points."""

    @staticmethod
    def forward(ctx: Any, z: Tensor, function: Radial, spacing: float, order: int) -> Tensor:
        at, weights = _splines(z.detach(), spacing, order)
        length = _transform_length(max(2 * (int(at.max()) + order + 1), SMALLEST))
        kernel = _kernel if length ** z.shape[1] <= LARGEST_KEPT else _kernel.__wrapped__
        near, value, slopes = kernel(function, length, spacing, order, z.shape[1], z.dtype, z.device)
        entries, shares = _corners(at, weights, length)
        shape, dims = [length] * z.shape[1], tuple(range(1, z.shape[1] + 1))
        grid = z.new_zeros(length ** z.shape[1]).index_add_(0, entries.view(-1), shares.view(-1))
        moments = torch.fft.rfftn(grid.view(shape))
        fields = torch.fft.irfftn(slopes * moments, s=shape, dim=dims)
        # What each point reads of a field: its cells, weighed as they were when it was spread over them.
        rows = fields.flatten(1).T.contiguous()
        force = F.embedding_bag(entries, rows, mode="sum", per_sample_weights=shares)
        ctx.save_for_backward(2 * force)
        return _overlap(moments, value, length) - _own(near, weights)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None, None]:
        (force,) = ctx.saved_tensors
        return gradient * force, None, None, None


class _EdgeSum(torch.autograd.Function):
    """Value and gradient in one go, since they share the distances."""

    @staticmethod
    def forward(ctx: Any, z: Tensor, pairs: Pairs, function: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
        z = z.detach()
        pull, total = z.new_empty(len(pairs.row), z.shape[1]), z.new_zeros(())
        size = PAIRS_AT_ONCE if z.device.type == "cpu" else max(1, len(pull))
        parts = (torch.split(part, size) for part in (pairs.row, pairs.col, pairs.value, pull))
        for row, col, entry, made in zip(*parts, strict=True):
            apart, distance = _apart(z, row, col)
            with torch.enable_grad():
                distance.requires_grad_()
                value = function(distance, entry).sum()
                (slope,) = torch.autograd.grad(value, distance)
            _scale(apart, slope, made)
            total += value.detach()
        ctx.save_for_backward(4 * pairs.differences(pull))
        return 2 * total

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        (force,) = ctx.saved_tensors
        return gradient * force, None, None


def _apart(z: Tensor, row: Tensor, col: Tensor) -> tuple[Tensor, Tensor]:
    """Differences of pairs, (E, d), and their squared lengths.

    Two numbers a point are gathered as one complex number: a third of the time.
    """
    if z.shape[1] != 2 or z.dtype not in (torch.float32, torch.float64):
        apart = z.index_select(0, row) - z.index_select(0, col)
        return apart, apart.square().sum(1)
    points = torch.view_as_complex(z.contiguous())
    apart = torch.view_as_real(points.index_select(0, row).sub_(points.index_select(0, col)))
    along, across = apart.unbind(1)
    return apart, torch.addcmul(along * along, across, across)


def _scale(rows: Tensor, factor: Tensor, out: Tensor) -> None:
    """Multiplies each row by a number; two numbers a row as a complex one, in a third of the time."""
    if rows.shape[1] != 2 or rows.dtype not in (torch.float32, torch.float64):
        torch.mul(rows, factor[:, None], out=out)
        return
    number = torch.complex(factor, torch.zeros_like(factor))
    torch.mul(torch.view_as_complex(rows), number, out=torch.view_as_complex(out))


def _splines(z: Tensor, spacing: float, order: int) -> tuple[Tensor, list[Tensor]]:
    """The first cell that each point is spread to, N × d, and for each of the cells along an axis its weight, N × d."""
    place = (z - z.min(0).values) / spacing
    first = place.floor()
    w = place - first
    if order == 1:
        weights = [1 - w, w]
    else:
        weights = [(1 - w) ** 3, 3 * w**3 - 6 * w**2 + 4, -3 * w**3 + 3 * w**2 + 3 * w + 1, w**3]
        weights = [part / 6 for part in weights]
    return first.int(), weights


@functools.lru_cache(maxsize=8)
def _kernel(
    function: Radial, length: int, spacing: float, order: int, dim: int, dtype: torch.dtype, device: torch.device
) -> tuple[Tensor, Tensor, Tensor]:
    """The function f at offsets of neighbouring cells, and transforms of it and its derivatives without the blur.

    What spreading and reading by splines blur is divided out. The transform of f, an even function, is real. Steps of
    one run share most of their grids.
    """
    step = torch.arange(length, device=device)
    offset = torch.where(2 * step <= length, step, step - length).to(dtype) * spacing
    axes = torch.meshgrid([offset] * dim, indexing="ij")
    with torch.enable_grad():
        d2 = torch.stack([axis**2 for axis in axes]).sum(0).requires_grad_()
        value = function(d2)
        (slope,) = torch.autograd.grad(value.sum(), d2)
    # The one offset that is as far to the left as to the right has no direction.
    odd = [torch.where(axis.abs() * 2 == length * spacing, torch.zeros_like(axis), 2 * slope * axis) for axis in axes]
    blur = torch.ones((), device=device, dtype=dtype)
    for axis in range(dim):
        frequency = torch.fft.rfftfreq(length) if axis == dim - 1 else torch.fft.fftfreq(length)
        shape = [-1 if place == axis else 1 for place in range(dim)]
        blur = blur * (torch.sinc(frequency.to(d2)) ** (2 * (order + 1))).view(shape)
    even = torch.fft.rfftn(value.detach()).real / blur
    slopes = torch.stack([torch.fft.rfftn(part) / blur for part in odd])
    near = torch.fft.irfftn(even, s=[length] * dim)[(slice(order + 1),) * dim]
    return near.contiguous(), even, slopes


def _corners(at: Tensor, weights: list[Tensor], length: int) -> tuple[Tensor, Tensor]:
    """The cells that each point is spread over, as entries of the flattened grid, and its share in each, N × cells."""
    origin, corners = at[:, 0], [(along, weight[:, 0]) for along, weight in enumerate(weights)]
    for axis in range(1, at.shape[1]):
        origin = origin * length + at[:, axis]
        corners = [
            (entry * length + along, share * weight[:, axis])
            for entry, share in corners
            for along, weight in enumerate(weights)
        ]
    entries = torch.stack([origin + entry for entry, _ in corners], dim=1)
    return entries, torch.stack([share for _, share in corners], dim=1)


def _overlap(moments: Tensor, value: Tensor, length: int) -> Tensor:
    """Σ ρ (f * ρ) over the grid, from the transforms (Parseval): half of the last axis stands for both halves."""
    power = (moments.real.square() + moments.imag.square()) * value
    twice = power.sum(dtype=torch.float64) * 2 - power[..., 0].sum(dtype=torch.float64)
    total: Tensor = (twice - power[..., -1].sum(dtype=torch.float64)) / length**power.ndim
    return total.to(value.dtype)


def _own(near: Tensor, weights: list[Tensor]) -> Tensor:
    """What the points read of themselves: f at the offsets among a point's own cells, weighed twice."""
    reach = len(weights)
    # Along each axis: how much weight is found δ cells apart, to either side.
    along = torch.stack(
        [
            torch.stack([weights[a] * weights[a + delta] for a in range(reach - delta)]).sum(0) * (1 + (delta > 0))
            for delta in range(reach)
        ]
    )
    share = along[:, :, 0]
    for axis in range(1, near.ndim - 1):
        share = (share[:, None] * along[:, :, axis]).flatten(0, 1)
    found = share @ along[:, :, -1].T if near.ndim > 1 else share.sum(1)
    return (found.view(near.shape) * near).sum()


def _transform_length(least: int) -> int:
    """The next even length that has no prime factors above 5: transforms of others are slow."""
    length = least + least % 2
    while True:
        rest = length
        for factor in (2, 3, 5):
            while rest % factor == 0:
                rest //= factor
        if rest == 1:
            return length
        length += 2
