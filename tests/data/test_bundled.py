from __future__ import annotations

import torch

from graphurl.data import load
from graphurl.data.splits import check_disjoint


def test_digits(rng_untouched: None) -> None:
    samples = load("digits")
    assert samples.x is not None
    assert samples.x.shape == (1797, 64)
    assert (samples.x.min().item(), samples.x.max().item()) == (0.0, 1.0)
    assert samples.shape == (1, 8, 8)
    assert {name: int(mask.sum()) for name, mask in samples.splits.items()} == {
        "train": 1078,
        "val": 360,
        "test": 359,
    }
    check_disjoint(samples.splits)
    assert torch.equal(samples.splits["train"], load("digits").splits["train"])


def test_karate() -> None:
    samples = load("karate")
    assert len(samples) == 34
    assert samples.x is None
    assert samples.graph is not None
    assert samples.graph.num_edges == 2 * 78
    assert samples.y is not None
    assert torch.bincount(samples.y).tolist() == [17, 17]
    assert samples.y[0] == 0
    assert samples.y[33] == 1
    assert samples.classes == ("Mr. Hi", "Officer")
