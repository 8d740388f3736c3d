from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Call


def report(path: str, seed: int, nmi: float, **more: Any) -> None:
    """A report of evaluate, or a run folder where settings are given."""
    entry = {"value": nmi, "protocol": f"k-means, seed {seed}"}
    values = {"metrics": {"nmi": entry, "nlad": {**entry, "value": -nmi}}, "seed": seed, **more}
    file = Path(path) / "report.json" if "settings" in more else Path(path)
    file.parent.mkdir(exist_ok=True, parents=True)
    file.write_text(json.dumps(values))


def settings(seed: int, **choices: Any) -> dict[str, Any]:
    return {"settings": {"seed": seed, **choices}, "source": {"sha256": "a"}}


@pytest.fixture
def runs(call: Call) -> list[str]:
    for seed, (few, many) in enumerate([(0.5, 0.7), (0.55, 0.78), (0.4, 0.61)]):
        report(f"few-{seed}", seed, few, **settings(seed, epochs=1))
        report(f"many-{seed}", seed, many, **settings(seed, epochs=9))
    return [f"{name}-{seed}" for name in ("few", "many") for seed in range(3)]


def test_runs_of_equal_settings_are_one_method_and_the_best_comes_first(call: Call, runs: list[str]) -> None:
    status, out, err = call("compare", *runs)
    assert (status, err) == (0, "")
    header, first, second = out.splitlines()
    assert header.split() == ["method", "seeds", "nmi", "nlad"]
    assert first.split()[:2] == ["many", "3"]
    assert first.count("*") == 2
    assert second.startswith("few")
    assert not set("*~") & set(second), "every seed says the same, by about as much"
    found = json.loads(call("compare", *runs, "--json").out)
    cell = found["methods"]["few"]["nmi"]
    assert cell["difference"] == pytest.approx(-0.21333, abs=1e-4)
    assert cell["p"] < 0.01
    assert found["notes"] == []


def test_what_cannot_be_told_apart_is_marked(call: Call, runs: list[str]) -> None:
    report("few-0", 0, 0.9, **settings(0, epochs=1))
    assert "~" in call("compare", *runs).out.splitlines()[2]


def test_files_of_evaluate_are_grouped_by_their_names(call: Call) -> None:
    for number in range(3):
        report(f"umap-{number}.json", 0, 0.5 + 0.01 * number)
        report(f"tsne-{number}.json", 0, 0.7 + 0.02 * number)
    names = [f"{name}-{number}.json" for name in ("umap", "tsne") for number in range(3)]
    lines = call("compare", *names, "--metrics", "nlad").out.splitlines()
    assert lines[0].split() == ["method", "seeds", "nlad"]
    assert [line.split()[:2] for line in lines[1:]] == [["tsne", "3"], ["umap", "3"]]


def test_a_single_run_and_other_data_and_protocols(call: Call) -> None:
    report("a.json", 0, 0.5, hashes={"x": "1"})
    report("b.json", 0, 0.6, hashes={"x": "2"})
    other = json.loads(Path("b.json").read_text())
    other["metrics"]["nlad"]["protocol"] = "another"
    Path("b.json").write_text(json.dumps(other))
    done = call("compare", "a.json", "b.json")
    assert "note: the runs are of different data" in done.out
    assert "note: nlad was measured by different protocols" in done.out
    assert "note: nmi" not in done.out
    del other["metrics"]["nlad"]
    Path("b.json").write_text(json.dumps(other))
    assert call("compare", "a.json", "b.json").out.splitlines()[0].split() == ["method", "seeds", "nmi"]
    assert call("compare", "a.json").out.splitlines()[1].split()[:3] == ["a", "1", "0.5000"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere"], "nowhere does not exist"),
        (["empty"], "empty/report.json does not exist"),
        (["bad.json"], "holds no metrics"),
        (["few-0", "few-0"], "few-0 and few-0 are one method with one seed, 0"),
        (["few-0", "--metrics", "nmj"], "did you mean 'nmi'"),
    ],
)
def test_bad_input_is_one_line(call: Call, runs: list[str], arguments: list[str], message: str) -> None:
    Path("empty").mkdir()
    Path("bad.json").write_text("{}")
    status, out, err = call("compare", *arguments)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert message in err
