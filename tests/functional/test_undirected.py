"""Undirected edges: each pair once."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from graphurl.functional.undirected import pairs_of


def symmetric(n: int, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    dense = torch.rand(n, n, generator=generator, dtype=torch.float64)
    dense = (dense + dense.T).fill_diagonal_(0)
    return dense * (dense > 1.1)


@pytest.mark.parametrize(("n", "seed"), [(2, 0), (9, 1), (30, 2)])
def test_pairs_are_the_upper_triangle(n: int, seed: int) -> None:
    dense = symmetric(n, seed)
    pairs = pairs_of(dense.to_sparse_csr())
    assert pairs is not None
    upper = dense.triu()
    assert torch.equal(torch.stack([pairs.row, pairs.col]), upper.nonzero().T)
    assert torch.equal(pairs.value, upper[pairs.row, pairs.col])
    for node in range(n):
        here = slice(*pairs.starts[node : node + 2].tolist())
        found = dict(zip(pairs.meeting[here].tolist(), pairs.sign[here].tolist(), strict=True))
        starting = {int(pair): 1.0 for pair in (pairs.row == node).nonzero()}
        assert found == starting | {int(pair): -1.0 for pair in (pairs.col == node).nonzero()}


@pytest.mark.parametrize("dim", [1, 2, 3])
def test_weighted_differences_are_the_laplacian_of_the_dense_matrix(dim: int) -> None:
    dense = symmetric(20, 3)
    pairs = pairs_of(dense.to_sparse_csr())
    assert pairs is not None
    z = torch.randn(20, dim, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    weight = torch.randn(len(pairs.value), generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    w = torch.zeros(20, 20, dtype=torch.float64)
    w[pairs.row, pairs.col] = w[pairs.col, pairs.row] = weight
    pull = weight[:, None] * (z[pairs.row] - z[pairs.col])
    torch.testing.assert_close(pairs.differences(pull), (torch.diag(w.sum(1)) - w) @ z)


@pytest.mark.parametrize(
    "entries",
    [[(0, 1, 1.0)], [(0, 1, 1.0), (1, 0, 2.0)], [(0, 1, 1.0), (2, 0, 1.0)], [(0, 0, 1.0), (1, 1, 1.0)],
     [(0, 1, 1.0), (1, 0, 1.0), (2, 2, 1.0)]],
)  # fmt: skip
def test_what_is_not_symmetric_or_has_a_diagonal_has_no_pairs(entries: list[tuple[int, int, float]]) -> None:
    dense = torch.zeros(3, 3)
    for i, j, value in entries:
        dense[i, j] = value
    assert pairs_of(dense.to_sparse_csr()) is None


def test_no_entry_is_no_pair() -> None:
    pairs = pairs_of(torch.zeros(3, 3).to_sparse_csr())
    assert pairs is not None
    assert not len(pairs.row)
    assert not pairs.differences(torch.ones(0, 2)).any()


def test_sums_over_the_entries_are_kept_and_follow_the_type() -> None:
    dense = torch.tensor([[0.0, 0.5, 0.0], [0.5, 0.0, 0.25], [0.0, 0.25, 0.0]], dtype=torch.float64)
    pairs = pairs_of(dense.to_sparse_csr())
    assert pairs is not None
    assert float(pairs.mass) == 1.5
    assert float(pairs.information) == pytest.approx(2 * (0.5 * math.log(0.5) + 0.25 * math.log(0.25)))
    assert pairs.information is pairs.information
    assert pairs.to("cpu") is pairs.of_type(torch.float64) is pairs
    narrow = pairs.of_type(torch.float32)
    assert narrow.value.dtype == narrow.sign.dtype == torch.float32
