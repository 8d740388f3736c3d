"""warm_start and partial_fit: the encoder goes on, with the preparation that it was trained with."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from graphurl import Embedding
from graphurl.errors import InputError
from graphurl.estimators.embedder import Embedder
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
    with pytest.raises(InputError, match="of 60 samples were fitted and 50"):
        estimator.fit(x[:50])


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
