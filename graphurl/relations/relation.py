"""The one idea: every method compares a prescribed with an embedded similarity over rows × columns."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

import torch
from torch import Tensor, nn

from graphurl.encoders.base import Encoded, Inputs
from graphurl.functional.sparse import take_rows
from graphurl.functional.undirected import Pairs


@dataclass(frozen=True)
class Relation:
    """Two sets of embeddings and the similarity that is prescribed between them.

    Attributes:
        rows: Embeddings of the rows, R × d.
        cols: Embeddings of the columns, C × d; often the same tensor, or keys, a queue, centroids.
        p: Prescribed similarity, R × C, dense or sparse CSR (what is not listed is 0).
        weight: How often each pair counts, R × C; absent means `far_weight` for pairs with p = 0, else 1.
        far_weight: Weight of pairs with p = 0 where `weight` is absent.
        same: Row i and column i are the same sample, hence no pair.
        pairs: The entries of p, where it is sparse and symmetric and every entry is above 0 and no sample's own.
        columns: Some of the rows, which stand for all in sums over all pairs, (M,).
        left_out: Which pairs of the first C' ≤ C columns are no pairs, R × C' true or false: the other keys of
            MoCo's batch, an image's own embedding among columns. Takes the place of a matrix of weights.
        total: Σ of weights of the *full* relation that this one samples. Additive losses are divided by it, a
            constant, so the estimate stays unbiased. Absent means: divide by the weights present.
    """

    rows: Tensor
    cols: Tensor
    p: Tensor
    weight: Tensor | None = None
    far_weight: float = 1.0
    same: bool = False
    pairs: Pairs | None = None
    columns: Tensor | None = None
    left_out: Tensor | None = None
    total: float | None = None

    def block(self, start: int, stop: int) -> tuple[Tensor, Tensor | None]:
        """Dense (p, weight) of the rows from start to stop."""
        if self.p.layout == torch.strided:
            p = self.p[start:stop]
        else:
            p = take_rows(self.p, torch.arange(start, stop, device=self.p.device))
        if self.weight is not None:
            return p, self._without(self.weight[start:stop], start, stop)
        if not self.same and self.far_weight == 1 and self.left_out is None:
            return p, None
        weight = pair_weight(p, self.far_weight, start if self.same else None)
        return p, self._without(weight, start, stop)

    def _without(self, weight: Tensor, start: int, stop: int) -> Tensor:
        """The weights, 0 where a pair is left out."""
        if self.left_out is None:
            return weight
        kept = ~self.left_out[start:stop]
        width = kept.shape[1]
        return torch.cat([weight[:, :width] * kept, weight[:, width:]], dim=1)


@dataclass(frozen=True)
class Batch:
    """What one step works on.

    Attributes:
        nodes: Sample numbers, each once.
        inputs: What the encoder reads to embed them.
        p: Prescribed similarity of nodes × nodes, where the draw knows it (graphs do, views need not).
        weight: Pair weights of nodes × nodes; absent as in `Relation`.
        far_weight: As in `Relation`.
        total: As in `Relation`.
        pairs: As in `Relation`.
        columns: As in `Relation`.
        views: How many full-size views of each sample the inputs hold, view after view.
        notes: What else the draw knows, by name: label; partner and ratio of mixtures.
    """

    nodes: Tensor
    inputs: Inputs
    p: Tensor | None = None
    weight: Tensor | None = None
    far_weight: float = 1.0
    total: float | None = None
    pairs: Pairs | None = None
    columns: Tensor | None = None
    views: int = 1
    notes: Mapping[str, Tensor] = field(default_factory=dict)

    def to(self, device: torch.device) -> Batch:
        """The same batch on another device."""

        def move(tensor: Tensor | None) -> Tensor | None:
            return None if tensor is None else tensor.to(device, non_blocking=True)

        inputs, nodes = self.inputs.to(device), self.nodes.to(device)
        notes = {name: value.to(device) for name, value in self.notes.items()}
        pairs = None if self.pairs is None else self.pairs.to(device)
        return replace(
            self, nodes=nodes, inputs=inputs, p=move(self.p), weight=move(self.weight), pairs=pairs,
            columns=move(self.columns), notes=notes,
        )  # fmt: skip


class Draw(Protocol):
    """Where batches come from. All randomness lies in the generator, so that a run can resume.

    A draw that has a state beyond it (the order of an epoch) is an `nn.Module` that keeps it in buffers: the
    objective registers it, and it is checkpointed with all else.
    """

    @property
    def steps(self) -> int:
        """Number of batches in an epoch."""
        ...

    def __call__(self, generator: torch.Generator) -> Batch:
        """The next batch."""
        ...


#: Makes encoder inputs of sample numbers. What it samples, it draws from the generator: that of the draw.
Feed = Callable[[Tensor, torch.Generator], Inputs]


class Source(nn.Module):
    """Turns an encoded batch into a relation.

    A source owns the state that its relation needs (memory bank, queue, momentum encoder, centroids) as
    buffers or submodules, so that it is moved, checkpointed and restored without further code.
    """

    def relations(self, batch: Batch, out: Encoded, progress: float) -> tuple[Relation, ...]:
        """All relations of this batch; the term is the mean of their losses. By default the one of `relate`."""
        return (self.relate(batch, out, progress),)

    def relate(self, batch: Batch, out: Encoded, progress: float) -> Relation:
        """The relation of this batch, for a source that has one.

        Args:
            batch: The batch as drawn.
            out: What the encoder made of it.
            progress: Share of the training done, from 0 to 1.
        """
        raise NotImplementedError

    def compared(self, batch: Batch, encoded: Tensor) -> Tensor:
        """Those rows of anything encoded that the relation's rows are made of; by default all of them."""
        return encoded

    def after_step(self, batch: Batch, out: Encoded) -> None:
        """Updates state once the encoder's weights have moved: push keys, average weights, refresh a bank.

        Args:
            batch: The batch of the step.
            out: What the encoder and the term's head had made of it, without gradient.
        """


def pair_weight(p: Tensor, far_weight: float, diagonal: int | None) -> Tensor:
    """1 where p > 0, else `far_weight`; 0 on the diagonal that starts at column `diagonal`."""
    weight = torch.where(p > 0, torch.ones_like(p), torch.full_like(p, far_weight))
    if diagonal is not None:
        weight.diagonal(diagonal).zero_()
    return weight
