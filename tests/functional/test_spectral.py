from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from graphurl.functional import spectral
from graphurl.functional.spectral import spectral_rows
from graphurl.graphs import knn
from graphurl.graphs.graph import Graph


def rows(n: int, seed: int = 0) -> Tensor:
    return torch.randn(n, 4, generator=torch.Generator().manual_seed(seed)) * torch.tensor([9.0, 5.0, 1.0, 1.0])


def layout(graph: Graph, dim: int = 2, seed: int = 0) -> np.ndarray:
    similar = graph.similarity()
    assert similar.weight is not None
    noise = torch.Generator().manual_seed(seed)
    return spectral_rows(similar.crow, similar.col, similar.weight, dim, 1.0, noise).double().numpy()


def naive(graph: Graph, dim: int) -> np.ndarray:
    """All eigenvectors of D^-1/2 (D - W) D^-1/2, turned back by D^-1/2, after the constant one."""
    similar = graph.similarity()
    w = np.zeros((graph.num_nodes, graph.num_nodes))
    for i, j, p in zip(similar.rows.tolist(), similar.col.tolist(), similar.weight.tolist(), strict=True):  # type: ignore[union-attr]
        w[i, j] += p / 2
        w[j, i] += p / 2
    d = w.sum(1)
    values, vectors = np.linalg.eigh((np.diag(d) - w) / np.sqrt(d[:, None] * d))
    assert abs(values[0]) < 1e-9 < values[1]
    y = vectors[:, 1 : dim + 1] / np.sqrt(d)[:, None]
    return y * np.sign(y[np.abs(y).argmax(0), np.arange(dim)])


@pytest.mark.parametrize("dense", [400, 10])
@pytest.mark.parametrize("dim", [1, 2, 5])
def test_as_the_dense_decomposition(dense: int, dim: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spectral, "DENSE", dense)
    graph = knn(rows(150), 12)
    found, wanted = layout(graph, dim), naive(graph, dim)
    wanted = wanted / np.linalg.norm(wanted, axis=0)
    wanted = (wanted - wanted.mean(0)) / (wanted - wanted.mean(0)).std(0).max()
    # What differs is the little noise.
    assert np.abs(found - wanted).max() < 0.06
    assert np.array_equal(found, layout(graph, dim))
    assert not np.array_equal(found, layout(graph, dim, seed=1))


def test_parts_lie_apart_each_by_its_own_eigenvectors() -> None:
    one, other = rows(60), rows(40, 1) + 1000
    together = layout(knn(torch.cat([one, other]), 8))
    first, second = together[:60], together[60:]
    between = np.linalg.norm(first.mean(0) - second.mean(0))
    radii = [np.linalg.norm(part - part.mean(0), axis=1).max() for part in (first, second)]
    assert between > 0.5 * sum(radii)
    alone = layout(knn(one, 8))
    for axis in range(2):
        assert abs(np.corrcoef(first[:, axis], alone[:, axis])[0, 1]) > 0.99


def test_lonely_nodes_pairs_and_graphs_without_edges_are_finite_and_distinct() -> None:
    edges = torch.tensor([[0, 1, 2, 3, 3], [1, 0, 3, 2, 4]])
    graph = Graph.from_edges(edges[0], edges[1], 8, weight=torch.ones(5))
    for dim in (1, 2, 3):
        found = layout(graph, dim)
        assert np.isfinite(found).all()
        assert len(np.unique(found.round(6), axis=0)) == 8
        np.testing.assert_allclose(found.mean(0), 0, atol=0.02)
    nobody = torch.zeros(0, dtype=torch.long)
    none = Graph.from_edges(nobody, nobody, 5, weight=torch.zeros(0))
    assert np.isfinite(layout(none)).all()


def test_equal_nodes_do_not_coincide() -> None:
    full = 1 - torch.eye(6)
    r, c = full.nonzero().unbind(1)
    found = layout(Graph.from_edges(r, c, 6, weight=torch.ones(len(r))))
    assert len(np.unique(found, axis=0)) == 6
