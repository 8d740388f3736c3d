from __future__ import annotations

import pytest
import torch
from torch import Tensor

from graphurl.errors import InputError
from graphurl.graphs import block_diagonal, class_neighbors, knn, supervise
from graphurl.graphs.graph import Graph


def data() -> tuple[Tensor, Tensor]:
    x = torch.randn(40, 3, generator=torch.Generator().manual_seed(0))
    y = torch.arange(40) % 4
    y[:6] = -1
    y[y == 3] = 9
    y[7] = 5  # a class of one
    return x, y


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("k", [3, 30])
def test_class_neighbours_are_the_sorted_loop(k: int, sparse: bool) -> None:
    x, y = data()
    graph = class_neighbors(x.to_sparse_csr() if sparse else x, y, k)
    found = {i: set(graph.col[graph.rows == i].tolist()) for i in range(40)}
    for i in range(40):
        others = [j for j in range(40) if j != i and y[i] >= 0 and y[j] == y[i]]
        nearest = sorted(others, key=lambda j: float((x[i] - x[j]).norm()))[:k]
        assert found[i] == set(nearest)
    assert graph.length is not None
    far = (x[graph.rows] - x[graph.col]).norm(dim=1)
    assert torch.allclose(graph.length, far, atol=1e-5)
    assert graph.num_edges <= 40 * k


def dense(graph: Graph) -> Tensor:
    made = torch.zeros(graph.num_nodes, graph.num_nodes)
    made[graph.rows, graph.col] = graph.weight if graph.weight is not None else 1.0
    return made


@pytest.mark.parametrize("t", [0.0, 0.3, 1.0])
def test_labels_are_mixed_in_where_they_are_known(t: float) -> None:
    x, y = data()
    p_x = knn(x, 5).similarity()
    p_y = class_neighbors(x, y, 4).similarity()
    mixed = supervise(p_x, p_y, y, t)
    for i in range(40):
        for j in range(40):
            known = y[i] >= 0 and y[j] >= 0
            wanted = (1 - t * float(known)) * dense(p_x)[i, j] + t * dense(p_y)[i, j]
            assert abs(float(dense(mixed)[i, j] - wanted)) < 1e-6
    assert mixed.weight is not None and bool((mixed.weight > 0).all())
    if t == 1:
        assert not any(y[i] != y[j] and y[i] >= 0 and y[j] >= 0 for i, j in zip(mixed.rows, mixed.col, strict=True))
    with pytest.raises(InputError, match="target_weight is 1.5: give 0"):
        supervise(p_x, p_y, y, 1.5)


def test_blocks_are_side_by_side() -> None:
    a, b = knn(torch.randn(7, 2), 2).similarity(), knn(torch.randn(5, 2), 3).similarity()
    joint = dense(block_diagonal([a, b]))
    assert torch.equal(joint[:7, :7], dense(a))
    assert torch.equal(joint[7:, 7:], dense(b))
    assert float(joint[:7, 7:].sum() + joint[7:, :7].sum()) == 0
    assert block_diagonal([a]).num_nodes == 7
    with pytest.raises(InputError, match="no graphs"):
        block_diagonal([])
