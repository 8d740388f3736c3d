from __future__ import annotations

from pathlib import Path

import pytest

from graphurl import data
from tests.cli.conftest import Call


def test_list_names_every_data_set_and_whether_it_is_there(call: Call, tmp_path: Path) -> None:
    out = call("datasets", "list", "--data-root", tmp_path).out
    lines = {line.split()[0]: line for line in out.splitlines() if line}
    assert set(data.names()) <= set(lines)
    assert "built in" in lines["digits"]
    assert "missing" in lines["cora"]
    assert str(tmp_path) in out


def test_files_that_lie_there_are_seen(call: Call, tmp_path: Path) -> None:
    for file in data.info("mnist").files:
        (tmp_path / file.path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file.path).write_bytes(b"x")
    out = call("datasets", "list", "--data-root", tmp_path).out
    assert "there" in next(line for line in out.splitlines() if line.startswith("mnist"))


def test_info_shows_licence_files_and_citation(call: Call, tmp_path: Path) -> None:
    out = call("datasets", "info", "cora", "karate", "--data-root", tmp_path).out
    for words in ("2,708", "licence", "ind.cora.graph", "https://", "@inproceedings", "karate"):
        assert words in out


def test_fetch_of_what_is_built_in_needs_no_network(call: Call, tmp_path: Path) -> None:
    assert call("datasets", "fetch", "digits", "--data-root", tmp_path) == (0, "digits: built in\n", "")


def test_fetch_that_fails_says_where_to_put_the_files(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreachable(url: str) -> None:
        raise OSError("no network")

    monkeypatch.setattr("graphurl.data.fetch._open", unreachable)
    status, out, err = call("datasets", "fetch", "cora", "--data-root", tmp_path)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert "ind.cora.x" in err
    assert f"into {tmp_path}/planetoid/Cora/raw" in err


def test_verify_ends_with_1_where_something_is_wrong_or_a_named_set_is_missing(
    call: Call, tmp_path: Path
) -> None:
    root = ["--data-root", tmp_path]
    assert call("datasets", "verify", *root).status == 0, "nothing is there, so nothing is wrong"
    missing = call("datasets", "verify", "cora", *root)
    assert missing.status == 1
    assert "missing" in missing.out
    assert call("datasets", "verify", "digits", *root).status == 0
    wrong = tmp_path / data.info("cora").files[0].path
    wrong.parent.mkdir(parents=True)
    wrong.write_bytes(b"x")
    assert call("datasets", "verify", *root).status == 1


@pytest.mark.parametrize("action", ["info", "fetch", "verify"])
def test_an_unknown_name_offers_the_nearest(call: Call, action: str) -> None:
    status, out, err = call("datasets", action, "sitesear")
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert "did you mean 'citeseer'" in err
