"""What a reader sees and does with the pointer, in a real browser."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.plots.page.conftest import COUNT, FLAGS, SOFTWARE_GL, Open, at, loneliest, selected
from tests.plots.page.reader import arrays

pytestmark = pytest.mark.browser

Launch = Callable[[list[str]], Any]


def colour_at(tab: Any, row: int, canvas: str = "#points") -> list[int]:
    x, y = at(tab, row)
    pixel: list[int] = tab.evaluate(
        """([canvas, x, y]) => {
          graphurl.render();
          const copy = document.createElement("canvas").getContext("2d");
          const [left, top] = [x, y].map((value) => -Math.floor(value * graphurl.ratio));
          copy.drawImage(document.querySelector(canvas), left, top);
          return [...copy.getImageData(0, 0, 1, 1).data];
        }""",
        [canvas, x, y],
    )
    return pixel


def test_it_opens_with_everything_in_place(show: Open, made: Path) -> None:
    tab = show(made)
    assert tab.title() == "Three <groups>" == tab.inner_text("#title")
    assert tab.inner_text("#subtitle") == "300 points"
    assert tab.inner_text("#foot") == "a note"
    options = tab.eval_on_selector_all("#colour option", "all => all.map((one) => one.textContent)")
    assert options == ["label", "size", "word", "misfit of edges", "density of points", "one colour"]
    assert tab.locator("#legend button").all_inner_texts() == [f"{name}\n100" for name in ("red", "green", "blue")]
    assert tab.locator("b").count() == 0


@pytest.mark.parametrize("mark", ["#raster", "#webgl"])
def test_points_lie_where_they_belong_in_their_colours(launch: Launch, made: Path, mark: str) -> None:
    # Both ways to draw; a browser of its own, since WebGL in software is off in the other one.
    browser = launch([flag for flag in FLAGS if flag != "--disable-gpu"] + list(SOFTWARE_GL))
    tab = browser.new_page()
    wrong: list[str] = []
    tab.on("pageerror", lambda error: wrong.append(str(error)))
    tab.goto(f"{made.as_uri()}{mark}")
    tab.wait_for_selector("body[data-ready]")
    kind = tab.evaluate("graphurl.points.constructor.name")
    row = loneliest(tab)
    painted = colour_at(tab, row)
    wanted = np.array(tab.evaluate("(row) => graphurl.colours.ofRow(row)", row))
    opacity = tab.evaluate("graphurl.view.opacity(graphurl.model.count)")
    browser.close()
    assert wrong == []
    if mark == "#raster":
        assert kind == "RasterPoints"
        ground = np.array([251, 251, 250])
        np.testing.assert_allclose(painted[:3], wanted * opacity + ground * (1 - opacity), atol=4)
    else:
        assert kind == "WebGlPoints"
        np.testing.assert_allclose(painted, [*wanted, 255 * opacity], atol=8)


def test_hovering_shows_the_card_with_the_right_neighbours(show: Open, made: Path, world: dict[str, Any]) -> None:
    tab = show(made)
    row = loneliest(tab)
    tab.mouse.move(*at(tab, row))
    card = tab.locator("#card")
    card.wait_for(state="visible")
    assert card.locator(".id").inner_text() == world["ids"][row]
    assert card.locator(".chip").inner_text() == world["classes"][world["y"][row]]
    numbers = "lists => lists.map((one) => [...one.children].map((each) => +each.dataset.row))"
    shown = card.locator(".near").evaluate_all(numbers)
    held = arrays(made)
    for list_of, name in zip(shown, ("original", "embedded"), strict=True):
        assert list_of == held[f"near-{name}"].reshape(COUNT, -1)[row].tolist()
    target = held["edge-target"].reshape(COUNT, -1)[row]
    p, q = (held[f"edge-{name}"].reshape(COUNT, -1)[row] / 65535 for name in "pq")
    lines = card.locator("table tr").all_inner_texts()
    assert lines[1].split("\t") == [
        world["ids"][target[0]], f"{p[0]:.2f}", f"{q[0]:.2f}", f"{abs(p[0] - q[0]):.2f}"
    ]  # fmt: skip
    assert lines[2].startswith("from knn ") and "+ half" in lines[2]
    pixel = "document.querySelector('#card .thumb').getContext('2d').getImageData(16, 16, 1, 1).data"
    tab.wait_for_function(f"{pixel}[3] > 0")
    tab.mouse.move(5, 5)
    card.wait_for(state="hidden")


def test_a_click_keeps_the_card_and_its_buttons_lead_on(show: Open, made: Path) -> None:
    tab = show(made)
    row = loneliest(tab)
    tab.mouse.click(*at(tab, row))
    tab.mouse.move(5, 5)
    assert tab.evaluate("[graphurl.row, graphurl.kept]") == [row, True]
    button = tab.locator("#card .near button").first
    other = int(button.get_attribute("data-row"))
    button.click()
    assert tab.evaluate("graphurl.row") == other
    tab.locator("#card .close").click()
    assert tab.evaluate("graphurl.row") == -1 and tab.locator("#card").is_hidden()


@pytest.mark.parametrize("tool", [True, False], ids=["button", "shift"])
def test_the_lasso_takes_what_lies_inside(show: Open, made: Path, tool: bool) -> None:
    tab = show(made)
    middle, radius = (500, 400), 190
    angles = np.linspace(0, 2 * math.pi, 25)
    ring = [(middle[0] + radius * math.cos(a), middle[1] + 0.8 * radius * math.sin(a)) for a in angles]
    if tool:
        tab.click("#lasso")
    else:
        tab.keyboard.down("Shift")
    tab.mouse.move(*ring[0])
    tab.mouse.down()
    for place in ring[1:]:
        tab.mouse.move(*place)
    tab.mouse.up()
    tab.keyboard.up("Shift")
    from matplotlib.path import Path as Polygon

    places = np.array(tab.evaluate("Array.from({length: graphurl.model.count}, (_, row) => graphurl.overlay.at(row))"))
    expected = np.flatnonzero(Polygon(ring).contains_points(places)).tolist()
    assert 10 < len(expected) < COUNT
    assert selected(tab) == expected
    assert tab.inner_text("#selection-count") == f"{len(expected)} selected"
    counts = [int(text) for text in tab.locator("#summary .number").all_inner_texts()]
    assert sum(counts) == len(expected)


def test_hidden_classes_are_neither_selected_nor_found(show: Open, made: Path, world: dict[str, Any]) -> None:
    tab = show(made)
    tab.click("#legend button >> nth=0")
    assert tab.get_attribute("#legend button >> nth=0", "aria-pressed") == "false"
    tab.locator("#over").focus()
    tab.keyboard.press("v")
    assert selected(tab) == np.flatnonzero(world["y"] != 0).tolist()
    tab.dblclick("#legend button >> nth=1")
    tab.keyboard.press("v")
    assert selected(tab) == np.flatnonzero(world["y"] == 1).tolist()
    tab.click("#all")
    tab.keyboard.press("v")
    assert len(selected(tab)) == COUNT


def test_search_goes_to_the_point(show: Open, made: Path, world: dict[str, Any]) -> None:
    tab = show(made)
    tab.fill("#query", "item 12")
    wanted = ["item 12", *(f"item {i}" for i in range(120, 130)), "an item 12"]
    assert tab.locator("#hits li").all_inner_texts() == wanted
    tab.keyboard.press("ArrowDown")
    tab.keyboard.press("Enter")
    assert tab.evaluate("[graphurl.row, graphurl.kept]") == [120, True]
    x, y = at(tab, 120)
    stage = tab.evaluate("[graphurl.view.width / 2, graphurl.view.height / 2]")
    assert math.dist((x, y), stage) < 2
    for text, row in (("</SCRIPT", 7), ('"quoted"', 8), ("漢", 9)):
        tab.fill("#query", text)
        tab.keyboard.press("Enter")
        assert tab.evaluate("graphurl.row") == row
        assert tab.locator("#card .id").inner_text()[:390] == world["ids"][row][:390]
    tab.fill("#query", "nobody")
    assert tab.locator("#hits li").all_inner_texts() == ["No such id"]


def test_the_file_holds_what_is_selected(show: Open, made: Path, world: dict[str, Any]) -> None:
    tab = show(made)
    rows = [3, 7, 8, 9, 200]
    tab.evaluate("(rows) => graphurl.selection.replace(rows)", rows)
    with tab.expect_download() as download:
        tab.click("#export")
    assert download.value.suggested_filename == "selection.csv"
    text = Path(download.value.path()).read_text(encoding="utf-8")
    table = list(csv.DictReader(io.StringIO(text)))
    assert list(table[0]) == ["id", "label", "x", "y", "size", "word", "misfit of edges"]
    assert [line["id"] for line in table] == [world["ids"][row] for row in rows]
    assert [line["label"] for line in table] == [world["classes"][row % 3] for row in rows]
    assert [line["word"] for line in table] == [["u", "v", ""][row % 3] for row in rows]
    found = np.array([[line["x"], line["y"]] for line in table], dtype=np.float32)
    np.testing.assert_array_equal(found, world["z"][rows])
    sizes = np.array([line["size"] for line in table], dtype=np.float32)
    np.testing.assert_array_equal(sizes, np.linspace(-1, 1, COUNT)[rows].astype(np.float32))
    tab.click("#clear")
    with tab.expect_download() as download:
        tab.click("#export")
    assert Path(download.value.path()).read_text(encoding="utf-8").count("\n") == COUNT + 1


def test_colours_follow_the_choice(show: Open, made: Path) -> None:
    tab = show(made)
    seen = set()
    for choice in ("0", "1", "2", "3", "density", "plain"):
        tab.select_option("#colour", choice)
        seen.add(tuple(tab.evaluate("Array.from(graphurl.points.colours.slice(0, 400))")))
        assert tab.locator("#bar").is_visible() == (choice in ("1", "3", "density"))
        assert tab.locator("#legend button").count() == {"0": 3, "2": 3}.get(choice, 0)
    assert len(seen) == 6
    tab.select_option("#colour", "1")
    assert tab.inner_text("#note") == "how large it is"
    assert tab.inner_text("#low").startswith("-0.9") and tab.inner_text("#high").startswith("0.9")
