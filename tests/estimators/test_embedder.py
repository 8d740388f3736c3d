"""Embedder: the contract beyond scikit-learn's checks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from graphurl import Embedding
from graphurl.errors import InputError
from graphurl.estimators.embedder import Embedder
from graphurl.graphs import knn
from tests.estimators.test_sklearn import blobs, small

pytestmark = pytest.mark.filterwarnings("ignore::graphurl.errors.GraphWarning")


@pytest.mark.parametrize("dropout", [0.0, 0.5])
def test_fit_transform_is_fit_then_transform_exactly(dropout: float) -> None:
    x, _ = blobs()
    estimator = small(settings={"dropout": dropout})
    fitted = estimator.fit_transform(x)
    assert np.array_equal(fitted, estimator.transform(x))
    assert np.array_equal(fitted, estimator.embedding_)
    assert np.array_equal(fitted, small(settings={"dropout": dropout}).fit(x).transform(x))
    assert fitted.dtype == np.float32


def test_transform_is_pure() -> None:
    x, _ = blobs()
    estimator = small(settings={"dropout": 0.5}).fit(x)
    weights = {k: v.clone() for k, v in estimator.encoder_.state_dict().items()}
    first = estimator.transform(x[:7])
    assert np.array_equal(first, estimator.transform(x[:7]))
    np.testing.assert_allclose(first, estimator.transform(x)[:7], rtol=1e-4, atol=1e-5)
    assert all(torch.equal(weights[k], v) for k, v in estimator.encoder_.state_dict().items())


def test_two_estimators_side_by_side_do_not_meet() -> None:
    x, _ = blobs()
    alone = [small(random_state=seed, settings={"dropout": 0.3}).fit_transform(x) for seed in (1, 2)]
    a, b = (small(random_state=seed, settings={"dropout": 0.3}) for seed in (1, 2))
    b.fit(x)
    a.fit(x)
    after_b = a.transform(x)
    b.fit(x)
    assert np.array_equal(after_b, alone[0])
    assert np.array_equal(b.transform(x), alone[1])
    assert np.array_equal(a.transform(x), alone[0])
    assert not np.array_equal(alone[0], alone[1])


def test_refitting_starts_afresh() -> None:
    x, _ = blobs()
    estimator = small().fit(x[:30])
    assert np.array_equal(estimator.fit_transform(x), small().fit_transform(x))


def test_random_states() -> None:
    x, _ = blobs()
    one = small(random_state=np.random.RandomState(3)).fit_transform(x)
    two = small(random_state=np.random.RandomState(3)).fit_transform(x)
    assert np.array_equal(one, two)
    first, second = (small(random_state=np.random.default_rng(3)).fit_transform(x) for _ in range(2))
    assert np.array_equal(first, second)
    assert np.array_equal(small(random_state=np.int64(0)).fit_transform(x), small().fit_transform(x))
    assert not np.array_equal(small(random_state=None).fit_transform(x), small(random_state=None).fit_transform(x))
    with pytest.raises(InputError, match="random_state is 'one'.*whole number"):
        small(random_state="one").fit(x)


def test_table_places_fitted_samples_only() -> None:
    x, _ = blobs()
    estimator = small(encoder="table")
    assert not hasattr(estimator, "transform")
    assert estimator.fit_transform(x).shape == (60, 2)
    assert not hasattr(estimator, "transform")
    with pytest.raises(AttributeError):
        estimator.transform(x)


def test_tensors_in_tensors_out() -> None:
    x = torch.from_numpy(blobs()[0])
    estimator = small()
    z = estimator.fit_transform(x)
    assert isinstance(z, torch.Tensor)
    assert z.dtype == torch.float32
    assert torch.equal(z, estimator.transform(x))
    assert np.array_equal(z.numpy(), small().fit_transform(x.numpy()))
    sparse = (x * (x > 0)).to_sparse_csr()
    found = small().fit(sparse)
    assert isinstance(found.transform(sparse), torch.Tensor)
    assert np.array_equal(found.embedding_, small().fit_transform((x * (x > 0)).numpy()))


@pytest.mark.parametrize("layout", ["csr_matrix", "csr_array", "csc_matrix", "coo_array"])
def test_sparse_rows_are_the_dense_rows(layout: str) -> None:
    import scipy.sparse

    x, _ = blobs()
    x = x * (x > 2)
    sparse = getattr(scipy.sparse, layout)(x)
    estimator = small()
    z = estimator.fit_transform(sparse)
    np.testing.assert_allclose(z, small().fit_transform(x), rtol=1e-4, atol=1e-5)
    assert np.array_equal(estimator.transform(sparse), z)


def test_frames_carry_their_column_names() -> None:
    pandas = pytest.importorskip("pandas")
    x, _ = blobs()
    frame = pandas.DataFrame(x, columns=list("abcde"))
    estimator = small().fit(frame)
    assert estimator.feature_names_in_.tolist() == list("abcde")
    assert estimator.n_features_in_ == 5
    assert np.array_equal(estimator.transform(frame), small().fit_transform(x))
    with pytest.raises(ValueError, match="feature names"):
        estimator.transform(frame[list("edcba")])
    named = small().set_output(transform="pandas").fit_transform(frame)
    assert isinstance(named, pandas.DataFrame)
    assert named.columns.tolist() == ["graphurl0", "graphurl1"]
    assert named.index.equals(frame.index)
    placed = small().set_output(transform="pandas").fit(frame).transform(frame)
    pandas.testing.assert_frame_equal(placed, named)


def test_an_own_module_is_copied_and_trained() -> None:
    x, _ = blobs()
    module = torch.nn.Linear(5, 2)
    before = module.weight.detach().clone()
    estimator = small(encoder=module, learning_rate=0.1).fit(x)
    assert torch.equal(module.weight, before), "fit does not change its parameters"
    assert not torch.equal(estimator.encoder_.module.weight, before)
    assert estimator.transform(x).shape == (60, 2)
    assert clone(estimator).get_params()["encoder"] is not None


def test_a_graph_of_ones_own() -> None:
    x, _ = blobs()
    graph = knn(torch.from_numpy(x), 5)
    estimator = small().fit(x, graph=graph)
    assert estimator.graph_.num_nodes == 60
    named = small(n_neighbors=5).fit(x)
    # The recipe searches among rows that it scaled, so lengths differ by rounding.
    np.testing.assert_allclose(named.embedding_, estimator.embedding_, atol=0.01)
    assert named.graph_.num_edges == estimator.graph_.num_edges != small().fit(x).graph_.num_edges


def test_callbacks_and_history() -> None:
    x, _ = blobs()
    seen: list[int] = []

    def watch(moment: Any) -> bool:
        seen.append(moment.epoch)
        return moment.epoch == 2

    estimator = small(n_epochs=5, callbacks=(watch,)).fit(x)
    assert seen == [1, 2]
    assert estimator.n_iter_ == 2
    assert [record["epoch"] for record in estimator.history_] == [1, 2]
    assert estimator.result_.status == "stopped"
    assert small(n_epochs=0).fit(x).n_iter_ >= 1


def test_save_and_load(tmp_path: Path) -> None:
    x, _ = blobs()
    estimator = small().fit(x)
    estimator.save(tmp_path / "m")
    assert np.array_equal(Embedding.load(tmp_path / "m").transform(x), estimator.transform(x))


def test_report_and_names_need_a_fit() -> None:
    for call in (lambda e: e.report(), lambda e: e.save("x"), lambda e: e.get_feature_names_out()):
        with pytest.raises(NotFittedError):
            call(small())


def test_wrong_settings_are_refused_at_fit() -> None:
    x, _ = blobs()
    for wrong, words in (
        ({"loss": "bcee"}, "did you mean 'bce'"), ({"metric": "cosin"}, "did you mean 'cosine'"),
        ({"encoder": "mpl"}, "did you mean 'mlp'"), ({"n_neighbors": 60}, "60"), ({"n_components": 0}, "dim is 0"),
        ({"settings": {"los": "bce"}}, "did you mean 'loss'"),
        ({"loss": "bce", "settings": {"loss": "kl"}}, "given twice"),
        ({"settings": {"dim": 3}}, "given twice.*n_components="), ({"settings": {"seed": 3}}, "random_state="),
        ({"settings": {"encoder": "table"}}, "given twice.*encoder="),
        ({"settings": {"device": "cpu"}}, "unknown setting"),
        ({"device": "tpu"}, "auto, cpu, cuda or mps"), ({"method": "maps"}, "did you mean 'map'"),
    ):  # fmt: skip
        estimator: Embedder = small(**wrong)
        with pytest.raises(InputError, match=words) as caught:
            estimator.fit(x)
        assert "\n" not in str(caught.value)


def test_input_and_global_randomness_are_untouched(rng_untouched: None) -> None:
    x, _ = blobs()
    before = x.copy()
    small().fit(x).transform(x)
    assert np.array_equal(x, before)
