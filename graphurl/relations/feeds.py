"""Feeds: how sample numbers become what an encoder reads.

A feed draws from the generator that it is handed, or leaves it alone; it has no randomness of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from graphurl.encoders.base import Inputs
from graphurl.errors import InputError
from graphurl.functional.ranks import Ranks
from graphurl.functional.sampling import Sampler
from graphurl.functional.sparse import take_rows
from graphurl.relations.relation import Feed


@dataclass(frozen=True)
class RowFeed:
    """The samples' own rows, for encoders that look at nothing else; x may be sparse CSR.

    Attributes:
        x: Feature rows, or what an encoder made of them without weights.
        ahead: Whether it is the latter.
    """

    x: Tensor
    ahead: bool = False

    def __call__(self, nodes: Tensor, generator: torch.Generator) -> Inputs:
        """Feature rows of the nodes, dense."""
        return Inputs(take_rows(self.x, nodes), ahead=self.ahead)


@dataclass(frozen=True)
class IndexFeed:
    """Row numbers, for a table."""

    def __call__(self, nodes: Tensor, generator: torch.Generator) -> Inputs:
        """The node numbers themselves."""
        return Inputs(nodes)


@dataclass(frozen=True)
class GraphFeed:
    """All rows and all message-passing edges; the batch only picks rows of the result.

    The whole graph is encoded in every step: right for a graph of a few ten thousand nodes.
    """

    x: Tensor
    edge_index: Tensor
    edge_weight: Tensor | None = None

    def __call__(self, nodes: Tensor, generator: torch.Generator) -> Inputs:
        """The graph, with the nodes as seeds."""
        return Inputs(self.x, self.edge_index, self.edge_weight, seeds=nodes)


@dataclass(frozen=True)
class SampledFeed:
    """The nodes and a sample of what messages reach them from (GraphSAGE, Hamilton et al. 2017).

    Right for a graph of millions of nodes: a step costs what its sample holds, whatever the graph's size.

    With all neighbours of as many layers as the encoder has, a mean over neighbours (sage) and attention to them
    (gat) give what the whole graph gives; with fewer they estimate it. Normalisation is left to the encoder,
    as with the sampled batches of PyTorch Geometric: one that divides by degrees (gcn, linear: D^-½ (A + I) D^-½)
    takes those of the sample, and the outermost nodes come without neighbours of their own. One further
    layer of all neighbours makes those degrees, and the embeddings, the whole graph's.

    Attributes:
        x: Feature rows of all nodes, dense or sparse CSR.
        sampler: The message-passing graph; row v holds the sources that v gathers from.
        fanouts: How many neighbours a node takes, one number for each layer of the encoder, the seeds' first;
            -1 takes all.
        edge_weight: One weight for each entry of the sampler's `col`.
    """

    x: Tensor
    sampler: Sampler
    fanouts: tuple[int, ...]
    edge_weight: Tensor | None = None

    def __post_init__(self) -> None:
        """Refuses rows and weights of another graph."""
        if len(self.x) != self.sampler.num_nodes:
            raise InputError(
                f"x has {len(self.x)} rows and the graph has {self.sampler.num_nodes} nodes: give one row a node"
            )
        if self.edge_weight is not None and len(self.edge_weight) != len(self.sampler.col):
            raise InputError(
                f"edge_weight has {len(self.edge_weight)} entries and the graph has {len(self.sampler.col)} edges: "
                "give one weight an edge, or None"
            )

    def __call__(self, nodes: Tensor, generator: torch.Generator) -> Inputs:
        """Rows and edges of a sampled subgraph, with the nodes, its first rows, as seeds."""
        part = self.sampler.neighbours(nodes, self.fanouts, generator)
        weight = None if self.edge_weight is None else self.edge_weight[part.edge_id]
        seeds = torch.arange(part.seeds, device=nodes.device)
        return Inputs(take_rows(self.x, part.nodes), part.edge_index, weight, seeds=seeds)


@dataclass(frozen=True)
class OwnFeed:
    """Those nodes of a batch that this process embeds, where several processes share a run.

    Nodes are divided by their numbers, so that a process reads its own part of the rows and no other. What the feed
    samples differs from process to process; the generator of the draw, which has to stay the same in all, is not
    drawn from.

    Attributes:
        feed: Makes encoder inputs of node numbers.
        ranks: This process among all.
        num_nodes: Number of samples.
    """

    feed: Feed
    ranks: Ranks
    num_nodes: int

    def __call__(self, nodes: Tensor, generator: torch.Generator) -> Inputs:
        """Inputs of this process's nodes among those of the batch, which are in ascending order."""
        counts = self.ranks.counts(nodes, self.num_nodes)
        start = sum(counts[: self.ranks.rank])
        copy = torch.Generator()
        copy.set_state(generator.get_state())
        seed = int(torch.randint(2**62, (), generator=copy)) + self.ranks.rank
        return self.feed(nodes[start : start + counts[self.ranks.rank]], torch.Generator().manual_seed(seed))


@dataclass(frozen=True)
class Portions:
    """Inputs that embed all samples in order, some at a time, the same each time they are gone through.

    With a `SampledFeed` whose fanouts are all -1 nothing is sampled: a portion reads its whole neighbourhood.

    Attributes:
        feed: Makes encoder inputs of node numbers.
        num_nodes: Number of samples.
        size: Samples in a portion; the last one may be smaller.
        seed: What the feed's randomness starts from, in every pass.
        first: The first sample; earlier ones are left out.
    """

    feed: Feed
    num_nodes: int
    size: int
    seed: int = 0
    first: int = 0

    def __post_init__(self) -> None:
        """Refuses empty portions."""
        if self.size < 1:
            raise InputError(f"size is {self.size}: a portion has at least 1 sample")

    def __len__(self) -> int:
        """Number of portions."""
        return -(-(self.num_nodes - self.first) // self.size)

    def __iter__(self) -> Iterator[Inputs]:
        """Portions in order."""
        generator = torch.Generator().manual_seed(self.seed)
        for start in range(self.first, self.num_nodes, self.size):
            yield self.feed(torch.arange(start, min(start + self.size, self.num_nodes)), generator)

    def part(self, first: int, stop: int) -> Portions:
        """The samples from one number to another alone."""
        return replace(self, first=first, num_nodes=stop)
