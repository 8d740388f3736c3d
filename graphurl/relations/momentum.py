"""The slow copy of an encoder, and what predicts it: MoCo's key encoder, the targets of BYOL and SimSiam."""

from __future__ import annotations

import copy
import math

import torch
from torch import Tensor, nn

from graphurl.encoders.base import Encoded, Encoder, Inputs
from graphurl.errors import InputError
from graphurl.functional.sparse import indicator
from graphurl.relations.relation import Batch, Relation, Source
from graphurl.relations.views import Views, require_two


class Momentum(nn.Module):
    """θ' ← m θ' + (1 - m) θ after each step (He et al. 2020; Grill et al. 2020).

    The copy's normalisation layers see the batch as those of the original do, and keep statistics of their own.

    Args:
        encoder: The encoder that is trained.
        head: The head that is trained with it.
        momentum: m of the first step.
        rising: Let m rise to 1 over the run, along a cosine (BYOL).
        narrow: Run the copy in bfloat16 under autocast, as the original.
    """

    def __init__(
        self, encoder: Encoder, head: nn.Module, momentum: float, *, rising: bool = False, narrow: bool = False
    ) -> None:
        """Starts as an exact copy."""
        super().__init__()
        self.encoder = copy.deepcopy(encoder).requires_grad_(False)
        self.head = copy.deepcopy(head).requires_grad_(False)
        self.momentum, self.rising, self.narrow = momentum, rising, narrow
        # In a tuple, so that the originals are not registered as parts of the copy.
        self._followed = (encoder, head)

    @torch.no_grad()
    def forward(self, batch: Batch) -> Tensor:
        """Places the full-size views, V × n × d, without gradient."""
        full = batch.inputs.x[: batch.views * len(batch.nodes)]
        with torch.autocast(full.device.type, torch.bfloat16, enabled=self.narrow):
            features = self.encoder(Inputs(full)).z
        features = features.float() if features.dtype in (torch.bfloat16, torch.float16) else features
        with torch.autocast(full.device.type, enabled=False):
            z: Tensor = self.head(features)
        return z.view(batch.views, len(batch.nodes), -1)

    @torch.no_grad()
    def follow(self, progress: float) -> None:
        """Moves the copy a little towards the original; counters and statistics of layers are its own."""
        m = self.momentum
        if self.rising:
            m = 1 - (1 - m) * (math.cos(math.pi * progress) + 1) / 2
        for slow, fast in zip((self.encoder, self.head), self._followed, strict=True):
            for mine, other in zip(slow.parameters(), fast.parameters(), strict=True):
                mine.lerp_(other.to(mine), 1 - m)


class Targets(Source):
    """Predictions from one view against targets from another; no pair is pushed apart (BYOL, SimSiam).

    Args:
        predictor: Maps an embedding to a prediction of the target; trained with the encoder.
        slow: Makes the targets (BYOL); absent means the embeddings themselves, without gradient (SimSiam).
    """

    def __init__(self, predictor: nn.Module, slow: Momentum | None = None) -> None:
        """Registers predictor and copy."""
        super().__init__()
        self.predictor = predictor
        self.slow = slow
        self._progress = 0.0

    def relations(self, batch: Batch, out: Encoded, progress: float) -> tuple[Relation, ...]:
        """The identity, n × n, for each ordered pair of views."""
        self._progress = progress
        views = Views.of(batch, out.z)
        require_two(views)
        targets = views.full.detach() if self.slow is None else self.slow(batch)
        stack = views.all
        count, n, dim = stack.shape
        predicted = self.predictor(stack.reshape(count * n, dim)).view(count, n, -1)
        p = indicator(torch.arange(n, device=stack.device), n)
        return tuple(Relation(predicted[a], targets[b], p) for a, b in views.pairs())

    def after_step(self, batch: Batch, out: Encoded) -> None:
        """Lets the copy follow."""
        if self.slow is not None:
            self.slow.follow(self._progress)


class Queue(Source):
    """Views against the keys of another view and a queue of earlier keys (MoCo v2; with a t-kernel, t-MoCo).

    The queue starts empty and fills up, so no random vectors take part. Its length need not be a multiple of the
    batch: keys are written around its end.

    Args:
        slow: The key encoder.
        size: Number of keys remembered.
        dim: Dimension of a key.
        in_batch: Whether other pictures' keys of the same batch count as far pairs; in MoCo they do not.
    """

    keys: Tensor
    written: Tensor

    def __init__(self, slow: Momentum, size: int, dim: int, *, in_batch: bool = False) -> None:
        """Starts with an empty queue."""
        super().__init__()
        if size < 1:
            raise InputError(f"queue_size is {size}: give the number of keys to remember, 1 or more")
        self.slow, self.in_batch = slow, in_batch
        self.register_buffer("keys", torch.zeros(size, dim))
        self.register_buffer("written", torch.zeros((), dtype=torch.int64))
        self._fresh: Tensor | None = None
        self._progress = 0.0

    def relations(self, batch: Batch, out: Encoded, progress: float) -> tuple[Relation, ...]:
        """Views × (keys and queue), a relation for each view: its key is that of the next full-size view."""
        self._progress = progress
        views = Views.of(batch, out.z)
        require_two(views)
        fresh = self.slow(batch)
        self._fresh = fresh[0]
        remembered = self.keys[: min(int(self.written), len(self.keys))]
        n = fresh.shape[1]
        own = torch.arange(n, device=fresh.device)
        p = indicator(own, n + len(remembered))
        others = None if self.in_batch else ~torch.eye(n, dtype=torch.bool, device=fresh.device)
        return tuple(
            Relation(rows, torch.cat([fresh[(a + 1) % len(fresh)], remembered]), p, left_out=others)
            for a, rows in enumerate(views.all)
        )

    def after_step(self, batch: Batch, out: Encoded) -> None:
        """Lets the key encoder follow, and remembers the first view's keys, one for each picture."""
        self.slow.follow(self._progress)
        assert self._fresh is not None
        newest = self._fresh[-len(self.keys) :]
        place = (self.written + torch.arange(len(newest), device=newest.device)) % len(self.keys)
        self.keys[place] = newest.to(self.keys.dtype)
        self.written += len(newest)
