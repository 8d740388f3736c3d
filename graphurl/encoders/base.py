"""The contract between data and model: what an encoder reads and what it returns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal, NamedTuple

import torch
from torch import Tensor, nn

Needs = Literal["rows", "index", "graph", "pictures"]


@dataclass(frozen=True)
class Inputs:
    """What one call of an encoder reads.

    Attributes:
        x: Feature rows, images, views, or (for a table) row numbers.
        edge_index: Message-passing edges among the rows of x, 2 × E, source above target.
        edge_weight: One weight an edge.
        seeds: The rows whose embeddings are wanted, in this order; absent means all. A graph encoder reads
            more rows than it is asked for: the neighbours.
        more: Further stacks of pictures of another size (small crops), encoded after x; their embeddings follow.
        ahead: Whether what the encoder does without weights is done to x already (`Encoder.ahead`).
    """

    x: Tensor
    edge_index: Tensor | None = None
    edge_weight: Tensor | None = None
    seeds: Tensor | None = None
    more: tuple[Tensor, ...] = ()
    ahead: bool = False

    def pick(self, rows: Tensor) -> Tensor:
        """The wanted rows of something computed for all rows of x."""
        return rows if self.seeds is None else rows[self.seeds]

    def to(self, device: torch.device | str) -> Inputs:
        """The same inputs on another device."""

        def move(tensor: Tensor | None) -> Tensor | None:
            return None if tensor is None else tensor.to(device, non_blocking=True)

        more = tuple(stack.to(device, non_blocking=True) for stack in self.more)
        edges = move(self.edge_index), move(self.edge_weight)
        return Inputs(self.x.to(device), *edges, move(self.seeds), more, self.ahead)


class Encoded(NamedTuple):
    """What an encoder returns: embeddings, and the hidden layers' outputs from first to last."""

    z: Tensor
    hidden: tuple[Tensor, ...] = ()


class Encoder(nn.Module):
    """Places samples. Knows nothing of graphs' similarities, losses or tasks."""

    #: What the feed has to hand over: feature rows, row numbers, rows with edges, or pictures.
    needs: ClassVar[Needs] = "rows"
    #: Whether the encoder places rows it was not fitted on.
    inductive: ClassVar[bool] = True

    @property
    def reach(self) -> int | None:
        """From how many edges away a row is read, layer by layer; None where it has to see the graph as a whole."""
        return None

    def forward(self, inputs: Inputs) -> Encoded:
        """Embeds the wanted rows."""
        raise NotImplementedError

    def config(self) -> Mapping[str, object]:
        """Constructor arguments that rebuild the same shapes."""
        raise NotImplementedError

    def saved(self) -> dict[str, Tensor]:
        """All that a saved model needs: the state, and what checkpoints leave out since the data give it again."""
        return self.state_dict()

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        """Takes over what `saved` of the same shapes gave."""
        self.load_state_dict(dict(tensors))

    def ahead(self, inputs: Inputs) -> Inputs:
        """Inputs of all samples on which what needs no weights is done once and for all; by default nothing is.

        What comes back marked `ahead` is read row by row, without edges.
        """
        return inputs

    def start(self, inputs: Inputs, generator: torch.Generator) -> None:
        """Sets data-dependent starting weights; by default none are."""

    def learn(self, inputs: Inputs, targets: Tensor, generator: torch.Generator) -> None:
        """Sets weights that place rows where a teacher has them, if that needs no gradient; by default none are."""


class Plain(Encoder):
    """Any module that maps a tensor to a tensor, as an encoder.

    Args:
        module: The module; with several outputs hidden layers are not seen.
    """

    def __init__(self, module: nn.Module) -> None:
        """Keeps the module."""
        super().__init__()
        self.module = module

    def forward(self, inputs: Inputs) -> Encoded:
        """Embeds the rows of `inputs.x`, then those of the further stacks."""
        x = inputs.x.to_dense() if inputs.x.layout != torch.strided else inputs.x
        rows = self.module(x)
        if inputs.more:
            rows = torch.cat([rows, *(self.module(stack) for stack in inputs.more)])
        return Encoded(inputs.pick(rows))

    def config(self) -> Mapping[str, object]:
        """A foreign module cannot be rebuilt from plain values; its class is named for the record."""
        return {"module": type(self.module).__qualname__}


def as_encoder(module: nn.Module) -> Encoder:
    """Takes an encoder as it is and wraps any other module."""
    return module if isinstance(module, Encoder) else Plain(module)
