"""Landmarks: coordinates of fitted rows, and new rows among them."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

import graphurl
from graphurl.encoders import Inputs
from graphurl.encoders.landmarks import NEIGHBOURS, Landmarks
from graphurl.errors import InputError
from graphurl.functional import neighbors
from graphurl.functional.interpolate import most_likely_place
from graphurl.training.callbacks import Moment


def rows(n: int = 60, f: int = 7, seed: int = 0) -> Tensor:
    return torch.randn(n, f, generator=torch.Generator().manual_seed(seed))


def fitted(x: Tensor, metric: str = "euclidean") -> Landmarks:
    encoder = Landmarks(len(x), 2, generator=torch.Generator().manual_seed(1))
    encoder.remember(x, metric)
    return encoder


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_a_fitted_row_is_where_it_was_and_a_new_one_among_its_neighbours(sparse: bool, metric: str) -> None:
    x = rows().relu()
    x[7], x[9] = 4 * x[8], 0.5 * x[8]  # to a cosine these are one row
    encoder = fitted(x.to_sparse_csr() if sparse else x, metric)
    with torch.no_grad():
        assert torch.equal(encoder(Inputs(x)).z, encoder(Inputs(torch.arange(60))).z)
        new = rows(5, seed=3).relu()
        near = neighbors.knn(new, NEIGHBOURS, y=x, metric=metric, method="exact")
        places = encoder(Inputs(torch.arange(60))).z
        assert torch.equal(places[7], places[8]) == torch.equal(places[9], places[8]) == (metric == "cosine")
        expected = most_likely_place(near.distances, places[near.indices])
        torch.testing.assert_close(encoder(Inputs(new)).z, expected)


def test_equal_rows_share_a_place_and_a_gradient() -> None:
    x = rows(6)
    x[4] = x[1]
    encoder = fitted(x)
    z = encoder(Inputs(torch.arange(6))).z
    assert torch.equal(z[1], z[4])
    torch.testing.assert_close(z[1], encoder.rows[[1, 4]].mean(0))
    assert torch.equal(z[[0, 2, 3, 5]], encoder.rows[[0, 2, 3, 5]])
    with torch.no_grad():
        assert torch.equal(encoder(Inputs(x)).z, z)
    z[1].sum().backward()
    assert encoder.rows.grad is not None
    torch.testing.assert_close(encoder.rows.grad[[1, 4]], torch.full((2, 2), 0.5))


@pytest.mark.parametrize("sparse", [False, True])
def test_state_brings_everything_back(sparse: bool) -> None:
    x = rows().relu()
    x[3] = x[2]
    encoder = fitted(x.to_sparse_csr() if sparse else x, "cosine")
    again = Landmarks(**encoder.config())  # type: ignore[arg-type]
    again.restore(encoder.saved())
    with torch.no_grad():
        for read in (rows(5, seed=3), torch.arange(60)):
            assert torch.equal(again(Inputs(read)).z, encoder(Inputs(read)).z)


@pytest.mark.parametrize("sparse", [False, True])
def test_the_state_of_a_run_holds_the_coordinates_alone(sparse: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    x = rows().relu()
    x[3] = x[2]
    encoder = fitted(x.to_sparse_csr() if sparse else x)
    assert encoder.state_dict().keys() == {"rows"}
    assert encoder.saved().keys() == {"rows", *(("starts", "columns", "values") if sparse else ("features",))}
    with monkeypatch.context() as patched:  # a step counts no rows again
        patched.setattr(torch, "bincount", None)
        before = encoder(Inputs(torch.arange(60))).z
    other = fitted(x)
    with torch.no_grad():
        other.rows.add_(1)
    other.load_state_dict(encoder.state_dict())
    assert torch.equal(other(Inputs(torch.arange(60))).z, before)
    assert torch.equal(other.rows, encoder.rows)


def test_coordinates_without_their_rows_are_no_model() -> None:
    encoder = fitted(rows())
    with pytest.raises(KeyError):
        Landmarks(**encoder.config()).restore(encoder.state_dict())  # type: ignore[arg-type]


def test_rows_of_another_width_are_refused() -> None:
    with pytest.raises(InputError, match="3 features"):
        fitted(rows())(Inputs(rows(2, 3)))


@pytest.mark.parametrize("metric", ["euclidean", "cosine", "manhattan"])
@pytest.mark.parametrize("features", ["none", "l2", "standard", "scale", "pca-50"])
def test_the_graph_and_the_landmarks_compare_the_same_rows(features: str, metric: str) -> None:
    x = rows() + 2
    settings = {"features": features, "metric": metric, "n_neighbors": 3, "epochs": 1, "symmetrise": "none"}
    found = graphurl.embed(x, **settings)
    assert isinstance(found.model.encoder, Landmarks) and found.graph is not None
    near = neighbors.knn(found.model.encoder.known, 3, metric=metric).indices
    assert torch.equal(near.sort(1).values.flatten(), found.graph.col)
    assert np.array_equal(found.transform(x), found.z)
    moved = features in ("scale", "pca-50") and metric != "euclidean"
    assert torch.equal(found.model.encoder.known, x) == (moved or features == "none")


def test_a_checkpoint_holds_no_row_and_a_resumed_run_is_the_unbroken_one(tmp_path: Path) -> None:
    x = rows(200, 40).relu()
    x[5] = x[17]
    settings: dict[str, Any] = {"metric": "cosine", "n_neighbors": 5, "epochs": 9, "early": 0.5}

    def ctrl_c(moment: Moment) -> bool:
        if moment.epoch == 4:
            signal.raise_signal(signal.SIGINT)
        return False

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        first = graphurl.embed(x, run_folder=tmp_path, callbacks=[ctrl_c], **settings)
    finally:
        signal.signal(signal.SIGINT, before)
    assert (first.status, len(first.history)) == ("interrupted", 4)
    kept = load_file(tmp_path / "checkpoint.safetensors")
    assert max(part.numel() for name, part in kept.items() if not name.startswith("random.")) == 200 * 2
    second, whole = graphurl.embed(x, run_folder=tmp_path, resume=True, **settings), graphurl.embed(x, **settings)
    assert second.z.tobytes() == whole.z.tobytes()
    new = rows(5, 40, seed=3).relu()
    assert second.transform(new).tobytes() == whole.transform(new).tobytes()


def test_what_is_transformed_is_what_was_fitted(tmp_path: object) -> None:
    """Through preparation, chunks and a saved run; equal rows included, and an approximate search."""
    generator = np.random.default_rng(0)
    x = generator.normal(size=(16_000, 3)).astype(np.float32)
    x[5000] = x[17]
    mapper = graphurl.Embedder(n_epochs=3, random_state=0).fit(x)
    assert mapper.embedding_[5000].tobytes() == mapper.embedding_[17].tobytes()
    assert np.array_equal(mapper.transform(x), mapper.embedding_)
    few = mapper.transform(x[:7] + 0.01)
    mapper.save(tmp_path / "run")  # type: ignore[operator]
    again = graphurl.Embedding.load(tmp_path / "run")  # type: ignore[operator]
    assert np.array_equal(again.transform(x[:7] + 0.01), few)
