from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import skew
from sklearn.neighbors import NearestNeighbors

from graphurl.errors import InputError
from graphurl.evaluation.hubs import hubness


def test_as_counted_by_others() -> None:
    z = np.random.default_rng(0).normal(size=(150, 30))
    nearest = NearestNeighbors(n_neighbors=7).fit(z).kneighbors(return_distance=False)
    counts = np.bincount(nearest.ravel(), minlength=150)
    found = hubness(z, 7)
    assert found["hubness"] == pytest.approx(skew(counts))
    assert found["never"] == np.mean(counts == 0)
    assert found["largest"] == counts.max()


def test_a_ring_has_no_hubs_and_many_dimensions_have() -> None:
    angle = 2 * np.pi * np.arange(40) / 40
    ring = np.stack([np.cos(angle), np.sin(angle)], axis=1).round(12)
    assert hubness(ring, 2)["largest"] <= 3
    generator = np.random.default_rng(0)
    many, few = (hubness(generator.normal(size=(500, d)))["hubness"] for d in (200, 3))
    assert many > 3 * few


def test_too_few_rows() -> None:
    with pytest.raises(InputError, match="k=10 neighbours of 10 rows"):
        hubness(np.eye(10))
