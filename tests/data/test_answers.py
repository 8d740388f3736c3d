"""A teacher's answers on disk."""

from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np
import pytest

from graphurl.data.answers import read_answers, write_answers
from graphurl.data.caches import cache_key
from graphurl.errors import InputError
from graphurl.functional.mapped import map_of

ABOUT = {"teacher": "t", "data": "d"}


def test_blocks_come_back_as_one_mapped_array(tmp_path: Path) -> None:
    rows = np.random.default_rng(0).normal(size=(7, 3)).astype(np.float32)
    path = tmp_path / "new" / "answers.npy"
    write_answers(path, [rows[:4], rows[4:]], ABOUT)
    found = read_answers(path, ABOUT)
    assert np.array_equal(found, rows)
    assert map_of(found) is not None, "it stays in its file"
    assert [file.name for file in path.parent.iterdir()] == ["answers.npy"]


@pytest.mark.parametrize(
    ("about", "message"),
    [
        ({"teacher": "x", "data": "d"}, "made with another teacher:"),
        ({"teacher": "t", "data": "x"}, "made with other data:"),
    ],
)
def test_answers_of_others_are_refused(tmp_path: Path, about: dict[str, str], message: str) -> None:
    write_answers(tmp_path / "a.npy", [np.ones((2, 2), dtype=np.float32)], ABOUT)
    with pytest.raises(InputError, match=message):
        read_answers(tmp_path / "a.npy", about)


def test_answers_that_nobody_read_for_a_month_make_room(tmp_path: Path) -> None:
    block, month = np.ones((2, 2), dtype=np.float32), 31 * 24 * 3600
    names = [f"{cache_key(number)}.npy" for number in range(2)]
    for name in (*names, "mine.npy"):
        write_answers(tmp_path / name, [block], ABOUT)
    for name in (*names, "mine.npy"):
        os.utime(tmp_path / name, (time.time() - month,) * 2)
    read_answers(tmp_path / names[1], ABOUT)
    write_answers(tmp_path / "new.npy", [block], ABOUT)
    assert sorted(os.listdir(tmp_path)) == sorted([names[1], "mine.npy", "new.npy"])


def test_a_damaged_file_is_refused_and_a_failure_leaves_none(tmp_path: Path) -> None:
    path = tmp_path / "a.npy"
    np.save(path, np.ones((2, 2), dtype=np.float32))
    with pytest.raises(InputError, match="holds no answers of a teacher"):
        read_answers(path, ABOUT)

    def broken():  # type: ignore[no-untyped-def]
        yield np.ones((2, 2), dtype=np.float32)
        raise InputError("no more")

    with pytest.raises(InputError, match="no more"):
        write_answers(tmp_path / "b.npy", broken(), ABOUT)
    assert [file.name for file in tmp_path.iterdir()] == ["a.npy"]
