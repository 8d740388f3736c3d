"""From an embedding to one file: what is known of every point is packed, and script and style are put beside it."""

from __future__ import annotations

import html
import os
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import torch

from graphurl.data.stacks import Images
from graphurl.errors import InputError
from graphurl.functional.distance import Metric
from graphurl.functional.neighbors import knn
from graphurl.functional.sparse import take_rows
from graphurl.graphs.graph import Graph
from graphurl.plots.colors import NAMED_UP_TO, PLAIN, class_colors
from graphurl.plots.layout import Layout, lay_out
from graphurl.plots.page.columns import Column, column_of, label_column
from graphurl.plots.page.packing import array_element, json_element
from graphurl.plots.page.pulls import pulls
from graphurl.plots.page.sprites import BUDGET, sprites
from graphurl.similarity import Similarity

SUFFIXES = (".html", ".htm")
#: Colours along a scale.
_STEPS = 64


def page(
    z: Any,
    path: str | Path,
    y: Any = None,
    classes: Sequence[str] | None = None,
    title: str | None = None,
    *,
    ids: Sequence[str] | None = None,
    columns: Mapping[str, Any] | None = None,
    about: Mapping[str, str] | None = None,
    x: Any = None,
    metric: Metric = "euclidean",
    metric_z: Metric = "euclidean",
    k: int = 10,
    graphs: Mapping[str, Graph] | None = None,
    similarity: Similarity | None = None,
    matched: bool = False,
    images: Images | None = None,
    notes: Sequence[str] = (),
    places: Any = None,
    seed: int = 0,
) -> Path:
    """Writes an interactive page: one file that needs no server and no network.

    It shows the points with pan, zoom and lasso, and for each point its name, label and picture, its nearest neighbours
    in both spaces, and the edges that pull it: p_X of each source, p_Z, and |p_X - p_Z|. More than two dimensions
    are projected as in `scatter`, or shown at `places`; neighbours and similarities are those of all dimensions.
    Rows that are not finite are left out and counted.

    Args:
        z: Embeddings, (N, d) or (N,).
        path: Where to write it, .html.
        y: Class of each row, as in `scatter`.
        classes: Names of the classes.
        title: Above the page.
        ids: Name of each row; by default its number.
        columns: What else is known of every row, by name: text or numbers, (N,) each.
        about: What columns mean, by name, in a line each.
        x: The original space, (N, F), for neighbours there.
        metric: Distance in x.
        metric_z: Distance in z.
        k: Neighbours in each space.
        graphs: Prescribed similarity by source, over the rows of z.
        similarity: Kernel of the embedded side, for p_Z; the normalised Gaussian where absent.
        matched: Scale p_Z to the mass that p_X has on the edges, for a loss that compares shares of p, not p itself.
        images: Picture of each row.
        notes: Lines that the page shows under its title.
        places: Where the rows are shown, (N, 2), instead of a projection of z.
        seed: Of an approximate search for neighbours.

    Returns:
        The path.

    Raises:
        InputError: Nothing to show, or something that does not fit the rows of z.
    """
    path = checked(path)
    layout = lay_out(z if places is None else places)
    if len(layout.kept) != len(z):
        raise InputError(f"{len(layout.kept)} places for {len(z)} rows of z: give one a row")
    rows = np.flatnonzero(layout.kept)
    space = _space(z)[layout.kept]
    made: list[str] = []
    known = _columns(y, classes, columns, about, len(layout.kept))
    contents: dict[str, Any] = {"title": title or "embedding", **_points(layout, rows, ids, made)}
    contents["notes"] = [*notes, *_left_out(layout)]
    if x is not None and x.shape[0] != len(layout.kept):
        raise InputError(f"x has {x.shape[0]} rows for {len(layout.kept)} points: give one per point")
    contents["near"] = _neighbours(space, x, rows, k, (metric, metric_z), seed, made)
    for name, graph in (graphs or {}).items():
        if graph.num_nodes != len(layout.kept):
            nodes = f"{graph.num_nodes} nodes for {len(layout.kept)} points"
            raise InputError(f"the graph {name!r} has {nodes}: give one a point")
    if graphs and any(graph.num_edges for graph in graphs.values()):
        known.append(_pulled(space, graphs, rows, (similarity or Similarity(), matched), contents, made))
    if images is not None:
        _picture(images, rows, len(layout.kept), contents, made)
    contents["columns"] = [_listed(column, rows, number, made) for number, column in enumerate(known)]
    contents["palette"] = _palette()
    text = render(contents, made)
    scratch = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        scratch.write_text(text, encoding="utf-8")
        os.replace(scratch, path)
    finally:
        scratch.unlink(missing_ok=True)
    return path


