"""What a graph may look like that is handed in, and what is refused with a way out."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
import torch
from torch_geometric.data import Data, HeteroData

import graphurl
from graphurl.errors import InputError

GENERATOR = torch.Generator().manual_seed(0)
X = (torch.rand(60, 20, generator=GENERATOR) < 0.2).float()
Y = torch.arange(60) % 3
EDGES = torch.randint(60, (2, 200), generator=GENERATOR)
NOTHING = torch.zeros(2, 0, dtype=torch.int64)
HALF = torch.cat([X[:30], torch.zeros(30, 20)])


def embedded(**parts: Any) -> graphurl.Embedding:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return graphurl.embed(Data(**parts), epochs=1, dim=8)


@pytest.mark.parametrize(
    "parts",
    [
        {"x": X, "edge_index": EDGES[:, (EDGES < 40).all(0)]},
        {"x": X, "edge_index": NOTHING},
        {"x": HALF, "edge_index": EDGES},
        {"x": HALF, "edge_index": NOTHING},
        {"x": X, "edge_index": torch.cat([EDGES, torch.arange(60).repeat(2, 1)], 1)},
        {"edge_index": EDGES, "num_nodes": 60},
    ],
    ids=["isolated nodes", "no edges", "rows of zeros", "rows of zeros without edges", "self-loops", "no features"],
)
def test_gaps_are_embedded(parts: dict[str, Any]) -> None:
    run = embedded(**parts, y=Y)
    assert run.z.shape == (60, 8)
    assert np.isfinite(run.z).all()
    assert len(np.unique(run.z, axis=0)) > 20


def test_an_edge_that_is_there_three_times_is_one_edge() -> None:
    once, thrice = embedded(x=X, edge_index=EDGES), embedded(x=X, edge_index=EDGES.repeat(1, 3))
    assert np.array_equal(once.z, thrice.z)


def test_a_class_that_no_training_node_has_is_never_answered() -> None:
    train, test = torch.zeros(60, dtype=torch.bool), torch.arange(60) >= 30
    train[:30] = Y[:30] < 2
    run = embedded(x=X, edge_index=EDGES, y=Y, train_mask=train, test_mask=test)
    assert 0 <= run.report()["linear_probe"] <= 2 / 3


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ({"x": X[:50], "edge_index": EDGES}, "nodes are 0 to 49"),
        ({"x": X, "edge_index": EDGES + 30}, "nodes are 0 to 59.*or drop the edge"),
        ({"x": X, "edge_index": EDGES - 1}, "count nodes from 0"),
        ({"x": X, "edge_index": EDGES.float()}, "node numbers are integers"),
        ({"x": X.where(X > 0, torch.nan), "edge_index": EDGES}, "NaN or Inf.*drop or fill"),
        ({"x": X, "edge_index": EDGES, "edge_attr": -torch.ones(200)}, "0 or more"),
    ],
)
def test_what_is_wrong_is_named(parts: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        embedded(**parts)


def test_a_heterogeneous_graph_is_refused_with_the_way_out() -> None:
    data = HeteroData()
    data["author"].x, data["paper"].x = X, X
    data["author", "writes", "paper"].edge_index = EDGES
    with pytest.raises(InputError, match="heterogeneous.*to_homogeneous"):
        graphurl.embed(data)
    whole = data.to_homogeneous()
    assert graphurl.embed(whole, epochs=1, dim=8).z.shape == (120, 8)
