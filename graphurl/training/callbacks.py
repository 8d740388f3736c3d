"""Callbacks: what may watch a run, and end it."""

from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from torch import Tensor

from graphurl.errors import CollapseWarning, InputError, RunError
from graphurl.functional.spread import collapse


@dataclass(frozen=True)
class Moment:
    """What a callback sees at the end of an epoch.

    Attributes:
        epoch: Number of epochs done.
        epochs: Number of epochs planned.
        record: The line that goes into the history: loss, lr, seconds and more.
        z: Embeddings of the epoch's last batch.
        history: All records so far, this one included.
    """

    epoch: int
    epochs: int
    record: dict[str, Any]
    z: Tensor
    history: list[dict[str, Any]]


class Callback(Protocol):
    """Anything callable on a moment; True ends the run."""

    def __call__(self, moment: Moment) -> bool | None:
        """Looks at the moment."""
        ...


@dataclass
class CollapseMonitor:
    """Names an embedding that lost its spread: all rows alike, or a rank far below the dimension.

    Attributes:
        fail: Raise instead of warning.
        patience: Looks in a row that have to find a collapse.
        directions: The embedding is compared by cosine, so that its directions are what can collapse.
        looks: How often a run of many epochs is looked at, beside its first and last: where an epoch is one step of a
            small map, a look costs a fifth of it.
    """

    fail: bool = False
    patience: int = 1
    directions: bool = False
    looks: int = 50
    _seen: int = field(default=0, init=False)
    _told: bool = field(default=False, init=False)

    def __call__(self, moment: Moment) -> bool:
        """Adds effective rank and spread to the record when it looks; warns once, or raises."""
        if moment.epoch % max(1, moment.epochs // self.looks) and moment.epoch not in (1, moment.epochs):
            return False
        verdict = collapse(moment.z, directions=self.directions)
        moment.record["effective_rank"] = round(float(verdict["effective_rank"]), 4)
        moment.record["spread"] = float(verdict["std"])
        self._seen = self._seen + 1 if verdict["collapsed"] else 0
        if self._seen < self.patience or self._told:
            return False
        self._told = True
        message = (
            f"the embedding collapsed in epoch {moment.epoch}: {verdict['reason']}; "
            "lower lr, or use a loss that pushes more apart (far_weight, negatives, another method)"
        )
        if self.fail:
            raise RunError(message)
        warnings.warn(message, CollapseWarning, stacklevel=2)
        return False


@dataclass(frozen=True)
class EarlyStop:
    """Ends the run when a value of the record has not become smaller for a while.

    It reads the history and keeps no state, so a resumed run stops where an unbroken one would.

    Attributes:
        patience: Epochs without a new minimum.
        key: Which value to watch.
        tolerance: Improvement that counts, relative to the best so far.
    """

    patience: int
    key: str = "loss"
    tolerance: float = 1e-3

    def __call__(self, moment: Moment) -> bool:
        """True once patience is used up."""
        best, since = float("inf"), 0
        for record in moment.history:
            value = float(record[self.key])
            better = best == float("inf") or value < best - self.tolerance * abs(best)
            best, since = (value, 0) if better else (best, since + 1)
        return since >= self.patience


@dataclass
class Progress:
    """A bar with rate, loss and time left, on a terminal only."""

    enabled: bool = True
    _bar: Any = field(default=None, init=False)

    def __call__(self, moment: Moment) -> bool:
        """Moves the bar."""
        if not (self.enabled and sys.stderr.isatty()):
            return False
        if self._bar is None:
            from tqdm import tqdm

            self._bar = tqdm(total=moment.epochs, initial=moment.epoch - 1, unit="epoch", file=sys.stderr, leave=False)
        self._bar.set_postfix(loss=f"{moment.record['loss']:.4g}", refresh=False)
        self._bar.update(1)
        return False

    def close(self) -> None:
        """Takes the bar away, however the run ended."""
        if self._bar is not None:
            self._bar.close()


@dataclass
class MetricsFile:
    """A line of JSON an epoch.

    A run that was killed may have written lines beyond its last checkpoint; the first call after a
    resume writes the file anew from the history.
    """

    path: Path
    _open: bool = field(default=False, init=False)

    def __call__(self, moment: Moment) -> bool:
        """Appends the record."""
        lines = [moment.record] if self._open else moment.history
        with self.path.open("a" if self._open else "w", encoding="utf-8") as file:
            file.writelines(json.dumps(line) + "\n" for line in lines)
        self._open = True
        return False


@dataclass
class Snapshots:
    """Keeps the whole embedding every so many epochs, for pictures of a growing map (`plots.animate`).

    Each frame is a pass over all rows and holds N × d numbers.

    Attributes:
        every: Epochs between two frames.
        take: Called with the epoch of each frame.
        frames: The embeddings, float32, one a frame; kept by fits only, not by a bare `Trainer`.
        epochs: Their epochs.
    """

    every: int = 1
    take: Callable[[int], None] | None = None
    frames: list[np.ndarray] = field(default_factory=list, init=False)
    epochs: list[int] = field(default_factory=list, init=False)
    _place: Callable[[], np.ndarray] | None = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        """Refuses a pace that is none."""
        if self.every < 1:
            raise InputError(f"every is {self.every}: give 1 epoch or more")

    def attach(self, place: Callable[[], np.ndarray]) -> None:
        """Begins anew with a fit, which says how all rows are embedded."""
        self.frames, self.epochs, self._place = [], [], place

    def detach(self) -> None:
        """Lets go of the fit."""
        self._place = None

    def __call__(self, moment: Moment) -> bool:
        """Takes a frame when it is time."""
        if moment.epoch % self.every == 0:
            self.epochs.append(moment.epoch)
            if self._place is not None:
                self.frames.append(self._place())
            if self.take is not None:
                self.take(moment.epoch)
        return False
