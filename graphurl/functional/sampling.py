"""Parts of a large graph around some nodes: sampled neighbourhoods, whole ones, or the edges among the nodes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from graphurl.errors import InputError
from graphurl.functional.mapped import row_blocks
from graphurl.functional.sparse import entries

#: The fanout that takes all neighbours.
ALL = -1


@dataclass(frozen=True)
class Subgraph:
    """Some nodes of a graph and some of the edges among them, numbered anew.

    Attributes:
        nodes: Number of each node in the whole graph, each once: the seeds in their order, then what each layer
            found, ascending.
        edge_index: Edges by place in `nodes`, 2 × E, source above target; messages pass from source to target.
        edge_id: Place of each edge in the whole graph's `col`, so that its weight can be looked up.
        seeds: How many of the first nodes were asked for.
    """

    nodes: Tensor
    edge_index: Tensor
    edge_id: Tensor
    seeds: int


class Sampler:
    """Takes subgraphs out of one graph, with memory for the numbers of its nodes that is set aside once.

    Not for several threads at a time: they would share that memory.

    Args:
        crow: Row starts, (N + 1,) int64. A row is a target.
        col: Sources that a row gathers from, (E,) int64; an edge that is there twice is two edges.
    """

    def __init__(self, crow: Tensor, col: Tensor) -> None:
        """Checks the graph once, O(E) time, and sets N numbers aside."""
        if len(crow) == 0 or int(crow[0]) != 0 or int(crow[-1]) != len(col):
            ends = f"runs from {int(crow[0])} to {int(crow[-1])}" if len(crow) else "is empty"
            raise InputError(
                f"crow {ends} for {len(col)} edges: row starts begin with 0 and end with the number of edges"
            )
        self.crow, self.col, self.num_nodes = crow, col, len(crow) - 1
        self._require_inside(col, "col")
        self._place = torch.full((self.num_nodes,), -1, dtype=torch.int64, device=crow.device)

    def neighbours(self, seeds: Tensor, fanouts: Sequence[int], generator: torch.Generator) -> Subgraph:
        """The seeds and what messages reach them from, layer by layer (GraphSAGE, Hamilton et al. 2017).

        In layer l every node v that layer l-1 was the first to find (before layer 1: every seed) takes

            S(v) ⊂ N(v),  |S(v)| = min(k_l, |N(v)|),  all such subsets equally likely,

        without replacement; N(v) holds the edges of row v. The rules are those of PyTorch Geometric's
        NeighborLoader: a node found again is not expanded again, and only edges that were drawn are there.
        With all neighbours in each of L layers, L layers of message passing give the seeds what they
        give on the whole graph, as far as no layer reads the degree of a *source*: the last layer's nodes
        come without their own neighbours.

        Time and memory are of the order of the sample, whatever the degrees: a hub's neighbours are not listed.

        Args:
            seeds: Node numbers, (B,) int64, each once.
            fanouts: k_1, …, k_L; -1 takes all neighbours.
            generator: Source of all randomness.

        Returns:
            The sampled subgraph.
        """
        self._require_nodes(seeds, "seeds")
        for fanout in fanouts:
            if fanout < ALL:
                raise InputError(f"a fanout is {fanout}: give how many neighbours to take, 0 or more, or {ALL} for all")
        sources, targets, edges = [seeds[:0]], [seeds[:0]], [seeds[:0]]
        with _Numbers(self._place) as numbers:
            numbers.add_once(seeds, "seeds")
            frontier, first = seeds, 0
            for fanout in fanouts:
                row, edge = draw_entries(self.crow, frontier, fanout, generator)
                source = self.col[edge]
                targets.append(first + row)
                first = numbers.count
                frontier = torch.unique(source[numbers.of(source) < 0])
                numbers.add(frontier)
                sources.append(numbers.of(source))
                edges.append(edge)
            nodes = torch.cat(numbers.parts)
        return Subgraph(nodes, torch.stack([torch.cat(sources), torch.cat(targets)]), torch.cat(edges), len(seeds))

    def induced(self, nodes: Tensor) -> Subgraph:
        """The nodes and all edges among them (the batches of ClusterGCN and GraphSAINT).

        Memory is of the order of the nodes' degrees together.

        Args:
            nodes: Node numbers, (B,) int64, each once.

        Returns:
            The subgraph, whose nodes are all seeds; edges row by row.
        """
        self._require_nodes(nodes, "nodes")
        with _Numbers(self._place) as numbers:
            numbers.add_once(nodes, "nodes")
            target, edge = entries(self.crow, nodes)
            source = numbers.of(self.col[edge])
        inside = source >= 0
        return Subgraph(nodes, torch.stack([source[inside], target[inside]]), edge[inside], len(nodes))

    def _require_nodes(self, nodes: Tensor, name: str) -> None:
        if nodes.dtype != torch.int64 or nodes.ndim != 1:
            raise InputError(
                f"{name} are {nodes.dtype} of shape {tuple(nodes.shape)}: give node numbers, (B,) of torch.int64"
            )
        self._require_inside(nodes, name)

    def _require_inside(self, nodes: Tensor, name: str) -> None:
        blocks = (nodes[part] for part in row_blocks(nodes))
        outside = next((n for n in (b[(b < 0) | (b >= self.num_nodes)] for b in blocks) if len(n)), nodes[:0])
        if len(outside):
            raise InputError(
                f"{name} has node {int(outside[0])} and the graph has {self.num_nodes} nodes: "
                "node numbers begin with 0 and stay below that"
            )


class _Numbers:
    """Places of nodes in the order in which they were added; on leaving the memory is as before, errors included."""

    def __init__(self, place: Tensor) -> None:
        self._place = place
        self.parts: list[Tensor] = []
        self.count = 0

    def __enter__(self) -> _Numbers:
        return self

    def __exit__(self, *raised: object) -> None:
        for part in self.parts:
            self._place[part] = -1

    def add(self, nodes: Tensor) -> None:
        # Noted before it is written: an interrupt in between leaves nothing behind.
        self.parts.append(nodes)
        self._place[nodes] = torch.arange(self.count, self.count + len(nodes), device=nodes.device)
        self.count += len(nodes)

    def add_once(self, nodes: Tensor, name: str) -> None:
        self.add(nodes)
        # Of a node that is there twice one place wins.
        lost = nodes[self.of(nodes) != torch.arange(len(nodes), device=nodes.device)]
        if len(lost):
            raise InputError(f"{name} has node {int(lost[0])} more than once: give each node once")

    def of(self, nodes: Tensor) -> Tensor:
        """The places, -1 where there is none."""
        return self._place[nodes]


def sample_neighbours(
    crow: Tensor, col: Tensor, seeds: Tensor, fanouts: Sequence[int], generator: torch.Generator
) -> Subgraph:
    """`Sampler.neighbours` for a single call, O(N + E) time: who samples often keeps a `Sampler`."""
    return Sampler(crow, col).neighbours(seeds, fanouts, generator)


def induced_subgraph(crow: Tensor, col: Tensor, nodes: Tensor) -> Subgraph:
    """`Sampler.induced` for a single call, O(N + E) time."""
    return Sampler(crow, col).induced(nodes)


def draw_entries(crow: Tensor, rows: Tensor, count: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Positions of min(count, degree) entries of each row, drawn uniformly without replacement.

    Args:
        crow: Row starts.
        rows: Row numbers.
        count: How many entries of a row to take; -1 takes all.
        generator: Source of all randomness.

    Returns:
        For each entry, the place of its row in `rows` and its position in the column array: first the rows
        that are taken whole, then those that are drawn from.
    """
    if count == ALL:
        return entries(crow, rows)
    degree = crow[rows + 1] - crow[rows]
    whole, drawn = (degree <= count).nonzero()[:, 0], (degree > count).nonzero()[:, 0]
    place, position = entries(crow, rows[whole])
    offset = distinct(degree[drawn], count, generator)
    return (
        torch.cat([whole[place], drawn.repeat_interleave(count)]),
        torch.cat([position, (crow[rows[drawn]][:, None] + offset).reshape(-1)]),
    )


def distinct(size: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """`count` distinct numbers below each size, all subsets equally likely (Floyd; Bentley and Floyd 1987).

    For j = 0, …, k-1 a number t is drawn uniformly from 0, …, n-k+j, and t is taken if it is new, else n-k+j, which
    no earlier round could take. O(k²) comparisons a row and no memory for n, whereas random keys would need n.

    Args:
        size: n of each row, at least `count`.
        count: k.
        generator: Source of all randomness.

    Returns:
        The numbers, rows × k. The set is uniform, the order is not.
    """
    chance = torch.rand(count, len(size), generator=generator, dtype=torch.float64, device=generator.device)
    taken = size.new_empty(count, len(size))
    for j in range(count):
        last = size - count + j
        # In double precision chance < 1 keeps the product below n, and 2⁵³ marks are fine enough for any degree.
        mark = (chance[j].to(size.device) * (last + 1)).to(size.dtype)
        taken[j] = torch.where((taken[:j] == mark).any(dim=0), last, mark)
    return taken.T
