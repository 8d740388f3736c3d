"""The page: whole in itself, unbreakable by what it shows, and true to the numbers that it is given."""

from __future__ import annotations

import base64
import io
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from graphurl.data.samples import Samples
from graphurl.errors import InputError
from graphurl.plots.figures import known
from graphurl.plots.report import Chapter, Comparison, report
from graphurl.plots.report.drawings import drawing, telling
from graphurl.plots.report.markup import Html, table, tag
from graphurl.recipes import Recipe

NASTY = "<script>alert('x')</script>\"&amp;</pre></style>"
EMPTY = {"meta", "img", "source"}


class Reader(HTMLParser):
    """Reads a page strictly: every element is closed in order."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.seen: list[tuple[str, dict[str, str]]] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in EMPTY:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not self.open or self.open[-1] != "style":
            self.text.append(data)


def read(page: str) -> Reader:
    reader = Reader()
    reader.feed(page)
    reader.close()
    assert reader.open == []
    return reader


def chapter(**more: Any) -> Chapter:
    z = np.random.default_rng(0).normal(size=(30, 2)).astype(np.float32)
    samples = Samples(name="small", x=torch.from_numpy(np.tile(z, 3)), y=torch.arange(30) % 3)
    values = {
        "name": "first", "about": "30 samples",
        "given": known(z, samples, Recipe(task="dr"), [{"epoch": 1, "loss": 1.0}]),
        "metrics": {"nmi": {"value": 0.51234, "protocol": "k-means", "low": 0.4, "high": 0.6}, "ari": {"value": 1.0}},
        "skipped": {"nlad": "too few"}, "recipe": "map", "changed": [("nu_z", "2", "1")],
        "facts": {"data": {"samples": "30"}, "graph": {}}, "command": "graphurl embed --config c", "config": "a: 1",
        **more,
    }  # fmt: skip
    return Chapter(**values)


def bare(name: str = "bare", **more: Any) -> Chapter:
    return Chapter(name, "a file", known(np.zeros((3, 2))), **more)


def test_a_page_tells_all_and_fetches_nothing(tmp_path: Path) -> None:
    path = tmp_path / "r.html"
    page = report([chapter(warning="mind the gap")], path=path)
    assert path.read_text(encoding="utf-8") == page
    reader = read(page)
    words = " ".join(reader.text)
    for told in ("first", "30 samples", "mind the gap", "nmi", "0.5123", "0.4 – 0.6", "k-means", "nlad: too few",
                 "nu_z", "graphurl embed --config c", "a: 1", "samples"):  # fmt: skip
        assert told in words
    assert not {"script", "link", "iframe", "object", "form"} & {name for name, _ in reader.seen}
    addresses = [v for _, attrs in reader.seen for k, v in attrs.items() if k in ("src", "srcset", "href")]
    assert all(address.startswith(("data:image/png;base64,", "#")) for address in addresses)
    assert "url(" not in page and "@import" not in page
    assert report([bare()]) == report([bare()]), "the same page twice"


def test_every_figure_is_there_on_both_papers_and_print_takes_the_light_one() -> None:
    reader = read(report([chapter()]))
    figures = [attrs["class"] for name, attrs in reader.seen if name == "figure"]
    assert figures == ["map", "shepard", "similarity", "curves"]
    light = [attrs for name, attrs in reader.seen if name == "img"]
    dark = [attrs for name, attrs in reader.seen if name == "source"]
    assert len(light) == len(dark) == 4
    assert all(attrs["media"] == "screen and (prefers-color-scheme: dark)" for attrs in dark)
    assert all(attrs["alt"] for attrs in light)
    for pictures, key, bright in ((light, "src", True), (dark, "srcset", False)):
        for attrs in pictures:
            with Image.open(io.BytesIO(base64.b64decode(attrs[key].partition(",")[2]))) as picture:
                assert (np.asarray(picture.convert("L"))[0, 0] > 128) == bright


def test_what_cannot_be_drawn_says_why_in_its_place() -> None:
    given = {**chapter().given, "y": np.full(30, -1)}
    assert "Not drawn: none of the 30 rows is finite and has a class" in drawing("similarity", given)
    reader = read(report([bare()]))
    assert [a["class"] for n, a in reader.seen if n == "figure"] == ["map"]
    assert "None." in " ".join(reader.text)


def test_vectors_get_the_cosines_of_class_means_and_maps_do_not() -> None:
    z = np.random.default_rng(0).normal(size=(30, 8))
    samples = Samples(name="small", x=torch.rand(30, 3), y=torch.arange(30) % 3)
    page = report([Chapter("nodes", "", known(z, samples, Recipe(task="ge")))])
    assert [a["class"] for n, a in read(page).seen if n == "figure"] == ["map", "similarity", "class-means"]


def test_several_runs_stand_side_by_side() -> None:
    z = np.random.default_rng(0).normal(size=(30, 2))
    compared = Comparison(
        ["nmi"], [("first", 3, [("0.51 ± 0.01", True)]), ("second", 1, [("0.50 ~", False)])], ["other data"], "marks",
        {"nu_z = 1": z, "nu_z = 2": z},
    )  # fmt: skip
    page = report([bare("first"), bare("second")], compared)
    reader = read(page)
    words = " ".join(reader.text)
    for told in ("Side by side", "3 seeds", "0.50 ~", "Mind: other data.", "marks"):
        assert told in words
    assert "<strong>0.51 ± 0.01</strong>" in page and "<strong>0.50" not in page
    links = [attrs["href"][1:] for name, attrs in reader.seen if name == "a"]
    assert links == [attrs["id"] for _, attrs in reader.seen if "id" in attrs] == ["run-1", "run-2"]
    assert next(a["class"] for n, a in reader.seen if n == "figure") == "maps"


def test_no_word_breaks_the_page() -> None:
    nasty = Chapter(
        NASTY, NASTY, known(np.zeros((3, 2))), warning=NASTY, recipe=NASTY, changed=[(NASTY, NASTY, NASTY)],
        command=NASTY, config=NASTY, facts={NASTY: {NASTY: NASTY}}, skipped={NASTY: NASTY},
        metrics={NASTY: {"value": 1.0, "protocol": NASTY}},
    )  # fmt: skip
    compared = Comparison([NASTY], [(NASTY, 1, [(NASTY, True)]), ("b", 2, [(NASTY, False)])], [NASTY], NASTY)
    page = report([nasty, bare()], compared)
    assert "<script" not in page
    shown = NASTY.replace("_", " ")
    assert sum(text.count(shown) for text in read(page).text) > 15


@given(st.text(), st.text())
def test_text_comes_back_as_it_was(inside: str, attribute: str) -> None:
    text = "".join(c for c in inside if c.isprintable())
    value = "".join(c for c in attribute if c.isprintable())
    reader = read(tag("p", text, title=value))
    assert "".join(reader.text) == text
    assert reader.seen == [("p", {"title": value})]


def test_markup_is_left_and_text_is_not() -> None:
    assert tag("b", tag("i", "a<b"), None, 3, data_x="1", class_="c") == (
        '<b data-x="1" class="c"><i>a&lt;b</i>3</b>'
    )
    assert isinstance(tag("b"), Html)
    assert re.findall(r'<t[dh] class="number">', table(("a", "b"), [("x", 1)], (1,))) == [
        '<th class="number">', '<td class="number">',
    ]  # fmt: skip


def test_records_lose_the_clock_and_what_never_changes() -> None:
    history = [{"epoch": e, "loss": 1.0, "lr": 0.5, "seconds": e, "spread": 1 / e} for e in (1, 2)]
    assert telling(history) == [{"epoch": e, "loss": 1.0, "spread": 1 / e} for e in (1, 2)]
    assert telling([]) == []


def test_without_runs_there_is_no_page() -> None:
    with pytest.raises(InputError, match="there is no run to tell of"):
        report([])
