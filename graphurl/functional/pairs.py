"""Normalisers over all pairs of two sets of rows, in tiles that stay in the cache: no N × M matrix is ever held."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from graphurl.errors import InputError, unknown
from graphurl.functional.distance import unit_rows
from graphurl.functional.kernel import log_kernel_at_zero

#: Metrics whose square is an inner product of two rows, up to a constant.
INNER_METRICS = ("cosine", "euclidean")
#: Beyond this ν the square of d²/ν leaves the range of float32. The kernel is the Gaussian there: say inf.
LARGEST_NU = 1e12

# Side of a square tile. On a processor tile and rows fit the second cache; elsewhere a launch has to pay off.
_SIDE_CPU = 512
_SIDE = 4096
# Where the columns want a gradient, a block of rows keeps its exponentials until the sums of its rows are known.
_KEPT_PAIRS = 2**25
_FEWEST_ROWS = 64
# Inside, logits count in bits: torch's exp2 takes little more than half the time of its exp on a processor.
_BIT = math.log(2)
# Logits within ±40 are exponentiated as they are: sums of 1e20 such terms stay within float32.
_SAFE_LOGIT = 40.0 / _BIT
# e^-60 is nothing beside 1 in any precision, but no subnormal number, on which processors take a hundred times as long.
_FAR_BELOW = -60.0 / _BIT
# Up to this exponent the rounding of 1 + d²/ν, times the exponent, is below that of the distance itself.
_COARSE_POWER = 64.0
# Up to this whole number of half powers a t-kernel is a product: its rounding grows with the number of factors.
_MOST_FACTORS = 64


def sum_log_normalisers(
    rows: Tensor,
    cols: Tensor,
    count: Tensor,
    *,
    metric: str = "cosine",
    nu: float = math.inf,
    sigma: float = 1.0,
    temperature: float = 1.0,
    normalised: bool = True,
    same: bool = False,
    left_out: Tensor | None = None,
    side: int | None = None,
) -> Tensor:
    r"""Sum of the log-normalisers of all rows, the costly half of InfoNCE and of row-wise KL.

    $$\sum_i k_i \log \sum_j \kappa(d(x_i, y_j) / \sigma, \nu)^{1/T}$$

    The sums over columns run tile by tile with a running maximum (Milakov and Gimelshein 2018). The counts k
    are known beforehand, so the gradient is accumulated on the way: a tile takes one product for the logits
    and one for each side that wants a gradient, as many as if the matrix were held, and the backward pass
    computes nothing again. Peak memory is that of the gradients and of the exponentials of a few rows.

    Args:
        rows: x, R × d. Half precision is computed in float32.
        cols: y, C × d.
        count: k ≥ 0, how often each row's normaliser counts; (R,), without gradient. A row that counts needs a
            pair that is not left out.
        metric: ``cosine`` (d² = 2 - 2cos) or ``euclidean``.
        nu: Degrees of freedom ν of the t-kernel; infinity is the Gaussian, which costs one exponential a pair.
        sigma: Scale σ.
        temperature: T.
        normalised: As in `log_t_kernel`.
        same: Row i and column i are the same sample, hence no pair.
        left_out: Pairs of the first columns that are none, R × C' true or false.
        side: Rows and columns of a tile; by default what suits the device.

    Returns:
        A number, differentiable once in rows and cols.

    Raises:
        InputError: A metric that is no inner product, or a ν that is finite and too large.
    """
    if metric not in INNER_METRICS:
        raise unknown("metric of an inner product", metric, INNER_METRICS)
    if not (0 < nu <= LARGEST_NU or math.isinf(nu)):
        raise InputError(f"nu is {nu}: give a number above 0 and up to {LARGEST_NU:g}, or inf (Gaussian)")
    with torch.autocast(rows.device.type, enabled=False):
        wide = rows if rows.dtype == torch.float64 else rows.float()
        count = count.to(wide)
        x, y, offset, kernel = _inner_products(wide, cols.to(wide), metric, nu, sigma, temperature)
        if not normalised:
            offset = offset + log_kernel_at_zero(nu) / temperature
        side = side or (_SIDE_CPU if x.device.type == "cpu" else _SIDE)
        pairs = _Pairs(x.detach(), y.detach(), count, kernel, same, left_out, side)
        total: Tensor = _SumLogNormalisers.apply(x, y, pairs)  # type: ignore[no-untyped-call]
        return total + (count * offset).sum()


class _SumLogNormalisers(torch.autograd.Function):
    """Keeps the derivatives, which the forward pass has already made."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, y: Tensor, pairs: _Pairs) -> Tensor:
        total, along_x, along_y = pairs.accumulate(x.requires_grad, y.requires_grad)
        ctx.save_for_backward(along_x, along_y)
        return total

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        # The derivatives count as constants, so that a second derivative would be wrong without a word.
        if torch.is_grad_enabled():
            raise RuntimeError("streamed normalisers have no second derivative: leave out create_graph")
        return (*(None if along is None else grad * along for along in ctx.saved_tensors), None)


