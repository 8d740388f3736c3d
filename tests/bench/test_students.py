"""Students of one teacher: who teaches, what is kept, and which rows there are."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from graphurl import registry
from graphurl.bench import students
from graphurl.bench.images import Protocol, Row
from graphurl.bench.runs import Bench, judged
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


def test_a_teacher_of_more_pictures_is_judged_on_those_of_its_students(tmp_path: Path) -> None:
    assert TINY.teacher is not None
    wider = replace(TINY, teacher=replace(TINY.teacher, variant="subset:30"))
    bench, same = Bench(wider, tmp_path), Bench(TINY, tmp_path)
    assert bench.path(TAUGHT, 0) != same.path(TAUGHT, 0), "its pictures are part of what a student is taught"
    found = bench.run(wider.teacher, 0)
    assert found["steps"] == 300 // 32, "trained on 30 pictures of each class"
    answers = bench.answers()
    assert len(answers) == len(bench.pictures(TAUGHT))
    judged_again = judged(answers, bench.pictures(TAUGHT), "h", "cosine")
    assert {key: found[key] for key in judged_again} == pytest.approx(judged_again)


def test_a_row_may_take_a_part_of_the_steps(tmp_path: Path) -> None:
    assert TINY.recipe(TAUGHT, 0, 120).epochs == 1
    longer = replace(TAUGHT, part=7)
    assert TINY.recipe(longer, 0, 120).epochs == round(14 / 3)
    assert Bench(TINY, tmp_path).path(longer, 0) != Bench(TINY, tmp_path).path(TAUGHT, 0)


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
    assert len(set(names)) == len(names) == 1 + 3 * (1 + len(BY_LOSS) + 4)
    halves = {row.name.split(",")[0] for row in rows if row.part == 0.5}
    assert halves == ({"MobileNetV2", "ShuffleNetV1"} if protocol.subset else set())
    assert {row.against for row in rows} - {""} <= set(names)
    for row in rows:
        recipe = protocol.values(row, 3)
        assert recipe.seed == 3
        assert isinstance(recipe, DistillRecipe) == (row.method in {*BY_LOSS.values(), "distill-slow"})
        if isinstance(recipe, DistillRecipe):
            assert recipe.pictures
            assert registry.resolve("encoders", recipe.encoder).needs == "pictures"
            assert (recipe.num_views, recipe.views) == ((2, "weak-cifar") if recipe.add == "simclr" else (1, "weak"))
            assert recipe.batch_size == 256
