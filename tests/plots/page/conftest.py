"""A headless Chromium that watches a page: a message on the console or a request of its own fails the test."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from graphurl.data.stacks import Stack
from graphurl.graphs.constructors import knn
from graphurl.plots import page

# A browser that asks nobody for anything; points are drawn by the processor, as on a machine without a graphics one.
FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip
SOFTWARE_GL = ("--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader")
WIDE, PHONE = {"width": 1280, "height": 800}, {"width": 360, "height": 740}
COUNT = 300

Open = Callable[..., Any]


@pytest.fixture(scope="session")
def launch() -> Iterator[Callable[[list[str]], Any]]:
    """Starts browsers, with flags."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        yield lambda flags: playwright.chromium.launch(executable_path=shutil.which("chromium"), args=flags)


@pytest.fixture(scope="session")
def chromium(launch: Callable[[list[str]], Any]) -> Iterator[Any]:
    """One browser for all tests."""
    browser = launch(list(FLAGS))
    yield browser
    browser.close()


@pytest.fixture
def show(chromium: Any) -> Iterator[Open]:
    """Opens a page file; at the end nothing may have gone wrong in it, or left it."""
    contexts, wrong, asked = [], [], []

    def opened(path: Path, mark: str = "", **settings: Any) -> Any:
        usual = {"viewport": WIDE, "color_scheme": "light", "reduced_motion": "reduce"}
        context = chromium.new_context(**usual | settings)
        contexts.append(context)
        tab = context.new_page()
        tab.on("console", lambda message: wrong.append(message.text))
        tab.on("pageerror", lambda error: wrong.append(str(error)))
        tab.on("request", lambda request: asked.append(request.url))
        tab.goto(f"{path.as_uri()}{mark}")
        tab.wait_for_selector("body[data-ready]", timeout=30_000)
        return tab

    yield opened
    for context in contexts:
        context.close()
    assert wrong == []
    assert [url for url in asked if not url.startswith(("file:", "data:", "blob:"))] == []
    assert sum(url.startswith("file:") for url in asked) == len(contexts)


@pytest.fixture(scope="session")
def world() -> dict[str, Any]:
    """Three groups of 100 points with all that a page can show."""
    rng = np.random.default_rng(0)
    y = np.arange(COUNT) % 3
    x = (rng.normal(size=(COUNT, 6)) + 6 * np.eye(6)[y]).astype(np.float32)
    z = (x[:, :2] + x[:, 1:3] * 0.2).astype(np.float32)
    ids = [f"item {i}" for i in range(COUNT)]
    ids[5] = "an item 12"
    ids[7], ids[8], ids[9] = "</script><b>bold</b>", 'a "quoted", name', "é漢😀" + "long" * 300
    shades = rng.integers(0, 255, (COUNT, 1, 8, 8)).astype(np.uint8)
    near = knn(x, 4).similarity()
    return {
        "z": z, "y": y, "classes": ("red", "green", "blue"), "ids": ids, "x": x, "k": 6, "title": "Three <groups>",
        "columns": {"size": np.linspace(-1, 1, COUNT), "word": [["u", "v", ""][i % 3] for i in range(COUNT)]},
        "about": {"size": "how large it is"}, "images": Stack(shades), "graphs": {"knn": near, "half": 0.5 * near},
        "notes": ["a note"],
    }  # fmt: skip


@pytest.fixture(scope="session")
def made(world: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of that."""
    return page(path=tmp_path_factory.mktemp("page") / "page.html", **world)


def at(tab: Any, row: int) -> tuple[float, float]:
    """Where a row is on the screen."""
    x, y = tab.evaluate("(row) => graphurl.overlay.at(row)", row)
    return x, y


def loneliest(tab: Any) -> int:
    """The row farthest from its nearest neighbour on the map: what lies under the pointer is no matter of chance."""
    unit = np.array(tab.evaluate("Array.from(graphurl.model.unit)")).reshape(-1, 2)
    apart = ((unit[:, None] - unit[None]) ** 2).sum(-1) + np.eye(len(unit)) * 9
    return int(apart.min(1).argmax())


def selected(tab: Any) -> list[int]:
    rows: list[int] = tab.evaluate("[...graphurl.selection.rows].sort((a, b) => a - b)")
    return rows
