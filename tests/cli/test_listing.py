from __future__ import annotations

import pytest

from graphurl import data, registry
from graphurl.cli.listing import KINDS
from graphurl.evaluation.metrics import METRICS, targets
from tests.cli.conftest import Call
from tests.markdown import ROOT


@pytest.mark.parametrize("kind", registry.kinds())
def test_every_part_of_the_registry_is_listed_with_a_line(call: Call, kind: str) -> None:
    status, out, err = call("list", kind)
    assert (status, err) == (0, "")
    lines = out.splitlines()[1:]
    assert [line.split()[0] for line in lines] == list(registry.names(kind))
    assert all(len(line.split()) > 2 for line in lines)


def test_metrics_say_what_they_need(call: Call) -> None:
    lines = {line.split()[0]: line.split()[1] for line in call("list", "metrics").out.splitlines()[1:]}
    assert set(lines) == set(targets())
    assert (lines["trustworthiness"], lines["nmi"], lines["effective_rank"]) == ("rows", "labels", "nothing")


def test_encoders_say_whether_they_place_new_rows_and_what_they_read(call: Call) -> None:
    found = {line.split()[0]: line.split()[1:3] for line in call("list", "encoders").out.splitlines()[1:]}
    assert found["table"] == ["no", "index"]
    assert found["mlp"] == ["yes", "rows"]
    assert found["gcn"] == ["yes", "graph"]
    assert found["resnet18"] == ["yes", "pictures"]


def test_plans_say_what_they_change(call: Call) -> None:
    found = {line.split()[0]: line for line in call("list", "views").out.splitlines()[1:]}
    assert "crop 0.2 to 1, colour 0.4 0.4 0.4 0.1, flip 0.5, gray 0.2" in found["cifar"]
    assert found["none"].endswith("the picture as it is")
    assert " | " in found["byol"], "its two views differ"
    assert "4 small ones" in found["multi-crop"]


def test_without_a_kind_everything_is_listed(call: Call) -> None:
    out = call("list").out
    assert [line for line in out.splitlines() if line in KINDS] == list(KINDS)
    assert all(name in out for name in (*data.names(), *METRICS, *registry.names("recipes")))


def test_the_page_of_metrics_is_what_the_registry_says(call: Call) -> None:
    status, out, _ = call("list", "metrics", "--markdown")
    assert status == 0
    assert all(f"`{name}`" in out for name in targets())
    page = (ROOT / "docs" / "evaluation.md").read_text(encoding="utf-8")
    assert page.endswith(out), "write it again: graphurl list metrics --markdown"
    assert call("list", "losses", "--markdown").status == 2
