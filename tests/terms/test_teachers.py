"""How the teacher's similarity is scaled."""

from __future__ import annotations

import pytest
import torch

from graphurl import registry
from graphurl.functional.calibration import log2k_sigma
from graphurl.graphs import from_edges
from graphurl.losses.nce import NCE
from graphurl.pipeline import prepare
from graphurl.relations.knowledge import Knowledge
from graphurl.terms.teachers import teachers_similarity

DISTILL = registry.resolve("recipes", "distill")


def test_auto_is_calibrated_on_nearest_neighbours_and_numbers_are_taken_as_they_are() -> None:
    vectors = torch.randn(30, 6, generator=torch.Generator().manual_seed(0))
    unit = torch.nn.functional.normalize(vectors, dim=1)
    near = torch.cdist(unit, unit).fill_diagonal_(torch.inf).sort(dim=1).values[:, :5]
    found = teachers_similarity(Knowledge(vectors), DISTILL.but(sigma="auto", mu_x="auto", n_neighbors=5))
    offset = near[:, 0].mean()
    assert found.mu == pytest.approx(float(offset), rel=1e-4)
    assert found.sigma == pytest.approx(float(log2k_sigma(near, offset.expand(30)).mean()), rel=1e-3)
    some = teachers_similarity(Knowledge(vectors).among(torch.arange(9)), DISTILL.but(sigma="auto", n_neighbors=5))
    alone = teachers_similarity(Knowledge(vectors[:9]), DISTILL.but(sigma="auto", n_neighbors=5))
    assert (some.sigma, some.mu) == (alone.sigma, 0.0)
    fixed = teachers_similarity(Knowledge(vectors), DISTILL.but(sigma=0.3))
    assert (fixed.nu, fixed.sigma, fixed.mu, fixed.metric) == (100.0, 0.3, 0.0, "cosine")


def test_crd_takes_a_sample_and_its_noise_for_equally_likely_at_first() -> None:
    """c is N times the mean of e^{s/T} over directions at random, so that h of a pair is 1 / (1 + N) on average."""
    draw = torch.Generator().manual_seed(0)
    rows = torch.randn(50, 8, generator=draw)
    made = prepare(rows, method="distill-crd", teacher=torch.randn(50, 40, generator=draw), memory=30, device="cpu")
    loss = made.parts.objective.terms[0].loss
    assert isinstance(loss, NCE)
    pairs = torch.nn.functional.normalize(torch.randn(2, 40_000, 128, generator=draw), dim=2).prod(0).sum(1)
    assert loss.noise == pytest.approx(30 * float((pairs / loss.temperature).exp().mean()), rel=0.03)


def test_a_graph_has_its_scale_already() -> None:
    graph = from_edges(torch.tensor([0]), torch.tensor([1]), 3, weight=torch.tensor([0.5]))
    found = teachers_similarity(Knowledge(graph=graph), DISTILL.but(sigma="auto", mu_x="auto"))
    assert (found.sigma, found.mu) == (1.0, 0.0)
