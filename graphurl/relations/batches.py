"""Draws from a graph: the full batch, and edges in proportion to p with unbiased pair weights."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from graphurl.errors import InputError
from graphurl.functional.mapped import row_blocks
from graphurl.functional.sparse import csr_matrix, entries, entry_blocks, near_order, permuted
from graphurl.functional.undirected import pairs_of
from graphurl.graphs.graph import Graph
from graphurl.relations.relation import Batch, Feed

#: A draw adds up at most so many edges itself; a divisor of the numbers of a block.
EVERY = 128
#: From this many nodes on it pays that those of an edge lie close to each other in memory.
ORDERED_FROM = 2**14


class FullBatch:
    """All nodes in every step, neighbours close together: the loss itself, without sampling.

    Args:
        graph: Similarity graph; its weights are p_X. Self-loops are not pairs and are ignored.
        feed: Makes encoder inputs of node numbers; what it samples it draws from the generator of the batch.
        far_weight: Weight of pairs with p = 0.
        columns: Nodes that are drawn anew in each step to stand for all in sums over all pairs; 0 for none.
    """

    def __init__(self, graph: Graph, feed: Feed, *, far_weight: float = 1.0, columns: int = 0) -> None:
        """Keeps p as a sparse matrix; the routes make blocks of it dense."""
        self.feed, self.far_weight, self.columns = feed, far_weight, columns
        self.total = total_weight(graph, far_weight)
        self.nodes = torch.arange(graph.num_nodes, device=graph.col.device)
        self.p = without_zeros(prescribed(graph))
        if len(self.nodes) > ORDERED_FROM and self.p.device.type == "cpu":
            self.nodes = near_order(self.p)
            self.p = permuted(self.p, self.nodes)
        self.pairs = pairs_of(self.p)

    @property
    def steps(self) -> int:
        """One step an epoch."""
        return 1

    def __call__(self, generator: torch.Generator) -> Batch:
        """All nodes; what a feed samples for them is sampled anew."""
        read = self.feed(self.nodes, generator)
        drawn = torch.randperm(len(self.nodes), generator=generator)[: self.columns] if self.columns else None
        return Batch(
            self.nodes, read, p=self.p, far_weight=self.far_weight, total=self.total, pairs=self.pairs, columns=drawn
        )


class EdgeBatches:
    """Edges drawn in proportion to p_X, the rest of the batch uniform nodes, and weights that undo the draw.

    A batch holds the two ends of m edges and f further nodes. All pairs of its nodes are compared. With c_u the number
    of times that node u was drawn, π_u = (Σ_v p_uv + Σ_v p_vu)/Σp its chance to be an end of one edge, N nodes and
    S = Σp, a pair u ≠ v is expected

        Λ_uv = m(m-1) π_u π_v + m (p_uv + p_vu)/S + m f (π_u + π_v)/N + f(f-1)/N²

    times, so Σ ℓ_uv c_u c_v / Λ_uv over the batch has the expectation Σ_{u≠v} ℓ_uv, for any ℓ: the
    balance heuristic of multiple importance sampling (Veach and Guibas 1995). No edge list is repeated in
    memory and no pair is left out, an isolated node included.

    Args:
        graph: Similarity graph; its weights are p_X. Self-loops are not pairs and are ignored.
        feed: Makes encoder inputs of node numbers; what it samples it draws from the generator of the batch.
        size: Number of draws in a batch, edge ends and further nodes together.
        edge_share: Share of the batch that is edge ends; two uniform nodes are kept even at 1.
        far_weight: Weight of pairs with p = 0 in the full loss.
    """

    def __init__(
        self, graph: Graph, feed: Feed, size: int, *, edge_share: float = 0.75, far_weight: float = 1.0
    ) -> None:
        """Prepares cumulative edge weights, one for every `EVERY` edges: the graph itself may lie in a file."""
        if size < 4:
            raise InputError(f"batch_size is {size}: sampled pairs need a batch of at least 4 nodes")
        if not 0 <= edge_share <= 1:
            raise InputError(f"edge_share is {edge_share}: give the share of a batch that is edge ends, from 0 to 1")
        self.num_nodes = graph.num_nodes
        self.feed, self.far_weight = feed, far_weight
        self.p = prescribed(graph)
        self.mass = _edges_and_mass(self.p)[1]
        # Two uniform nodes at least: without them a pair of isolated nodes is never drawn and the estimate biased.
        self.edges = min(int(size * edge_share), size - 2) // 2 if self.mass > 0 else 0
        self.others = size - 2 * self.edges
        self.total = total_weight(graph, far_weight)
        self._cumulative = _cumulative(self.p.values())
        self._end_chance = self._chances()
        self._position = torch.full((self.num_nodes,), -1, dtype=torch.int64)

    @property
    def steps(self) -> int:
        """Batches until as many nodes were drawn as there are."""
        return max(1, math.ceil(self.num_nodes / (2 * self.edges + self.others)))

    def __call__(self, generator: torch.Generator) -> Batch:
        """Draws edges and nodes and weighs all their pairs."""
        other = torch.randint(self.num_nodes, (self.others,), generator=generator)
        if self.edges:
            mark = torch.rand(self.edges, generator=generator, dtype=torch.float64) * self._cumulative[-1]
            edge = self._edge_at(mark)
            row = torch.searchsorted(self.p.crow_indices(), edge, right=True) - 1
            drawn = torch.cat([row, self.p.col_indices()[edge], other])
        else:
            drawn = other
        nodes, count = torch.unique(drawn, return_counts=True)
        p = self.block(nodes)
        weight = count[:, None] * count[None, :] / self.expected(nodes, p)
        weight = torch.where(p > 0, weight, self.far_weight * weight).float()
        weight.fill_diagonal_(0)
        return Batch(nodes, self.feed(nodes, generator), p=p, weight=weight, total=self.total)

    def _edge_at(self, mark: Tensor) -> Tensor:
        """The first edge up to which the edges weigh more than each mark."""
        value = self.p.values()
        start = (torch.searchsorted(self._cumulative, mark, right=True) - 1).clamp_max(len(self._cumulative) - 2)
        edge = start[:, None] * EVERY + torch.arange(EVERY)
        inside = edge < len(value)
        weight = value[edge.clamp_max(len(value) - 1)].double() * inside
        running = self._cumulative[start][:, None] + weight.cumsum(1)
        first = (running <= mark[:, None]).sum(dim=1).clamp_max(EVERY - 1)
        return edge.gather(1, first[:, None])[:, 0].clamp_max(len(value) - 1)

    def block(self, nodes: Tensor) -> Tensor:
        """Dense p of nodes × nodes, from the rows of the batch only."""
        col, value = self.p.col_indices(), self.p.values()
        row, entry = entries(self.p.crow_indices(), nodes)
        self._position[nodes] = torch.arange(len(nodes))
        place = self._position[col[entry]]
        self._position[nodes] = -1
        inside = place >= 0
        dense = value.new_zeros(len(nodes), len(nodes))
        dense[row[inside], place[inside]] = value[entry[inside]]
        return dense

    def expected(self, nodes: Tensor, p: Tensor) -> Tensor:
        """Λ: how often each pair of these nodes is expected in a batch."""
        m, f, n = self.edges, self.others, self.num_nodes
        chance = self._end_chance[nodes]
        independent = m * (m - 1) * chance[:, None] * chance[None, :] + f * (f - 1) / n**2
        mixed = m * f / n * (chance[:, None] + chance[None, :])
        same_edge = m * (p + p.T).double() / self.mass if self.mass > 0 else torch.zeros_like(independent)
        return independent + mixed + same_edge

    def _chances(self) -> Tensor:
        """π_u = (row sum + column sum) / S."""
        ends = torch.zeros(self.num_nodes, dtype=torch.float64)
        col, value = self.p.col_indices(), self.p.values()
        for rows, edges in entry_blocks(self.p.crow_indices()):
            weight = value[edges].double()
            ends.index_add_(0, col[edges], weight).index_add_(0, rows, weight)
        return ends / max(self.mass, torch.finfo(torch.float64).tiny)


def prescribed(graph: Graph) -> Tensor:
    """p_X as a sparse CSR matrix without self-loops, in [0, 1]; shares the graph's memory where nothing changes."""
    graph = graph.without_self_loops()
    weight = torch.ones(graph.num_edges) if graph.weight is None else graph.weight
    if len(weight) and float(weight.max()) > 1:
        weight = weight.clamp(max=1.0)
    return csr_matrix(graph.crow, graph.col, weight, (graph.num_nodes, graph.num_nodes))


