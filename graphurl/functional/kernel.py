"""Kernels that turn a squared distance into the logarithm of a similarity."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx

from graphurl.errors import InputError

# Above this the kernel differs from the Gaussian by less than one rounding for every distance up to 1e6,
# and d^2 / nu would leave the range of float32.
_GAUSSIAN_FROM = 1e30
# Above this the difference of two lgamma loses digits, and its asymptotic series is exact to rounding.
_SERIES_FROM = 100.0


def log_t_kernel(d2: Tensor, nu: float | Tensor, *, normalised: bool = True) -> Tensor:
    r"""Student-t kernel in log form (GenURL, eq. of p_X and p_Z).

    $$\log\kappa(d, \nu) = \log\kappa(0, \nu) - \tfrac{\nu + 1}{2} \log(1 + d^2 / \nu)$$

    Everything is a function of the squared distance, so the gradient is finite at 0, and it is a logarithm,
    so a far pair keeps a gradient instead of vanishing into 0. A distance of infinity gives -inf.

    Args:
        d2: Squared distances, any shape. Half precision is computed and returned in float32.
        nu: Degrees of freedom, in (0, inf]; a number or a 0-dimensional tensor (which may ask for a
            gradient).
        normalised: Leave out the constant kappa(0, nu), so that the kernel of distance 0 is 1.

    Returns:
        Log similarities, shaped as ``d2``, at most 0.

    Raises:
        InputError: ``nu`` is not a positive number.
    """
    value = _checked_nu(nu)
    d2 = _at_least_float32(d2)
    if value >= _GAUSSIAN_FROM:
        return log_gaussian_kernel(d2)
    if isinstance(nu, Tensor) and nu.requires_grad:
        free = nu.to(d2)
        log_kappa = -(free + 1) / 2 * torch.log1p(d2 / free)
        return log_kappa if normalised else log_kappa + _log_constant(nu).to(d2)
    at_zero = 0.0 if normalised else log_kernel_at_zero(value)
    result: Tensor = _LogT.apply(d2, value, at_zero)  # type: ignore[no-untyped-call]
    return result


def log_gaussian_kernel(d2: Tensor) -> Tensor:
    """Gaussian kernel in log form, -d^2 / 2: the limit of the t-kernel as nu grows.

    Args:
        d2: Squared distances, any shape. Half precision is computed and returned in float32.

    Returns:
        Log similarities, shaped as ``d2``.
    """
    return _at_least_float32(d2) * -0.5


def log_kernel_at_zero(nu: float | Tensor) -> float:
    r"""Logarithm of the t-kernel of distance 0, the constant that the normalised form leaves out.

    $$\log\kappa(0, \nu) = \log\Gamma(\tfrac{\nu+1}{2}) - \log\Gamma(\tfrac\nu2) - \tfrac12\log\tfrac\nu2$$

    Args:
        nu: Degrees of freedom, in (0, inf].

    Returns:
        A number at most 0; exactly 0 for the Gaussian.
    """
    value = _checked_nu(nu)
    if value >= _GAUSSIAN_FROM:
        return 0.0
    return float(_log_constant(torch.tensor(value, dtype=torch.float64)))


def log_one_minus(log_q: Tensor) -> Tensor:
    r"""Logarithm of the dissimilarity, log(1 - q), from log q.

    The argument is softened by one rounding step eps of the dtype, log(-expm1(log q - eps)), so that value
    and gradient stay finite at q = 1. For small q the value comes through log1p, which keeps all its digits.

    Args:
        log_q: Log similarities, at most 0 (what rounding lifts above 0 counts as 0). Half precision is
            computed and returned in float32.

    Returns:
        Log dissimilarities, shaped as ``log_q``.
    """
    result: Tensor = _LogOneMinus.apply(_at_least_float32(log_q))  # type: ignore[no-untyped-call]
    return result


class _LogT(torch.autograd.Function):
    """The kernel with a fixed ν: keeps the distances alone, and makes as few passes over them as there are."""

    generate_vmap_rule = True

    @staticmethod
    def forward(d2: Tensor, nu: float, at_zero: float) -> Tensor:
        log_kappa = torch.log1p(d2 if nu == 1 else d2 / nu) * (-(nu + 1) / 2)
        return log_kappa + at_zero if at_zero else log_kappa

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, float, float], output: Tensor) -> None:
        d2, ctx.nu, _ = inputs
        ctx.save_for_backward(d2)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        (d2,) = ctx.saved_tensors
        return grad * (-(ctx.nu + 1) / 2) / (d2 + ctx.nu), None, None


class _LogOneMinus(torch.autograd.Function):
    """Keeps one tensor for the backward pass, where composing torch's own functions would keep six."""

    generate_vmap_rule = True

    @staticmethod
    def forward(log_q: Tensor) -> Tensor:
        soft = _soften(log_q)
        return torch.where(soft > -math.log(2), torch.log(-torch.expm1(soft)), torch.log1p(-torch.exp(soft)))

    @staticmethod
    def setup_context(ctx: FunctionCtx, inputs: tuple[Tensor], output: Tensor) -> None:
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx: FunctionCtx, grad: Tensor) -> Tensor:
        (log_q,) = ctx.saved_tensors  # type: ignore[attr-defined]
        # -q / (1 - q), written with one exponential: it is 0, not nan, at q = 0.
        return -grad / torch.expm1(-_soften(log_q))


def _soften(log_q: Tensor) -> Tensor:
    return log_q.clamp(max=0) - torch.finfo(log_q.dtype).eps


def _log_constant(nu: Tensor) -> Tensor:
    """Computes log kappa(0, nu) in float64 on the CPU, differentiable in nu."""
    half = nu.to("cpu", torch.float64) / 2
    if half > _SERIES_FROM:
        return -1 / (8 * half) + 1 / (192 * half**3) - 1 / (640 * half**5)
    return torch.lgamma(half + 0.5) - torch.lgamma(half) - torch.log(half) / 2


def _checked_nu(nu: float | Tensor) -> float:
    if isinstance(nu, Tensor) and nu.numel() != 1:
        raise InputError(f"nu must be one number, not of shape {tuple(nu.shape)}: give one per kernel")
    value = float(nu.detach() if isinstance(nu, Tensor) else nu)
    if not value > 0:
        raise InputError(f"nu must be above 0, not {value}: give 1.0, 0.01 for 2-D maps, or inf (Gaussian)")
    return value


def _at_least_float32(values: Tensor) -> Tensor:
    return values if values.dtype == torch.float64 else values.float()
