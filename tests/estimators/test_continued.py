"""warm_start and partial_fit: the encoder goes on, with the preparation that it was trained with."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse
import torch

import graphurl
from graphurl import Embedding
from graphurl.data import Samples
from graphurl.errors import InputError
from graphurl.estimators.embedder import Embedder
from graphurl.evaluation.neighborhood import trustworthiness
from tests.estimators.test_inputs import chebyshev, edges
from tests.estimators.test_sklearn import blobs, small

pytestmark = pytest.mark.filterwarnings("ignore::graphurl.errors.GraphWarning")


def distance(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.abs(a - b).max())


def test_a_warm_start_goes_on_from_the_weights() -> None:
    x, _ = blobs()
    estimator = small(warm_start=True, n_epochs=3).fit(x)
    first = estimator.embedding_
    estimator.n_epochs = 0
    assert np.array_equal(estimator.fit(x).embedding_, first), "no epoch: the map that was there"
    estimator.n_epochs = 3
    more = estimator.fit(x).embedding_
    assert not np.array_equal(more, first)
    assert not np.array_equal(more, small(n_epochs=3).fit(x).embedding_)
    estimator.warm_start = False
    assert np.array_equal(estimator.fit(x).embedding_, small(n_epochs=3).fit(x).embedding_)


def test_free_coordinates_go_on_for_the_same_rows() -> None:
    x, _ = blobs()
    estimator = Embedder(n_neighbors=3, n_epochs=20, encoder="table", warm_start=True, random_state=0, device="cpu")
    first = estimator.fit(x).embedding_
    estimator.n_epochs = 1
    second = estimator.fit(x).embedding_
    assert 0 < distance(first, second) < 0.5 * np.ptp(first)
    assert not hasattr(estimator, "partial_fit")
    for other in (x[:50], blobs(90)[0]):
        with pytest.raises(InputError, match=f"of 60 samples were fitted and {len(other)} .* the same ones, or"):
            estimator.fit(other)


def test_portions_train_one_encoder(tmp_path: Path) -> None:
    x, y = blobs(90)
    estimator = small(n_epochs=4)
    for start in (0, 30, 60):
        before = estimator.encoder_.state_dict() if start else {}
        estimator.partial_fit(x[start : start + 30])
        assert estimator.embedding_.shape == (30, 2)
        assert estimator.graph_.num_nodes == 30
        assert np.array_equal(estimator.embedding_, estimator.transform(x[start : start + 30]))
        if start:
            assert any(not torch.equal(before[k], v) for k, v in estimator.encoder_.state_dict().items())
    assert estimator.transform(x).shape == (90, 2)
    assert estimator.n_features_in_ == 5
    estimator.save(tmp_path / "run")
    assert np.array_equal(Embedding.load(tmp_path / "run").transform(x), estimator.transform(x))
    assert estimator.result_.recipe.features == "scale"
    small(target_weight=0.5).partial_fit(x[:40], y[:40]).partial_fit(x[40:], y[40:])


def test_a_portion_is_read_as_the_first_one_was() -> None:
    """Without an epoch nothing may move, although the portion has another mean and deviation."""
    x, _ = blobs()
    estimator = small(n_epochs=2).partial_fit(x)
    far = 5 * x + 20
    wanted = estimator.transform(far)
    estimator.n_epochs = 0
    assert np.array_equal(estimator.partial_fit(far).embedding_, wanted)
    assert np.array_equal(estimator.partial_fit(far).transform(x), small(n_epochs=2).fit(x).embedding_)


def test_what_cannot_go_on_is_refused() -> None:
    x, _ = blobs()
    for changes, words in (({"n_components": 3}, "2 components and now 3"), ({"encoder": "table"}, "trained 'mlp'")):
        estimator = small(warm_start=True).fit(x).set_params(**changes)
        with pytest.raises(InputError, match=f"{words}.*fit anew"):
            estimator.fit(x)
    with pytest.raises(InputError, match="4 features and the model was fitted on 5"):
        small(warm_start=True).fit(x).fit(x[:, :4])
    with pytest.raises(ValueError, match="4 features"):
        small().partial_fit(x).partial_fit(x[:, :4])


def landmarks(**changes: Any) -> Embedder:
    return Embedder(**{"n_neighbors": 5, "n_epochs": 60, "random_state": 0, "device": "cpu", **changes})


def test_landmarks_go_on_for_the_same_rows() -> None:
    x, _ = blobs()
    estimator = landmarks(warm_start=True).fit(x)
    first = estimator.embedding_
    estimator.n_epochs = 0
    assert np.array_equal(estimator.fit(x).embedding_, first)
    estimator.n_epochs = 2
    second = estimator.fit(x).embedding_
    assert 0 < distance(first, second) < 0.5 * np.ptp(first)
    assert np.array_equal(estimator.transform(x), second)
    with pytest.raises(InputError, match="of 60 samples were fitted and 50.*with new ones behind them"):
        estimator.fit(x[:50])


@pytest.mark.parametrize("metric", ["euclidean", "cosine", chebyshev])
@pytest.mark.parametrize("form", [np.asarray, torch.from_numpy, scipy.sparse.csr_matrix])
def test_landmarks_take_a_portion_in_where_it_is_placed(form: Any, metric: Any) -> None:
    if callable(metric) and form is scipy.sparse.csr_matrix:
        pytest.skip("sparse rows have no function")
    x, _ = blobs(90)
    x[70] = x[3]
    estimator = landmarks(metric=metric).fit(form(x[:60]))
    first, placed = estimator.embedding_, np.asarray(estimator.transform(form(x[60:])))
    still = landmarks(metric=metric).fit(form(x[:60])).set_params(n_epochs=0).partial_fit(form(x[60:]))
    np.testing.assert_allclose(still.embedding_, np.concatenate([first, placed]), rtol=1e-5, atol=1e-6)
    assert still.graph_.num_nodes == 90
    moved = estimator.set_params(n_epochs=2).partial_fit(form(x[60:]))
    assert 0 < distance(moved.embedding_, still.embedding_) < 0.5 * np.ptp(first)
    assert np.array_equal(moved.embedding_[70], moved.embedding_[3])
    assert np.array_equal(np.asarray(moved.transform(form(x))), moved.embedding_)
    longer = landmarks(metric=metric, warm_start=True).fit(form(x[:60])).set_params(n_epochs=2).fit(form(x))
    assert np.array_equal(longer.embedding_, moved.embedding_)


def test_portions_build_the_map_that_a_fit_of_all_rows_builds() -> None:
    x, _ = blobs(120)
    estimator = landmarks()
    for start in (0, 40, 80):
        estimator.partial_fit(x[start : start + 40])
    whole = landmarks().fit(x)
    assert estimator.embedding_.shape == (120, 2)
    scores = [trustworthiness(x, z) for z in (estimator.embedding_, whole.embedding_)]
    assert scores[0] > scores[1] - 0.03
    assert edges(estimator.graph_) == edges(whole.graph_)


def test_names_of_rows_go_on_where_all_have_some() -> None:
    x, _ = blobs(90)
    named = [Samples("a", torch.from_numpy(part), ids=tuple(f"{tag}{i}" for i in range(len(part))))
             for tag, part in (("a", x[:60]), ("b", x[60:]))]  # fmt: skip
    found = landmarks(n_epochs=0).partial_fit(named[0]).partial_fit(named[1]).result_.samples
    assert found is not None and found.ids == tuple([f"a{i}" for i in range(60)] + [f"b{i}" for i in range(30)])
    assert landmarks(n_epochs=0).fit(named[0]).partial_fit(x[60:]).result_.samples.ids is None  # type: ignore[union-attr]


def test_a_graph_or_labels_of_a_portion_alone_are_refused() -> None:
    x, y = blobs()
    own = graphurl.graphs.knn(torch.from_numpy(x), 3)
    calls: list[Callable[[], Any]] = [
        lambda: landmarks().fit(x).partial_fit(x, graph=own),
        lambda: landmarks().fit(x, graph=own).partial_fit(x),
        lambda: landmarks(target_weight=0.5).fit(x, y).partial_fit(x, y),
    ]
    for call in calls:
        with pytest.raises(InputError, match="partial_fit of landmarks .*warm_start=True.*encoder='mlp'"):
            call()
    with pytest.raises(ValueError, match="4 features"):
        landmarks().partial_fit(x).partial_fit(x[:, :4])
