"""Rows that peers turn into NaN: duplicates, parts, constant columns; and snapshots of fits."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from graphurl.encoders import Inputs
from graphurl.encoders.landmarks import Landmarks
from graphurl.errors import CollapseWarning, GraphWarning, InputError
from graphurl.estimators.embedder import Embedder
from graphurl.training import Snapshots
from tests.estimators.test_sklearn import blobs

pytestmark = [
    pytest.mark.filterwarnings(f"ignore::graphurl.errors.{kind.__name__}") for kind in (GraphWarning, CollapseWarning)
]
FEW = {"n_neighbors": 4, "random_state": 0, "device": "cpu"}


def duplicates() -> np.ndarray:
    return np.repeat(blobs(12)[0], 8, axis=0)


def nearly_all_equal() -> np.ndarray:
    x = np.zeros((60, 4), dtype=np.float32)
    x[0, 0] = 1
    return x


def parts() -> np.ndarray:
    x = blobs(60)[0]
    x[:20] += 1e4
    x[20:23] -= 1e6
    return x


def constant_columns() -> np.ndarray:
    x = blobs(60)[0]
    x[:, 1:3] = [7, 0]
    return x


@pytest.mark.parametrize("metric", ["euclidean", "cosine", "correlation", "manhattan", "hamming", "jaccard"])
@pytest.mark.parametrize("rows", [duplicates, nearly_all_equal, parts, constant_columns])
@pytest.mark.parametrize(
    "choices",
    [{"encoder": "mlp", "settings": {"hidden": 16}}, {"encoder": "mlp", "loss": "bce", "settings": {"hidden": 16}},
     {"encoder": "table"}, {"encoder": "table", "init": "spectral"}, {}, {"init": "spectral"}],
    ids=["mlp", "mlp-bce", "table", "table-spectral", "landmarks", "landmarks-spectral"],
)  # fmt: skip
def test_never_nan(choices: dict[str, Any], rows: Any, metric: str) -> None:
    x = rows()
    estimator = Embedder(**FEW, **choices, metric=metric, n_epochs=15).fit(x)
    assert np.isfinite(estimator.embedding_).all()
    assert estimator.embedding_.std() > 0
    if choices.get("encoder") != "table":
        for new in (x, x + 1, 1e6 * x, 0 * x):
            assert np.isfinite(estimator.transform(new)).all()


@pytest.mark.parametrize("count", [2, 3])
@pytest.mark.parametrize("metric", ["euclidean", "cosine", "jaccard"])
def test_a_handful_of_rows_is_a_map(count: int, metric: str) -> None:
    x = blobs(60)[0][:count]
    estimator = Embedder(**{**FEW, "n_neighbors": 1}, metric=metric, n_epochs=60).fit(x)
    assert np.isfinite(estimator.embedding_).all()
    assert np.isfinite(estimator.transform(np.concatenate([x, x + 1, 0 * x]))).all()


def test_one_row_is_refused_and_one_landmark_places_all() -> None:
    with pytest.raises(ValueError, match="minimum of 2"):
        Embedder(**FEW).fit(blobs(60)[0][:1])
    alone = Landmarks(1, 2)
    alone.remember(torch.ones(1, 3), "cosine")
    with torch.no_grad():
        torch.testing.assert_close(alone(Inputs(torch.randn(4, 3))).z, alone.rows.detach().expand(4, 2))
        assert torch.equal(alone(Inputs(torch.zeros(1, dtype=torch.int64))).z, alone.rows)


def test_rows_that_are_all_equal_are_refused() -> None:
    with pytest.raises(InputError, match="all 4 features are constant"):
        Embedder(**FEW).fit(np.ones((30, 4)))


@pytest.mark.parametrize("choices", [{"settings": {"hidden": 8, "dropout": 0.5}}, {"encoder": "table"}])
def test_snapshots_hold_the_whole_map_and_change_nothing(choices: dict[str, Any]) -> None:
    x, _ = blobs()
    watched = Snapshots(every=2)
    estimator = Embedder(**FEW, **choices, n_epochs=6, callbacks=(watched,)).fit(x)
    assert watched.epochs == [2, 4, 6]
    assert [z.shape for z in watched.frames] == [(60, 2)] * 3
    assert np.array_equal(watched.frames[-1], estimator.embedding_)
    assert not np.array_equal(watched.frames[0], watched.frames[1])
    assert np.array_equal(estimator.embedding_, Embedder(**FEW, **choices, n_epochs=6).fit(x).embedding_)
    estimator.fit(x)
    assert len(watched.frames) == 3, "another fit begins anew"
    assert len(estimator.history_) == 6
    with pytest.raises(InputError, match="every is 0"):
        Snapshots(every=0)


def test_tensors_stay_where_they_are() -> None:
    x = torch.from_numpy(blobs()[0])
    z = Embedder(**FEW, encoder="table", n_epochs=2).fit_transform(x)
    assert isinstance(z, torch.Tensor) and z.device == x.device
