from __future__ import annotations

import math
from typing import Any

import networkx
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from graphurl.errors import InputError
from graphurl.functional.paths import shortest_paths, sparse_shortest_paths
from graphurl.functional.symmetry import to_csr

Csr = tuple[Tensor, Tensor, Tensor]


def draw(seed: int, n: int = 12, edges: int = 30) -> Csr:
    """A directed graph with repeated edges, self-loops, lengths of 0 and of inf."""
    generator = torch.Generator().manual_seed(seed)
    rows, cols = torch.randint(n, (2, edges), generator=generator)
    length = torch.rand(edges, generator=generator, dtype=torch.float64)
    length[torch.rand(edges, generator=generator) < 0.2] = 0
    length[torch.rand(edges, generator=generator) < 0.05] = math.inf
    crow, col, order = to_csr(rows, cols, n)
    return crow, col, length[order]


def reference(graph: Csr, hops: int | None = None, limit: float = math.inf) -> Tensor:
    """Bellman's recursion on a dense matrix, in scalar float64."""
    crow, col, length = graph
    n = len(crow) - 1
    step = [[math.inf] * n for _ in range(n)]
    for i in range(n):
        for e in range(int(crow[i]), int(crow[i + 1])):
            step[i][int(col[e])] = min(step[i][int(col[e])], float(length[e]))
    best = [[0.0 if i == j else math.inf for j in range(n)] for i in range(n)]
    for _ in range(n if hops is None else hops):
        best = [
            [min(best[i][j], min(best[i][m] + step[m][j] for m in range(n))) for j in range(n)]
            for i in range(n)
        ]
    return torch.tensor([[d if d <= limit else math.inf for d in row] for row in best], dtype=torch.float64)


@pytest.mark.parametrize("method", ["torch", "scipy", "auto"])
@given(st.integers(0, 9999), st.sampled_from([math.inf, 0.0, 0.3, 0.9]))
def test_paths_are_bellmans_recursion(method: str, seed: int, limit: float) -> None:
    graph = draw(seed)
    found = shortest_paths(
        *graph, torch.arange(12), max_length=None if limit == math.inf else limit, method=method
    )
    assert torch.allclose(found, reference(graph, limit=limit))


@given(st.integers(0, 9999), st.integers(0, 4), st.sampled_from([math.inf, 0.5]))
def test_hops_are_limited_exactly(seed: int, hops: int, limit: float) -> None:
    graph = draw(seed)
    found = shortest_paths(*graph, torch.arange(12), max_hops=hops, max_length=limit)
    assert torch.allclose(found, reference(graph, hops, limit))


def test_as_networkx() -> None:
    graph = draw(1, 40, 150)
    crow, col, length = graph
    theirs: Any = networkx.DiGraph()
    theirs.add_nodes_from(range(40))
    for i in range(40):
        for e in range(int(crow[i]), int(crow[i + 1])):
            j, d = int(col[e]), float(length[e])
            if math.isfinite(d) and (not theirs.has_edge(i, j) or theirs[i][j]["weight"] > d):
                theirs.add_edge(i, j, weight=d)
    for cutoff in (None, 0.7):
        wanted = torch.full((40, 40), math.inf, dtype=torch.float64)
        for i, reached in networkx.all_pairs_dijkstra_path_length(theirs, cutoff=cutoff):
            for j, d in reached.items():
                wanted[i, j] = d
        for method in ("torch", "scipy"):
            found = shortest_paths(*graph, torch.arange(40), max_length=cutoff, method=method)
            assert torch.allclose(found, wanted)


