"""Draws from a graph: the full batch, and edges in proportion to p with unbiased pair weights."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from graphurl.errors import InputError
from graphurl.functional.sparse import csr_matrix, entries
from graphurl.graphs.graph import Graph
from graphurl.relations.relation import Batch, Feed


class FullBatch:
    """All nodes in every step: the loss itself, without sampling.

    Args:
        graph: Similarity graph; its weights are p_X. Self-loops are not pairs and are ignored.
        feed: Makes encoder inputs of node numbers; what it samples it draws from the generator of the batch.
        far_weight: Weight of pairs with p = 0.
    """

    def __init__(self, graph: Graph, feed: Feed, *, far_weight: float = 1.0) -> None:
        """Keeps p as a sparse matrix; the routes make blocks of it dense."""
        self.feed, self.far_weight = feed, far_weight
        self.total = total_weight(graph, far_weight)
        self.nodes = torch.arange(graph.num_nodes, device=graph.col.device)
        self.p = prescribed(graph)
        self.mutual = is_mutual(self.p)

    @property
    def steps(self) -> int:
        """One step an epoch."""
        return 1

    def __call__(self, generator: torch.Generator) -> Batch:
        """All nodes; what a feed samples for them is sampled anew."""
        read = self.feed(self.nodes, generator)
        return Batch(
            self.nodes, read, p=self.p, far_weight=self.far_weight, total=self.total, mutual=self.mutual
        )  # fmt: skip


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
        """Prepares the cumulative edge weights, O(edges) memory."""
        if size < 4:
            raise InputError(f"batch_size is {size}: sampled pairs need a batch of at least 4 nodes")
        if not 0 <= edge_share <= 1:
            raise InputError(f"edge_share is {edge_share}: give the share of a batch that is edge ends, from 0 to 1")
        self.num_nodes = graph.num_nodes
        self.feed, self.far_weight = feed, far_weight
        self.p = prescribed(graph)
        value = self.p.values()
        self.mass = float(value.double().sum())
        # Two uniform nodes at least: without them a pair of isolated nodes is never drawn and the estimate biased.
        self.edges = min(int(size * edge_share), size - 2) // 2 if self.mass > 0 else 0
        self.others = size - 2 * self.edges
        self.total = total_weight(graph, far_weight)
        self._cumulative = value.double().cumsum(0)
        self._row_of = self.p.crow_indices()
        self._end_chance = self._chances(value)
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
            edge = torch.searchsorted(self._cumulative, mark, right=True)
            edge = edge.clamp_max(len(self._cumulative) - 1)
            row = torch.searchsorted(self._row_of, edge, right=True) - 1
            drawn = torch.cat([row, self.p.col_indices()[edge], other])
        else:
            drawn = other
        nodes, count = torch.unique(drawn, return_counts=True)
        p = self.block(nodes)
        weight = count[:, None] * count[None, :] / self.expected(nodes, p)
        weight = torch.where(p > 0, weight, self.far_weight * weight).float()
        weight.fill_diagonal_(0)
        return Batch(nodes, self.feed(nodes, generator), p=p, weight=weight, total=self.total)

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

    def _chances(self, value: Tensor) -> Tensor:
        """π_u = (row sum + column sum) / S."""
        ends = torch.zeros(self.num_nodes, dtype=torch.float64)
        ends.index_add_(0, self.p.col_indices(), value.double())
        running = torch.cat([torch.zeros(1, dtype=torch.float64), self._cumulative])
        crow = self.p.crow_indices()
        ends += running[crow[1:]] - running[crow[:-1]]
        return ends / max(self.mass, torch.finfo(torch.float64).tiny)


def prescribed(graph: Graph) -> Tensor:
    """p_X as a sparse CSR matrix without self-loops, in (0, 1]: what underflowed to 0 is a far pair like any other."""
    weight = torch.ones(graph.num_edges) if graph.weight is None else graph.weight.float().clamp(max=1.0)
    rows = graph.rows
    keep = (rows != graph.col) & (weight > 0)
    if not bool(keep.all()):
        counts = torch.bincount(rows[keep], minlength=graph.num_nodes)
        crow = torch.cat([counts.new_zeros(1), counts.cumsum(0)])
        col, weight = graph.col[keep], weight[keep]
    else:
        crow, col = graph.crow, graph.col
    return csr_matrix(crow, col, weight, (graph.num_nodes, graph.num_nodes))


def is_mutual(p: Tensor) -> bool:
    """Whether a matrix of `prescribed` is symmetric."""
    crow, col, value = p.crow_indices(), p.col_indices(), p.values()
    row = torch.repeat_interleave(torch.arange(len(crow) - 1, device=crow.device), crow.diff())
    order = torch.argsort(col * (len(crow) - 1) + row)
    return bool((row[order] == col).all() and (col[order] == row).all() and (value[order] == value).all())


def total_weight(graph: Graph, far_weight: float) -> float:
    """Σ of pair weights of the full relation: edges once, all other ordered pairs `far_weight` times.

    Losses are divided by it, so it is 1 where no pair weighs anything.
    """
    n = graph.num_nodes
    p = prescribed(graph).values()
    edges = int((p > 0).sum())
    return edges + far_weight * (float(n) * (n - 1) - edges) or 1.0


def balanced_far_weight(graph: Graph, negatives: float) -> float:
    """The far weight at which all far pairs together weigh `negatives` times the mass of p.

    Far weight 1 is the plain sum over all pairs. There the far pairs outweigh the edges by N/k, which is what the
    formula says and seldom what a good embedding wants: UMAP's 5 negative samples an edge mean 5 here. A graph
    without any mass has nothing to balance and gets 1.
    """
    p = prescribed(graph).values()
    n, edges, mass = graph.num_nodes, int((p > 0).sum()), float(p.double().sum())
    pairs = float(n) * (n - 1) - edges
    return min(1.0, negatives * mass / pairs) if pairs > 0 and mass > 0 else 1.0
