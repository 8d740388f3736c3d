"""Runs on a graph: how batches reach the encoder, by the graph's size and the encoder's kind."""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from graphurl import registry
from graphurl.assembly import assemble, message_edges
from graphurl.assembly import graphs as module
from graphurl.assembly.graphs import similarity_graph
from graphurl.data.samples import Samples
from graphurl.encoders.base import Inputs
from graphurl.errors import InputError
from graphurl.graphs.graph import Graph
from graphurl.recipes import Recipe
from graphurl.relations.batches import FullBatch
from graphurl.relations.feeds import GraphFeed, IndexFeed, Portions, RowFeed, SampledFeed
from tests.test_pipeline import embed, nodes

KINDS = {"mlp": RowFeed, "table": IndexFeed, "linear": RowFeed, "gcn": GraphFeed, "sage": GraphFeed, "gat": GraphFeed}


@pytest.mark.parametrize("encoder", KINDS)
def test_a_small_graph_is_encoded_whole_and_a_filter_once(encoder: str) -> None:
    recipe = embed(nodes(), encoder=encoder, dim=3, epochs=0).recipe
    parts = assemble(nodes(), recipe)
    feed = parts.objective.draw.feed  # type: ignore[attr-defined]
    assert type(feed) is KINDS[encoder]
    assert getattr(feed, "ahead", False) == (encoder == "linear")
    assert isinstance(parts.everything, Inputs)


