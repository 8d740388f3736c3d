"""Feeds: each encoder gets what it reads, in the order of the nodes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from graphurl.encoders.base import Encoder, Inputs
from graphurl.encoders.gcn import GAT, GCN, SAGE
from graphurl.encoders.sgc import PropagatedLinear
from graphurl.errors import InputError
from graphurl.functional.sampling import Sampler
from graphurl.graphs.graph import Graph
from graphurl.model import Model
from graphurl.relations import EdgeBatches, FullBatch, GraphFeed, IndexFeed, RowFeed
from graphurl.relations.feeds import Portions, SampledFeed


def gen(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def features(n: int = 9) -> Tensor:
    x = torch.rand(n, 4, generator=gen())
    x[x < 0.5] = 0
    return x


def graph(n: int = 40, edges: int = 160) -> Graph:
    """An undirected graph with weights and some isolated nodes."""
    ends = torch.randint(n - 3, (2, edges), generator=gen(1))
    ends = ends[:, ends[0] != ends[1]]
    weight = torch.rand(ends.shape[1], generator=gen(2)) + 0.1
    return Graph.from_edges(*ends, n, weight=weight).symmetrise("max")


def sampled(fanouts: tuple[int, ...], *, weighted: bool = False) -> SampledFeed:
    g = graph()
    return SampledFeed(features(40), Sampler(g.crow, g.col), fanouts, g.weight if weighted else None)


def test_rows_in_order_and_repeats_dense_or_sparse() -> None:
    x, nodes = features(), torch.tensor([7, 0, 3, 3])
    for rows in (x, x.to_sparse_csr()):
        inputs = RowFeed(rows)(nodes, gen())
        assert inputs.x.layout == torch.strided
        assert torch.equal(inputs.x, x[nodes])
        assert inputs.seeds is None
        assert inputs.edge_index is None


def test_rows_are_a_copy() -> None:
    x = features()
    RowFeed(x)(torch.arange(9), gen()).x.zero_()
    assert torch.equal(x, features())


def test_index_hands_the_numbers_over() -> None:
    nodes = torch.tensor([5, 1])
    assert torch.equal(IndexFeed()(nodes, gen()).x, nodes)


def test_graph_hands_all_rows_over_and_the_nodes_as_seeds() -> None:
    x, edges, weight = features(), torch.tensor([[0, 1], [1, 2]]), torch.tensor([1.0, 0.5])
    inputs = GraphFeed(x, edges, weight)(torch.tensor([4, 2]), gen())
    assert inputs.x is x
    assert inputs.edge_index is edges
    assert inputs.edge_weight is weight
    assert torch.equal(inputs.pick(x), x[[4, 2]])
    assert GraphFeed(x, edges)(torch.tensor([0]), gen()).edge_weight is None


def test_feeds_that_sample_nothing_leave_the_generator_alone() -> None:
    x, generator = features(), gen(3)
    for feed in (RowFeed(x), IndexFeed(), GraphFeed(x, torch.zeros(2, 0, dtype=torch.int64))):
        feed(torch.tensor([1, 2]), generator)
    assert torch.equal(generator.get_state(), gen(3).get_state())


# -- sampled neighbourhoods ----------------------------------------------------------------------------------------


def test_a_sample_carries_the_rows_and_weights_of_the_graph(rng_untouched: None) -> None:
    g, x, nodes = graph(), features(40), torch.tensor([8, 0, 39, 2])
    weight = torch.zeros(40, 40).index_put_((g.rows, g.col), g.weight)  # type: ignore[arg-type]
    for rows in (x, x.to_sparse_csr()):
        feed = SampledFeed(rows, Sampler(g.crow, g.col), (2, 3), g.weight)
        inputs = feed(nodes, gen())
        part = feed.sampler.neighbours(nodes, (2, 3), gen())
        assert inputs.x.layout == torch.strided
        assert torch.equal(inputs.x, x[part.nodes])
        assert torch.equal(inputs.pick(part.nodes), nodes)
        source, target = part.nodes[part.edge_index]
        assert len(source) > 0
        assert torch.equal(inputs.edge_index, part.edge_index)  # type: ignore[arg-type]
        assert torch.equal(inputs.edge_weight, weight[target, source])  # type: ignore[arg-type]
    assert sampled((2,))(nodes, gen()).edge_weight is None


@pytest.mark.parametrize(
    ("make", "layers", "weighted"),
    [
        (lambda: SAGE(4, 3, hidden=8, depth=2), 2, False),
        (lambda: GAT(4, 3, hidden=8, depth=2), 2, False),
        (lambda: SAGE(4, 3, hidden=8, depth=3), 3, False),
        (lambda: GCN(4, 3, hidden=8, depth=2), 3, True),  # the further layer is for the degrees
        (lambda: PropagatedLinear(4, 3, hops=2), 3, True),
    ],
    ids=["sage", "gat", "sage of 3 layers", "gcn", "linear"],
)
def test_with_all_neighbours_the_seeds_get_what_the_whole_graph_gives(
    make: Callable[[], Encoder], layers: int, weighted: bool
) -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        encoder = make().eval()
    g, nodes = graph(), torch.tensor([8, 0, 39, 2])
    feed = sampled((-1,) * layers, weighted=weighted)
    whole = Inputs(feed.x, torch.stack([g.col, g.rows]), feed.edge_weight)
    inputs = feed(nodes, gen())
    assert len(inputs.x) < len(feed.x)
    expected = encoder(whole)
    found = encoder(inputs)
    torch.testing.assert_close(found.z, expected.z[nodes])
    # One layer fewer is too few, so the comparison can fail.
    fewer = encoder(replace(feed, fanouts=feed.fanouts[1:])(nodes, gen()))
    assert not torch.allclose(fewer.z, expected.z[nodes], atol=1e-4)


def test_the_generator_of_the_draw_is_all_randomness() -> None:
    feed = sampled((2, 2))
    for draw in (EdgeBatches(graph(), feed, 12), FullBatch(graph(), feed)):
        generator = gen(4)
        draw(generator)
        state = generator.get_state()
        first, other = draw(generator), draw(generator)
        again = draw(gen(4).set_state(state))
        for name in ("x", "edge_index", "seeds"):
            assert torch.equal(getattr(first.inputs, name), getattr(again.inputs, name))
        assert torch.equal(first.nodes, again.nodes)
        assert torch.equal(first.inputs.x[: len(first.nodes)], feed.x[first.nodes])
        assert not torch.equal(first.inputs.edge_index[:, :9], other.inputs.edge_index[:, :9])  # type: ignore[index]


def test_portions_embed_all_samples_in_order_and_the_same_in_each_pass(rng_untouched: None) -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        encoder = SAGE(4, 3, hidden=8, depth=2)
    g, feed = graph(), sampled((-1, -1))
    portions = Portions(feed, 40, 12)
    assert len(portions) == len(list(portions)) == 4
    assert [len(inputs.pick(inputs.x)) for inputs in portions] == [12, 12, 12, 4]
    model = Model("sage", encoder, None)
    z = model.place(portions)
    torch.testing.assert_close(z, model.place(Inputs(feed.x, torch.stack([g.col, g.rows]))))
    few = Portions(sampled((2, 2)), 40, 12)
    assert torch.equal(model.place(few), model.place(few))
    assert not torch.equal(model.place(few), model.place(replace(few, seed=1)))
    assert not torch.allclose(model.place(few), z)
    assert len(Portions(feed, 0, 5)) == len(list(Portions(feed, 0, 5))) == 0


def test_what_does_not_fit_the_graph_is_refused() -> None:
    sampler = Sampler(graph().crow, graph().col)
    with pytest.raises(InputError, match="x has 9 rows and the graph has 40 nodes: give one row a node"):
        SampledFeed(features(), sampler, (2,))
    with pytest.raises(InputError, match="edge_weight has 3 entries and the graph has .* edges: give one weight an"):
        SampledFeed(features(40), sampler, (2,), torch.ones(3))
    with pytest.raises(InputError, match="size is 0: a portion has at least 1 sample"):
        Portions(IndexFeed(), 40, 0)