@dataclass(frozen=True)
class _Kernel:
    """log₂ κ^(1/T) of an inner product s: s itself, or -power · log₂(1 + max(0, s + constant))."""

    power: float | None = None
    constant: float = 0.0

    @property
    def slope(self) -> float:
        """Derivative of log κ^(1/T) by s, but for the 1 + d²/ν below it."""
        return _BIT if self.power is None else -self.power

    def similarities(self, x: Tensor, y: Tensor, out: Tensor, spare: Tensor) -> Tensor | None:
        """Writes a tile of κ^(1/T) that is safe to exponentiate, and returns what `logits` returns.

        Whole ν and 1/T make 2 · power a whole number, and a few products cost half of a logarithm and an exponential.
        """
        halves = 2 * (self.power or 0.0)
        if not 1 <= halves <= _MOST_FACTORS or halves != int(halves):
            base = self.logits(x, y, out, spare)
            out.exp2_()
            return base
        odd = int(halves) % 2
        power = base = self._inner(x, y, out, spare).add_(1 + self.constant).clamp_min_(1)
        for bit in f"{int(halves) >> (1 - odd):b}"[1:]:  # base^power, or its square where a root has to follow
            power = torch.mul(power, power, out=out)
            if bit == "1":
                power.mul_(base)
        (torch.rsqrt if odd else torch.reciprocal)(power, out=out)
        return base

    def logits(self, x: Tensor, y: Tensor, out: Tensor, spare: Tensor) -> Tensor | None:
        """Writes a tile of logits, and for a t-kernel 1 + d²/ν into what is spare, which it returns."""
        if self.power is None:
            torch.mm(x, y.T, out=out)
            return None
        product = self._inner(x, y, out, spare)
        if self.power > _COARSE_POWER:
            torch.log1p(product.add_(self.constant).clamp_min_(0), out=out).mul_(-self.power / _BIT)
            return product.add_(1)
        base = product.add_(1 + self.constant).clamp_min_(1)
        torch.log2(base, out=out).mul_(-self.power)
        return base

    def _inner(self, x: Tensor, y: Tensor, out: Tensor, spare: Tensor) -> Tensor:
        return torch.mm(x, y.T, out=spare[: out.numel()].view(out.shape))

    def span(self, largest: float) -> float:
        """How far from 0 a logit can be, for inner products up to `largest`."""
        return largest if self.power is None else self.power * math.log1p(largest + self.constant) / _BIT


def _inner_products(
    x: Tensor, y: Tensor, metric: str, nu: float, sigma: float, temperature: float
) -> tuple[Tensor, Tensor, Tensor | float, _Kernel]:
    """Rows whose inner products give the logits in bits, what a row's log-normaliser lacks besides, and the kernel."""
    gaussian = math.isinf(nu)
    scale = 1 / (sigma**2 * (temperature if gaussian else nu))
    power = None if gaussian else (nu + 1) / (2 * temperature)
    if metric == "cosine":
        x, y = _units(x), _units(y)
        if gaussian:
            return x * (scale / _BIT), y, -scale, _Kernel()
        return x * (-2 * scale), y, 0.0, _Kernel(power, 2 * scale)
    # A shift changes no distance and shrinks what cancels; its own gradient is 0.
    centre = y.detach().mean(0)
    x, y = x - centre, y - centre
    xx, yy = x.square().sum(1, keepdim=True), y.square().sum(1, keepdim=True)
    one_x, one_y = torch.ones_like(xx), torch.ones_like(yy)
    if gaussian:
        rows = torch.cat([x, one_x], 1) * (scale / _BIT)
        return rows, torch.cat([y, yy / -2], 1), xx[:, 0] * (-scale / 2), _Kernel()
    return torch.cat([-2 * x, xx, one_x], 1) * scale, torch.cat([y, one_y, yy], 1), 0.0, _Kernel(power)


def _units(x: Tensor) -> Tensor:
    """Unit rows; in one division, a fifth of the time, where no square can vanish or overflow."""
    length = torch.linalg.vector_norm(x, dim=1, keepdim=True)
    usual = ((length > 1e-9) & (length < 1e9)).all()
    return x / length if usual else unit_rows(x)


