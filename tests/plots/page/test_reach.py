"""Without a mouse, on a phone, in the dark, and with rubbish, in a real browser."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from graphurl.plots import page
from tests.plots.page.conftest import COUNT, PHONE, Open, at, loneliest, selected

pytestmark = pytest.mark.browser


def test_keys_alone_are_enough(show: Open, made: Path) -> None:
    tab = show(made)
    tab.locator("#over").focus()
    before = tab.evaluate("[graphurl.view.x, graphurl.view.y, graphurl.view.zoom]")
    for key in ("ArrowRight", "ArrowUp", "+"):
        tab.keyboard.press(key)
    x, y, zoom = tab.evaluate("[graphurl.view.x, graphurl.view.y, graphurl.view.zoom]")
    assert x > before[0] and y > before[1] and zoom > before[2]
    tab.keyboard.press("0")
    assert tab.evaluate("[graphurl.view.x, graphurl.view.y, graphurl.view.zoom]") == before
    tab.keyboard.press("Enter")
    first = tab.evaluate("graphurl.row")
    assert first >= 0 and tab.locator("#card").is_visible() and tab.inner_text("#said")
    near = tab.evaluate("(row) => neighbours = [...graphurl.model.near[1].rows.slice(row * 6, row * 6 + 6)]", first)
    tab.keyboard.press("n")
    assert tab.evaluate("graphurl.row") == near[0]
    tab.keyboard.press("n")
    assert tab.evaluate("graphurl.row") == near[1]
    tab.keyboard.press("p")
    tab.keyboard.press("s")
    assert selected(tab) == [near[0]]
    tab.keyboard.press("Escape")
    assert tab.evaluate("graphurl.row") == -1
    tab.keyboard.press("Escape")
    assert selected(tab) == []
    tab.keyboard.press("?")
    assert tab.locator("#keys").is_visible()
    tab.keyboard.press("Escape")
    assert tab.locator("#keys").is_hidden()
    tab.keyboard.press("/")
    tab.keyboard.type("item 42")
    tab.keyboard.press("Enter")
    assert tab.evaluate("graphurl.row") == 42
    tab.keyboard.press("l")
    assert tab.get_attribute("#lasso", "aria-pressed") == "true"


def test_everything_that_acts_has_a_name_and_takes_the_focus(show: Open, made: Path) -> None:
    tab = show(made)
    nameless = tab.evaluate(
        "[...document.querySelectorAll('button, input, select, canvas[tabindex]')].filter((one) => "
        "!one.closest('[hidden]') && "
        "!(one.getAttribute('aria-label') || one.textContent.trim() || one.closest('label'))).length"
    )
    assert nameless == 0
    reached = []
    for _ in range(12):
        tab.keyboard.press("Tab")
        reached.append(tab.evaluate("document.activeElement.id"))
    assert reached[:8] == ["over", "query", "zoom-in", "zoom-out", "reset", "lasso", "theme", "help"]
    assert "colour" in reached


def test_a_phone_shows_everything(show: Open, made: Path) -> None:
    tab = show(made, viewport=PHONE, has_touch=True, is_mobile=True, device_scale_factor=2)
    assert tab.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
    row = loneliest(tab)
    tab.touchscreen.tap(*at(tab, row))
    assert tab.evaluate("[graphurl.row, graphurl.kept]") == [row, True]
    box = tab.locator("#card").bounding_box()
    assert box["x"] >= 0 and box["x"] + box["width"] <= PHONE["width"] and box["height"] <= 0.47 * PHONE["height"]
    widths = tab.eval_on_selector_all("#tools button", "all => all.map((one) => one.offsetWidth)")
    assert min(widths) >= 40
    tab.locator("#card .close").tap()
    assert tab.locator("#colour").is_hidden()
    tab.locator("#panel-button").tap()
    tab.locator("#colour").wait_for(state="visible")
    tab.touchscreen.tap(180, 150)
    tab.locator("#colour").wait_for(state="hidden")
    pinch(tab)
    assert tab.evaluate("graphurl.view.zoom") == pytest.approx(2, rel=0.05)


def pinch(tab: Any) -> None:
    """Two fingers that end twice as far apart."""
    client = tab.context.new_cdp_session(tab)
    for kind, reach in (("touchStart", 50), ("touchMove", 75), ("touchMove", 100), ("touchEnd", 0)):
        ends = [{"x": 180 - reach, "y": 400, "id": 0}, {"x": 180 + reach, "y": 400, "id": 1}] if reach else []
        client.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": ends})


def test_dark_follows_the_system_and_the_button(show: Open, made: Path) -> None:
    tab = show(made, color_scheme="dark")
    dark = "document.documentElement.dataset.theme"
    assert tab.evaluate(dark) == "dark"
    corner = tab.evaluate("[...graphurl.points.context.getImageData(2, 2, 1, 1).data].slice(0, 3)")
    assert max(corner) < 40
    tab.click("#theme")
    assert tab.evaluate(dark) == "light"
    tab.wait_for_function("graphurl.points.context.getImageData(2, 2, 1, 1).data[0] > 240")
    tab.emulate_media(color_scheme="dark")
    assert tab.evaluate(dark) == "light"


CASES = {
    "one": {"z": np.zeros((1, 2))},
    "equal": {"z": np.ones((50, 2)), "y": np.arange(50) % 2},
    "strip": {"z": np.linspace(0, 1, 40), "y": np.arange(40) % 3},
    "huge": {"z": np.array([[3e38, -3e38], [-3e38, 3e38], [0, 0]]), "y": [1, 2, 3]},
    "missing": {"z": np.array([[0, 1], [np.nan, 1], [2, 3]]), "ids": ["a", "b", "c"]},
    "unknown": {"z": np.eye(4)[:, :2], "y": [-1, -1, -1, -1], "columns": {"none": [np.nan] * 4, "empty": [""] * 4}},
    "long": {"z": np.eye(4)[:, :2], "ids": ["long " * 9999] * 4, "y": ["class " * 999] * 4, "title": "title " * 999},
}


@pytest.mark.parametrize("name", CASES)
def test_rubbish_is_shown_as_far_as_it_goes(show: Open, tmp_path: Path, name: str) -> None:
    tab = show(page(path=tmp_path / "page.html", **CASES[name]))
    assert tab.evaluate("document.documentElement.scrollWidth") <= 1280
    tab.locator("#over").focus()
    for key in ("Enter", "n", "s", "v", "e", "+", "0", "Escape", "Escape"):
        tab.keyboard.press(key)
    for choice in tab.eval_on_selector_all("#colour option", "all => all.map((one) => one.value)"):
        tab.select_option("#colour", choice)
    assert tab.evaluate("graphurl.model.unit.every((value) => Math.abs(value) <= 1)")
    assert tab.evaluate("graphurl.model.count") == len(tab.evaluate("graphurl.selection.exported()"))


def test_a_hundred_thousand_classes(show: Open, tmp_path: Path) -> None:
    count = 100_000
    z = np.random.default_rng(0).normal(size=(count, 2))
    names = [f"name {i}" for i in range(count)]
    tab = show(page(z, tmp_path / "page.html", y=names, ids=names, k=1))
    assert tab.locator("#legend button").count() == 200
    assert tab.inner_text("#legend .more") == "and 99,800 smaller ones"
    tab.fill("#query", "name 99999")
    tab.keyboard.press("Enter")
    assert tab.evaluate("graphurl.row") == 99_999
    assert count > COUNT
