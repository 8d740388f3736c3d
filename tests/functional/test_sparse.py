"""Rows of sparse matrices against indexing of dense ones."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from graphurl.functional.sparse import (
    csr_matrix,
    entries,
    entry_blocks,
    equal_rows,
    find_entries,
    near_order,
    permuted,
    stacked_rows,
    take_rows,
)


def matrix(n: int = 8, m: int = 5, seed: int = 0, density: float = 0.4) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    x = torch.rand(n, m, generator=generator) + 0.1
    return x * (torch.rand(n, m, generator=generator) < density)


@given(rows=st.lists(st.integers(0, 7), max_size=12), seed=st.integers(0, 20), density=st.sampled_from([0.0, 0.3, 1.0]))
def test_rows_of_csr_are_the_rows_of_the_dense_matrix(rows: list[int], seed: int, density: float) -> None:
    x = matrix(seed=seed, density=density)
    index = torch.tensor(rows, dtype=torch.int64)
    assert torch.equal(take_rows(x.to_sparse_csr(), index), x[index])
    assert torch.equal(take_rows(x, index), x[index])


@given(rows=st.lists(st.integers(0, 7), max_size=12), seed=st.integers(0, 20))
def test_entries_in_a_loop(rows: list[int], seed: int) -> None:
    crow = matrix(seed=seed).to_sparse_csr().crow_indices()
    place, position = entries(crow, torch.tensor(rows, dtype=torch.int64))
    expected = [(k, e) for k, row in enumerate(rows) for e in range(int(crow[row]), int(crow[row + 1]))]
    assert list(zip(place.tolist(), position.tolist(), strict=True)) == expected


def test_a_csr_matrix_is_built_without_a_notice() -> None:
    code = (
        "import warnings, torch\n"
        "warnings.simplefilter('error')\n"
        "from graphurl.functional.sparse import csr_matrix, take_rows\n"
        "m = csr_matrix(torch.tensor([0, 1, 1]), torch.tensor([2]), torch.tensor([5.0]), (2, 3))\n"
        "assert take_rows(m, torch.tensor([1, 0])).tolist() == [[0, 0, 0], [0, 0, 5]]\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    dense = matrix().to_sparse_csr()
    again = csr_matrix(dense.crow_indices(), dense.col_indices(), dense.values(), (8, 5))
    assert torch.equal(again.to_dense(), matrix())


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.int64, torch.bool])
def test_type_is_kept(dtype: torch.dtype) -> None:
    x = matrix().to(dtype)
    assert torch.equal(take_rows(x.to_sparse_csr(), torch.tensor([3, 1])), x[[3, 1]])


def test_row_numbers_of_a_vector_are_taken_as_they_are() -> None:
    assert take_rows(torch.tensor([5, 6, 7]), torch.tensor([2, 0])).tolist() == [7, 5]


@given(seed=st.integers(0, 40), density=st.sampled_from([0.0, 0.3, 1.0]), scaled=st.booleans())
def test_equal_rows_have_one_number_and_others_have_others(seed: int, density: float, scaled: bool) -> None:
    x = matrix(seed=seed, density=density).mul(8).round()
    x = torch.cat([x, x[:2], 3 * x[1:4], -x[:1]])
    seen = torch.where(x.abs().amax(1, keepdim=True) > 0, x.double() / x.double().norm(dim=1, keepdim=True), 0.0)
    near = torch.cdist(seen, seen) < 1e-12 if scaled else (x[:, None] == x).all(2)
    for form in (x, x.to_sparse_csr()):
        found = equal_rows(form, scaled=scaled)
        assert found is not None
        assert torch.equal(found[:, None] == found, near)
    assert equal_rows(torch.arange(1.0, 6.0)[:, None]) is None
    assert torch.equal(equal_rows(torch.arange(6.0)[:, None], scaled=True), torch.tensor([0, 1, 1, 1, 1, 1]))  # type: ignore[arg-type]


@given(seed=st.integers(0, 20), density=st.sampled_from([0.0, 0.3]), sparse=st.tuples(st.booleans(), st.booleans()))
def test_rows_are_stacked_in_the_layout_of_the_first(seed: int, density: float, sparse: tuple[bool, bool]) -> None:
    x, y = matrix(seed=seed, density=density), matrix(n=3, seed=seed + 1, density=density)
    first, second = (part.to_sparse_csr() if flag else part for part, flag in zip((x, y), sparse, strict=True))
    found = stacked_rows(first, second)
    assert found.layout == first.layout
    assert torch.equal(found.to_dense() if sparse[0] else found, torch.cat([x, y]))


def test_inputs_and_global_randomness_are_untouched(rng_untouched: None) -> None:
    x = matrix().to_sparse_csr()
    take_rows(x, torch.tensor([0, 1])).fill_(7)
    assert torch.equal(x.to_dense(), matrix())


@given(seed=st.integers(0, 40), density=st.sampled_from([0.0, 0.1, 0.5, 1.0]), size=st.integers(1, 50))
def test_blocks_of_entries_cover_a_matrix(seed: int, density: float, size: int) -> None:
    x = matrix(seed=seed, density=density)
    csr = x.to_sparse_csr()
    blocks = list(entry_blocks(csr.crow_indices(), size))
    rows = torch.cat([part for part, _ in blocks])
    places = torch.cat([torch.arange(edges.start, edges.stop) for _, edges in blocks])
    assert torch.equal(torch.stack([rows, csr.col_indices()[places]]), x.nonzero().T)
    assert torch.equal(places, torch.arange(len(csr.values())))
    assert all(len(part) <= size or len(torch.unique(part)) == 1 for part, _ in blocks)


@given(seed=st.integers(0, 40), density=st.sampled_from([0.0, 0.1, 0.5, 1.0]))
def test_entries_are_found_and_missing_ones_are_not(seed: int, density: float) -> None:
    x = matrix(seed=seed, density=density)
    csr = x.to_sparse_csr()
    rows, cols = torch.ones_like(x).nonzero().T
    found = find_entries(csr.crow_indices(), csr.col_indices(), rows, cols)
    assert torch.equal(found >= 0, x.flatten() > 0)
    assert torch.equal(csr.values()[found[found >= 0]], x[x > 0])


def test_another_order_is_the_same_matrix() -> None:
    dense = torch.rand(9, 9, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    dense = dense * (dense > 0.6)
    order = torch.randperm(9, generator=torch.Generator().manual_seed(1))
    moved = permuted(dense.to_sparse_csr(), order)
    torch.testing.assert_close(moved.to_dense(), dense[order][:, order])
    torch.sparse_csr_tensor(
        moved.crow_indices(), moved.col_indices(), moved.values(), moved.shape, check_invariants=True
    )  # fmt: skip


def test_neighbours_come_to_stand_close() -> None:
    n = 200
    shuffled = torch.randperm(n, generator=torch.Generator().manual_seed(0))
    there = torch.stack([shuffled, shuffled.roll(1)])
    ring = torch.sparse_coo_tensor(torch.cat([there, there.flip(0)], 1), torch.ones(2 * n), (n, n)).to_sparse_csr()
    order = near_order(ring)
    assert order.sort().values.tolist() == list(range(n))
    moved = permuted(ring, order).to_sparse_coo().indices()
    assert int((moved[0] - moved[1]).abs().max()) <= 2