def checked(path: str | Path) -> Path:
    """Refuses a name that no browser opens as a page."""
    path = Path(path)
    if path.suffix.lower() not in SUFFIXES:
        raise InputError(f"the page is {path}: give a file ending in {' or '.join(SUFFIXES)}")
    return path


def render(contents: Mapping[str, Any], elements: Sequence[str]) -> str:
    """Puts contents, arrays, style and script into the template.

    Args:
        contents: Plain values that the script reads first.
        elements: Elements that carry arrays.
    """
    folder = resources.files("graphurl.plots.page")
    files = [file for file in (folder / "script").iterdir() if file.name.endswith(".js")]
    script = "\n".join(file.read_text(encoding="utf-8") for file in sorted(files, key=lambda file: file.name))
    parts = {
        "TITLE": html.escape(contents["title"]),
        "STYLE": (folder / "style.css").read_text(encoding="utf-8"),
        "SCRIPT": f'"use strict";\n(() => {{\n{script}\nstart();\n}})();',
        "DATA": "\n".join([json_element("contents", contents), *elements]),
    }
    text = (folder / "template.html").read_text(encoding="utf-8")
    # In this order: nothing that was put in is looked through again for the name of another part.
    pieces = []
    for name in ("TITLE", "STYLE", "DATA", "SCRIPT"):
        before, text = text.split(f"{{{{{name}}}}}", 1)
        pieces += [before, parts[name]]
    return "".join([*pieces, text]).encode("utf-8", "replace").decode("utf-8")


def _space(z: Any) -> np.ndarray:
    values = np.asarray(z.detach().cpu().float() if isinstance(z, torch.Tensor) else z, dtype=np.float32)
    return values[:, None] if values.ndim == 1 else values


def _points(layout: Layout, rows: np.ndarray, ids: Sequence[str] | None, made: list[str]) -> dict[str, Any]:
    """Places and names of the points."""
    if ids is not None and len(ids) != len(layout.kept):
        raise InputError(f"{len(ids)} ids for {len(layout.kept)} points: give one per point")
    made.append(array_element("points", layout.points.astype(np.float32)))
    all_there = len(rows) == len(layout.kept)
    if not all_there:
        made.append(array_element("rows", rows.astype(np.uint32)))
    return {
        "count": len(rows),
        "rows": not all_there,
        "ids": None if ids is None else [str(ids[row]) for row in rows],
        "axes": list(layout.labels),
        "strip": layout.labels[0] == "z",
    }


def _left_out(layout: Layout) -> list[str]:
    missing = int((~layout.kept).sum())
    return [f"{missing:,} of {len(layout.kept):,} rows are not finite and left out"] if missing else []


def _columns(
    y: Any,
    classes: Sequence[str] | None,
    columns: Mapping[str, Any] | None,
    about: Mapping[str, str] | None,
    count: int,
) -> list[Column]:
    known = [] if y is None else [label_column(y, classes, count)]
    notes = about or {}
    return known + [column_of(name, values, count, notes.get(name, "")) for name, values in (columns or {}).items()]


