"""Tables in files: told from those in memory, worked on by blocks, prepared in scratch files that leave nothing."""

from __future__ import annotations

import gc
import shutil
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch

from graphurl.errors import InputError
from graphurl.functional import mapped
from graphurl.functional.mapped import all_finite, by_columns, by_rows, is_mapped, map_of, row_blocks, scratch, shared

X = np.arange(60, dtype=np.float32).reshape(12, 5)


def in_file(folder: Path, array: np.ndarray = X) -> np.ndarray:
    np.save(folder / "x.npy", array)
    found: np.ndarray = np.load(folder / "x.npy", mmap_mode="r")
    return found


def test_views_of_a_map_lie_in_the_file_and_copies_do_not(tmp_path: Path) -> None:
    array = in_file(tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        x = shared(array)
    assert x.tolist() == X.tolist()
    assert map_of(np.asarray(array)[2:]) is not None
    assert all(is_mapped(part) for part in (x, x[3:], x[:, 1:], x.T, x[11, 4:]))
    assert not any(is_mapped(part) for part in (x.clone(), x + 0, torch.from_numpy(X), x[[1, 2]], x.to_sparse_csr()))
    assert map_of(array + 1) is None
    assert map_of(X) is None


def test_a_map_that_is_gone_is_forgotten(tmp_path: Path) -> None:
    gc.collect()
    before = len(mapped._MAPS)
    x = shared(in_file(tmp_path))
    assert len(mapped._MAPS) == before + 1
    del x
    gc.collect()
    assert len(mapped._MAPS) == before


def test_scratch_is_writable_mapped_and_without_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    x = scratch(7, 3)
    assert is_mapped(x)
    assert x.shape == (7, 3)
    assert not x.any()
    x[2] = 5
    assert x.sum() == 15
    assert list(tmp_path.iterdir()) == []


def test_a_disk_without_room_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    twice = 2 * shutil.disk_usage(tmp_path).free
    with pytest.raises(InputError, match=rf"no scratch file of {twice / 1e9:.1f} GB in .*set TMPDIR") as caught:
        scratch(twice // 4, 1)
    assert "\n" not in str(caught.value)
    monkeypatch.setenv("TMPDIR", str(tmp_path / "missing"))
    with pytest.raises(InputError, match="missing"):
        scratch(1, 1)


def test_blocks_cover_all_rows_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mapped, "BLOCK_NUMBERS", 10)
    for shape, sizes in {(7, 4): [2, 2, 2, 1], (3, 99): [1, 1, 1], (23,): [10, 10, 3], (0, 4): [0]}.items():
        blocks = list(row_blocks(torch.zeros(shape)))
        assert [block.stop - block.start for block in blocks] == sizes
        assert [block.start for block in blocks] == [sum(sizes[:i]) for i in range(len(sizes))]


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("place", [0, 29, 59])
def test_one_number_that_is_not_finite_is_seen(bad: float, place: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mapped, "BLOCK_NUMBERS", 10)
    x = torch.from_numpy(X.copy())
    assert all_finite(x)
    assert all_finite(torch.zeros(0, 3))
    assert all_finite(torch.full((9,), 1e38))
    assert all_finite(torch.arange(3))
    x.view(-1)[place] = bad
    assert not all_finite(x)


@pytest.mark.parametrize("by", [by_rows, by_columns])
def test_a_table_in_a_file_is_made_by_blocks(by: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert by in (by_rows, by_columns)
    along = 1 if by is by_rows else 0
    seen: list[torch.Size] = []

    def share(part: torch.Tensor) -> torch.Tensor:
        assert part.is_contiguous()
        seen.append(part.shape)
        return part / part.sum(dim=along, keepdim=True)

    x = shared(in_file(tmp_path, X + 1))
    monkeypatch.setattr(mapped, "BLOCK_NUMBERS", 24)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    made = by(x, share)
    assert is_mapped(made)
    torch.testing.assert_close(made, torch.from_numpy((X + 1) / (X + 1).sum(axis=along, keepdims=True)))
    assert [tuple(shape) for shape in seen] == ([(4, 5)] * 3 if by is by_rows else [(12, 2), (12, 2), (12, 1)])
    seen.clear()
    assert not is_mapped(by(torch.from_numpy(X + 1), share))
    assert [tuple(shape) for shape in seen] == [(12, 5)]