def _edges_and_mass(p: Tensor) -> tuple[int, float]:
    """Number of pairs with p > 0, and Σp."""
    parts = [p.values()[block] for block in row_blocks(p.values())]
    return sum(int((part > 0).sum()) for part in parts), sum(float(part.double().sum()) for part in parts)


def _cumulative(value: Tensor) -> Tensor:
    """Σ of the values before every `EVERY`-th one, and of all."""
    sums = [value.new_zeros(1, dtype=torch.float64)]
    for block in row_blocks(value):  # their length is a multiple of EVERY
        part = torch.nn.functional.pad(value[block].double(), (0, -(block.stop - block.start) % EVERY))
        # By a running sum, as a draw adds them up: no mark falls between the two roundings.
        sums.append(part.view(-1, EVERY).cumsum(1)[:, -1])
    return torch.cat(sums).cumsum(0)


def without_zeros(p: Tensor) -> Tensor:
    """The same matrix without entries of 0: what underflowed is a far pair like any other."""
    kept = p.values() > 0
    if bool(kept.all()):
        return p
    before = torch.cat([kept.new_zeros(1, dtype=torch.int64), kept.cumsum(0)])
    return csr_matrix(before[p.crow_indices()], p.col_indices()[kept], p.values()[kept], (p.shape[0], p.shape[1]))


def total_weight(graph: Graph, far_weight: float) -> float:
    """Σ of pair weights of the full relation: edges once, all other ordered pairs `far_weight` times.

    Losses are divided by it, so it is 1 where no pair weighs anything.
    """
    n = graph.num_nodes
    edges, _ = _edges_and_mass(prescribed(graph))
    return edges + far_weight * (float(n) * (n - 1) - edges) or 1.0


def balanced_far_weight(graph: Graph, negatives: float) -> float:
    """The far weight at which all far pairs together weigh `negatives` times the mass of p.

    Far weight 1 is the plain sum over all pairs. There the far pairs outweigh the edges by N/k, which is what the
    formula says and seldom what a good embedding wants: UMAP's 5 negative samples an edge mean 5 here. A graph
    without any mass has nothing to balance and gets 1.
    """
    n, (edges, mass) = graph.num_nodes, _edges_and_mass(prescribed(graph))
    pairs = float(n) * (n - 1) - edges
    return min(1.0, negatives * mass / pairs) if pairs > 0 and mass > 0 else 1.0
