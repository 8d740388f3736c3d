"""Losses of two whole matrices against loops over pairs and triplets, written as their papers have them."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from graphurl.errors import InputError
from graphurl.losses import PKT, RKD, SP, Matching

ALL = [RKD(), RKD(angle=0.0), RKD(distance=0.0, angle=1.0), PKT(), SP()]


def rows(n: int, dim: int, seed: int) -> Tensor:
    return torch.randn(n, dim, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def both(n: int = 6) -> tuple[Tensor, Tensor]:
    """A teacher of 5 dimensions and a student of 3."""
    return rows(n, 5, 0), rows(n, 3, 1)


def of(loss: Matching, teacher: Tensor, student: Tensor) -> Tensor:
    return loss(loss.measure.of(teacher), loss.measure.of(student))


def huber(a: float, b: float) -> float:
    return 0.5 * (a - b) ** 2 if abs(a - b) <= 1 else abs(a - b) - 0.5


def naive_rkd(loss: RKD, t: Tensor, s: Tensor) -> float:
    """From the vectors themselves: angles by difference vectors, as Park et al. have them."""
    n = len(t)
    pairs = [(i, j) for i in range(n) for j in range(n) if i != j]
    mean_t, mean_s = (sum(float((x[i] - x[j]).norm()) for i, j in pairs) / len(pairs) for x in (t, s))
    far = sum(huber(float((s[i] - s[j]).norm()) / mean_s, float((t[i] - t[j]).norm()) / mean_t) for i, j in pairs)

    def angle(x: Tensor, i: int, j: int, k: int) -> float:
        a, b = x[i] - x[j], x[k] - x[j]
        return float(a @ b / (a.norm() * b.norm()))

    bent = sum(
        huber(angle(s, i, j, k), angle(t, i, j, k))
        for j in range(n) for i in range(n) for k in range(n) if i != j and k != j
    )  # fmt: skip
    return loss.distance * far / len(pairs) + loss.angle * bent / n**3


def naive_pkt(t: Tensor, s: Tensor) -> float:
    def conditional(x: Tensor, i: int, j: int) -> float:
        kernel = lambda a, b: (1 + float(torch.cosine_similarity(a, b, dim=0))) / 2  # noqa: E731
        return kernel(x[i], x[j]) / sum(kernel(x[i], x[k]) for k in range(len(x)) if k != i)

    n = len(t)
    total = 0.0
    for i in range(n):
        for j in range(n):
            if i != j:
                p, q = conditional(t, i, j), conditional(s, i, j)
                total += p * math.log(p / q)
    return total / n


def naive_sp(t: Tensor, s: Tensor) -> float:
    n, total = len(t), 0.0
    for i in range(n):
        g, h = ([float(x[i] @ x[j]) for j in range(n)] for x in (t, s))
        long_g, long_h = (math.sqrt(sum(v * v for v in row)) for row in (g, h))
        total += sum((a / long_g - b / long_h) ** 2 for a, b in zip(g, h, strict=True))
    return total / n**2


@pytest.mark.parametrize("loss", ALL, ids=repr)
def test_each_equals_its_paper_in_loops(loss: Matching) -> None:
    t, s = both()
    expected = (
        naive_rkd(loss, t, s) if isinstance(loss, RKD) else naive_pkt(t, s) if isinstance(loss, PKT) else naive_sp(t, s)
    )
    assert float(of(loss, t, s)) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("loss", ALL, ids=repr)
def test_gradient(loss: Matching) -> None:
    t, s = both(4)
    assert torch.autograd.gradcheck(lambda z: of(loss, t, z), s.requires_grad_())


@pytest.mark.parametrize("loss", ALL, ids=repr)
def test_a_student_that_turns_the_teacher_is_perfect(loss: Matching) -> None:
    t, s = both()
    turn, _ = torch.linalg.qr(rows(5, 5, 2))
    assert float(of(loss, t, t @ turn)) == pytest.approx(0, abs=1e-12)
    assert float(of(loss, t, s)) > 1e-3
    torch.testing.assert_close(loss.minimiser(loss.measure.of(t)), loss.measure.of(t).exp())


def test_distances_and_angles_know_no_unit() -> None:
    t, s = both()
    assert float(of(RKD(), t, 7 * s)) == pytest.approx(float(of(RKD(), t, s)), rel=1e-9)
    assert float(of(RKD(), 1e3 * t, s)) == pytest.approx(float(of(RKD(), t, s)), rel=1e-9), "p itself underflows there"


def test_angles_are_the_same_in_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    t, s = both(7)
    whole = of(RKD(), t, s)
    monkeypatch.setattr("graphurl.losses.matching.TRIPLETS", 100)
    torch.testing.assert_close(of(RKD(), t, s), whole)


@pytest.mark.parametrize("loss", ALL, ids=repr)
def test_points_that_coincide_have_a_finite_gradient(loss: Matching) -> None:
    t, s = both()
    s = torch.cat([s[:1], s[:1], s[2:]]).requires_grad_()
    of(loss, t, s).backward()
    assert s.grad is not None and bool(s.grad.isfinite().all())


def test_what_is_no_whole_batch_is_refused() -> None:
    with pytest.raises(InputError, match="3 × 4: this loss compares a whole batch"):
        SP()(torch.zeros(3, 4), torch.zeros(3, 4))
    with pytest.raises(InputError, match="pairs have weights"):
        SP()(torch.zeros(3, 3), torch.zeros(3, 3), torch.ones(3, 3))