@dataclass(frozen=True)
class _Pairs:
    """The matrix of pairs, as its tiles are made of it."""

    x: Tensor
    y: Tensor
    count: Tensor
    kernel: _Kernel
    same: bool
    left_out: Tensor | None
    side: int

    def accumulate(self, want_x: bool, want_y: bool) -> tuple[Tensor, Tensor | None, Tensor | None]:
        """Σ_i k_i log Σ_j 2^l_ij, and its derivatives by x and y where they are wanted."""
        along_x = torch.zeros_like(self.x) if want_x else None
        along_y = torch.zeros_like(self.y) if want_y else None
        total = self.count.new_zeros(())
        shifted = self._largest_logit() > _SAFE_LOGIT
        columns = list(_steps(len(self.y), self.side))
        height = max(1, min(len(self.x), self.side))
        if want_y:
            height = min(height, max(_FEWEST_ROWS, _KEPT_PAIRS // max(1, len(self.y))))
        rooms = [self.x.new_empty(height * (b - a)) for a, b in (columns if want_y else columns[:1])]
        # One for all tiles: memory new to each would cost more in page faults than the arithmetic on it.
        spare = self.x.new_empty(0 if self.kernel.power is None else height * min(self.side, len(self.y)))
        for top, bottom in _steps(len(self.x), height):
            x, count = self.x[top:bottom], self.count[top:bottom]
            sums = _RowSums(x, shifted, want_x)
            tiles: list[tuple[int, int, Tensor, Tensor]] = []
            for number, (left, right) in enumerate(columns):
                y = self.y[left:right]
                tile = rooms[number if want_y else 0][: len(x) * len(y)].view(len(x), len(y))
                if shifted:
                    base = self.kernel.logits(x, y, tile, spare)
                    self._forbid(tile, top, left, -math.inf)
                    sums.shift(tile)
                    tile.exp2_()
                else:
                    base = self.kernel.similarities(x, y, tile, spare)
                self._forbid(tile, top, left, 0.0)
                sums.add(tile, base, y)
                tiles.append((left, right, tile, sums.peak))
            log_sum = sums.peak * _BIT + sums.mass.log()
            # A row that does not count may have no pair, and then no logarithm.
            counts = count > 0
            total += (count * log_sum.where(counts, count)).sum()
            slope = self.kernel.slope * count
            if along_x is not None:
                along_x[top:bottom] = sums.pull * (slope / sums.mass.where(counts, count + 1))[:, None]
            if along_y is not None:
                for left, right, tile, peak in tiles:
                    share = slope * (peak * _BIT - log_sum).exp().where(counts, count)
                    along_y[left:right].addmm_(tile.T, x * share[:, None])
        return total, along_x, along_y

    def _forbid(self, tile: Tensor, top: int, left: int, value: float) -> None:
        """Gives pairs that are none a value."""
        height, width = tile.shape
        if self.same and left - height < top < left + width:
            tile.diagonal(top - left).fill_(value)
        if self.left_out is not None:
            mask = self.left_out[top : top + height, left : left + width]
            tile[:, : mask.shape[1]].masked_fill_(mask, value)

    def _largest_logit(self) -> float:
        """How far from 0 a logit can be, by the longest rows."""
        if not (len(self.x) and len(self.y)):
            return 0.0
        longest = torch.linalg.vector_norm(self.x, dim=1).max() * torch.linalg.vector_norm(self.y, dim=1).max()
        return self.kernel.span(float(longest))


class _RowSums:
    """For each row over the columns so far: the peak of l, Σ 2^(l - peak), and the same with y as factor."""

    def __init__(self, x: Tensor, shifted: bool, pulled: bool) -> None:
        self.mass = x.new_zeros(len(x))
        self.peak = torch.full_like(self.mass, torch.finfo(x.dtype).min / 2 if shifted else 0.0)
        self.pull = torch.zeros_like(x) if pulled else x.new_zeros(len(x), 0)

    def shift(self, logits: Tensor) -> None:
        """Raises the peak to that of a new tile, and subtracts it."""
        peak = torch.maximum(self.peak, logits.amax(1))
        shrink = (self.peak - peak).exp2()
        self.mass.mul_(shrink)
        self.pull.mul_(shrink[:, None])
        self.peak = peak
        logits.sub_(peak[:, None]).clamp_min_(_FAR_BELOW)

    def add(self, tile: Tensor, base: Tensor | None, y: Tensor) -> None:
        """Takes in 2^(l - peak), and divides it by the base where there is one."""
        self.mass.add_(tile.sum(1))
        if base is not None:
            tile.div_(base)
        if self.pull.shape[1]:
            self.pull.addmm_(tile, y)


def _steps(stop: int, step: int) -> Iterator[tuple[int, int]]:
    return ((start, min(start + step, stop)) for start in range(0, stop, step))
