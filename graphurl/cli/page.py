"""graphurl plot --html: the interactive page of a run, or of a file of embeddings."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from graphurl.errors import InputError


def html(options: argparse.Namespace) -> int:
    """Writes the page."""
    from graphurl.cli.reload import ids_of, saved
    from graphurl.data.columns import read_columns
    from graphurl.interactive import write_page
    from graphurl.plots.page.write import checked

    target = checked(options.html)
    if not target.absolute().parent.is_dir():
        raise InputError(f"the folder {target.parent} does not exist: create it first")
    if options.png is not None or options.curves is not None:
        raise InputError("--html and a picture are both given: draw one after the other")
    folder = Path(options.run_folder)
    found = saved(options.run_folder, options.labels, options.data_root)
    count = len(found.z)
    ids = ids_of(folder, count) if found.samples is None else found.samples.ids
    columns = {} if options.columns is None else read_columns(options.columns, count, ids)
    write_page(found.z, target, samples=found.samples, ids=ids, title=found.name, columns=columns, **_run(folder))
    if not options.quiet:
        print(f"{target} ({target.stat().st_size / 1e6:.1f} MB)")
    return 0


def _run(folder: Path) -> dict[str, Any]:
    """Choices, similarity graph and report of a run folder; nothing for a file."""
    if not folder.is_dir():
        return {}
    from graphurl import graphs
    from graphurl.embedding import read_config

    recipe, _ = read_config(folder / "config.yaml")
    graph, report = folder / "graph.safetensors", folder / "report.json"
    try:
        facts = json.loads(report.read_text(encoding="utf-8")) if report.is_file() else {}
    except ValueError as error:
        raise InputError(f"{report} cannot be read ({error}): embed again") from error
    return {"recipe": recipe, "graph": graphs.load(graph) if graph.is_file() else None, "facts": facts}
