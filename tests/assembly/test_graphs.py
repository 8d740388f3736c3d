"""Runs on a graph: how batches reach the encoder, by the graph's size and the encoder's kind."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from graphurl.assembly import assemble
from graphurl.assembly import graphs as module
from graphurl.encoders.base import Inputs
from graphurl.errors import InputError
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
    monkeypatch.setattr(module, "PORTION", 16)
    parts = assemble(nodes(), recipe)
    feed = parts.objective.draw.feed  # type: ignore[attr-defined]
    assert isinstance(feed, SampledFeed)
    assert feed.fanouts == (4, 4)
    assert isinstance(parts.everything, Portions)
    assert [len(part.seeds) for part in parts.everything if part.seeds is not None] == [16, 16, 16, 2]


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
    assert [round(entry["loss"], 4) for entry in once.history] == [round(entry["loss"], 4) for entry in each.history]


def test_a_fanout_below_all_is_refused() -> None:
    with pytest.raises(InputError, match="fanout is -2: give -1 or more"):
        embed(nodes(), fanout=-2)
