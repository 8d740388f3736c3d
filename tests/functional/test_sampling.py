"""Sampled neighbourhoods against walks along the rows, and the distribution that they are drawn from."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from itertools import combinations, pairwise
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from graphurl.errors import InputError
from graphurl.functional.sampling import Sampler, Subgraph, distinct, induced_subgraph, sample_neighbours


def gen(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def graph(n: int, edges: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Random rows: loops and multi-edges occur, and so do empty rows."""
    rows = torch.randint(n, (edges,), generator=gen(seed)).sort().values
    crow = torch.cat([torch.zeros(1, dtype=torch.int64), torch.bincount(rows, minlength=n).cumsum(0)])
    return crow, torch.randint(n, (edges,), generator=gen(seed + 1))


def star(rows: int, degree: int) -> tuple[Tensor, Tensor]:
    """Rows 0 … rows - 1 that all gather from the `degree` nodes after them, which have empty rows."""
    crow = torch.cat([torch.arange(rows + 1) * degree, torch.full((degree,), rows * degree)])
    return crow, torch.arange(rows, rows + degree).repeat(rows)


def rows_of(part: Subgraph) -> dict[int, list[tuple[int, int]]]:
    """For each target, the (source, edge) that it takes, all in the numbers of the whole graph."""
    taken = defaultdict(list)
    source, target = part.nodes[part.edge_index]
    for t, s, e in zip(target.tolist(), source.tolist(), part.edge_id.tolist(), strict=True):
        taken[t].append((s, e))
    return taken


CASES = {
    "n": st.integers(1, 12), "edges": st.integers(0, 60), "seed": st.integers(0, 30),
    "fanouts": st.lists(st.integers(-1, 5), max_size=3), "seeds": st.integers(0, 12),
}  # fmt: skip


@given(**CASES)
def test_each_node_takes_so_many_of_its_edges_and_none_is_expanded_twice(
    n: int, edges: int, seed: int, fanouts: list[int], seeds: int
) -> None:
    crow, col = graph(n, edges, seed)
    start = torch.randperm(n, generator=gen(seed))[:seeds]
    part = sample_neighbours(crow, col, start, fanouts, gen(seed))
    assert part.seeds == len(start)
    assert torch.equal(part.nodes[: part.seeds], start)
    assert len(set(part.nodes.tolist())) == len(part.nodes)
    taken, known = rows_of(part), part.nodes[: part.seeds].tolist()
    frontier = list(known)
    for fanout in fanouts:
        found = set()
        for node in frontier:
            row = range(int(crow[node]), int(crow[node + 1]))
            chosen = taken.pop(node, [])
            assert len(chosen) == len({e for _, e in chosen}) == (len(row) if fanout < 0 else min(fanout, len(row)))
            assert all(e in row and int(col[e]) == s for s, e in chosen)
            found |= {s for s, _ in chosen}
        frontier = sorted(found - set(known))
        known += frontier
    assert part.nodes.tolist() == known
    assert not taken, "a node of the last layer, or one found again, was expanded"


