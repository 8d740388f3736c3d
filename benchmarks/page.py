"""The interactive page beside plotly's: bytes, seconds until it shows, frames a second while it pans; prints JSON.

    pip install ".[browser]" plotly && python benchmarks/page.py --points 200000

The same points with the same thirty classes in both. Each page is opened in a headless Chromium without a graphics
processor and dragged around by the mouse; a frame counts when the browser shows it and the picture moved since the
last. plotly's page draws with WebGL (scattergl), which this browser runs in software (SwiftShader) when --gl is given
and has not otherwise; the page here picks its own way. Without plotly its rows are left out.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import shutil
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

FLAGS = ["--headless=new", "--no-sandbox", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync"]  # fmt: skip
SOFTWARE_GL = ["--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
COUNT_FRAMES = """() => { window.frames_seen = []; const step = (now) => { frames_seen.push(now);
requestAnimationFrame(step); }; requestAnimationFrame(step); }"""


def points(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Thirty clouds of different width."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 30, count)
    centres = 6 * rng.normal(size=(30, 2))
    return (centres[y] + rng.normal(size=(count, 2)) * rng.uniform(0.3, 1.4, 30)[y, None]).astype(np.float32), y


def ours(path: Path, z: np.ndarray, y: np.ndarray) -> None:
    from graphurl.plots import page

    page(z, path, y=y, ids=[f"row {i}" for i in range(len(z))], k=10)


def plotlys(path: Path, z: np.ndarray, y: np.ndarray) -> None:
    from plotly import graph_objects

    figure = graph_objects.Figure(layout={"dragmode": "pan", "margin": {"l": 0, "r": 0, "t": 0, "b": 0}})
    for code in np.unique(y):
        rows = np.flatnonzero(y == code)
        names = [f"row {i}" for i in rows]
        style = {"mode": "markers", "marker": {"size": 3}, "name": str(code), "text": names}
        figure.add_trace(graph_objects.Scattergl(x=z[rows, 0], y=z[rows, 1], **style))
    figure.write_html(path, include_plotlyjs=True)


def measure(browser: Any, path: Path, ready: str) -> dict[str, float]:
    """Opens a page and drags its middle around for three seconds."""
    tab = browser.new_page(viewport={"width": 1280, "height": 800})
    began = time.perf_counter()
    tab.goto(path.as_uri())
    tab.wait_for_selector(ready, timeout=120_000)
    shown = time.perf_counter() - began
    tab.wait_for_timeout(1500)
    tab.mouse.move(450, 400)
    tab.mouse.down()
    tab.mouse.move(455, 402)
    tab.wait_for_timeout(300)
    tab.evaluate(COUNT_FRAMES)
    moved, began = 0, time.perf_counter()
    while time.perf_counter() - began < 3:
        moved += 1
        tab.mouse.move(450 + 80 * np.sin(moved / 9), 400 + 60 * np.cos(moved / 7))
    frames = np.array(tab.evaluate("frames_seen"))
    tab.mouse.up()
    tab.close()
    rate = (len(frames) - 1) * 1000 / (frames[-1] - frames[0])
    return {"seconds_until_shown": round(shown, 2), "frames_a_second": round(float(rate), 1)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--points", type=int, default=200_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--gl", action="store_true", help="run WebGL in software")
    options = parser.parse_args()
    from playwright.sync_api import sync_playwright

    z, y = points(options.points)
    contenders = {"graphurl": (ours, "body[data-ready]")}
    if importlib.util.find_spec("plotly") is not None:
        contenders["plotly"] = (plotlys, ".plotly .legend")
    found: dict[str, Any] = {"points": options.points, "gl": options.gl}
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        flags = FLAGS + (SOFTWARE_GL if options.gl else ["--disable-gpu"])
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=flags)
        found["chromium"] = browser.version
        runs: dict[str, list[dict[str, float]]] = {name: [] for name in contenders}
        for name, (write, _) in contenders.items():
            write(Path(folder) / f"{name}.html", z, y)
            found[name] = {"bytes": (Path(folder) / f"{name}.html").stat().st_size}
        for _ in range(options.repeats):  # in turn: a busy machine slows both
            for name, (_, ready) in contenders.items():
                runs[name].append(measure(browser, Path(folder) / f"{name}.html", ready))
        browser.close()
    for name, each in runs.items():
        found[name] |= {key: statistics.median(run[key] for run in each) for key in each[0]}
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
