from __future__ import annotations

import os
from pathlib import Path

import pytest

from graphurl.data.listing import find_pictures, folder_labels, folder_samples
from graphurl.data.stacks import Stack


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(name.encode())


def test_pictures_are_sorted_and_all_else_is_counted(tmp_path: Path) -> None:
    touch(
        tmp_path, "b.PNG", "a/z.jpeg", "a.jpg", ".hidden.png", ".git/x.png", "notes.txt", "a/Thumbs.db", "a/.DS_Store"
    )
    found = find_pictures(tmp_path)
    assert found.names == ("a.jpg", "a/z.jpeg", "b.PNG")
    assert found.stamps[1] == (8, (tmp_path / "a/z.jpeg").stat().st_mtime_ns)
    assert (found.skipped, found.locked) == (2, ())


@pytest.mark.skipif(os.name == "nt", reason="needs links and pipes")
def test_links_pipes_and_what_is_gone(tmp_path: Path) -> None:
    touch(tmp_path, "real/a.png")
    (tmp_path / "linked").symlink_to(tmp_path / "real")
    (tmp_path / "b.png").symlink_to(tmp_path / "real" / "a.png")
    (tmp_path / "c.png").symlink_to(tmp_path / "nowhere.png")
    os.mkfifo(tmp_path / "d.png")  # opening it would wait for ever
    (tmp_path / "e.png").mkdir()
    found = find_pictures(tmp_path)
    assert found.names == ("b.png", "real/a.png")
    assert (found.skipped, found.locked) == (1, ("c.png",))


def test_what_may_not_be_read_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    touch(tmp_path, "a.png", "b.png")
    monkeypatch.setattr(os, "access", lambda path, mode: not str(path).endswith("b.png"))
    monkeypatch.setattr(os, "scandir", _refuse(os.scandir, tmp_path / "shut"))
    (tmp_path / "shut").mkdir()
    found = find_pictures(tmp_path)
    assert (found.names, found.locked) == (("a.png",), ("b.png", "shut"))


def _refuse(scandir, shut):  # type: ignore[no-untyped-def]
    def refusing(path):  # type: ignore[no-untyped-def]
        if Path(path) == shut:
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    return refusing


@pytest.mark.parametrize("names", [["a.png", "b.png"], ["x/a.png", "x/b.png"], ["a.png", "x/a.png", "y/a.png"]])
def test_no_classes(names: list[str]) -> None:
    assert folder_labels(names) == (None, None, {})


def test_class_folders() -> None:
    labels = folder_labels(["dog/b.png", "cat/deep/a.png", "dog/a.png"])
    assert labels.classes == ("cat", "dog")
    assert labels.y is not None
    assert labels.y.tolist() == [1, 0, 1]
    assert labels.splits == {}


def test_folders_of_splits() -> None:
    labels = folder_labels(["Test/cat/a.png", "Train/cat/a.png", "Train/dog/a.png", "valid/dog/a.png"])
    assert labels.classes == ("cat", "dog")
    assert labels.y is not None
    assert labels.y.tolist() == [0, 0, 1, 1]
    assert {name: mask.tolist() for name, mask in labels.splits.items()} == {
        "test": [True, False, False, False],
        "train": [False, True, True, False],
        "val": [False, False, False, True],
    }
    assert folder_labels(["test/a.png", "train/a.png"]).classes is None
    assert folder_labels(["train/cat/a.png", "dog/a.png"]).classes == ("dog", "train")


def test_names_that_are_no_text_become_text(tmp_path: Path) -> None:
    import numpy as np

    stack = Stack(np.zeros((2, 1, 1, 1), dtype=np.uint8))
    samples = folder_samples(tmp_path, ["a.png", "\udcff.png"], ["c.png"], images=stack)
    assert samples.ids == ("a.png", "�.png")
    assert samples.name == tmp_path.name
    assert samples.provenance == {"source": "folder", "path": str(tmp_path), "left_out": 1}
    assert samples.images is stack
