"""Preparation of feature rows, against the formulas; sparse as dense, new rows as fitted ones."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from graphurl.data.preparation import KINDS, Preparation, like_words
from graphurl.errors import InputError
from graphurl.functional import mapped


def words(n: int = 9, f: int = 6) -> Tensor:
    x = torch.rand(n, f, generator=torch.Generator().manual_seed(0))
    x = x * (x > 0.5) * 3
    x[4] = 0  # a document without words
    x[:, 2] = 0  # a word without documents
    x[:, 3] = 1.5  # a word in all documents
    return x


def test_standard_gives_mean_zero_and_deviation_one_and_constant_columns_zero() -> None:
    x = words() + 1e3
    out = Preparation.fit("standard", x).apply(x).double()
    moving = [0, 1, 4, 5]
    torch.testing.assert_close(out.mean(0), torch.zeros(6, dtype=torch.float64), rtol=0, atol=1e-4)
    torch.testing.assert_close(out[:, moving].std(0, correction=0), torch.ones(4).double(), rtol=1e-3, atol=0)
    assert bool((out[:, [2, 3]] == 0).all())


def test_scale_centres_and_keeps_proportions() -> None:
    x = words() * 70
    out = Preparation.fit("scale", x).apply(x)
    centred = x - x.mean(0)
    torch.testing.assert_close(out, centred / centred.square().mean().sqrt(), rtol=1e-5, atol=1e-5)
    assert float(out.square().mean()) == pytest.approx(1, rel=1e-5)


def test_l2_rows_have_length_one_and_zero_rows_stay() -> None:
    x = words()
    x[4] = 0
    out = Preparation.fit("l2", x).apply(x)
    length = out.norm(dim=1)
    torch.testing.assert_close(length, torch.tensor([1.0] * 4 + [0.0] + [1.0] * 4))
    torch.testing.assert_close(out[0], x[0] / x[0].norm())


def test_idf_weighs_words_by_how_few_documents_have_them() -> None:
    x = words()
    frequency = (x != 0).sum(0)
    out = Preparation.fit("idf", x).apply(x)
    for i in range(9):
        row = [float(x[i, j]) * float(torch.log(9 / frequency[j].clamp_min(1))) for j in range(6)]
        length = sum(v * v for v in row) ** 0.5
        expected = torch.tensor([v / length if length else 0.0 for v in row])
        torch.testing.assert_close(out[i], expected, rtol=1e-5, atol=1e-6)


def test_none_is_the_input_itself() -> None:
    x = words()
    assert Preparation.fit("none", x).apply(x) is x


@pytest.mark.parametrize("kind", KINDS)
def test_sparse_rows_give_what_dense_rows_give(kind: str) -> None:
    x = words()
    dense = Preparation.fit(kind, x)
    sparse = Preparation.fit(kind, x.to_sparse_csr())
    assert dense.tensors.keys() == sparse.tensors.keys()
    for key in dense.tensors:
        torch.testing.assert_close(sparse.tensors[key], dense.tensors[key])
    out = sparse.apply(x.to_sparse_csr())
    assert (out.layout == torch.sparse_csr) == (kind in ("none", "l2", "idf", "sqrt-idf"))
    torch.testing.assert_close(out.to_dense() if out.layout != torch.strided else out, dense.apply(x))


@pytest.mark.parametrize("kind", KINDS)
def test_new_rows_are_treated_as_the_fitted_ones(kind: str) -> None:
    x = words()
    made = Preparation.fit(kind, x)
    torch.testing.assert_close(made.apply(x[3:5]), made.apply(x)[3:5])
    torch.testing.assert_close(made.apply(x[:1]), made.apply(x)[:1])


@pytest.mark.parametrize("kind", ["idf", "standard", "scale"])
def test_blocks_of_rows_do_not_matter(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    x = words() + (0 if kind == "idf" else 1e4)
    whole = Preparation.fit(kind, x).tensors
    monkeypatch.setattr(mapped, "BLOCK_NUMBERS", 2 * x.shape[1])
    for name, part in Preparation.fit(kind, x).tensors.items():
        torch.testing.assert_close(part, whole[name], rtol=1e-6, atol=0)


@pytest.mark.parametrize("kind", KINDS)
def test_one_row_and_tiny_and_huge_values_are_finite(kind: str) -> None:
    for x in (words()[:1], words() * 1e-20, words() * 1e15):
        out = Preparation.fit(kind, x).apply(x)
        assert bool(torch.isfinite(out).all())
        assert out.dtype == torch.float32


def test_other_columns_and_unknown_names_are_refused() -> None:
    with pytest.raises(InputError, match="rows have 5 features and the model was fitted on 6.*same columns"):
        Preparation.fit("scale", words()).apply(words()[:, :5])
    with pytest.raises(InputError, match="did you mean 'standard'"):
        Preparation.fit("standart", words())


@pytest.mark.parametrize("kind", KINDS)
def test_inputs_and_global_randomness_are_untouched(kind: str, rng_untouched: None) -> None:
    x = words()
    sparse = x.to_sparse_csr()
    for rows in (x, sparse):
        Preparation.fit(kind, rows).apply(rows)
    assert torch.equal(x, words())
    assert torch.equal(sparse.to_dense(), words())


def test_words_are_told_from_other_numbers() -> None:
    counts = torch.eye(4) * 3
    assert like_words(counts)
    assert like_words(counts.to_sparse_csr())
    assert not like_words(-counts)
    assert not like_words((-counts).to_sparse_csr())
    assert not like_words(counts + 1)
    assert like_words(torch.zeros(3, 2).to_sparse_csr())


def test_idf_of_rows_without_a_zero_is_refused() -> None:
    with pytest.raises(InputError, match="no row has a zero, so every column weighs"):
        Preparation.fit("idf", words() + 1)


def test_its_root_weighs_rare_words_less() -> None:
    x = words()
    whole, root = (Preparation.fit(kind, x) for kind in ("idf", "sqrt-idf"))
    torch.testing.assert_close(root.tensors["factor"], whole.tensors["factor"].sqrt())
    row = x[0] * root.tensors["factor"]
    torch.testing.assert_close(root.apply(x)[0], row / row.norm())


def test_principal_coordinates_keep_what_varies_most() -> None:
    generator = torch.Generator().manual_seed(0)
    scales = torch.linspace(3, 0.1, 60)
    x = torch.randn(400, 60, generator=generator) * scales + 5
    preparation = Preparation.fit("pca-50", x)
    made = preparation.apply(x)
    centred = (x - x.mean(0)).double()
    u, s, _ = torch.linalg.svd(centred, full_matrices=False)
    factor = centred.square().mean().sqrt()
    assert made.shape == (400, 50)
    expected = (u[:, :50] * s[:50]).abs() / factor
    torch.testing.assert_close(made.double().abs()[:, :40], expected[:, :40], rtol=1e-2, atol=1e-2)
    again = Preparation(**preparation.config(), tensors=preparation.tensors).apply(x[:3])
    torch.testing.assert_close(again, made[:3], rtol=1e-4, atol=1e-4)


def test_few_columns_are_turned_and_all_kept() -> None:
    x = torch.randn(30, 4, generator=torch.Generator().manual_seed(0))
    made = Preparation.fit("pca-100", x).apply(x)
    assert made.shape == (30, 4)
    gap = torch.cdist(made, made) / torch.cdist(x, x).clamp_min(1e-6)
    off = ~torch.eye(30, dtype=torch.bool)
    assert float(gap[off].std() / gap[off].mean()) < 1e-3
