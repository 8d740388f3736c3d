from __future__ import annotations

import numpy as np
import pytest

from graphurl.errors import InputError
from graphurl.evaluation.spread import class_spread, collapse, spread
from graphurl.functional import spread as formulas


def test_the_monitor_and_the_report_use_one_formula() -> None:
    assert collapse is formulas.collapse


def test_numbers_are_those_of_the_formulas_on_the_same_rows() -> None:
    z = np.random.default_rng(0).normal(size=(100, 5))
    tensor = formulas.torch.tensor(z)
    found = spread(z)
    assert found["effective_rank"] == pytest.approx(float(formulas.effective_rank(tensor)))
    assert found["mean_cosine"] == pytest.approx(float(formulas.mean_cosine(tensor)))
    assert found["uniformity"] == pytest.approx(float(formulas.uniformity(tensor)))
    assert found["normalised_std"] == pytest.approx(float(formulas.std_of_normalised(tensor)))
    assert (found["dim"], found["collapsed"], found["reason"]) == (5, False, "")


def test_a_constant_embedding_is_named() -> None:
    found = spread(np.ones((50, 3)))
    assert found["collapsed"] is True
    assert found["mean_cosine"] == pytest.approx(1)
    assert np.isfinite([found["uniformity"], found["effective_rank"]]).all()


def test_many_rows_are_thinned_to_a_fixed_subset(rng_untouched: None) -> None:
    z = np.random.default_rng(0).normal(size=(500, 4))
    assert spread(z, subset=100) == spread(z, subset=100)
    assert spread(z, subset=100)["effective_rank"] != spread(z, subset=100, seed=1)["effective_rank"]
    assert spread(z, subset=100)["protocol"].startswith("100 of 500 rows")


def test_class_means() -> None:
    z, y = np.repeat(np.eye(3), 4, axis=0), np.repeat([0, 1, 2], 4)
    assert class_spread(z, y)["nlad"] == pytest.approx(0, abs=1e-12)
    with pytest.raises(InputError, match="3 classes in 2 dimensions"):
        class_spread(z[:, :2], y)
    with pytest.raises(InputError, match="point the same way"):
        class_spread(np.ones((12, 3)), y)
    with pytest.raises(InputError, match="1 row: spread"):
        spread(np.ones((1, 3)))
