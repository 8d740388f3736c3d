"""What `Embedder` takes beyond arrays: distances, functions, neighbours, loaders, mapped files, labels, starts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse
import torch
from scipy.spatial.distance import cdist
from sklearn.neighbors import kneighbors_graph
from torch import Tensor
from torch.utils.data import DataLoader, TensorDataset

from graphurl import Embedding
from graphurl.encoders.landmarks import NEIGHBOURS
from graphurl.errors import InputError
from graphurl.estimators.embedder import Embedder
from graphurl.functional import neighbors
from graphurl.functional.interpolate import most_likely_place
from graphurl.functional.mapped import is_mapped
from graphurl.graphs import from_knn, knn, to_scipy
from tests.estimators.test_sklearn import blobs, small

pytestmark = pytest.mark.filterwarnings("ignore::graphurl.errors.GraphWarning")


def edges(graph: Any) -> set[tuple[int, int]]:
    return set(zip(graph.rows.tolist(), graph.col.tolist(), strict=True))


def nearest(d: np.ndarray, k: int) -> set[tuple[int, int]]:
    """Edges of the symmetrised kNN graph of a matrix of distances."""
    d = d + np.diag(np.full(len(d), np.inf))
    one_way = {(i, int(j)) for i in range(len(d)) for j in np.argsort(d[i], kind="stable")[:k]}
    return one_way | {(j, i) for i, j in one_way}


@pytest.mark.parametrize("features", ["scale", "pca-50"])
@pytest.mark.parametrize("metric", ["euclidean", "cosine", "correlation", "manhattan", "hamming", "jaccard"])
def test_the_graph_is_that_of_the_rows_as_they_are_given(metric: str, features: str) -> None:
    draws = np.random.default_rng(0)
    x = (draws.normal(size=(60, 40)) + 2).astype(np.float32)
    if metric in ("hamming", "jaccard"):  # of two values: other distances fall together where the one does
        x = ((draws.random((60, 400)) < draws.random((60, 1))) * draws.integers(1, 9, 400)).astype(np.float32)
    name = {"manhattan": "cityblock"}.get(metric, metric)
    d = cdist(x != 0 if metric == "jaccard" else x, x != 0 if metric == "jaccard" else x, name)
    found = edges(small(metric=metric, settings={"features": features}).fit(x).graph_)
    ties = len(found ^ nearest(d, 3))
    assert ties <= (20 if metric in ("hamming", "jaccard") else 0)
    assert len(found) > 180
    if metric != "euclidean":
        other = "cosine" if metric != "cosine" else "euclidean"
        assert len(found ^ nearest(cdist(x, x, other), 3)) > ties + 20


def chebyshev(x: Tensor, y: Tensor) -> Tensor:
    return torch.cdist(x, y, p=torch.inf)


def test_a_function_of_two_blocks_is_a_metric(tmp_path: Path) -> None:
    x, _ = blobs()
    estimator = small(metric=chebyshev).fit(x)
    assert edges(estimator.graph_) == nearest(cdist(x, x, "chebyshev"), 3)
    assert estimator.transform(x[:5]).shape == (5, 2)
    estimator.save(tmp_path / "run")
    loaded = Embedding.load(tmp_path / "run")
    assert loaded.recipe.graph == "given", "a function is not saved: the run says that its graph was handed over"
    assert np.array_equal(loaded.transform(x), estimator.embedding_)
    with pytest.raises(InputError, match="metric returned shape"):
        small(metric=lambda a, b: a.sum(1)).fit(x)


@pytest.mark.parametrize("features", ["pca-50", "l2"])
def test_landmarks_place_new_rows_by_the_function(features: str, tmp_path: Path) -> None:
    """A function that sees one column: nearest there is far away by any distance of whole rows."""
    x = np.random.default_rng(0).normal(size=(60, 5)).astype(np.float32)

    def first(a: Tensor, b: Tensor) -> Tensor:
        return (a[:, None, 0] - b[None, :, 0]).abs()

    seen = x if features == "pca-50" else x / np.linalg.norm(x, axis=1, keepdims=True)
    estimator = Embedder(n_neighbors=3, n_epochs=20, metric=first, random_state=0, settings={"features": features})
    z = estimator.fit(x).embedding_
    assert edges(estimator.graph_) == nearest(cdist(seen[:, :1], seen[:, :1]), 3)
    assert np.array_equal(estimator.transform(x), z)
    new = np.random.default_rng(1).normal(size=(4, 5)).astype(np.float32)
    unit = new if features == "pca-50" else new / np.linalg.norm(new, axis=1, keepdims=True)
    near = neighbors.knn(torch.from_numpy(unit[:, :1]), NEIGHBOURS, y=torch.from_numpy(seen[:, :1].copy()))
    expected = most_likely_place(near.distances, torch.from_numpy(z)[near.indices])
    np.testing.assert_allclose(estimator.transform(new), expected, rtol=1e-4, atol=1e-5)
    estimator.save(tmp_path / "run")
    loaded = Embedding.load(tmp_path / "run")
    assert (loaded.recipe.graph, loaded.recipe.metric) == ("given", "given")
    with pytest.raises(InputError, match=r"function of your own.*model.encoder.metric.*a metric that has a name"):
        loaded.transform(new)
    loaded.model.encoder.metric = first  # type: ignore[assignment]
    assert np.array_equal(loaded.transform(new), estimator.transform(new))


def test_messages_do_not_pass_by_a_function() -> None:
    with pytest.raises(InputError, match="metric is 'given'.*a metric with a name"):
        Embedder(n_neighbors=3, metric=chebyshev, encoder="gcn").fit(blobs()[0])


def test_distances_in_place_of_rows() -> None:
    x, _ = blobs()
    d = cdist(x, x)
    estimator = small(metric="precomputed", settings={})
    estimator.settings = None
    assert not hasattr(estimator, "transform")
    z = estimator.fit_transform(d)
    assert z.shape == (60, 2)
    assert np.isfinite(z).all()
    assert not hasattr(estimator, "transform")
    assert estimator.result_.recipe.encoder == "table"
    assert estimator.result_.recipe.init == "spectral"
    assert edges(estimator.graph_) == nearest(d, 3)
    tensor = Embedder(n_neighbors=3, n_epochs=2, metric="precomputed", random_state=0, device="cpu")
    assert isinstance(tensor.fit_transform(torch.from_numpy(d)), Tensor)


def test_distances_of_some_pairs() -> None:
    x, _ = blobs()
    sparse = kneighbors_graph(x, 7, mode="distance")
    estimator = Embedder(n_neighbors=3, n_epochs=2, metric="precomputed", random_state=0, device="cpu").fit(sparse)
    assert edges(estimator.graph_) == nearest(cdist(x, x), 3)
    few = Embedder(n_neighbors=50, n_epochs=2, metric="precomputed", random_state=0, device="cpu").fit(sparse)
    assert edges(few.graph_) == nearest(cdist(x, x), 7), "a row with fewer known distances keeps them all"
    # A stored 0 is a distance: the twins are neighbours.
    twins = scipy.sparse.coo_array(([0.0, 0.0, 1.0], ([0, 1, 2], [1, 0, 0])), shape=(4, 4))
    graph = Embedder(n_neighbors=1, n_epochs=1, metric="precomputed", device="cpu").fit(twins.tocsr()).graph_
    assert {(0, 1), (1, 0), (0, 2), (2, 0)} == edges(graph)


@pytest.mark.parametrize("sparse", [False, True])
def test_what_is_no_distance_is_refused(sparse: bool) -> None:
    x, _ = blobs(20)
    good = cdist(x, x)
    minus, skew, own = good.copy(), good.copy(), good.copy()
    minus[3, 4] = minus[4, 3] = -1
    skew[3, 4] += 1
    own[2, 2] = 1
    turn = scipy.sparse.csr_array if sparse else np.asarray
    for wrong, words in ((minus, "-1"), (skew, "from 3 to 4 .* back it is"), (own, "from 2 to itself"),
                         (good[:, :15], "shape \\(20, 15\\)")):  # fmt: skip
        with pytest.raises(InputError, match=words) as caught:
            Embedder(n_neighbors=3, metric="precomputed").fit(turn(wrong))
        assert "\n" not in str(caught.value)
    if not sparse:
        with pytest.raises(InputError, match="n_neighbors is 20.*1 to 19"):
            Embedder(n_neighbors=20, metric="precomputed").fit(good)
    with pytest.raises(InputError, match="use encoder='table'"):
        Embedder(n_neighbors=3, metric="precomputed", encoder="mlp").fit(turn(good))
    with pytest.raises(InputError, match="one of the two"):
        Embedder(n_neighbors=3, metric="precomputed").fit(turn(good), graph=knn(torch.from_numpy(x), 3))


@pytest.mark.parametrize("own", [False, True])
def test_neighbours_as_umap_has_them(own: bool) -> None:
    x, _ = blobs()
    d = cdist(x, x) + (0 if own else np.diag(np.full(60, np.inf)))
    k = 3 + own
    indices = np.argsort(d, axis=1, kind="stable")[:, :k]
    neighbours = (indices, np.take_along_axis(d, indices, 1).astype(np.float32), object())
    estimator = small().fit(x, graph=neighbours)
    assert edges(estimator.graph_) == nearest(cdist(x, x), 3)
    assert estimator.result_.recipe.graph == "given"
    assert edges(from_knn(neighbours)) == edges(from_knn(indices, neighbours[1]))
    assert estimator.transform(x[:4]).shape == (4, 2)
    with pytest.raises(InputError, match="tuple of indices and distances"):
        small().fit(x, graph=(indices,))
    with pytest.raises(InputError, match="of type csr_array: give a graphurl.Graph"):
        small().fit(x, graph=to_scipy(estimator.graph_))


def test_loaders_are_read_in_order_for_fit_and_transform() -> None:
    x, y = blobs()
    plain = small().fit(x)
    loader = DataLoader(TensorDataset(torch.from_numpy(x), torch.from_numpy(y)), batch_size=7)
    estimator = small().fit(loader)
    assert np.array_equal(estimator.embedding_, plain.embedding_)
    assert np.array_equal(estimator.transform(loader), plain.embedding_)
    assert np.array_equal(small().fit_transform(TensorDataset(torch.from_numpy(x))), plain.embedding_)
    shuffled = DataLoader(TensorDataset(torch.from_numpy(x)), batch_size=7, shuffle=True)
    for call in (small().fit, estimator.transform):
        with pytest.raises(InputError, match="shuffles"):
            call(shuffled)


def test_mapped_rows_stay_in_their_file(tmp_path: Path) -> None:
    x, _ = blobs()
    np.save(tmp_path / "x.npy", x)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    estimator = small().fit(mapped)
    assert is_mapped(estimator.result_.samples.x)
    assert np.array_equal(estimator.embedding_, small().fit(x).embedding_)
    assert np.array_equal(estimator.transform(mapped), estimator.embedding_)


@pytest.mark.parametrize("output", ["pandas", "polars"])
def test_frames_out_of_frames(output: str) -> None:
    frames = pytest.importorskip(output)
    x, _ = blobs()
    frame = frames.DataFrame({name: x[:, i] for i, name in enumerate("abcde")})
    estimator = small().set_output(transform=output)
    z = estimator.fit_transform(frame)
    assert isinstance(z, frames.DataFrame)
    assert list(z.columns) == estimator.get_feature_names_out().tolist() == ["graphurl0", "graphurl1"]
    assert estimator.feature_names_in_.tolist() == list("abcde")
    assert np.array_equal(z.to_numpy(), small().fit_transform(x))
    assert np.array_equal(estimator.transform(frame).to_numpy(), z.to_numpy())


def table(**changes: Any) -> Embedder:
    choices = {"n_neighbors": 3, "n_epochs": 0, "encoder": "table", "random_state": 0, "device": "cpu"}
    return Embedder(**{**choices, **changes})


def test_where_free_coordinates_start() -> None:
    x, _ = blobs()
    centred = x - x.mean(0)
    axes = centred @ np.linalg.svd(centred, full_matrices=False)[2][:2].T
    start = table(init="pca").fit(x).embedding_
    assert abs(np.corrcoef(start[:, 0], axes[:, 0])[0, 1]) > 0.999
    assert np.array_equal(start, table().fit(x).embedding_), "None is the start of the recipe"
    given = np.random.default_rng(1).normal(size=(60, 2)) * [100, 3] + 7
    start = table(init=given).fit(x).embedding_
    np.testing.assert_allclose(start, (given - given.mean(0)) / given.std(0).max() * 0.01, atol=1e-6)
    for name in ("random", "spectral"):
        z = table(init=name).fit(x).embedding_
        assert np.isfinite(z).all() and 0.005 < z.std() < 0.02
    fitted = table(init=given, n_epochs=5).fit(x)
    assert fitted.result_.model.name == "table"
    with pytest.raises(InputError, match="shape \\(59, 2\\): give finite coordinates, \\(60, 2\\)"):
        table(init=given[:59]).fit(x)
    with pytest.raises(InputError, match="init is an array and the encoder 'mlp'"):
        small(init=given).fit(x)
    with pytest.raises(InputError, match="did you mean 'spectral'"):
        table(init="spektral").fit(x)


def test_labels_count_only_when_they_are_asked_for() -> None:
    x, y = blobs()
    plain = small().fit(x)
    assert np.array_equal(small().fit(x, y).embedding_, plain.embedding_)
    random = np.random.default_rng(0).integers(2, size=60)
    estimator = small(target_weight=1.0).fit(x, random)
    assert all(random[i] == random[j] for i, j in edges(estimator.graph_))
    half = small(target_weight=0.5).fit(x, np.where(np.arange(60) < 30, random, -1))
    known = {(i, j) for i, j in edges(half.graph_) if i < 30 and j < 30}
    assert edges(plain.graph_) < edges(half.graph_)
    assert all(random[i] == random[j] for i, j in known - edges(plain.graph_))
    assert {(i, j) for i, j in edges(half.graph_) if max(i, j) >= 30} == {
        (i, j) for i, j in edges(plain.graph_) if max(i, j) >= 30
    }
    words = np.where(random == 1, "yes", "no")
    assert np.array_equal(small(target_weight=1.0).fit(x, words).embedding_, estimator.embedding_)
    with pytest.raises(InputError, match="there are no labels"):
        small(target_weight=0.5).fit(x)
    with pytest.raises(InputError, match="target_weight is 2"):
        small(target_weight=2.0).fit(x, y)


def test_a_supervised_map_places_held_out_rows_with_their_class() -> None:
    draws = np.random.default_rng(0)
    y = np.arange(300) % 2
    x = draws.normal(size=(300, 4)).astype(np.float32)
    x[:, 0] += 6 * y
    x[:, 1:] *= 6  # what tells the classes apart is one of the narrow directions
    fit, held = slice(0, 200), slice(200, 300)

    def right(weight: float) -> float:
        settings = {"hidden": 32, "depth": 3}
        estimator = small(target_weight=weight, n_epochs=60, n_neighbors=8, learning_rate=4e-3, settings=settings)
        z = estimator.fit(x[fit], y[fit]).embedding_
        near = cdist(estimator.transform(x[held]), z).argsort(1)[:, :9]
        return float(((y[fit][near].mean(1) > 0.5) == y[held]).mean())

    assert right(0.5) > 0.9 > right(0.0) + 0.1
