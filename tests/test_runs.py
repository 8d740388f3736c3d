from __future__ import annotations

import json
import math
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from graphurl import embed
from graphurl.errors import InputError
from graphurl.pipeline import prepare
from graphurl.recipes.recipe import Recipe
from graphurl.runs import (
    FILES,
    SPARE,
    check_folder,
    check_same,
    check_space,
    clear,
    execute,
    finished_report,
    free_folder,
    plain,
)
from graphurl.source import Source


def test_the_first_free_folder_has_a_plain_name(tmp_path: Path) -> None:
    assert free_folder("digits", tmp_path) == tmp_path / "digits-1"
    (tmp_path / "digits-1").mkdir()
    assert free_folder("digits", tmp_path) == tmp_path / "digits-2"
    assert free_folder("a/b: c", tmp_path) == tmp_path / "a-b-c-1"
    assert free_folder("../..", tmp_path).parent == tmp_path


def test_plain_values_are_json_for_every_reader() -> None:
    given = {
        1: (math.nan, math.inf, -math.inf),
        "a": np.float32(0.5),
        "t": torch.tensor([1, 2]),
        "n": None,
        "b": True,
    }
    expected = {"1": [None, "inf", "-inf"], "a": 0.5, "t": [1, 2], "n": None, "b": True}
    assert json.loads(json.dumps(plain(given), allow_nan=False)) == expected


def test_execute_writes_what_the_report_says(tmp_path: Path) -> None:
    loaded = Source(data="karate").load()
    recipe = Recipe(task="ge", graph="citation", encoder="table", dim=3, epochs=1)
    report = execute(loaded, recipe, tmp_path / "run")
    assert {path.name for path in (tmp_path / "run").iterdir()} == set(FILES) - {"checkpoint.safetensors"}
    assert json.loads((tmp_path / "run" / "report.json").read_text()) == report
    assert report["settings"] == plain(recipe.to_dict())
    assert finished_report(tmp_path / "run") == report
    check_same(tmp_path / "run", recipe, loaded.record)
    with pytest.raises(InputError, match=r"dim \(was 3, now 4\) differ"):
        check_same(tmp_path / "run", recipe.but(dim=4), loaded.record)


def test_the_fitted_rows_of_a_model_need_room_on_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    x = torch.randn(2000, 40, generator=torch.Generator().manual_seed(0))
    ready = {name: prepare(x, method="map", encoder=name) for name in ("landmarks", "table")}
    room = SPARE + 4 * 2000 * 40 + 12 * ready["table"].parts.graph.num_edges  # type: ignore[union-attr]
    monkeypatch.setattr("graphurl.runs.shutil.disk_usage", lambda path: SimpleNamespace(free=room))
    check_space(tmp_path / "run", ready["table"])
    with pytest.raises(InputError, match="no space"):
        check_space(tmp_path / "run", ready["landmarks"])


def test_a_report_of_an_unfinished_or_foreign_folder_is_none(tmp_path: Path) -> None:
    assert finished_report(tmp_path) is None
    (tmp_path / "embedding.npy").write_bytes(b"")
    for text in ("", "[]", '{"status": "interrupted"}', "{"):
        (tmp_path / "report.json").write_text(text)
        assert finished_report(tmp_path) is None
    (tmp_path / "report.json").write_text('{"status": "finished"}')
    assert finished_report(tmp_path) is not None


def test_clear_removes_the_files_of_a_run_only(tmp_path: Path) -> None:
    for name in (*FILES, "notes.txt"):
        (tmp_path / name).write_text("x")
    clear(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_a_folder_that_does_not_exist_or_is_empty_is_fine(tmp_path: Path) -> None:
    check_folder(tmp_path)
    check_folder(tmp_path / "a" / "b")
    assert list(tmp_path.iterdir()) == []


def test_a_run_folder_from_python_can_be_resumed(tmp_path: Path) -> None:
    settings = {"epochs": 2, "encoder": "table", "dim": 3}
    result = embed("karate", run_folder=tmp_path / "run", **settings)
    again = embed("karate", run_folder=tmp_path / "run", resume=True, **settings)
    assert np.array_equal(result.z, again.z)
    assert (tmp_path / "run" / "config.yaml").is_file()


@pytest.mark.parametrize(
    ("setting", "value", "words"),
    [
        ("dim", 0, "give 1 or more"),
        ("dropout", 1, "give less than 1"),
        ("edge_share", 1.5, "give 1 or less"),
        ("lr", 0, "give a number above 0"),
        ("negatives", math.inf, "give a finite number"),
        ("seed", 2**63, "or less"),
        ("init", "pcaa", "did you mean 'pca'"),
    ],
)
def test_settings_out_of_range_are_refused(setting: str, value: float | str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        Recipe().but(**{setting: value})


def test_a_large_seed_is_kept_exactly() -> None:
    assert Recipe().but(seed=str(2**63 - 1)).seed == 2**63 - 1
