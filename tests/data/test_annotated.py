"""AnnData in and out; needs the package anndata."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.sparse
import torch

import graphurl
from graphurl import Embedder, embed, from_anndata
from graphurl.data import as_samples
from graphurl.errors import InputError
from graphurl.graphs import knn, to_scipy

anndata = pytest.importorskip("anndata", reason="the package anndata is not installed: AnnData goes untested")
pytestmark = pytest.mark.filterwarnings("ignore::graphurl.errors.GraphWarning")

FEW = {"epochs": 2, "hidden": 8, "depth": 2, "n_neighbors": 4, "seed": 0, "device": "cpu"}


def cells(n: int = 50, *, sparse: bool = False, connected: bool = True) -> Any:
    draws = np.random.default_rng(0)
    x = draws.poisson(1.0, (n, 12)).astype(np.float32)
    made = anndata.AnnData(scipy.sparse.csr_matrix(x) if sparse else x)
    made.obs_names = [f"cell{i}" for i in range(n)]
    made.obs["kind"] = ["a" if i % 2 else "b" for i in range(n)]
    made.obsm["X_pca"] = draws.normal(size=(n, 5))
    if connected:
        made.obsp["connectivities"] = to_scipy(knn(torch.from_numpy(made.obsm["X_pca"]), 6).similarity())
    return made


def test_representation_graph_and_labels() -> None:
    adata = cells()
    samples = from_anndata(adata, labels="kind")
    assert samples.x is not None and samples.graph is not None and samples.y is not None
    np.testing.assert_allclose(samples.x.numpy(), adata.obsm["X_pca"], rtol=1e-6)
    assert (to_scipy(samples.graph) != adata.obsp["connectivities"]).nnz == 0
    assert samples.ids == tuple(adata.obs_names)
    assert samples.classes == ("a", "b") and samples.y.tolist() == [1, 0] * 25
    assert from_anndata(adata, graph=None).graph is None
    assert from_anndata(cells(connected=False)).graph is None
    raw = from_anndata(cells(sparse=True), use_rep="X")
    assert raw.x is not None and raw.x.layout == torch.sparse_csr
    assert np.array_equal(raw.x.to_dense().numpy(), cells().X)
    assert raw.feature_names == tuple(adata.var_names)


def test_embed_takes_the_graph_for_similarity_and_writes_back() -> None:
    adata = cells()
    result = embed(adata, **FEW)
    assert result.recipe.task == "dr" and result.z.shape == (50, 2)
    assert result.graph is not None
    assert result.graph.num_edges == adata.obsp["connectivities"].nnz
    alone = embed(from_anndata(adata, graph=None), **FEW)
    assert alone.graph is not None and alone.graph.num_edges != result.graph.num_edges
    result.to_anndata(adata)
    assert np.array_equal(adata.obsm["X_graphurl"], result.z)
    result.to_anndata(adata, key="X_other")
    assert "X_other" in adata.obsm
    with pytest.raises(InputError, match="49 cells"):
        result.to_anndata(adata[:49].copy())
    with pytest.raises(InputError, match="row 0 is 'cell0' and the cell there is 'cell49'"):
        result.to_anndata(adata[::-1].copy())
    assert np.array_equal(result.transform(adata[:9].copy()), result.transform(adata.obsm["X_pca"][:9]))


def test_the_estimator_does_the_same() -> None:
    adata = cells()
    estimator = Embedder(
        n_neighbors=4, n_epochs=2, random_state=0, device="cpu", settings={"hidden": 8, "depth": 2}
    ).fit(adata)
    assert np.array_equal(estimator.embedding_, embed(adata, **FEW).z)
    assert np.array_equal(estimator.transform(adata), estimator.embedding_)
    estimator.result_.to_anndata(adata)
    assert np.array_equal(adata.obsm["X_graphurl"], estimator.embedding_)


def test_wrong_names_offer_what_is_there() -> None:
    for given, words in (({"use_rep": "X_pce"}, "X_pca"), ({"graph": "distances"}, "connectivities"),
                         ({"labels": "kin"}, "kind")):  # fmt: skip
        with pytest.raises(InputError, match=words):
            from_anndata(cells(), **given)
    bare = anndata.AnnData(obs=cells().obs)
    with pytest.raises(InputError, match="no X"):
        as_samples(bare)
    assert graphurl.from_anndata is from_anndata
