from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from graphurl.errors import InputError
from graphurl.functional.symmetry import coalesce, joint_normalise, row_normalise, symmetrise, to_csr

Edges = tuple[Tensor, Tensor, Tensor]


def draw(seed: int, n: int = 7, edges: int = 20) -> Edges:
    generator = torch.Generator().manual_seed(seed)
    rows, cols = torch.randint(n, (2, edges), generator=generator)
    return rows, cols, torch.rand(edges, generator=generator, dtype=torch.float64)


def table(edges: Edges) -> dict[tuple[int, int], list[float]]:
    found: dict[tuple[int, int], list[float]] = {}
    for i, j, v in zip(*(part.tolist() for part in edges), strict=True):
        found.setdefault((i, j), []).append(v)
    return found


def as_table(edges: Edges) -> dict[tuple[int, int], float]:
    rows, cols, values = (part.tolist() for part in edges)
    pairs = list(zip(rows, cols, strict=True))
    assert pairs == sorted(set(pairs)), "not sorted, or not unique"
    return dict(zip(pairs, values, strict=True))


@given(st.integers(0, 9999), st.sampled_from(["sum", "min", "max"]), st.integers(0, 30))
def test_coalesce_is_a_dictionary(seed: int, reduce: str, count: int) -> None:
    edges = draw(seed, edges=count)
    by_name = {"sum": sum, "min": min, "max": max}
    wanted = {pair: by_name[reduce](values) for pair, values in table(edges).items()}
    assert as_table(coalesce(*edges, 7, reduce)) == pytest.approx(wanted)


@given(st.integers(0, 9999))
def test_csr_keeps_every_edge(seed: int) -> None:
    rows, cols, values = draw(seed)
    crow, col, order = to_csr(rows, cols, 7)
    for i in range(7):
        part = slice(int(crow[i]), int(crow[i + 1]))
        here = sorted(
            (c, v) for r, c, v in zip(rows.tolist(), cols.tolist(), values.tolist(), strict=True) if r == i
        )
        assert col[part].tolist() == [c for c, _ in here]
        assert sorted(values[order][part].tolist()) == sorted(v for _, v in here)
    assert len(crow) == 8


@pytest.mark.parametrize("mode", ["max", "mean", "tconorm", "none"])
@given(st.integers(0, 9999))
def test_symmetrise_is_the_dense_formula(mode: str, seed: int) -> None:
    edges = draw(seed)
    dense = torch.zeros(7, 7, dtype=torch.float64)
    for (i, j), values in table(edges).items():
        dense[i, j] = max(values)
    wanted = {
        "max": torch.maximum(dense, dense.T),
        "mean": (dense + dense.T) / 2,
        "tconorm": dense + dense.T - dense * dense.T,
        "none": dense,
    }[mode]
    rows, cols, values = symmetrise(*edges, 7, mode)
    as_table((rows, cols, values))
    found = torch.zeros(7, 7, dtype=torch.float64)
    found[rows, cols] = values
    assert torch.allclose(found, wanted, rtol=1e-12)
    assert (mode == "none") or torch.equal(found, found.T)
    assert len(values) == int((wanted > 0).sum())


def test_edges_of_weight_zero_stay() -> None:
    edges = torch.tensor([0]), torch.tensor([1]), torch.tensor([0.0])
    assert as_table(symmetrise(*edges, 2)) == {(0, 1): 0, (1, 0): 0}


def test_no_edges_at_all() -> None:
    none = torch.empty(0, dtype=torch.int64)
    for n in (0, 3):
        for part in (coalesce(none, none, torch.empty(0), n), symmetrise(none, none, torch.empty(0), n)):
            assert [len(p) for p in part] == [0, 0, 0]
        assert to_csr(none, none, n).crow.tolist() == [0] * (n + 1)
    assert joint_normalise(torch.empty(0)).tolist() == []


def test_normalisations_sum_to_one() -> None:
    rows, cols, values = coalesce(*draw(0), 9)
    crow = to_csr(rows, cols, 9).crow
    conditional = row_normalise(crow, values)
    dense = torch.zeros(9, 9, dtype=torch.float64)
    dense[rows, cols] = conditional
    filled = [i for i in range(9) if i in rows.tolist()]
    assert dense.sum(1)[filled].tolist() == pytest.approx([1] * len(filled))
    joint = symmetrise(rows, cols, conditional, 9, "mean")
    found = torch.zeros(9, 9, dtype=torch.float64)
    found[joint[0], joint[1]] = joint_normalise(joint[2])
    assert torch.allclose(found, (dense + dense.T) / (2 * len(filled)))
    assert row_normalise(torch.tensor([0, 2, 2]), torch.zeros(2)).tolist() == [0, 0]
    assert joint_normalise(torch.zeros(3)).tolist() == [0, 0, 0]


def test_wrong_calls_are_refused() -> None:
    one = torch.tensor([0, 1])
    with pytest.raises(InputError, match="unknown reduction 'mean'"):
        coalesce(one, one, torch.ones(2), 2, "mean")
    with pytest.raises(InputError, match="unknown symmetrisation 'tconrm': did you mean 'tconorm'"):
        symmetrise(one, one, torch.ones(2), 2, "tconrm")
    with pytest.raises(InputError, match=r"weights in \[0, 1\], not 1 to 3"):
        symmetrise(one, one, torch.tensor([1.0, 3.0]), 2, "tconorm")
    with pytest.raises(InputError, match="names node 1, but there are 1 nodes"):
        coalesce(one, one, torch.ones(2), 1)
    with pytest.raises(InputError, match="names node -1"):
        to_csr(one, one - 1, 2)
    with pytest.raises(InputError, match="2 rows and 1 columns"):
        to_csr(one, one[:1], 2)


def test_inputs_are_left_alone(rng_untouched: None) -> None:
    edges = draw(3)
    before = [part.clone() for part in edges]
    coalesce(*edges, 7)
    symmetrise(*edges, 7, "tconorm")
    row_normalise(to_csr(*edges[:2], 7).crow, edges[2])
    joint_normalise(edges[2])
    assert all(torch.equal(a, b) for a, b in zip(edges, before, strict=True))


@pytest.mark.gpu
def test_gpu_agrees() -> None:
    edges = draw(5, 50, 500)
    there = symmetrise(*(part.cuda() for part in edges), 50, "tconorm")
    for a, b in zip(symmetrise(*edges, 50, "tconorm"), there, strict=True):
        assert torch.allclose(a, b.cpu())
