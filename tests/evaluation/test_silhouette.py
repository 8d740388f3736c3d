from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import silhouette_samples

from graphurl.errors import InputError
from graphurl.evaluation.silhouette import silhouette


def data(n: int = 90) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(0)
    y = np.arange(n) % 3
    return 2 * generator.normal(size=(3, 5))[y] + generator.normal(size=(n, 5)), 4 * y


@pytest.mark.parametrize("metric", ["euclidean", "manhattan"])
def test_as_sklearn_row_by_row(metric: str, monkeypatch: pytest.MonkeyPatch) -> None:
    z, y = data()
    y[0] = 99  # alone in its class
    reference = silhouette_samples(z, y, metric=metric)
    monkeypatch.setattr("graphurl.functional.distance._CHUNK_BYTES", 90 * 32 * 7)
    found = silhouette(z, y, metric)
    assert found["outcomes"]["silhouette"] == pytest.approx(reference)
    assert found["silhouette"] == pytest.approx(reference.mean())
    assert found["classes"] == 4


def test_unknown_labels_are_left_out_and_a_subset_is_drawn_from_the_rest() -> None:
    z, y = data()
    unknown = np.where(np.arange(90) < 30, -1, y)
    assert silhouette(z, unknown)["silhouette"] == pytest.approx(silhouette(z[30:], y[30:])["silhouette"])
    assert "40-row subset" in silhouette(z, y, subset=40)["protocol"]


def test_what_has_no_silhouette() -> None:
    z, _ = data()
    for labels in (np.zeros(90, int), np.arange(90)):
        with pytest.raises(InputError, match="a silhouette needs two"):
            silhouette(z, labels)
