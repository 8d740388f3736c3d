"""The page: a comparison where there are several runs, then a section for each."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

from graphurl import __version__
from graphurl.errors import InputError
from graphurl.plots.report.chapter import Chapter, Comparison
from graphurl.plots.report.drawings import drawing, further
from graphurl.plots.report.markup import Html, markup, table, tag

# What to say large, the first ones that were measured.
_HEADLINES = (
    "linear_probe", "split_probe", "knn_accuracy", "link_auc", "trustworthiness", "nmi", "overlap", "effective_rank",
)  # fmt: skip
_TILES = 4
# Inches of the map beside the metrics: text is to be read at half the width of the page.
_SMALL = {"width": 6.4, "height": 5.8}
# Nothing may be fetched and nothing run: what a colleague opens is what was sent.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"


def report(
    chapters: Sequence[Chapter], comparison: Comparison | None = None, path: str | Path | None = None
) -> str:
    """Tells of runs on one page, without scripts and without anything from elsewhere.

    Args:
        chapters: The runs.
        comparison: Their methods side by side.
        path: Where to write it.

    Returns:
        The page.

    Raises:
        InputError: Without any run.
    """
    if not chapters:
        raise InputError("there is no run to tell of: give one or more")
    title = ", ".join(dict.fromkeys(chapter.name for chapter in chapters))
    several = len(chapters) > 1
    links = tag(
        "nav", *(tag("a", chapter.name, href=f"#run-{number}") for number, chapter in enumerate(chapters, 1))
    )
    parts = [
        tag("header", tag("p", "graphurl report", class_="kind"), tag("h1", title), links if several else None),
        *([_compared(comparison, chapters[0].given)] if comparison is not None else []),
        *(_chapter(chapter, number, several) for number, chapter in enumerate(chapters, 1)),
        tag("footer", f"Made by graphurl {__version__}. This page needs no network and runs no script."),
    ]
    head = tag(
        "head", tag("meta", charset="utf-8"), tag("title", title),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("meta", http_equiv="Content-Security-Policy", content=_POLICY), tag("style", Html(_style())),
    )  # fmt: skip
    text = f"<!doctype html>\n{tag('html', head, tag('body', tag('main', *parts)), lang='en')}\n"
    if path is not None:
        _write(Path(path), text)
    return text


def _chapter(chapter: Chapter, number: int, several: bool) -> Html:
    heading = tag("h2", chapter.name) if several else None
    halves, wide = further(chapter.given)
    left = tag("div", drawing("map", {**chapter.given, **_SMALL}), *halves[:1], class_="stack")
    return tag(
        "section",
        heading,
        tag("p", chapter.about, class_="about"),
        tag("p", chapter.warning, class_="warning") if chapter.warning else None,
        _tiles(chapter.metrics),
        tag("div", left, _measured(chapter), class_="figures top"),
        tag("div", *halves[1:], class_="figures") if halves[1:] else None,
        *wide,
        _settings(chapter),
        tag("div", *(_facts(group, of) for group, of in chapter.facts.items() if of), class_="facts"),
        _again(chapter),
        id=f"run-{number}",
    )


def _tiles(metrics: Mapping[str, Mapping[str, Any]]) -> Html | None:
    names = [name for name in _HEADLINES if name in metrics][:_TILES]
    made = [
        tag(
            "div",
            tag("strong", _number(metrics[name]["value"])),
            tag("span", name.replace("_", " ")),
            tag("small", _interval(metrics[name]) or Html("&nbsp;")),
        )
        for name in names
    ]
    return tag("div", *made, class_="tiles") if made else None


def _measured(chapter: Chapter) -> Html:
    rows = [
        (
            tag("span", name.replace("_", " "), title=str(entry.get("protocol", ""))),
            _number(entry["value"]),
            _interval(entry),
            tag("small", entry.get("protocol", "")),
        )
        for name, entry in chapter.metrics.items()
    ]
    skipped = [tag("li", f"{name.replace('_', ' ')}: {why}") for name, why in chapter.skipped.items()]
    return tag(
        "div",
        tag("h3", "metrics"),
        table(("metric", "value", "95 %", "protocol"), rows, (1,)) if rows else tag("p", "None.", class_="note"),
        tag("details", tag("summary", "not measured"), tag("ul", *skipped)) if skipped else None,
        class_="metrics",
    )


def _settings(chapter: Chapter) -> Html | None:
    if not chapter.recipe:
        return None
    rows = [(tag("code", name), here, there) for name, here, there in chapter.changed]
    words = "All settings are those of the recipe." if not rows else None
    return tag(
        "div",
        tag("h3", Html(f"settings, beside the recipe {tag('code', chapter.recipe)}")),
        table(("setting", "here", "recipe"), rows) if rows else tag("p", words),
    )


def _facts(group: str, of: Mapping[str, str]) -> Html:
    lines = [part for name, value in of.items() for part in (tag("dt", name), tag("dd", value))]
    return tag("div", tag("h3", group), tag("dl", *lines))


def _again(chapter: Chapter) -> Html | None:
    if not chapter.command:
        return None
    config = tag("details", tag("summary", "config.yaml"), tag("pre", chapter.config)) if chapter.config else None
    return tag("div", tag("h3", "to repeat it"), tag("pre", chapter.command), config)


def _compared(comparison: Comparison, given: Mapping[str, Any]) -> Html:
    names = [Html(f"{markup(name)} {tag('small', f'{seeds} seeds')}") if seeds > 1 else name
             for name, seeds, _ in comparison.rows]  # fmt: skip
    rows = [
        (metric.replace("_", " "), *(tag("strong", cells[column][0]) if cells[column][1] else cells[column][0]
                                     for _, _, cells in comparison.rows))
        for column, metric in enumerate(comparison.metrics)
    ]  # fmt: skip
    shown = bool(names)
    maps = None
    if comparison.maps is not None:
        maps = drawing("maps", {**given, "embeddings": comparison.maps, "title": None})
    return tag(
        "section",
        tag("h2", "Side by side"),
        tag("p", f"Mind: {'; '.join(comparison.notes)}.", class_="warning") if comparison.notes else None,
        table(("metric", *names), rows, range(1, len(names) + 1)) if shown else None,
        tag("p", comparison.legend, class_="note") if shown else None,
        maps,
        class_="compared",
    )


def _number(value: Any) -> Html:
    return markup(f"{value:.4g}" if isinstance(value, float) else value)


def _interval(entry: Mapping[str, Any]) -> Html:
    return markup(f"{entry['low']:.4g} – {entry['high']:.4g}" if "low" in entry and "high" in entry else "")


def _style() -> str:
    return resources.files("graphurl.plots.report").joinpath("style.css").read_text(encoding="utf-8")


def _write(path: Path, text: str) -> None:
    scratch = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        scratch.write_text(text, encoding="utf-8")
        os.replace(scratch, path)
    finally:
        scratch.unlink(missing_ok=True)
