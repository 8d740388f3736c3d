from __future__ import annotations

import math
from collections import Counter
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.autograd import gradcheck
from torch.utils._python_dispatch import TorchDispatchMode

from graphurl.errors import InputError
from graphurl.functional import pairs
from graphurl.functional.distance import squared_distances
from graphurl.functional.kernel import log_t_kernel
from graphurl.functional.pairs import sum_log_normalisers

FORMS: list[dict[str, Any]] = [
    {"metric": "cosine"},
    {"metric": "cosine", "sigma": 0.1},  # logits down to -200: shifted
    {"metric": "euclidean", "sigma": 2.0},
    {"metric": "euclidean", "sigma": 0.05},  # logits down to -1e4
    {"metric": "cosine", "nu": 1.0, "sigma": 0.3},
    {"metric": "euclidean", "nu": 5.0},
    {"metric": "euclidean", "nu": 100.0, "sigma": 0.1},
    {"metric": "cosine", "nu": 1e4, "sigma": 0.2},  # log1p
    {"metric": "euclidean", "nu": 24.0},  # power 12.5: squares, products, a root
]
NAMES = [" ".join(map(str, form.values())) for form in FORMS]


def draw(rows: int, cols: int, dim: int = 6, seed: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(rows, dim, generator=generator, dtype=torch.float64)
    y = torch.randn(cols, dim, generator=generator, dtype=torch.float64)
    count = torch.rand(rows, generator=generator, dtype=torch.float64)
    return x.requires_grad_(), y.requires_grad_(), count * (torch.arange(rows) % 3 != 1)


def naive(
    x: Tensor,
    y: Tensor,
    count: Tensor,
    *,
    metric: str = "cosine",
    nu: float = math.inf,
    sigma: float = 1.0,
    temperature: float = 1.0,
    normalised: bool = True,
    same: bool = False,
    left_out: Tensor | None = None,
) -> Tensor:
    """The formula, with the whole matrix."""
    logits = log_t_kernel(squared_distances(x, y, metric) / sigma**2, nu, normalised=normalised) / temperature
    forbidden = torch.zeros_like(logits, dtype=torch.bool)
    if same:
        forbidden.fill_diagonal_(True)
    if left_out is not None:
        forbidden[:, : left_out.shape[1]] |= left_out
    counts = count > 0
    return (count * logits.masked_fill(forbidden, -math.inf).logsumexp(1))[counts].sum()


def check(x: Tensor, y: Tensor, count: Tensor, side: int | None = None, **form: Any) -> None:
    wanted = naive(x, y, count, **form)
    found = sum_log_normalisers(x, y, count, side=side, **form)
    torch.testing.assert_close(found, wanted, rtol=1e-10, atol=1e-10)
    for a, b in zip(torch.autograd.grad(found, (x, y)), torch.autograd.grad(wanted, (x, y)), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-8, atol=1e-8)


class Watch(TorchDispatchMode):
    """Counts calls, and numbers in the largest tensor and in all memory set aside for tiles."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: Counter[str] = Counter()
        self.largest = self.reserved = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        self.calls[func.overloadpacket.__name__] += 1
        if isinstance(result, Tensor):
            self.largest = max(self.largest, result.numel())
            self.reserved += result.numel() * (func.overloadpacket.__name__ == "new_empty")
        return result

    @property
    def products(self) -> int:
        return self.calls["mm"] + self.calls["addmm_"]


@pytest.mark.parametrize("form", FORMS, ids=NAMES)
@pytest.mark.parametrize("side", [1, 4, None])
@pytest.mark.parametrize("same", [False, True])
@pytest.mark.parametrize("masked", [False, True])
def test_tiles_equal_the_formula(form: dict[str, Any], side: int | None, same: bool, masked: bool) -> None:
    x, y, count = draw(9, 13)
    left_out = torch.rand(9, 7, generator=torch.Generator().manual_seed(1)) < 0.4 if masked else None
    check(x, y, count, side, same=same, left_out=left_out, temperature=0.4, normalised=False, **form)


@settings(max_examples=40, deadline=None)
@given(
    shape=st.tuples(st.integers(1, 11), st.integers(2, 14), st.integers(1, 6)), side=st.integers(1, 9),
    form=st.sampled_from(FORMS), temperature=st.sampled_from([0.1, 1.0, 3.0]), same=st.booleans(),
    width=st.integers(0, 14), seed=st.integers(0, 99),
)  # fmt: skip
def test_any_shape_and_tile_equals_the_formula(
    shape: tuple[int, int, int], side: int, form: dict[str, Any], temperature: float, same: bool, width: int, seed: int
) -> None:
    rows, cols, dim = shape
    x, y, count = draw(rows, cols, dim, seed)
    left_out = torch.rand(rows, min(width, cols), generator=torch.Generator().manual_seed(seed)) < 0.5
    forbidden = torch.zeros(rows, cols, dtype=torch.bool)
    forbidden[:, : left_out.shape[1]] = left_out
    if same:
        forbidden.fill_diagonal_(True)
    count = count * ~forbidden.all(1)
    check(x, y, count, side, temperature=temperature, same=same, left_out=left_out, **form)


@pytest.mark.parametrize("form", FORMS, ids=NAMES)
def test_gradcheck(form: dict[str, Any]) -> None:
    x, y, count = draw(4, 5, dim=3)
    mild = form | {"sigma": max(1.0, form.get("sigma", 1.0))}
    assert gradcheck(lambda a, b: sum_log_normalisers(a, b, count, same=True, side=2, **mild), (x, y))


@pytest.mark.parametrize("form", FORMS, ids=NAMES)
def test_float32_keeps_five_digits(form: dict[str, Any]) -> None:
    x, y, count = draw(40, 300, dim=32)
    wanted = naive(x, y, count, **form)
    expected = torch.autograd.grad(wanted, (x, y))
    a, b = (z.detach().float().requires_grad_() for z in (x, y))
    found = sum_log_normalisers(a, b, count, side=64, **form)
    assert found.dtype == torch.float32
    # Rounding of a squared distance d² ~ 2 dim, in units of σ², is part of a logit's error.
    assert found.item() == pytest.approx(wanted.item(), rel=1e-5)
    for got, want in zip(torch.autograd.grad(found, (a, b)), expected, strict=True):
        assert float((got - want).norm()) <= (1e-2 if form.get("sigma", 1) < 0.1 else 1e-4) * float(want.norm())


def test_few_rows_at_a_time_where_columns_want_a_gradient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pairs, "_KEPT_PAIRS", 40)
    monkeypatch.setattr(pairs, "_FEWEST_ROWS", 2)
    for form in FORMS[:2]:
        check(*draw(11, 13), side=8, same=True, **form)  # blocks of three rows: diagonals across tiles
    x, y, count = draw(32, 64)
    with Watch() as watch:
        sum_log_normalisers(x, y, count, side=32)
    # Blocks of two rows and tiles of 2 × 32: nothing is larger than the rows and columns themselves.
    assert watch.largest == y.numel()


@pytest.mark.parametrize(("want_x", "want_y"), [(True, True), (True, False), (False, True), (False, False)])
def test_one_product_a_tile_and_side_and_none_in_the_backward_pass(want_x: bool, want_y: bool) -> None:
    x, y, count = draw(64, 96)
    x.requires_grad_(want_x), y.requires_grad_(want_y)
    with Watch() as forward:
        value = sum_log_normalisers(x, y, count, side=16)
    assert forward.products == 4 * 6 * (1 + want_x + want_y)
    assert forward.largest < 64 * 96 / 4
    assert forward.reserved == 16 * (96 if want_y else 16)
    assert value.requires_grad == (want_x or want_y)
    if value.requires_grad:
        with Watch() as backward:
            value.backward()
        assert backward.products == 0
    assert (x.grad is not None, y.grad is not None) == (want_x, want_y)
    with torch.no_grad(), Watch() as forward:
        sum_log_normalisers(x, y, count, side=16)
    assert forward.products == 4 * 6


def test_the_same_rows_on_both_sides_get_both_gradients() -> None:
    x, _, count = draw(8, 8)
    form: dict[str, Any] = {"metric": "euclidean", "nu": 5.0, "same": True}
    found = sum_log_normalisers(x, x, count, side=3, **form)
    (wanted,) = torch.autograd.grad(naive(x, x, count, **form), x)
    torch.testing.assert_close(torch.autograd.grad(found, x)[0], wanted)


@pytest.mark.parametrize("form", FORMS[:2], ids=NAMES[:2])
def test_what_is_left_out_gives_and_takes_nothing(form: dict[str, Any]) -> None:
    x, y, count = draw(5, 6)
    nothing = torch.zeros(5, 4, dtype=torch.bool)
    nothing[:, 2] = True
    nothing[0] = True
    count[0] = 0
    value = sum_log_normalisers(x, y, count, left_out=nothing, side=2, **form)
    along_x, along_y = torch.autograd.grad(value, (x, y))
    assert not along_y[2].any() and along_y[[1, 4]].any(1).all()
    assert not along_x[0].any() and along_x[2].any()
    moved = y.detach().index_fill(0, torch.tensor([2]), 9.0)
    torch.testing.assert_close(sum_log_normalisers(x, moved, count, left_out=nothing, side=2, **form), value)


@pytest.mark.parametrize("form", FORMS, ids=NAMES)
def test_a_row_without_any_pair_is_harmless_if_it_does_not_count(form: dict[str, Any]) -> None:
    x, y, count = draw(3, 4)
    none = torch.ones(3, 4, dtype=torch.bool)
    none[0] = False
    count = torch.tensor([1.0, 0.0, 0.0])
    value = sum_log_normalisers(x, y, count, left_out=none, side=2, **form)
    gradients = torch.autograd.grad(value, (x, y))
    assert value.isfinite() and all(g.isfinite().all() for g in gradients)
    assert not gradients[0][1:].any()


def test_far_logits_do_not_become_subnormal() -> None:
    sums = pairs._RowSums(torch.zeros(2, 3), shifted=True, pulled=True)
    logits = torch.tensor([[5.0, -95.0, -500.0], [-1e4, -1e4 - 90, -math.inf]])
    sums.shift(logits)
    torch.testing.assert_close(logits * math.log(2), torch.tensor([[0.0, -60, -60], [0, -60, -60]]))
    assert sums.peak.tolist() == [5, -1e4]


def test_logits_near_zero_are_not_shifted() -> None:
    x, y, count = draw(20, 30)
    forms = [(FORMS[0], 0, 0), (FORMS[1], 6, 0), (FORMS[4], 0, 0), (FORMS[6], 6, 6), ({"nu": 2.3}, 0, 6)]
    for form, shifted, logarithms in forms:
        with Watch() as watch:
            sum_log_normalisers(x, y, count, side=10, **form)
        assert (watch.calls["amax"], watch.calls["log2"]) == (shifted, logarithms)  # whole powers need no logarithm


def test_a_far_origin_costs_no_digits() -> None:
    x, y, count = (z.detach().float() for z in draw(20, 30))
    for form in ({"sigma": 1.0}, {"nu": 5.0}):
        a, b = (x + 1e3).requires_grad_(), y + 1e3
        found = sum_log_normalisers(a, b, count, metric="euclidean", **form)
        exact = a.detach().double().requires_grad_()
        wanted = naive(exact, b.double(), count.double(), metric="euclidean", **form)
        assert found.item() == pytest.approx(wanted.item(), rel=1e-5)
        got, want = torch.autograd.grad(found, a)[0], torch.autograd.grad(wanted, exact)[0]
        torch.testing.assert_close(got.double(), want, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("nu", [0.01, 1e3])
def test_distances_that_round_below_zero_stay_finite(nu: float) -> None:
    x = 1e3 * draw(40, 2, dim=16)[0].detach().float().requires_grad_()
    value = sum_log_normalisers(x, x.detach(), torch.ones(40), metric="euclidean", nu=nu, sigma=1e-2)
    assert value.isfinite()
    assert torch.autograd.grad(value, x)[0].isfinite().all()


@pytest.mark.parametrize("scale", [1e-30, 1.0, 1e30])
def test_directions_do_not_depend_on_length(scale: float) -> None:
    x, y, count = draw(5, 7)
    wanted = sum_log_normalisers(x, y, count)
    a = (scale * x.detach()).float().requires_grad_()
    found = sum_log_normalisers(a, y.float() * scale, count)
    assert found.item() == pytest.approx(wanted.item(), rel=1e-5)
    (gradient,) = torch.autograd.grad(found, a)
    torch.testing.assert_close(gradient.double() * scale, torch.autograd.grad(wanted, x)[0], rtol=1e-4, atol=1e-6)


def test_rows_of_zeros_have_cosine_zero() -> None:
    x, y, count = draw(4, 5)
    x.data[0] = y.data[1] = 0
    check(x, y, count + 1, sigma=0.5)


@pytest.mark.parametrize("form", [FORMS[0], FORMS[4]], ids=["cosine", "t"])
def test_half_precision_is_computed_in_float32(form: dict[str, Any]) -> None:
    x, y, count = (z.detach().bfloat16() for z in draw(6, 9))
    wanted = sum_log_normalisers(x.float(), y.float(), count, **form)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = sum_log_normalisers(x.requires_grad_(), y, count, **form)
    assert found.dtype == torch.float32 and torch.equal(found, wanted)
    found.backward()
    assert x.grad is not None and x.grad.dtype == torch.bfloat16


def test_the_second_derivative_is_refused() -> None:
    x, y, count = draw(3, 4)
    with pytest.raises(RuntimeError, match="no second derivative"):
        torch.autograd.grad(sum_log_normalisers(x, y, count), x, create_graph=True)


def test_what_is_no_inner_product_is_refused() -> None:
    x, y, count = draw(3, 4)
    with pytest.raises(InputError, match="manhattan"):
        sum_log_normalisers(x, y, count, metric="manhattan")
    for nu in (0.0, -1.0, 1e13, math.nan):
        with pytest.raises(InputError, match="nu is"):
            sum_log_normalisers(x, y, count, nu=nu)


def test_inputs_and_global_randomness_are_untouched(rng_untouched: None) -> None:
    x, y, count = draw(5, 6)
    copies = [z.clone() for z in (x, y, count)]
    for form in FORMS:
        sum_log_normalisers(x, y, count, same=True, side=2, **form).backward()
    assert all(torch.equal(a, b) for a, b in zip(copies, (x, y, count), strict=True))
