"""Optimisers by name and learning rates over time."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import nn

from graphurl.errors import InputError, unknown
from graphurl.training.gains import Gains

OPTIMISERS = ("adam", "adamw", "sgd", "gains")
SCHEDULES = ("constant", "cosine", "linear", "step")


@dataclass(frozen=True)
class Schedule:
    """Learning-rate factor over the steps of a run: linear warm-up, then decay.

    Attributes:
        name: constant, cosine (to 0), linear (to 0) or step (x 0.1 at 60 % and 80 %).
        steps: Number of steps of the run.
        warmup: Share of the steps spent warming up.
        rounds: How often the whole course is run through, each time from its start.
    """

    name: str
    steps: int
    warmup: float = 0.05
    rounds: int = 1

    def __post_init__(self) -> None:
        """Refuses an unknown shape, and shares and numbers out of range."""
        if self.name not in SCHEDULES:
            raise unknown("schedule", self.name, SCHEDULES)
        if not 0 <= self.warmup < 1:
            raise InputError(f"warmup is {self.warmup}: give the share of the run spent warming up, from 0 to below 1")
        if self.rounds < 1:
            raise InputError(f"rounds is {self.rounds}: give the number of courses of the learning rate, 1 or more")

    def factor(self, step: int) -> float:
        """The factor at a step, counted from 0."""
        steps = self.steps / self.rounds
        # In whole numbers: a remainder of floats can put the first step of a round at the end of the one before.
        done = min(step * self.rounds // self.steps, self.rounds - 1)
        rising, step_of_round = self.warmup * steps, step - done * self.steps / self.rounds
        if step_of_round < rising:
            return (step_of_round + 1) / (math.floor(rising) + 1)
        share = (step_of_round - rising) / max(1.0, steps - rising)
        if self.name == "cosine":
            return 0.5 * (1 + math.cos(math.pi * min(1.0, share)))
        if self.name == "linear":
            return max(0.0, 1 - share)
        if self.name == "step":
            return 0.1 ** sum(share >= mark for mark in (0.6, 0.8))
        return 1.0


def optimiser(
    name: str, parameters: Iterable[nn.Parameter], lr: float, weight_decay: float, momentum: float
) -> torch.optim.Optimizer:
    """Builds an optimiser.

    Args:
        name: adam, adamw, sgd or gains (of free coordinates).
        parameters: What to train.
        lr: Learning rate.
        weight_decay: Weight decay (decoupled for adamw).
        momentum: Momentum of sgd and gains; the others keep their usual betas.

    Returns:
        The optimiser.
    """
    if name in ("adam", "adamw"):
        kind = torch.optim.Adam if name == "adam" else torch.optim.AdamW
        # One pass over the weights instead of a dozen: a third of a step with a small network.
        return kind(parameters, lr=lr, weight_decay=weight_decay, fused=True)
    if name == "sgd":
        return torch.optim.SGD(parameters, lr=lr, weight_decay=weight_decay, momentum=momentum)
    if name == "gains":
        if weight_decay:
            raise InputError(f"weight_decay is {weight_decay} and optimiser is 'gains', which has none: give 0")
        return Gains(parameters, lr=lr, momentum=momentum)
    raise unknown("optimiser", name, OPTIMISERS)
