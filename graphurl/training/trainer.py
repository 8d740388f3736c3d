"""The trainer: the only loop. It knows an objective, and no method by name."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from graphurl.errors import InputError, RunError, unknown
from graphurl.recipes.choices import Choices
from graphurl.relations.objective import Objective
from graphurl.training.callbacks import Callback, Moment
from graphurl.training.checkpoint import load_checkpoint, save_checkpoint
from graphurl.training.distributed import averaged, share_weights
from graphurl.training.process import (
    at_most_threads,
    deferred_interrupt,
    private_randomness,
    randomness,
    restore_randomness,
)
from graphurl.training.schedule import OPTIMISERS, Schedule, optimiser

PRECISIONS = ("float32", "bfloat16")


@dataclass(frozen=True)
class Settings:
    """How to train.

    Attributes:
        epochs: Passes over the draw.
        lr: Learning rate for a batch of 256; multiplied by batch/256 when `scale_lr`.
        batch: Batch size, for the scaling.
        scale_lr: Whether to scale.
        optimiser: adam, adamw or sgd.
        weight_decay: Weight decay.
        momentum: Momentum of sgd.
        schedule: constant, cosine, linear or step.
        warmup: Share of the run spent warming up.
        rounds: Cycles of the learning rate.
        clip: Largest gradient norm; 0 means no limit.
        precision: float32, or bfloat16 for the encoder under autocast.
        compile: Whether to compile the encoder.
        seed: Of all randomness of the run.
        checkpoint_seconds: Time between checkpoints.
    """

    epochs: int = 100
    lr: float = 1e-3
    batch: int = 256
    scale_lr: bool = False
    optimiser: str = "adam"
    weight_decay: float = 0.0
    momentum: float = 0.9
    schedule: str = "cosine"
    warmup: float = 0.05
    rounds: int = 1
    clip: float = 0.0
    precision: str = "float32"
    compile: bool = False
    seed: int = 0
    checkpoint_seconds: float = 20.0

    def __post_init__(self) -> None:
        """Refuses settings without a meaning."""
        if self.epochs < 0:
            raise InputError(f"epochs is {self.epochs}: give 0 (no training) or more")
        if not (self.lr > 0 and math.isfinite(self.lr)):
            raise InputError(f"lr is {self.lr}: the learning rate is a finite number above 0")
        for name in ("weight_decay", "clip", "momentum"):
            if not getattr(self, name) >= 0:
                raise InputError(f"{name} is {getattr(self, name)}: give 0 or more")
        if self.precision not in PRECISIONS:
            raise unknown("precision", self.precision, PRECISIONS)
        if self.optimiser not in OPTIMISERS:
            raise unknown("optimiser", self.optimiser, OPTIMISERS)
        Schedule(self.schedule, 1, self.warmup)  # refuses what is none

    @classmethod
    def of(cls, recipe: Choices) -> Settings:
        """The part of a recipe that the trainer reads."""
        return cls(
            epochs=recipe.epochs, lr=recipe.lr, batch=recipe.batch_size or 256, scale_lr=recipe.scale_lr,
            optimiser=recipe.optimiser, weight_decay=recipe.weight_decay, momentum=recipe.momentum,
            schedule=recipe.schedule, warmup=recipe.warmup, clip=recipe.clip, precision=recipe.precision,
            compile=recipe.compile, seed=recipe.seed, rounds=getattr(recipe, "rounds", 1),
        )  # fmt: skip

    @property
    def rate(self) -> float:
        """The learning rate in force."""
        return self.lr * self.batch / 256 if self.scale_lr else self.lr


@dataclass
class Trained:
    """How a run ended.

    Attributes:
        history: A record an epoch.
        status: finished, stopped (by a callback) or interrupted (by the user).
        seconds: Time spent in the loop, resumed parts included.
    """

    history: list[dict[str, Any]] = field(default_factory=list)
    status: Literal["finished", "stopped", "interrupted"] = "finished"
    seconds: float = 0.0


class Trainer:
    """Repeats: draw a batch, compare, step.

    Where several processes share the objective, each of them runs this loop in step with the others: they draw the
    same batches, embed a part of each, and take the same decisions. The first alone writes checkpoints.

    Args:
        settings: How to train.
        device: Where to.
        callbacks: Called at the end of each epoch; True ends the run.
        checkpoint: File to write checkpoints to, and to resume from.
        threads: Most CPU threads to train with; absent means as many as torch is set to.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        device: torch.device | str = "cpu",
        callbacks: Sequence[Callback] = (),
        checkpoint: Path | None = None,
        threads: int | None = None,
    ) -> None:
        """Only stores."""
        self.settings = settings
        self.device = torch.device(device)
        self.callbacks = list(callbacks)
        self.checkpoint = checkpoint
        self.threads = threads

    def fit(self, objective: Objective, *, resume: bool = False) -> Trained:
        """Trains an objective in place.

        The global random state is what it was before the call: layers that draw from it (dropout) see a
        private stream that is checkpointed with everything else.

        Args:
            objective: What to train.
            resume: Go on from the checkpoint.

        Returns:
            History and status. After an interrupt (Ctrl-C) the objective holds the model so far.
        """
        try:
            with private_randomness(self.settings.seed, self.device), at_most_threads(self.threads):
                return self._fit(objective.to(self.device), resume)
        finally:
            objective.eval()

    def _fit(self, objective: Objective, resume: bool) -> Trained:
        settings, steps, ranks = self.settings, objective.steps, objective.ranks
        weights = [w for w in objective.parameters() if w.requires_grad]
        stepper = optimiser(settings.optimiser, weights, settings.rate, settings.weight_decay, settings.momentum)
        schedule = Schedule(settings.schedule, max(1, settings.epochs * steps), settings.warmup, settings.rounds)
        generator = torch.Generator().manual_seed(settings.seed)
        run, step, running = Trained(), 0, 0.0
        share_weights(objective, ranks)
        there = resume and self.checkpoint is not None and self.checkpoint.exists()
        ranks.require_alike("checkpoints", "one to go on from" if there else "none")
        if there:
            assert self.checkpoint is not None
            random, meta = load_checkpoint(self.checkpoint, objective, stepper)
            restore_randomness(random, generator, self.device)
            self._require_same(meta["settings"], steps)
            run = Trained(history=meta["history"], seconds=meta["seconds"])
            run.status = "stopped" if meta["status"] == "stopped" else "finished"
            step, running = meta["step"], meta["running"]
        if settings.compile:
            objective.encoder.compile()
        compare = averaged(objective, ranks) if step < settings.epochs * steps else objective
        objective.train()
        began = time.perf_counter() - run.seconds

        def keep() -> None:
            # A finite loss says nothing of the step that followed it: weights that are broken are never kept.
            if not all(bool(torch.isfinite(w).all()) for w in weights):
                raise RunError(self._diagnosis(objective, "the weights broke", step - 1))
            if self.checkpoint is not None and ranks.first:
                meta = {"step": step, "running": running, "history": run.history, "status": run.status}
                meta |= {"seconds": time.perf_counter() - began, "settings": self._identity(steps)}
                save_checkpoint(self.checkpoint, objective, stepper, randomness(generator, self.device), meta)

        kept = time.perf_counter()
        with deferred_interrupt() as interrupted:
            while step < settings.epochs * steps and run.status != "stopped":
                if ranks.any(interrupted()):
                    run.status = "interrupted"
                    break
                z, loss = self._step(objective, compare, weights, stepper, schedule, generator, step)
                step, running = step + 1, running + loss
                if step % steps == 0:
                    epoch = step // steps
                    record = {
                        "epoch": epoch, "loss": running / steps,
                        "lr": stepper.param_groups[0]["lr"], "seconds": round(time.perf_counter() - began, 3),
                    }  # fmt: skip
                    run.history.append(record)
                    running = 0.0
                    moment = Moment(epoch, settings.epochs, record, z, run.history)
                    # Every callback sees every epoch: no short cut through any().
                    if ranks.any(any([bool(callback(moment)) for callback in self.callbacks])):
                        run.status = "stopped"
                        break
                if time.perf_counter() - kept > settings.checkpoint_seconds:
                    keep()
                    kept = time.perf_counter()
        keep()
        run.seconds = time.perf_counter() - began
        return run

    def _step(
        self,
        objective: Objective,
        compare: Callable[..., tuple[Tensor, dict[str, float]]],
        weights: list[torch.nn.Parameter],
        stepper: torch.optim.Optimizer,
        schedule: Schedule,
        generator: torch.Generator,
        step: int,
    ) -> tuple[Tensor, float]:
        """One batch: forward, backward, step. Returns the batch's embeddings and the loss."""
        settings, ranks = self.settings, objective.ranks
        if ranks.size > 1:  # processes drop other units; from the step alone, so that a resumed run drops the same
            torch.manual_seed((settings.seed + step * ranks.size + ranks.rank) % 2**63)
        batch = objective.draw(generator).to(self.device)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=settings.precision == "bfloat16"):
            loss, _ = compare(batch, step / max(1, settings.epochs * objective.steps))
        value = loss.item()
        if not math.isfinite(value):
            raise RunError(self._diagnosis(objective, f"the loss became {value}", step))
        for group in stepper.param_groups:
            group["lr"] = settings.rate * schedule.factor(step)
        stepper.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        if settings.clip > 0:
            torch.nn.utils.clip_grad_norm_(weights, settings.clip)
        stepper.step()
        return objective.after_step(), value

    def _identity(self, steps: int) -> dict[str, Any]:
        """What has to be the same for a run to go on as if it had not stopped."""
        return {"steps": steps, **asdict(replace(self.settings, checkpoint_seconds=0))}

    def _require_same(self, before: dict[str, Any], steps: int) -> None:
        now = self._identity(steps)
        differing = [f"{key} (was {before.get(key)}, now {now[key]})" for key in now if before.get(key) != now[key]]
        if differing:
            raise InputError(
                f"{self.checkpoint} was begun with other settings: {', '.join(differing)}: "
                "resume with those, or delete it and train again"
            )

    def _diagnosis(self, objective: Objective, event: str, step: int) -> str:
        """Says where a run went wrong, and what most likely did it."""
        broken = [name for name, w in objective.named_parameters() if not (w.abs() < 1e15).all()]
        cause = (
            f"the weights {broken[0]} are not finite or huge, so the last step was too large: lower lr or set clip"
            if broken
            else "the weights are finite, so the data or the similarity are not: check the input and sigma"
        )
        there = self.checkpoint is not None and self.checkpoint.exists()
        kept = f"; the last good checkpoint is {self.checkpoint}" if there else ""
        epoch, batch = step // objective.steps + 1, step % objective.steps + 1
        return f"{event} in epoch {epoch}, batch {batch}: {cause}{kept}"
