"""How far to smooth, and over which graph: found without labels, from edges that are held out.

A tenth of the edges is taken away and the features are smoothed over the rest. The more of the held-out edges such rows
find, the more they say of what joins nodes; too few hops leave noise in them, too many make all of them alike.

The rows are narrowed, brought to length 1, centred and whitened, so that no direction counts for its size alone: else a
direction that all rows share decides. A held-out edge (i, j) is compared by cosine with (i, j') for j' the end of
another edge, so that popular nodes are popular on both sides. The share of such pairs that it beats, in the mean, is
the area under the curve.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from graphurl.encoders.sgc import normalised_adjacency, propagated
from graphurl.graphs.graph import Graph
from graphurl.graphs.links import hold_out

#: Filters to choose from. S^16 is left out: it brings rows so near to each other that a classifier cannot read what
#: whitening still shows.
CANDIDATES = (*(("s2gc", hops) for hops in (0, 1, 2, 4, 8, 16)), *(("sgc", hops) for hops in (2, 4, 8)))
#: The filter where nothing is known. Others have to be better by so many standard errors, and so has a graph without
#: its last part.
USUAL, ERRORS, ERRORS_OF_GRAPH = ("s2gc", 8), 2.0, 1.0

Filter = tuple[str, int]
#: Share of the edges that is held out, edges that are ranked, and the most draws to reach that number.
SHARE, RANKED, DRAWS = 0.1, 20_000, 20
#: Fewest edges that a rule can be built on.
FEWEST = 50
#: Absent pairs that an edge is compared with.
ABSENT = 10
#: Columns that rows are narrowed to, and how many numbers they may hold.
WIDTH, NARROWEST, NUMBERS = 128, 8, 2**24
_POWERS = 3


@dataclass(frozen=True)
class Choice:
    """What was found.

    Attributes:
        filter: Name of the filter and number of hops.
        variant: Name of the graph they run over.
        auc: Area under the curve by graph and filter.
    """

    filter: Filter
    variant: str
    auc: Mapping[str, Mapping[str, float]]


def choose(
    x: Tensor,
    edges: Graph,
    variants: Mapping[str, Graph | None],
    candidates: Sequence[Filter] = CANDIDATES,
    seed: int = 0,
) -> Choice | None:
    """The filter, and the variant of the graph, whose smoothed rows find held-out edges best.

    What is within two standard errors of the best, edge by edge, counts as equal: then the filter nearest to
    `USUAL` is taken. The last variant is taken unless another is better by one. Where nothing tells edges from absent
    pairs, rows stay as they are.

    Args:
        x: Feature rows, dense or sparse.
        edges: Binary and symmetric; edges are held out of it.
        variants: By name what is added to the edges, or None.
        candidates: Filters and numbers of hops to choose from.
        seed: Draws edges and pairs.

    Returns:
        The choice; None where there are too few edges.
    """
    if edges.num_edges // 2 < FEWEST:
        return None
    ranks = edge_ranks(x, edges, variants, candidates, seed)
    auc = {
        name: {f"{filter} {hops}": float(won.mean()) for (filter, hops), won in found.items()}
        for name, found in ranks.items()
    }
    best = {name: nearest_best(found) for name, found in ranks.items()}
    chosen, *others = reversed(list(variants))
    for name in others:
        if clearly_above(ranks[name][best[name]], ranks[chosen][best[chosen]], ERRORS_OF_GRAPH):
            chosen = name
    informative = any(clearly_above(won, torch.full_like(won, 0.5), ERRORS) for won in ranks[chosen].values())
    none = next((each for each in candidates if each[1] == 0), None)
    if not informative and none is not None:
        return Choice(none, next(iter(variants)), auc)
    return Choice(best[chosen], chosen, auc)


def edge_ranks(
    x: Tensor, edges: Graph, variants: Mapping[str, Graph | None], candidates: Sequence[Filter], seed: int
) -> dict[str, dict[Filter, Tensor]]:
    """For each held-out edge the share of absent pairs that it beats, by variant and filter."""
    undirected = edges.num_edges // 2
    share = min(SHARE, RANKED / undirected)
    draws = max(1, min(DRAWS, round(RANKED / (share * undirected))))
    generator = torch.Generator().manual_seed(seed)
    found: dict[str, dict[Filter, list[Tensor]]] = {name: {each: [] for each in candidates} for name in variants}
    for draw in range(draws):
        rest, links = hold_out(edges, share, seed + draw)
        source, target = links.held
        others = torch.stack([target[torch.randperm(len(target), generator=generator)] for _ in range(ABSENT)])
        rows = narrowed(x, adjacency(rest), generator)
        for name, extra in variants.items():
            s = adjacency(rest if extra is None else rest + extra)
            for each, smooth in propagated(rows, s, candidates):
                found[name][each].append(wins(whitened(smooth), source, target, others))
    return {name: {each: torch.cat(parts) for each, parts in ranked.items()} for name, ranked in found.items()}


def wins(z: Tensor, source: Tensor, target: Tensor, others: Tensor) -> Tensor:
    """The share of other targets that are less similar to a source than its own; ties count half."""
    present = (z[source] * z[target]).sum(1)
    won = torch.zeros_like(present)
    for other in others:
        absent = (z[source] * z[other]).sum(1)
        won += (present > absent).float() + 0.5 * (present == absent).float()
    return won / len(others)


def whitened(rows: Tensor) -> Tensor:
    """Unit rows, centred, with all directions of equal variance, and of unit length again."""
    rows = nn.functional.normalize(rows, dim=1)
    rows = rows - rows.mean(0)
    variance, directions = torch.linalg.eigh((rows.T @ rows).double() / len(rows))
    # Below the square of what float32 resolves there is rounding, in rows that are all alike nothing else.
    kept = variance > max(1e-6 * float(variance[-1]), 1e-12)
    scale = torch.where(kept, variance.clamp_min(1e-12).rsqrt(), torch.zeros_like(variance))
    return nn.functional.normalize(rows @ (directions * scale).to(rows), dim=1)


def narrowed(x: Tensor, s: Tensor, generator: torch.Generator) -> Tensor:
    """Rows in their leading directions after two hops, which power iterations find without a wide dense matrix.

    Ten rows a column at least: whitened columns as many as rows would make all rows equally far from each other.
    """
    width = min(x.shape[1], max(NARROWEST, min(WIDTH, NUMBERS // len(x), len(x) // 10)))
    if width == x.shape[1]:
        return x.to_dense() if x.layout != torch.strided else x
    basis = torch.linalg.qr(torch.randn(x.shape[1], width, generator=generator)).Q
    for _ in range(_POWERS):
        rows = s @ (s @ (x @ basis))
        basis = torch.linalg.qr(((s @ (s @ (rows - rows.mean(0)))).T @ x).T).Q
    found: Tensor = x @ basis
    return found


def nearest_best(ranks: Mapping[Filter, Tensor]) -> Filter:
    """Of the filters that count as equal to the best the one nearest to the usual, in doublings of the hops."""
    best = max(ranks, key=lambda each: float(ranks[each].mean()))
    equal = [each for each, found in ranks.items() if not clearly_above(ranks[best], found, ERRORS)]
    return min(equal, key=lambda each: abs(math.log2(max(each[1], 0.5) / USUAL[1])) + 2 * (each[0] != USUAL[0]))


def clearly_above(first: Tensor, second: Tensor, errors: float) -> bool:
    """Whether the mean of the first is more than so many standard errors of the paired difference above the second."""
    difference = (first - second).double()
    error = float(difference.std()) / math.sqrt(len(difference))
    return float(difference.mean()) > errors * error


def adjacency(graph: Graph) -> Tensor:
    """S of a symmetric graph."""
    return normalised_adjacency(torch.stack([graph.rows, graph.col]), graph.weight, graph.num_nodes)
