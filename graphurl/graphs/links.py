"""Edges that are held out to be predicted: what is taken from a graph, and pairs that are none."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from graphurl.errors import InputError
from graphurl.graphs.algebra import edge_keys
from graphurl.graphs.graph import Graph
from graphurl.graphs.structure import is_symmetric


@dataclass(frozen=True, eq=False)
class Links:
    """Edges to be predicted.

    Attributes:
        held: The edges, 2 × m; of an undirected graph each once.
        known: The whole graph they were taken from: no pair of it counts as absent.
    """

    held: Tensor
    known: Graph

    def corrupted(self, sources: Tensor, generator: torch.Generator) -> Tensor:
        """For each source a random node that it has no edge to, itself left out, uniformly.

        Args:
            sources: Nodes, any shape, each with at least one other that is no neighbour.
            generator: Draws.
        """
        n, keys = self.known.num_nodes, edge_keys(self.known)
        flat = sources.reshape(-1)
        if bool((self.known.degree[flat] >= n - 1).any()):
            raise InputError("a node has an edge to every other: there is no absent edge to compare with")
        found = torch.randint(n, flat.shape, generator=generator)
        wrong = torch.arange(len(flat))
        while len(wrong):
            # What is an edge is drawn again: in a sparse graph that is one in many.
            key = flat[wrong] * n + found[wrong]
            place = torch.searchsorted(keys, key).clamp_max(max(0, len(keys) - 1))
            taken = (keys[place] == key) if len(keys) else torch.zeros_like(key, dtype=torch.bool)
            wrong = wrong[taken | (found[wrong] == flat[wrong])]
            found[wrong] = torch.randint(n, wrong.shape, generator=generator)
        return found.view(sources.shape)


def hold_out(graph: Graph, share: float, seed: int = 0) -> tuple[Graph, Links]:
    """Takes edges away, to be predicted from the others.

    Args:
        graph: A graph. Of one that holds both directions of every edge, both are taken.
        share: Share of the edges, above 0 and below 1.
        seed: Draws them.

    Returns:
        The rest of the graph with all its nodes, and what was taken. A node may become isolated.

    Raises:
        InputError: For a share that takes no edge or all.
    """
    undirected = is_symmetric(graph)
    rows, cols = graph.rows, graph.col
    countable = (rows < cols) if undirected else (rows != cols)
    edges = countable.nonzero()[:, 0]
    taken = round(share * len(edges))
    if not 0 < share < 1 or not 0 < taken < len(edges):
        raise InputError(
            f"links:{share:g} takes {taken} of {len(edges)} edges: give a share above 0 and below 1 "
            "that leaves some edges and takes some"
        )
    order = torch.randperm(len(edges), generator=torch.Generator().manual_seed(seed))
    held = edges[order[:taken]].sort().values
    gone = rows[held] * graph.num_nodes + cols[held]
    if undirected:
        gone = torch.cat([gone, cols[held] * graph.num_nodes + rows[held]])
    kept = ~torch.isin(edge_keys(graph), gone)
    length = None if graph.length is None else graph.length[kept]
    weight = None if graph.weight is None else graph.weight[kept]
    made = {"op": "hold_out", "share": share, "seed": seed, "of": [graph.provenance]}
    rest = graph.from_edges(rows[kept], cols[kept], graph.num_nodes, length, weight, graph.ids, made)
    return replace(rest, provenance=made), Links(torch.stack([rows[held], cols[held]]), graph)
