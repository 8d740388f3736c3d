"""Descent with a gain for each coordinate, as t-SNE has it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import nn

from graphurl.errors import InputError


class Gains(torch.optim.Optimizer):
    """Momentum, and for each coordinate a gain that grows while its velocity points downhill (Jacobs 1988).

    v ← m v - lr g ∂L,  w ← w + v, where the gain g grows by 0.2 where the gradient and the velocity have opposite signs
    and shrinks to 0.8 of itself where they agree, down to 0.01 (van der Maaten and Hinton 2008). No coordinate moves
    farther than `most` in a step, so that a point that was pushed out comes back.

    A gradient of free coordinates is small where a sum runs over all of them; `lr` is in units of 1 / the number of
    rows, so that it means the same for any number.

    Args:
        parameters: What to train; a tensor's first dimension counts rows.
        lr: Learning rate for a loss that is a mean over rows.
        momentum: m.
        most: Largest step of a coordinate.
    """

    def __init__(
        self, parameters: Iterable[nn.Parameter], lr: float = 1.0, momentum: float = 0.8, most: float = 5.0
    ) -> None:
        """Refuses momenta out of range."""
        if not 0 <= momentum < 1:
            raise InputError(f"momentum is {momentum}: give 0 to below 1")
        super().__init__(parameters, {"lr": lr, "momentum": momentum, "most": most})

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """One step for each tensor with a gradient."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is None:
                    continue
                state = self.state[weight]
                if not state:
                    state["velocity"] = torch.zeros_like(weight)
                    state["gain"] = torch.ones_like(weight)
                velocity, gain, slope = state["velocity"], state["gain"], weight.grad
                uphill = (slope > 0) == (velocity > 0)
                gain.copy_(torch.where(uphill, gain * 0.8, gain + 0.2)).clamp_(min=0.01)
                velocity.mul_(group["momentum"]).addcmul_(gain, slope, value=-group["lr"] * len(weight))
                velocity.clamp_(-group["most"], group["most"])
                weight.add_(velocity)
        return loss
