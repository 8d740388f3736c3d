"""A new point among its neighbours: on one cluster, not between two."""

from __future__ import annotations

import math

import torch

from graphurl.functional.interpolate import most_likely_place


def draw(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_it_is_where_the_pull_vanishes() -> None:
    """The reweighted mean is a stationary point of Σ w log(1 + |z - y|² / s²) at the last s, found by brute force."""
    distances = (1 + draw(4, 6).abs()).sort(1).values
    places = draw(4, 6, 2, seed=1) * 0.05 + draw(4, 1, 2, seed=2)
    places[:, 4:] += 50  # a third of the neighbours is far away
    found = most_likely_place(distances, places)
    weight = torch.exp(-((distances / distances[:, :1]) ** 2))
    near = weight[:, :4]
    centre = (near[..., None] * places[:, :4]).sum(1) / near.sum(1, keepdim=True)
    mean = (weight[..., None] * places).sum(1) / weight.sum(1, keepdim=True)
    assert (found - centre).norm(dim=1).max() < 0.1
    assert (mean - centre).norm(dim=1).min() > 1


def test_one_neighbour_pulls_alone_where_nothing_is_nearer_than_it() -> None:
    places = draw(3, 5, 2)
    distances = torch.tensor([[0.0, 1, 2, 3, 4], [1e-9, 1, 2, 3, 4], [0.0, 0.0, 1, 2, 3]], dtype=torch.float64)
    found = most_likely_place(distances, places)
    assert torch.equal(found[0], places[0, 0])
    assert torch.equal(found[1], places[1, 0])
    torch.testing.assert_close(found[2], places[2, :2].mean(0), atol=0.5, rtol=0)


def test_nothing_but_numbers_comes_out() -> None:
    alike = [torch.full((1, 3), value) for value in (0.0, 1e30, torch.inf)]
    for distances in (*alike, torch.tensor([[1e-38, 1e-38, 1.0]])):
        for places in (torch.zeros(1, 3, 2), torch.full((1, 3, 2), 1e8)):
            found = most_likely_place(distances, places)
            assert found.isfinite().all()
            torch.testing.assert_close(found, places[:, 0])
    assert not math.isnan(float(most_likely_place(torch.ones(1, 1), torch.ones(1, 1, 2)).sum()))


def test_nearer_neighbours_count_more() -> None:
    places = torch.tensor([[[0.0, 0], [1.0, 0]]])
    found = [float(most_likely_place(torch.tensor([[1.0, far]]), places)[0, 0]) for far in (1.0, 1.2, 2.0)]
    assert found[0] == 0.5
    assert found[0] > found[1] > found[2] >= 0
