"""Shortest paths: many sources at once, cut off by hops or by length."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from graphurl.errors import InputError, unknown
from graphurl.functional.distance import rows_in_budget
from graphurl.functional.sparse import entries
from graphurl.functional.symmetry import coalesce

METHODS = ("auto", "torch", "scipy")

# Sorting a grown pair costs about as much as relaxing this many edges.
_SORT_COST = 6


def shortest_paths(
    crow: Tensor,
    col: Tensor,
    length: Tensor | None,
    sources: Tensor,
    *,
    max_hops: int | None = None,
    max_length: float | None = None,
    method: str = "auto",
) -> Tensor:
    """Distance from some nodes to all nodes along directed edges.

    * ``torch``: sweeps over all edges for a batch of sources (Bellman-Ford), until nothing changes or the
      hops are used up. Runs on the device of the graph.
    * ``scipy``: Dijkstra, one source after the other, on the CPU. It knows no limit on hops.
    * ``auto``: torch on CUDA or with a limit on hops, else scipy, which was measured to be faster on a CPU
      (docs/results.md).

    Args:
        crow: Row starts, (N + 1,).
        col: Targets of the edges, (E,).
        length: Lengths of the edges, at least 0 (inf: no edge), or None for hops: every length 1.
        sources: Start nodes, (S,).
        max_hops: Only paths of at most so many edges.
        max_length: Only paths at most so long.
        method: One of ``METHODS``.

    Returns:
        Distances (S, N), 0 at the source itself, inf where no path leads.

    Raises:
        InputError: Negative lengths, an unknown method, or a limit that the method does not know.
    """
    if method not in METHODS:
        raise unknown("path method", method, METHODS)
    length = _checked(crow, col, length, max_hops, max_length)
    n = len(crow) - 1
    if len(sources) and not 0 <= int(sources.min()) <= int(sources.max()) < n:
        raise InputError(
            f"sources run from {int(sources.min())} to {int(sources.max())}: use nodes 0 to {n - 1}"
        )
    if method == "scipy" and max_hops is not None:
        raise InputError("method 'scipy' cannot limit hops: use method='torch', or max_length instead")
    if method == "auto":
        method = "torch" if length.is_cuda or max_hops is not None else "scipy"
    limit = math.inf if max_length is None else max_length
    if method == "scipy":
        return _dijkstra(crow, col, length, sources, limit)
    rows = torch.repeat_interleave(crow.diff())
    size = rows_in_budget(max(len(col), n), 3 * length.element_size())
    parts = [_sweeps(rows, col, length, part, n, max_hops, limit) for part in torch.split(sources, size)]
    return torch.cat(parts)


def sparse_shortest_paths(
    crow: Tensor,
    col: Tensor,
    length: Tensor | None,
    *,
    max_hops: int | None = None,
    max_length: float | None = None,
    chunk: int | None = None,
) -> tuple[Tensor, Tensor, Tensor]:
    """All pairs within reach, as a graph whose lengths are the shortest distances.

    Memory goes with the number of pairs within reach, not with N x N (which it becomes without a limit). A
    few hops are grown pair by pair from every source; where that would visit more than sweeps over all edges
    do, and without a limit on hops, chunks of sources go through ``shortest_paths``.

    Args:
        crow: Row starts, (N + 1,).
        col: Targets of the edges, (E,).
        length: Lengths of the edges, at least 0 (inf: no edge), or None for hops: every length 1.
        max_hops: Only paths of at most so many edges.
        max_length: Only paths at most so long.
        chunk: Sources that grow together.

    Returns:
        ``crow``, ``col`` and ``length`` of the new graph, columns sorted; a node is not its own neighbour.
    """
    length = _checked(crow, col, length, max_hops, max_length)
    n = len(crow) - 1
    limit = math.inf if max_length is None else max_length
    walks = math.inf if max_hops is None else _walks(crow, col, max_hops)
    grow = walks * _SORT_COST < len(col) * n
    size = chunk or (rows_in_budget(math.ceil(walks / max(n, 1)), 64) if grow else rows_in_budget(n, 32))
    parts: list[tuple[Tensor, Tensor, Tensor]] = []
    for start in range(0, n, size):
        sources = torch.arange(start, min(start + size, n), device=col.device)
        if grow and max_hops is not None:
            parts.append(_grown(crow, col, length, sources, max_hops, limit))
        else:
            near = shortest_paths(crow, col, length, sources, max_hops=max_hops, max_length=max_length)
            parts.append(_finite_pairs(near, sources))
    if not parts:
        return crow.clone(), col.new_empty(0), length.new_empty(0)
    rows, cols, lengths = (torch.cat(part) for part in zip(*parts, strict=True))
    counts = torch.bincount(rows, minlength=n)
    return torch.cat([counts.new_zeros(1), counts.cumsum(0)]), cols, lengths


def _checked(
    crow: Tensor, col: Tensor, length: Tensor | None, max_hops: int | None, max_length: float | None
) -> Tensor:
    if max_hops is not None and max_hops < 0:
        raise InputError(f"max_hops is {max_hops}: give 0 or more, or None for no limit")
    if max_length is not None and not max_length >= 0:
        raise InputError(f"max_length is {max_length}: give 0 or more, or None for no limit")
    if length is None:
        return torch.ones(len(col), device=col.device)
    if len(length) != len(col) or int(crow[-1]) != len(col):
        raise InputError(
            f"{len(col)} edges, {len(length)} lengths, rows up to {int(crow[-1])}: give one length per edge"
        )
    if len(length) and not bool((length >= 0).all()):
        raise InputError(f"edge lengths must be 0 or more, not {float(length.min()):g}: shift or square them")
    return length if length.dtype == torch.float64 else length.float()


def _sweeps(
    rows: Tensor, col: Tensor, length: Tensor, sources: Tensor, n: int, max_hops: int | None, limit: float
) -> Tensor:
    """Relaxes edges for all sources of a batch; after h sweeps every path of h edges is accounted for."""
    distance = length.new_full((n, len(sources)), math.inf)
    distance[sources, torch.arange(len(sources), device=sources.device)] = 0
    changed = torch.zeros(n, dtype=torch.bool, device=rows.device)
    changed[sources] = True
    for _ in range(n if max_hops is None else max_hops):
        # Only edges that leave a node with news can bring news.
        live = changed[rows].nonzero()[:, 0]
        reached = distance[rows[live]] + length[live, None]
        reached = reached.masked_fill_(reached > limit, math.inf)
        target = col[live, None].expand(-1, len(sources))
        shorter = distance.scatter_reduce(0, target, reached, "amin")
        changed = (shorter < distance).any(1)
        distance = shorter
        if not bool(changed.any()):
            break
    return distance.T.contiguous()


def _dijkstra(crow: Tensor, col: Tensor, length: Tensor, sources: Tensor, limit: float) -> Tensor:
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import dijkstra

    n = len(crow) - 1
    # Built from compressed rows, scipy keeps lengths of 0 as edges; from coordinates or dense it would not.
    parts = (length.double().cpu().numpy(), col.cpu().numpy(), crow.cpu().numpy())
    graph = csr_array(parts, shape=(n, n))
    size = rows_in_budget(n, 2 * 8)
    found = [
        torch.as_tensor(dijkstra(graph, indices=part.cpu().numpy(), limit=limit)).to(length)
        for part in torch.split(sources, size)
    ]
    return torch.cat(found)


def _finite_pairs(distance: Tensor, sources: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    reached = distance.isfinite().scatter_(1, sources[:, None], False)
    begin, end = reached.nonzero().unbind(1)
    return sources[begin], end, distance[reached]


def _walks(crow: Tensor, col: Tensor, hops: int) -> float:
    """Counts all walks of a number of edges: what growing pair by pair visits at most."""
    rows = torch.repeat_interleave(crow.diff())
    walks = torch.ones(len(crow) - 1, dtype=torch.float64, device=col.device)
    for _ in range(hops):
        walks = torch.zeros_like(walks).index_add(0, rows, walks[col])
    return float(walks.sum())


def _grown(
    crow: Tensor, col: Tensor, length: Tensor, sources: Tensor, max_hops: int, limit: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Pairs within reach of some sources, sorted by source and target."""
    n = len(crow) - 1
    start = torch.arange(len(sources), device=col.device)
    key, distance = start * n + sources, length.new_zeros(len(sources))
    front = key, distance
    for _ in range(max_hops):
        place, edge = entries(crow, front[0] % n)
        longer = front[1][place] + length[edge]
        near = (longer <= limit) & longer.isfinite()
        begin = front[0][place[near]].div(n, rounding_mode="floor")
        first, last, longer = coalesce(begin, col[edge[near]], longer[near], n, "min")
        front = _news(key, distance, first * n + last, longer)
        if not len(front[0]):
            break
        begin, end, distance = _with_news(key, distance, *front, n)
        key = begin * n + end
    begin, end = key.div(n, rounding_mode="floor"), key % n
    other = sources[begin] != end
    return sources[begin[other]], end[other], distance[other]


def _news(key: Tensor, distance: Tensor, found: Tensor, longer: Tensor) -> tuple[Tensor, Tensor]:
    """Keeps the found pairs that are new, or shorter than known. Keys are sorted."""
    at = torch.searchsorted(key, found).clamp(max=len(key) - 1)
    known = torch.where(key[at] == found, distance[at], math.inf)
    news = longer < known
    return found[news], longer[news]


def _with_news(
    key: Tensor, distance: Tensor, found: Tensor, longer: Tensor, n: int
) -> tuple[Tensor, Tensor, Tensor]:
    key, distance = torch.cat([key, found]), torch.cat([distance, longer])
    return coalesce(key.div(n, rounding_mode="floor"), key % n, distance, n, "min")
