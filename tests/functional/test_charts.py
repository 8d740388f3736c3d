"""Locally linear maps: regressions written out, gaps that are not bridged, and rows far more than are held at once."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from graphurl.functional import charts as module
from graphurl.functional.charts import closeness, fitted_charts, nearest_charts


def draw(n: int, f: int, seed: int = 0) -> Tensor:
    return torch.randn(n, f, generator=torch.Generator().manual_seed(seed))


def seeded() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def said(x: Tensor, found: tuple[Tensor, Tensor, Tensor]) -> Tensor:
    """Where the nearest chart puts each row."""
    centres, offsets, slopes = found
    near = nearest_charts(x, centres)[1][:, 0]
    return offsets[near] + ((x - centres[near])[:, None] @ slopes[near])[:, 0]


def test_the_nearest_charts_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    x, centres = draw(50, 4) + 100, draw(20, 4, 1) + 100
    d2, near = nearest_charts(x, centres)
    whole = torch.cdist(x.double(), centres.double()).square()
    expected = whole.topk(module.OVERLAP, largest=False)
    assert torch.equal(near, expected.indices)
    torch.testing.assert_close(d2.double(), expected.values, rtol=1e-4, atol=1e-5)
    monkeypatch.setattr(module, "_BLOCK", 300)
    assert torch.equal(nearest_charts(x, centres)[1], near)
    assert nearest_charts(x, centres[:2])[1].shape == (50, 2)


def test_closeness_is_one_at_the_nearest_and_finite_always() -> None:
    d2 = torch.tensor([[1.0, 2.0, 3.0], [0.0, 0.0, 1.0], [4.0, torch.inf, torch.inf]])
    found = closeness(d2)
    torch.testing.assert_close(found[0], torch.exp(-(d2[0] ** 2)))
    assert found.isfinite().all()
    assert found[1, 2] == 0
    assert found[2, 1] == 0


def test_a_linear_map_is_found_whatever_the_charts(monkeypatch: pytest.MonkeyPatch) -> None:
    x, slope = draw(400, 3), draw(3, 2, 1)
    y = x @ slope + torch.tensor([5.0, -2.0])
    monkeypatch.setattr(module, "RIDGE", 1e-6)
    centres, offsets, slopes = fitted_charts(x, y, 12, seeded())
    assert len(centres) == 12
    torch.testing.assert_close(slopes, slope.expand(12, 3, 2), rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(offsets, centres @ slope + torch.tensor([5.0, -2.0]), rtol=1e-3, atol=1e-3)


def test_one_round_is_the_weighted_ridge_regression(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_ROUNDS", 1)
    x, y = draw(60, 3), draw(60, 2, 1)
    centres, offsets, slopes = fitted_charts(x, y, 5, seeded())
    d2, near = nearest_charts(x, centres)
    penalty = module.RIDGE * float(d2[:, 0].mean()) / 3
    for m in range(5):
        row, rank = (near == m).nonzero().unbind(1)
        w = closeness(d2)[row, rank].double()[:, None]
        a = torch.cat([torch.ones(len(row), 1), x[row] - centres[m]], dim=1).double()
        gram = a.T @ (w * a) + w.sum() * penalty * torch.diag(torch.tensor([0.0, 1, 1, 1], dtype=torch.float64))
        expected = torch.linalg.solve(gram, a.T @ (w * y[row].double()))
        torch.testing.assert_close(torch.cat([offsets[m][None], slopes[m]]).double(), expected, rtol=1e-3, atol=1e-4)


def test_a_gap_of_the_map_is_not_bridged() -> None:
    """Rows on a line, torn apart at 0: a chart takes one side, and no row lies in the gap."""
    x = torch.linspace(-1, 1, 1000)[:, None]
    y = torch.cat([x + 20 * (x > 0), 0 * x], dim=1)
    found = said(x, fitted_charts(x, y, 8, seeded()))
    assert float((found - y).norm(dim=1).median()) < 0.06
    # Rows next to the gap may be on the wrong side of it, but none lies in it, as 8 % of a plain regression's do.
    assert not ((found[:, 0] - 10).abs() < 7).any()


@pytest.mark.parametrize("y", [torch.zeros(30, 2), torch.ones(30, 2).cumsum(0)])
def test_rows_that_are_all_alike_have_a_place(y: Tensor) -> None:
    found = fitted_charts(torch.ones(30, 4), y, 3, seeded())
    assert all(part.isfinite().all() for part in found)
    torch.testing.assert_close(found[1].mean(0), y.mean(0), rtol=0.5, atol=1e-4)


def test_charts_without_rows_are_left_out_and_the_seed_decides() -> None:
    x = torch.cat([draw(5, 2)] * 8)
    y = torch.cat([draw(5, 2, 1)] * 8)
    found, again = (fitted_charts(x, y, 20, seeded()) for _ in range(2))
    assert 1 <= len(found[0]) <= 20
    assert all(torch.equal(a, b) for a, b in zip(found, again, strict=True))
    assert fitted_charts(x[:3], y[:3], 20, seeded())[0].shape[0] <= 3
