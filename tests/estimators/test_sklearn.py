"""scikit-learn's own checks of an estimator, without an exception to them."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from graphurl.errors import CollapseWarning, GraphWarning
from graphurl.estimators.embedder import Embedder

#: Checks that the estimator is known to fail, each with its reason.
EXPECTED_FAILURES: dict[str, str] = {}


def small(**changes: Any) -> Embedder:
    settings = {"hidden": 8, "depth": 2, **changes.pop("settings", {})}
    choices: dict[str, Any] = {"n_neighbors": 3, "n_epochs": 2, "batch_size": 64, "random_state": 0, "device": "cpu"}
    choices["method"] = "map-direct"  # others make a layout first, which takes longer than these tests
    return Embedder(**{**choices, **changes}, settings=settings)


def free() -> Embedder:
    return Embedder(encoder="table", n_neighbors=3, n_epochs=2, random_state=0, device="cpu")


@parametrize_with_checks([small(), free()], expected_failed_checks=lambda _: EXPECTED_FAILURES)
def test_contract(estimator: Embedder, check: Callable[[Embedder], None]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", GraphWarning)
        warnings.simplefilter("ignore", CollapseWarning)
        check(estimator)


def blobs(n: int = 60, f: int = 5) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(0)
    y = np.arange(n) % 3
    return (generator.normal(size=(n, f)) + 3 * y[:, None]).astype(np.float32), y


@pytest.mark.filterwarnings("ignore::graphurl.errors.GraphWarning")
def test_pipeline_and_grid_search() -> None:
    x, y = blobs()
    pipeline = make_pipeline(StandardScaler(), small(), LogisticRegression())
    search = GridSearchCV(pipeline, {"embedder__n_neighbors": [3, 4], "embedder__loss": ["bce", "mse"]}, cv=2)
    search.fit(x, y)
    assert not np.isnan(search.cv_results_["mean_test_score"]).any()
    assert search.predict(x).shape == (60,)
    assert search.best_estimator_.named_steps["embedder"].embedding_.shape == (60, 2)


def test_parameters_are_those_given_before_and_after_fit() -> None:
    estimator = small(negatives=3.0, learning_rate=1e-2, nu_z=0.5)
    before = estimator.get_params()
    estimator.fit(blobs()[0])
    assert estimator.get_params() == before
    again = clone(estimator)
    assert again.get_params() == before
    assert not hasattr(again, "embedding_")
    assert repr(estimator).startswith("Embedder(")
