from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import cdist
from torch import Tensor
from torch.autograd import gradcheck

from graphurl.errors import InputError
from graphurl.functional.distance import (
    METRICS,
    chunked_squared_distances,
    edge_squared_distances,
    squared_distances,
    unit_rows,
)

Metric = str | Callable[[Tensor, Tensor], Tensor]


def largest_difference(x: Tensor, y: Tensor) -> Tensor:
    return (x[:, None] - y).abs().amax(2)


EVERY: list[Metric] = [*METRICS, largest_difference]
SMOOTH = ("euclidean", "cosine", "correlation", "manhattan")


def draw(n: int, dim: int, seed: int = 0) -> Tensor:
    return torch.randn(n, dim, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def reference(x: Tensor, y: Tensor, metric: Metric) -> Tensor:
    """One pair after the other."""
    result = torch.empty(len(x), len(y), dtype=torch.float64)
    for i, a in enumerate(x.double()):
        for j, b in enumerate(y.double()):
            if metric == "euclidean":
                d2 = float(((a - b) ** 2).sum())
            elif metric == "manhattan":
                d2 = float((a - b).abs().sum()) ** 2
            elif metric in ("cosine", "correlation"):
                shift = metric == "correlation"
                u, v = a - shift * a.mean(), b - shift * b.mean()
                norms = float(u.norm() * v.norm()) if len(a) > 1 or not shift else 0.0
                d2 = 2 - 2 * (float(u @ v) / norms if norms else 0.0)
            elif metric == "hamming":
                d2 = (sum(p != q for p, q in zip(a.tolist(), b.tolist(), strict=True)) / len(a)) ** 2
            elif metric == "jaccard":
                ours, theirs = set(a.nonzero()[:, 0].tolist()), set(b.nonzero()[:, 0].tolist())
                d2 = (1 - len(ours & theirs) / len(ours | theirs)) ** 2 if ours | theirs else 0.0
            else:
                d2 = float((a - b).abs().max()) ** 2
            result[i, j] = d2
    return result


@pytest.mark.parametrize("metric", METRICS)
def test_as_scipy(metric: str) -> None:
    x, y = draw(30, 12).round().clamp(-1, 1), draw(20, 12, 1).round().clamp(-1, 1)
    rows = [t.numpy() != 0 if metric == "jaccard" else t.numpy() for t in (x, y)]
    name = "cityblock" if metric == "manhattan" else metric
    wanted = torch.from_numpy(cdist(*rows, metric=name))
    # Angles there are 1 - cos, here the chord.
    wanted = 2 * wanted if metric in ("cosine", "correlation") else wanted.square()
    assert torch.allclose(squared_distances(x, y, metric), wanted, rtol=1e-9, atol=1e-12)
    assert len(wanted.unique()) > 8


def test_a_constant_row_has_no_correlation() -> None:
    x = torch.cat([torch.full((1, 7), 0.1), draw(1, 7).float(), torch.full((1, 7), 1e-30)])
    assert torch.allclose(squared_distances(x[:1], x, "correlation"), torch.full((1, 3), 2.0))


@pytest.mark.parametrize("dim", [1, 3, 4, 5, 20])
@pytest.mark.parametrize("metric", EVERY)
def test_block_edges_and_chunks_match_the_double_loop(metric: Metric, dim: int) -> None:
    x, y = draw(7, dim), draw(5, dim, 1)
    x[2] = 0
    y[1] = 0
    y[3] = x[4]
    wanted = reference(x, y, metric)
    found = squared_distances(x, y, metric)
    assert torch.allclose(found, wanted, rtol=1e-9, atol=1e-11)
    rows, cols = torch.cartesian_prod(torch.arange(7), torch.arange(5)).T
    mixed = torch.randperm(35, generator=torch.Generator().manual_seed(1))
    edges = edge_squared_distances(x, y, rows[mixed], cols[mixed], metric)
    assert torch.allclose(edges, wanted.flatten()[mixed], rtol=1e-9, atol=1e-11)
    for chunk in (1, 3, 7, 100, None):
        blocks = list(chunked_squared_distances(x, y, metric, chunk))
        assert [start for start, _ in blocks] == list(range(0, 7, chunk or 7))
        assert torch.allclose(torch.cat([block for _, block in blocks]), found, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("metric", EVERY)
@pytest.mark.parametrize("dim", [3, 12])
def test_rows_against_themselves(metric: Metric, dim: int) -> None:
    x = draw(9, dim) + 100
    x[3] = 0
    square = squared_distances(x, metric=metric)
    assert square.diagonal().tolist() == [0] * 9
    assert torch.allclose(square, square.T, rtol=1e-9, atol=1e-9)
    chunks = torch.cat([block for _, block in chunked_squared_distances(x, metric=metric, chunk=4)])
    assert torch.allclose(chunks, square, rtol=1e-9, atol=1e-9)
    assert chunks.diagonal().tolist() == [0] * 9
    itself = torch.arange(9)
    assert edge_squared_distances(x, None, itself, itself, metric).tolist() == [0] * 9
    off = edge_squared_distances(x, None, itself, itself.roll(1), metric)
    assert torch.allclose(off, square[itself, itself.roll(1)], rtol=1e-6, atol=1e-8)


@given(st.integers(0, 10_000), st.sampled_from(METRICS), st.integers(1, 8))
def test_a_permutation_of_rows_permutes_the_distances(seed: int, metric: str, dim: int) -> None:
    x = draw(8, dim, seed)
    order = torch.randperm(8, generator=torch.Generator().manual_seed(seed))
    found = squared_distances(x[order], metric=metric)
    wanted = squared_distances(x, metric=metric)[order][:, order]
    assert (found >= 0).all()
    assert torch.allclose(found, wanted, rtol=1e-9, atol=1e-12)


@given(st.integers(0, 10_000), st.sampled_from(METRICS), st.integers(0, 7), st.integers(1, 8))
def test_a_block_is_a_slice_of_the_whole(seed: int, metric: str, start: int, dim: int) -> None:
    x, y = draw(8, dim, seed), draw(6, dim, seed + 1)
    part = squared_distances(x[start:], y, metric)
    assert torch.allclose(part, squared_distances(x, y, metric)[start:], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("metric", SMOOTH)
@pytest.mark.parametrize("dim", [3, 6])
def test_gradients(metric: str, dim: int) -> None:
    x, y = draw(4, dim).requires_grad_(), draw(3, dim, 1).requires_grad_()
    rows, cols = torch.tensor([0, 3, 1, 1]), torch.tensor([2, 2, 0, 1])
    assert gradcheck(lambda a, b: squared_distances(a, b, metric), (x, y))
    assert gradcheck(lambda a: squared_distances(a, metric=metric), (x,))
    assert gradcheck(lambda a, b: edge_squared_distances(a, b, rows, cols, metric), (x, y))


@pytest.mark.parametrize("metric", SMOOTH)
@pytest.mark.parametrize("dim", [3, 6])
def test_gradient_is_bounded_for_duplicates_and_zero_rows(metric: str, dim: int) -> None:
    x = torch.ones(4, dim)
    x[2:] = 0
    x.requires_grad_()
    ones = torch.arange(4)
    edges = edge_squared_distances(x, None, ones, ones.flip(0), metric)
    (squared_distances(x, metric=metric).sum() + edges.sum()).backward()
    assert x.grad is not None
    assert x.grad.isfinite().all()
    assert x.grad.abs().max() < 100


def test_far_from_the_origin_digits_are_kept() -> None:
    x = draw(20, 10).float()
    moved = squared_distances(x + 1000)
    assert torch.allclose(moved, squared_distances((x + 1000) - 1000), rtol=1e-3)


def test_unit_rows_at_the_ends_of_float32() -> None:
    rows = unit_rows(torch.tensor([[3e-30, 4e-30], [3e30, 4e30], [0, 0], [3, 4]]))
    assert torch.allclose(rows, torch.tensor([[0.6, 0.8], [0.6, 0.8], [0, 0], [0.6, 0.8]]))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.int64])
def test_low_precision_is_lifted_to_float32(dtype: torch.dtype) -> None:
    x = (draw(6, 8) * 3).to(dtype)
    for metric in METRICS:
        found = squared_distances(x, metric=metric)
        assert found.dtype == torch.float32
        assert torch.allclose(found, squared_distances(x.float(), metric=metric))


def test_autocast_does_not_touch_distances_nor_leak_into_the_caller() -> None:
    x = draw(6, 8).float()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = squared_distances(x)
        for _, block in chunked_squared_distances(x, chunk=2):
            assert torch.is_autocast_enabled("cpu")
            assert block.dtype == torch.float32
    assert torch.equal(inside, squared_distances(x))


def test_many_edges_are_walked_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    x = draw(30, 9)
    rows, cols = torch.randint(30, (2, 200), generator=torch.Generator().manual_seed(0))
    whole = edge_squared_distances(x, None, rows, cols)
    monkeypatch.setattr("graphurl.functional.distance._CHUNK_BYTES", 4 * 9 * 8 * 7)
    assert torch.equal(edge_squared_distances(x, None, rows, cols), whole)
    assert len(edge_squared_distances(x, None, rows[:0], cols[:0])) == 0
    assert len(edge_squared_distances(x, None, rows[:0], cols[:0], largest_difference)) == 0


def test_wrong_calls_are_refused() -> None:
    x = draw(3, 2)
    with pytest.raises(InputError, match="did you mean 'euclidean'"):
        squared_distances(x, metric="euclidian")
    with pytest.raises(InputError, match="same number of columns"):
        squared_distances(x, draw(3, 4))
    with pytest.raises(InputError, match="same number of columns"):
        squared_distances(x[0])
    with pytest.raises(InputError, match="one distance per pair"):
        squared_distances(x, metric=lambda a, b: a.sum() + b.sum())


def test_inputs_are_left_alone(rng_untouched: None) -> None:
    x = draw(6, 8)
    before = x.clone()
    for metric in EVERY:
        squared_distances(x, metric=metric)
        list(chunked_squared_distances(x, metric=metric))
        edge_squared_distances(x, x, torch.arange(3), torch.arange(3), metric)
    assert torch.equal(x, before)


@pytest.mark.gpu
@pytest.mark.parametrize("metric", METRICS)
def test_gpu_agrees(metric: str) -> None:
    x = draw(40, 12).float()
    assert torch.allclose(
        squared_distances(x, metric=metric), squared_distances(x.cuda(), metric=metric).cpu(), atol=1e-4
    )