@pytest.mark.parametrize("encoder", ["gcn", "sage", "gat"])
def test_a_large_graph_is_sampled(encoder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = embed(nodes(), encoder=encoder, dim=3, epochs=0, batch_size=20, fanout=4, depth=2).recipe
    monkeypatch.setattr(module, "FULL_BATCH", 40)
    monkeypatch.setattr(module, "PORTION", 65)
    parts = assemble(nodes(), recipe)
    feed = parts.objective.draw.feed  # type: ignore[attr-defined]
    assert isinstance(feed, SampledFeed)
    assert feed.fanouts == (4, 4)
    assert isinstance(parts.everything, Portions)
    assert parts.everything.size == 65
    monkeypatch.setattr(module, "BLOCK_NUMBERS", 100)
    few = assemble(nodes(100), recipe).everything
    assert isinstance(few, Portions)
    assert [len(part.seeds) for part in few if part.seeds is not None] == [64, 36]


def test_all_neighbours_train_as_the_whole_graph(monkeypatch: pytest.MonkeyPatch) -> None:
    """A mean over neighbours is exact, so both routes give the same run."""
    settings = {"encoder": "sage", "dim": 3, "batch_size": 20, "depth": 2, "fanout": -1}
    whole = embed(nodes(), **settings)
    monkeypatch.setattr(module, "FULL_BATCH", 40)
    monkeypatch.setattr(module, "PORTION", 16)
    sampled = embed(nodes(), **settings)
    np.testing.assert_allclose(sampled.z, whole.z, rtol=1e-3, atol=1e-4)
    few = embed(nodes(), **{**settings, "fanout": 1})
    assert np.abs(few.z - whole.z).max() > 1e-3
    assert np.array_equal(few.z, embed(nodes(), **{**settings, "fanout": 1}).z)


def test_a_filter_too_large_to_be_kept_is_run_in_every_step(monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = embed(nodes(), encoder="linear", dim=3, epochs=0, batch_size=20).recipe
    monkeypatch.setattr(module, "FULL_BATCH", 40)
    monkeypatch.setattr("graphurl.encoders.sgc.DENSE_NUMBERS", 0)
    feed = assemble(nodes(), recipe).objective.draw.feed  # type: ignore[attr-defined]
    assert isinstance(feed, GraphFeed)
    assert torch.equal(feed.x, assemble(nodes(), recipe).everything.x)  # type: ignore[union-attr]


def test_filtering_once_trains_as_filtering_in_every_step(monkeypatch: pytest.MonkeyPatch) -> None:
    once = embed(nodes(), encoder="linear", dim=3, batch_size=20)
    monkeypatch.setattr("graphurl.encoders.sgc.DENSE_NUMBERS", 0)
    each = embed(nodes(), encoder="linear", dim=3, batch_size=20)
    np.testing.assert_allclose(once.z, each.z, rtol=1e-3, atol=1e-4)
    losses = [[entry["loss"] for entry in run.history] for run in (once, each)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-3)


def test_a_fanout_below_all_is_refused() -> None:
    with pytest.raises(InputError, match="fanout is -2: give -1 or more"):
        embed(nodes(), fanout=-2)


def weighted(scale: float = 1.0) -> Samples:
    """A graph whose edges go one way, or two ways with two weights."""
    x = torch.rand(5, 3, generator=torch.Generator().manual_seed(0))
    weight = scale * torch.tensor([0.8, 0.2, 0.4, 0.1])
    return Samples("weighted", x, Graph.from_edges([0, 1, 1, 3], [1, 0, 2, 4], 5, weight=weight))


def prescribed(samples: Samples, **settings: Any) -> Tensor:
    recipe = Recipe(graph="citation", **settings)
    graph = module.similarity_graph(samples, samples.x, recipe)
    return torch.sparse_coo_tensor(torch.stack([graph.rows, graph.col]), graph.weight, (5, 5)).to_dense()


def test_weights_are_taken_as_they_are_up_to_one_and_divided_by_the_largest_above() -> None:
    expected = torch.zeros(5, 5)
    expected[[0, 1, 1, 3], [1, 0, 2, 4]] = torch.tensor([0.8, 0.2, 0.4, 0.1])
    assert torch.equal(prescribed(weighted()), expected)
    for scale in (5.0, 1000.0):
        torch.testing.assert_close(prescribed(weighted(scale)), expected / 0.8)
    handed = module.similarity_graph(weighted(), None, Recipe(), weighted(5.0).graph)
    assert handed.weight is not None
    torch.testing.assert_close(handed.weight, torch.tensor([1.0, 0.25, 0.5, 0.125]))


def test_edges_without_values_keep_their_direction_and_lengths_are_symmetrised() -> None:
    ends = [0, 1, 3], [1, 2, 4]
    one_way = torch.zeros(5, 5)
    one_way[ends] = 1
    samples = replace(weighted(), graph=Graph.from_edges(*ends, 5))
    assert torch.equal(prescribed(samples), one_way)
    long = replace(weighted(), graph=Graph.from_edges(*ends, 5, length=[1.0, 2.0, 3.0]))
    both = prescribed(long)
    assert torch.equal(both, both.T)
    assert torch.equal(prescribed(long, symmetrise="none") > 0, one_way > 0)


def test_messages_carry_the_weights_both_ways() -> None:
    samples = weighted(10.0)
    recipe = Recipe(message="citation+knn", n_neighbors=1, alpha=0.25)
    assert samples.x is not None
    edges, weight = message_edges(samples, samples.x, recipe)
    assert weight is not None
    found = torch.sparse_coo_tensor(edges, weight, (5, 5)).to_dense()
    expected = torch.zeros(5, 5)
    for u, v, w in [(0, 1, 1.0), (1, 2, 0.5), (3, 4, 0.125)]:
        expected[u, v] = expected[v, u] = w
    distance = torch.cdist(samples.x, samples.x).fill_diagonal_(torch.inf)
    near = torch.zeros(5, 5)
    near[torch.arange(5), distance.argmin(1)] = 0.25
    torch.testing.assert_close(found, expected + torch.maximum(near, near.T))
    bare = replace(samples, graph=Graph.from_edges([0, 1], [1, 0], 5))
    assert message_edges(bare, samples.x, recipe.but(message="citation"))[1] is None


@pytest.mark.parametrize("encoder", ["linear", "gcn", "sage", "gat"])
@pytest.mark.parametrize("sampled", [False, True])
def test_every_graph_encoder_reads_the_weights(
    encoder: str, sampled: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if sampled:
        monkeypatch.setattr(module, "FULL_BATCH", 4)
    samples = weighted()
    assert samples.graph is not None
    flat = replace(samples, graph=replace(samples.graph, weight=torch.ones(4)))
    settings = {"encoder": encoder, "dim": 2, "message": "citation", "fanout": -1, "epochs": 0}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        one, other = (embed(part, batch_size=4, **settings).z for part in (samples, flat))
    assert np.abs(one - other).max() > 1e-4


def test_all_pairs_of_free_coordinates_are_taken_whatever_their_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("graphurl.assembly.graphs.FULL_BATCH", 50)
    samples = Samples(name="rows", x=torch.randn(120, 6, generator=torch.Generator().manual_seed(0)))
    table = registry.resolve("recipes", "map").but(epochs=1)
    assert isinstance(assemble(samples, table).objective.draw, FullBatch)
    others: list[dict[str, object]] = [
        {"dim": 5}, {"over": "rows"}, {"encoder": "mlp"}, {"loss": "bce"}, {"metric_z": "cosine"},
    ]  # fmt: skip
    for changes in others:
        with pytest.raises(InputError, match="all pairs at once are offered up to 50"):
            assemble(samples, table.but(**changes))


def test_a_perplexity_gives_every_row_the_same_say() -> None:
    x = torch.randn(200, 6, generator=torch.Generator().manual_seed(0)) * torch.logspace(0, 1, 200)[:, None]
    samples = Samples(name="rows", x=x)
    table = registry.resolve("recipes", "map")
    graph = similarity_graph(samples, x, table.but(symmetrise="none"))
    assert graph.weight is not None
    sums = torch.zeros(200).index_add(0, graph.rows, graph.weight)
    torch.testing.assert_close(sums, torch.ones(200))
    entropy = torch.zeros(200).index_add(0, graph.rows, -torch.special.xlogy(graph.weight, graph.weight))
    assert float((entropy.exp() - 0.87 * 15).abs().median()) < 0.1
    four = similarity_graph(samples, x, table.but(symmetrise="none", perplexity=4.0))
    assert four.weight is not None
    entropy = torch.zeros(200).index_add(0, four.rows, -torch.special.xlogy(four.weight, four.weight))
    assert float((entropy.exp() - 4).abs().median()) < 0.1


def test_a_map_of_free_coordinates_keeps_clusters_apart() -> None:
    generator = torch.Generator().manual_seed(0)
    y = torch.arange(300) % 5
    x = 4 * torch.randn(5, 60, generator=generator)[y] + torch.randn(300, 60, generator=generator)
    z = embed(Samples(name="rows", x=x, y=y), method="map", epochs=150).z
    own = torch.cdist(torch.from_numpy(z), torch.from_numpy(z)).topk(6, largest=False).indices[:, 1:]
    assert float((y[own] == y[:, None]).float().mean()) > 0.98