def _neighbours(
    z: np.ndarray, x: Any, rows: np.ndarray, k: int, metrics: tuple[Metric, Metric], seed: int, made: list[str]
) -> list[dict[str, Any]]:
    """The nearest of every point in both spaces, one after the other."""
    k = min(k, len(rows) - 1)
    if k < 1:
        return []
    spaces: dict[str, tuple[Any, Metric]] = {"embedded": (torch.from_numpy(np.array(z)), metrics[1])}
    if x is not None:
        given = x if isinstance(x, torch.Tensor) or hasattr(x, "tocsr") else torch.from_numpy(np.array(x, np.float32))
        spaces = {"original": (_rows_of(given, rows), metrics[0])} | spaces
    found = []
    for name, (space, metric) in spaces.items():
        nearest = knn(space, k, metric=metric, seed=seed).indices.numpy()
        made.append(array_element(f"near-{name}", nearest.astype(np.uint32)))
        found.append({"name": name, "metric": metric if isinstance(metric, str) else "given", "k": k})
    return found


def _rows_of(x: Any, rows: np.ndarray) -> Any:
    if len(rows) == x.shape[0]:
        return x
    if not isinstance(x, torch.Tensor):
        return x.tocsr()[rows]
    return take_rows(x, torch.from_numpy(rows))


def _pulled(
    z: np.ndarray, graphs: Mapping[str, Graph], rows: np.ndarray, kernel: tuple[Similarity, bool],
    contents: dict[str, Any], made: list[str],
) -> Column:  # fmt: skip
    """Edges of every point; returns the column of misfits."""
    count = next(iter(graphs.values())).num_nodes
    kept = dict(graphs)
    if len(rows) < count:
        kept = {name: graph.subgraph(torch.from_numpy(rows)) for name, graph in graphs.items()}
    found = pulls(z, kept, kernel[0], matched=kernel[1])
    made.append(array_element("edge-target", found.target))
    tables = {"edge-p": found.p, "edge-q": found.q, **{f"edge-part{i}": part for i, part in enumerate(found.parts)}}
    shares = {name: np.rint(values.clip(0, 1) * 65535).astype(np.uint16) for name, values in tables.items()}
    made += [array_element(name, values) for name, values in shares.items()]
    contents["edges"] = {"most": found.target.shape[1], "sources": list(found.sources), "total": found.total}
    misfit = np.full(count, np.nan, dtype=np.float32)
    misfit[rows] = found.misfit
    return Column("misfit of edges", misfit, None, "mean of |p_X − p_Z| over all edges of the row")


def _picture(images: Images, rows: np.ndarray, count: int, contents: dict[str, Any], made: list[str]) -> None:
    if len(images) != count:
        raise InputError(f"{len(images)} pictures for {count} points: give one per point")
    found = sprites(images, rows)
    if found is None:
        contents["notes"].append(f"thumbnails are left out: they would take more than {BUDGET / 1e6:.0f} MB")
        return
    contents["thumbs"] = {
        "side": found.side, "across": found.across, "sheets": len(found.sheets), "coarse": found.coarse,
    }  # fmt: skip
    made += [f'<script type="text/plain" id="sheet-{i}">{sheet}</script>' for i, sheet in enumerate(found.sheets)]


def _listed(column: Column, rows: np.ndarray, number: int, made: list[str]) -> dict[str, Any]:
    made.append(array_element(f"column-{number}", column.values[rows]))
    return {"name": column.name, "names": None if column.names is None else list(column.names), "note": column.note}


def _palette() -> dict[str, Any]:
    """Colours as hexadecimal text: of few classes, of many, along a scale."""
    from matplotlib import colormaps
    from matplotlib.colors import to_hex

    scale = colormaps["viridis"](np.linspace(0, 1, _STEPS))
    many = class_colors(NAMED_UP_TO + _STEPS)
    few = class_colors(NAMED_UP_TO)
    palettes = {"few": few, "many": many, "scale": scale}
    return {"plain": PLAIN, **{name: [to_hex(color) for color in colors] for name, colors in palettes.items()}}
