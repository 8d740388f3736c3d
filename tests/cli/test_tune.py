"""graphurl tune: every combination, ranked without labels, resumable."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Call
from tests.pictures import folder_of


@pytest.fixture
def tune(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.setenv("GRAPHURL_CACHE", str(tmp_path / "cache"))
    photos = folder_of(tmp_path / "photos")
    return ["tune", "--images", str(photos), "--set", "epochs=1", "batch_size=8", "--clusters", "2"]


def test_combinations_are_ranked_and_kept(call: Call, tune: list[str], tmp_path: Path) -> None:
    over = ["--over", "temperature=0.1,0.5", "--over", "dim=4,8"]
    status, out, err = call(*tune, *over, "--json")
    assert (status, err) == (0, "")
    found = json.loads(out)
    assert [trial["changes"] for trial in found["trials"]] != []
    assert sorted((trial["changes"]["temperature"], trial["changes"]["dim"]) for trial in found["trials"]) == [
        ("0.1", "4"), ("0.1", "8"), ("0.5", "4"), ("0.5", "8"),
    ]  # fmt: skip
    scores = [trial["scores"]["score"] for trial in found["trials"]]
    assert scores == sorted(scores, reverse=True)
    for trial in found["trials"]:
        assert trial["scores"]["score"] == pytest.approx(trial["scores"]["nmi"] * trial["scores"]["retrieval"])
        assert set(trial["accuracy"]) == {"knn", "linear"}
    assert found["ranking"] is None or -1 <= found["ranking"]["spearman"] <= 1
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "tuning").rglob("embedding.npy")}
    assert len(before) == 4
    status, out, _ = call(*tune, *over)
    assert status == 0
    assert "temperature=0.1 dim=4" in out
    assert {path: path.stat().st_mtime_ns for path in before} == before, "finished trials are not trained again"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--over", "temperature"], "names no values"),
        (["--over", "temperature="], "names no values"),
        (["--over", "temprature=1,2"], "did you mean 'temperature'"),
        (["--over", "temperature=0.1,-1"], "temperature is -1"),
        (["--over", "dim=4,8", "--method", "map"], "no method for pictures"),
    ],
)
def test_wrong_calls(call: Call, tune: list[str], tmp_path: Path, words: list[str], said: str) -> None:
    status, _, err = call(*tune, *words)
    assert status == 2
    assert said in err
    assert not (tmp_path / "tuning").exists()