@given(n=CASES["n"], edges=CASES["edges"], seed=CASES["seed"], layers=st.integers(0, 4))
def test_all_neighbours_are_the_neighbourhood_of_so_many_hops(n: int, edges: int, seed: int, layers: int) -> None:
    crow, col = graph(n, edges, seed)
    start = torch.randperm(n, generator=gen(seed))[: 1 + n // 4]
    part = sample_neighbours(crow, col, start, [-1] * layers, gen())
    reached, inner = set(start.tolist()), set[int]()
    for _ in range(layers):
        inner = set(reached)
        reached |= {int(s) for v in inner for s in col[crow[v] : crow[v + 1]]}
    assert set(part.nodes.tolist()) == reached
    assert sorted(part.edge_id.tolist()) == sorted(e for v in inner for e in range(int(crow[v]), int(crow[v + 1])))


@given(n=CASES["n"], edges=CASES["edges"], seed=CASES["seed"], count=st.integers(0, 12))
def test_the_induced_subgraph_is_the_block_of_the_adjacency(n: int, edges: int, seed: int, count: int) -> None:
    crow, col = graph(n, edges, seed)
    nodes = torch.randperm(n, generator=gen(seed))[:count]
    part = induced_subgraph(crow, col, nodes)
    rows = torch.repeat_interleave(torch.arange(n), crow.diff())
    adjacency = torch.zeros(n, n, dtype=torch.int64).index_put_((rows, col), torch.ones(edges).long(), accumulate=True)
    block = torch.zeros(len(nodes), len(nodes), dtype=torch.int64)
    block.index_put_((part.edge_index[1], part.edge_index[0]), torch.ones(len(part.edge_id)).long(), accumulate=True)
    assert torch.equal(block, adjacency[nodes][:, nodes])
    assert torch.equal(nodes[part.edge_index], torch.stack([col[part.edge_id], rows[part.edge_id]]))
    assert torch.equal(part.nodes, nodes) and part.seeds == len(nodes)


def test_same_generator_same_sample_and_nothing_else_is_touched(rng_untouched: None) -> None:
    crow, col = graph(40, 400)
    kept, seeds = (crow.clone(), col.clone()), torch.tensor([7, 3, 11])
    sampler, generator = Sampler(crow, col), gen(5)
    first = [sampler.neighbours(seeds, (3, 2), generator) for _ in range(2)]
    sampler.induced(torch.arange(20))
    generator.manual_seed(5)
    again = [sampler.neighbours(seeds, (3, 2), generator) for _ in range(2)]
    for a, b in zip(first, again, strict=True):
        assert torch.equal(a.nodes, b.nodes) and torch.equal(a.edge_id, b.edge_id)
        assert torch.equal(a.edge_index, b.edge_index)
    assert not torch.equal(first[0].edge_id, first[1].edge_id)
    assert torch.equal(crow, kept[0]) and torch.equal(col, kept[1]) and seeds.tolist() == [7, 3, 11]


def test_multi_edges_stay_apart_and_isolated_nodes_stay_alone() -> None:
    crow, col = torch.tensor([0, 4, 4, 4]), torch.tensor([1, 1, 1, 0])
    part = sample_neighbours(crow, col, torch.tensor([0, 2]), (-1, -1), gen())
    assert part.nodes.tolist() == [0, 2, 1]
    assert part.edge_index.tolist() == [[2, 2, 2, 0], [0, 0, 0, 0]]
    assert part.edge_id.tolist() == [0, 1, 2, 3]
    alone = sample_neighbours(crow, col, torch.tensor([2]), (5, 5), gen())
    assert alone.nodes.tolist() == [2] and alone.edge_index.shape == (2, 0)


def test_no_seeds_give_nothing() -> None:
    part = sample_neighbours(*graph(5, 9), torch.empty(0, dtype=torch.int64), (2, -1), gen())
    assert part.nodes.shape == (0,) and part.edge_index.shape == (2, 0) and part.edge_id.shape == (0,)


# -- the distribution --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("degree", "fanout"), [(7, 3), (5, 4), (4, 1), (6, 5)])
def test_all_subsets_of_a_row_are_equally_likely(degree: int, fanout: int) -> None:
    rows = 20_000
    part = sample_neighbours(*star(rows, degree), torch.arange(rows), (fanout,), gen(1))
    chosen = [sorted(s for s, _ in row) for row in rows_of(part).values()]
    assert len(chosen) == rows
    for size in range(1, fanout + 1):
        counts = Counter(subset for row in chosen for subset in combinations(row, size))
        wanted = math.comb(degree, size)
        share = math.comb(fanout, size) / wanted
        assert len(counts) == wanted
        error = math.sqrt(rows * share * (1 - share))
        assert all(abs(count - rows * share) < 4.5 * error for count in counts.values()), (size, counts)
    assert chisquare(list(counts.values())).pvalue > 1e-3  # whole subsets: exactly one for each row


def test_rows_are_drawn_independently() -> None:
    part = sample_neighbours(*star(20_000, 3), torch.arange(20_000), (1,), gen(2))
    taken = rows_of(part)
    following = Counter(pairwise(taken[row][0][0] for row in range(20_000)))
    assert len(following) == 9
    assert chisquare(list(following.values())).pvalue > 1e-3


@given(size=st.lists(st.integers(3, 2**40), min_size=1, max_size=5), seed=st.integers(0, 50))
def test_distinct_numbers_of_any_range(size: list[int], seed: int) -> None:
    drawn = distinct(torch.tensor(size), 3, gen(seed))
    assert drawn.shape == (len(size), 3)
    assert all(len(set(row)) == 3 and min(row) >= 0 and max(row) < n
               for row, n in zip(drawn.tolist(), size, strict=True))  # fmt: skip


@pytest.mark.sparse
def test_nodes_are_in_the_sample_as_often_as_in_that_of_pytorch_geometric() -> None:
    from torch_geometric.data import Data
    from torch_geometric.loader import NeighborLoader

    n, draws, fanouts = 30, 3000, [3, 2]
    crow, col = graph(n, 200, seed=3)
    rows, seeds = torch.repeat_interleave(torch.arange(n), crow.diff()), torch.tensor([4, 9])
    sampler, generator = Sampler(crow, col), gen()
    counts, edges = torch.zeros(2, n), torch.zeros(2)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        for _ in range(draws):
            part = sampler.neighbours(seeds, fanouts, generator)
            # torch-sparse 0.6.18 favours the first entries of a row (rusty1s/pytorch_sparse, issue 385): they are
            # shuffled within their rows.
            order = (rows + torch.rand(len(rows), dtype=torch.float64)).argsort()
            data = Data(edge_index=torch.stack([col[order], rows]), num_nodes=n)
            batch = next(iter(NeighborLoader(data, fanouts, input_nodes=seeds, batch_size=2, is_sorted=True)))
            counts[0, part.nodes] += 1
            counts[1, batch.n_id] += 1
            edges += torch.tensor([len(part.edge_id), batch.edge_index.shape[1]])
    share = counts.mean(0) / draws
    error = (share * (1 - share) * 2 / draws).sqrt()
    assert bool(((counts[0] - counts[1]).abs() / draws <= 4.5 * error + 1e-9).all())
    assert float(edges[0] / edges[1]) == pytest.approx(1, abs=0.01)


# -- cost and refusals -------------------------------------------------------------------------------------------


class Largest(TorchDispatchMode):
    """Numbers in the largest tensor that was made."""

    numel = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        for made in result if isinstance(result, tuple) else (result,):
            self.numel = max(self.numel, made.numel() if isinstance(made, Tensor) else 0)
        return result


def test_a_hub_is_not_listed() -> None:
    crow = torch.tensor([0, 100_000, *[100_000] * 40])
    sampler = Sampler(crow, torch.arange(100_000) % 41)
    with Largest() as whole:
        sampler.neighbours(torch.tensor([0]), (-1,), gen())
    with Largest() as watch:
        part = sampler.neighbours(torch.tensor([0, 5]), (5, 5), gen())
    assert len(part.edge_id) == 5
    assert whole.numel >= 100_000 and watch.numel <= 41


def test_wrong_calls_are_refused_and_leave_no_trace() -> None:
    crow, col = graph(6, 20)
    sampler = Sampler(crow, col)
    for seeds, fanouts, message in [
        ([0, 6], (1,), "seeds has node 6 and the graph has 6 nodes"),
        ([-1], (1,), "seeds has node -1"),
        ([2, 4, 2], (1,), "seeds has node 2 more than once: give each node once"),
        ([0], (2, -2), "a fanout is -2: give how many neighbours to take, 0 or more, or -1 for all"),
        ([True, False], (1,), r"seeds are torch.bool of shape \(2,\): give node numbers"),
        ([[1]], (1,), r"seeds are torch.int64 of shape \(1, 1\)"),
    ]:  # fmt: skip
        with pytest.raises(InputError, match=message):
            sampler.neighbours(torch.tensor(seeds), fanouts, gen())
    with pytest.raises(InputError, match="nodes has node 3 more than once"):
        sampler.induced(torch.tensor([3, 3]))
    for wrong, ends in ((crow[:-1], "from 0 to 1."), (crow.clamp_min(1), "from 1 to 20"), (crow[:0], "empty")):
        with pytest.raises(InputError, match=f"crow .*{ends} .*: row starts begin with 0 and end with the number of"):
            Sampler(wrong, col)
    with pytest.raises(InputError, match="col has node 9"):
        Sampler(torch.tensor([0, 1]), torch.tensor([9]))
    seeds = torch.tensor([4, 2])
    part, fresh = (s.neighbours(seeds, (-1, -1), gen()) for s in (sampler, Sampler(crow, col)))
    assert torch.equal(part.nodes, fresh.nodes) and torch.equal(part.edge_index, fresh.edge_index)
