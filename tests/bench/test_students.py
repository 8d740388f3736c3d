"""Students of one teacher: who teaches, what is kept, and which rows there are."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from graphurl import registry
from graphurl.bench import students
from graphurl.bench.images import Protocol, Row
from graphurl.bench.runs import Bench
from graphurl.recipes import DistillRecipe
from graphurl.recipes.students import BY_LOSS

TINY = Protocol(
    data="digits", subset=12, steps=2, teacher=Row("teacher", "simclr", {"epochs": 1}),
    shared={"side": 8, "batch_size": 32, "encoder": "convnet", "views": "weak", "precision": "float32"},
)  # fmt: skip
TAUGHT = Row("small CNN, bce", "distill", {"encoder": "convnet"})
BOTH = Row("both", "distill", {"encoder": "convnet", "add": "simclr", "num_views": 2})


def test_the_teacher_is_trained_once_and_teaches_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trained: list[str] = []
    original = Bench.run
    monkeypatch.setattr(Bench, "run", lambda self, row, seed: trained.append(row.name) or original(self, row, seed))
    bench = Bench(TINY, tmp_path)
    assert TINY.teacher is not None
    found = {(row.name, seed): values for row, seed, values, _ in bench.measure([TAUGHT, BOTH, TINY.teacher], [0])}
    assert trained == ["small CNN, bce", "teacher", "both"], "the first student asks for the teacher"
    answers = np.load(next(tmp_path.glob("teacher-0-*.npy")))
    assert len(answers) == len(bench.pictures(TAUGHT))
    assert found["small CNN, bce", 0]["settings"]["encoder"] == "convnet"
    assert found["small CNN, bce", 0]["steps"] == found["both", 0]["steps"] == 3, "whole epochs of 120 pictures"
    assert all(0 <= values["knn20_h"] <= 100 for values in found.values())
    next(tmp_path.glob("teacher-0-*.npy")).unlink()
    np.testing.assert_array_equal(bench.answers(), answers)


def test_another_teacher_is_another_measurement(tmp_path: Path) -> None:
    assert TINY.teacher is not None
    other = replace(TINY, teacher=replace(TINY.teacher, changes={"epochs": 2}))
    alone = Row("alone", "simclr")
    assert Bench(TINY, tmp_path).path(TAUGHT, 1) != Bench(other, tmp_path).path(TAUGHT, 1)
    assert Bench(TINY, tmp_path).path(alone, 1) == Bench(other, tmp_path).path(alone, 1)


@pytest.mark.parametrize("protocol", [students.FULL, students.FAST, students.LARGE])
def test_every_student_meets_every_loss(protocol: Protocol) -> None:
    rows = students.rows(protocol)
    names = [row.name for row in rows]
    assert len(set(names)) == len(names) == 1 + 3 * (1 + len(BY_LOSS) + 2)
    assert {row.against for row in rows} - {""} <= set(names)
    for row in rows:
        recipe = protocol.values(row, 3)
        assert recipe.seed == 3
        assert isinstance(recipe, DistillRecipe) == (row.method in BY_LOSS.values())
        if isinstance(recipe, DistillRecipe):
            assert recipe.pictures
            assert registry.resolve("encoders", recipe.encoder).needs == "pictures"
            assert recipe.num_views == (2 if recipe.add == "simclr" else 1)
            assert recipe.batch_size == 256
