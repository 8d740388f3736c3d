from __future__ import annotations

import numpy as np
import pytest
import torch

from graphurl.data import Samples, load
from graphurl.data.splits import check_disjoint
from graphurl.data.toy import ToyShape, toy_citation
from graphurl.errors import InputError


@pytest.fixture(scope="module")
def toy() -> Samples:
    return load("toy-citation")


def test_has_the_size_of_cora(toy: Samples) -> None:
    assert toy.x is not None
    assert toy.x.shape == (2708, 1433)
    assert set(toy.x.flatten().tolist()) == {0.0, 1.0}
    assert toy.graph is not None
    assert toy.graph.num_edges == 2 * 5300
    assert not (toy.graph.rows == toy.graph.col).any()
    assert toy.num_classes == 7
    masks = {name: int(mask.sum()) for name, mask in toy.splits.items()}
    assert masks == {"train": 140, "val": 500, "test": 1000}
    check_disjoint(toy.splits)
    assert toy.y is not None
    assert torch.bincount(toy.y[toy.splits["train"]]).tolist() == [20] * 7


def test_homophily_is_that_of_citation_graphs(toy: Samples) -> None:
    assert toy.graph is not None
    assert toy.y is not None
    same = (toy.y[toy.graph.rows] == toy.y[toy.graph.col]).float().mean()
    assert 0.785 < float(same) < 0.805


def test_is_always_the_same(toy: Samples, rng_untouched: None) -> None:
    again = load("toy-citation")
    assert toy.x is not None
    assert again.x is not None
    assert torch.equal(toy.x, again.x)
    assert again.graph == toy.graph
    assert torch.equal(toy.splits["test"], again.splits["test"])
    other = toy_citation(seed=1)
    assert other.graph != toy.graph


def test_words_need_the_graph(toy: Samples) -> None:
    """About 60 % from the words alone, about 80 % from words averaged over a few steps."""
    from sklearn.linear_model import LogisticRegression

    assert toy.x is not None
    assert toy.y is not None
    assert toy.graph is not None
    y, train, test = toy.y.numpy(), toy.splits["train"].numpy(), toy.splits["test"].numpy()
    rows, cols = toy.graph.rows.numpy(), toy.graph.col.numpy()
    scale = 1 / np.sqrt(1 + np.bincount(rows, minlength=len(toy)))
    x = toy.x.numpy()
    accuracy = []
    for _ in range(3):
        unit = x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-12)
        accuracy.append(
            LogisticRegression(max_iter=300).fit(unit[train], y[train]).score(unit[test], y[test])
        )
        mixed = x * scale[:, None] ** 2
        np.add.at(mixed, rows, (scale[rows] * scale[cols])[:, None] * x[cols])
        x = mixed
    assert 0.55 < accuracy[0] < 0.65
    assert 0.76 < accuracy[2] < 0.84


def test_small_and_impossible_shapes() -> None:
    small = toy_citation(ToyShape(papers=150, citations=300, vocabulary=100), split=(3, 20, 50))
    assert len(small) == 150
    with pytest.raises(InputError, match="10 papers"):
        toy_citation(ToyShape(papers=10, citations=20))
    with pytest.raises(InputError, match="50 citations"):
        toy_citation(ToyShape(papers=150, citations=50))