@pytest.mark.parametrize("method", ["torch", "scipy"])
def test_sources_in_any_order_and_batch(method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    graph = draw(4)
    sources = torch.tensor([7, 0, 7, 3, 11])
    wanted = reference(graph)[sources]
    assert torch.allclose(shortest_paths(*graph, sources, method=method), wanted)
    monkeypatch.setattr("graphurl.functional.distance._CHUNK_BYTES", 1)
    assert torch.allclose(shortest_paths(*graph, sources, method=method), wanted)
    assert shortest_paths(*graph, sources[:0], method=method).shape == (0, 12)


@given(st.integers(0, 9999), st.sampled_from([None, 0, 1, 2, 3]), st.sampled_from([None, 0.5]))
def test_sparse_is_dense_without_the_rest(seed: int, hops: int | None, limit: float | None) -> None:
    graph = draw(seed, 12, 20)
    wanted = reference(graph, hops, math.inf if limit is None else limit)
    wanted.fill_diagonal_(math.inf)
    for chunk in (1, 5, None):
        crow, col, length = sparse_shortest_paths(*graph, max_hops=hops, max_length=limit, chunk=chunk)
        found = torch.full((12, 12), math.inf, dtype=torch.float64)
        for i in range(12):
            part = slice(int(crow[i]), int(crow[i + 1]))
            assert (col[part].diff() > 0).all()
            found[i, col[part]] = length[part]
        assert torch.allclose(found, wanted)


@pytest.mark.parametrize("cost", [0, math.inf])
def test_grown_pairs_are_as_sweeps(cost: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("graphurl.functional.paths._SORT_COST", cost)
    graph = draw(9, 30, 120)
    for hops in (0, 1, 3, 6):
        wanted = reference(graph, hops)
        crow, col, length = sparse_shortest_paths(*graph, max_hops=hops, chunk=7)
        rows = torch.repeat_interleave(crow.diff())
        assert torch.allclose(length, wanted[rows, col])
        assert len(col) == int(wanted.fill_diagonal_(math.inf).isfinite().sum())


def test_no_lengths_count_hops() -> None:
    crow, col = torch.tensor([0, 1, 2, 3, 3]), torch.tensor([1, 2, 3])
    assert shortest_paths(crow, col, None, torch.tensor([0])).tolist() == [[0, 1, 2, 3]]
    assert shortest_paths(crow, col, None, torch.tensor([0]), max_hops=2).tolist() == [[0, 1, 2, math.inf]]
    reach = sparse_shortest_paths(crow, col, None, max_hops=2)
    assert [part.tolist() for part in reach] == [[0, 2, 4, 5, 5], [1, 2, 2, 3, 3], [1, 2, 1, 2, 1]]


@pytest.mark.parametrize("method", ["torch", "scipy"])
def test_graphs_without_edges(method: str) -> None:
    none = torch.empty(0, dtype=torch.int64)
    found = shortest_paths(
        torch.zeros(3, dtype=torch.int64), none, torch.empty(0), torch.arange(2), method=method
    )
    assert found.tolist() == [[0, math.inf], [math.inf, 0]]
    nobody = shortest_paths(torch.zeros(1, dtype=torch.int64), none, None, none, method=method)
    assert nobody.shape == (0, 0)
    for n in (0, 2):
        crow, col, length = sparse_shortest_paths(
            torch.zeros(n + 1, dtype=torch.int64), none, None, max_hops=2
        )
        assert (crow.tolist(), len(col), len(length)) == ([0] * (n + 1), 0, 0)


def test_wrong_calls_are_refused() -> None:
    crow, col, length = draw(0)
    start = torch.tensor([0])
    with pytest.raises(InputError, match=r"must be 0 or more, not -1"):
        shortest_paths(crow, col, length - 1, start)
    with pytest.raises(InputError, match="must be 0 or more, not nan"):
        shortest_paths(crow, col, length * math.nan, start)
    with pytest.raises(InputError, match="one length per edge"):
        shortest_paths(crow, col, length[1:], start)
    with pytest.raises(InputError, match="cannot limit hops"):
        shortest_paths(crow, col, length, start, max_hops=2, method="scipy")
    with pytest.raises(InputError, match="unknown path method 'scpy': did you mean 'scipy'"):
        shortest_paths(crow, col, length, start, method="scpy")
    with pytest.raises(InputError, match="max_hops is -1"):
        sparse_shortest_paths(crow, col, length, max_hops=-1)
    with pytest.raises(InputError, match="max_length is -1"):
        sparse_shortest_paths(crow, col, length, max_length=-1.0)
    with pytest.raises(InputError, match="sources run from 12 to 12: use nodes 0 to 11"):
        shortest_paths(crow, col, length, torch.tensor([12]))


def test_inputs_are_left_alone(rng_untouched: None) -> None:
    graph = draw(2)
    before = [part.clone() for part in graph]
    shortest_paths(*graph, torch.arange(12), method="torch", max_length=0.5)
    shortest_paths(*graph, torch.arange(12), method="scipy")
    sparse_shortest_paths(*graph, max_hops=2)
    assert all(torch.equal(a, b) for a, b in zip(graph, before, strict=True))


@pytest.mark.gpu
def test_gpu_agrees() -> None:
    graph = draw(3, 100, 500)
    there: Any = [part.cuda() for part in graph]
    assert torch.allclose(shortest_paths(*there, torch.arange(100).cuda()).cpu(), reference(graph))
    for a, b in zip(
        sparse_shortest_paths(*graph, max_hops=2), sparse_shortest_paths(*there, max_hops=2), strict=True
    ):
        assert torch.allclose(a, b.cpu())
