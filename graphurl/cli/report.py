"""graphurl report: runs as one page that can be sent on."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from graphurl.cli import table
from graphurl.cli.parser import Parser
from graphurl.errors import InputError

if TYPE_CHECKING:
    from graphurl.cli.reload import Saved
    from graphurl.plots.report import Chapter, Comparison
    from graphurl.recipes import Choices

_EPILOG = """\
The page holds everything in itself: no script, no network, light and dark, and it prints. For several runs it begins
with the table of 'graphurl compare'. It shows pictures, labels, settings and paths of the data: mind who gets it."""
_LEGEND = "Bold: the best mean. ~: cannot be told from the best at the level of 5 % (paired t-test over seeds, Holm)."


def add_arguments(parser: Parser) -> None:
    """Adds the arguments of the verb."""
    parser.epilog = _EPILOG
    parser.add_argument("runs", metavar="RUN", nargs="+", help="folder written by embed or distill")
    parser.add_argument("--html", metavar="FILE", required=True, help="where to")
    parser.add_argument("--labels", metavar="FILE", help="a label a line, or a table of id and label; for the figures")
    parser.add_argument("--data-root", metavar="DIR", help="folder with data sets; default $GRAPHURL_DATA")


def run(options: argparse.Namespace) -> int:
    """Writes the page."""
    target = Path(options.html)
    if target.suffix.lower() not in (".html", ".htm"):
        raise InputError(f"the page is {target}: give a file ending in .html")
    if not target.absolute().parent.is_dir():
        raise InputError(f"the folder {target.parent} does not exist: create it first")
    folders = [Path(path) for path in options.runs]
    stray = next((folder for folder in folders if not (folder / "config.yaml").is_file()), None)
    if stray is not None:
        raise InputError(f"{stray} is no run folder (no config.yaml): give folders written by embed")
    from graphurl.cli.reload import saved
    from graphurl.plots.report import report

    found = [saved(str(folder), options.labels, options.data_root) for folder in folders]
    chapters = [chapter(folder, of) for folder, of in zip(folders, found, strict=True)]
    report(chapters, comparison(folders, found) if len(folders) > 1 else None, target)
    if not options.quiet:
        print(target)
    return 0


def chapter(folder: Path, found: Saved) -> Chapter:
    """What the report tells of a run."""
    from graphurl.cli.listing import recipe_line
    from graphurl.cli.plot import known_of
    from graphurl.plots.report import Chapter

    recipe, values = found.recipe, written(folder)
    assert recipe is not None
    data = values.get("data") or {}
    sizes = [table.count(data["samples"], "sample")] if "samples" in data else []
    sizes += [f"{data[key]:,} {key}" for key in ("features", "classes") if data.get(key)]
    near, changed = nearest_recipe(recipe)
    return Chapter(
        name=folder.resolve().name,
        about=" · ".join([found.name, *sizes, recipe_line(recipe), f"seed {recipe.seed}"]),
        given={**known_of(found, folder), "title": None},
        metrics=values.get("metrics", {}),
        skipped=values.get("skipped", {}),
        recipe=near,
        changed=changed,
        facts=facts(values),
        command=f"graphurl {recipe.verb} --config config.yaml --out again",
        config=(folder / "config.yaml").read_text(encoding="utf-8"),
        warning=doubt(values, found),
    )


def written(folder: Path) -> dict[str, Any]:
    """The report of a run; nothing where it was never written."""
    try:
        values = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise InputError(f"{folder / 'report.json'} cannot be read ({error}): run it again with --resume") from error
    if not isinstance(values, dict):
        raise InputError(f"{folder / 'report.json'} is no report: run it again with --resume")
    return values


def doubt(values: Mapping[str, Any], found: Saved) -> str:
    """What is wrong with a run."""
    from graphurl.runs import COMPLETE

    said = []
    status = values.get("status", "unfinished")
    if status not in COMPLETE:
        told = f" after {values['epochs']} epochs" if "epochs" in values else ""
        said.append(f"This run is {status}{told}: it was not judged. Go on with --resume.")
    if found.samples is None:
        said.append("Its data could not be read any more: figures that need them are left out.")
    return " ".join(said)


def facts(values: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """What was measured beside the metrics, in groups."""
    data, timing = values.get("data") or {}, values.get("timing") or {}
    graph = values.get("graph") or {}
    splits = ", ".join(f"{name} {size:,}" for name, size in (data.get("splits") or {}).items())
    groups: dict[str, dict[str, Any]] = {
        "data": {
            "name": data.get("name"), "samples": data.get("samples"), "features": data.get("features"),
            "classes": data.get("classes"), "splits": splits or None,
            "sha256": str((values.get("source") or {}).get("sha256", ""))[:16] or None,
        },
        "graph": {key: graph.get(key) for key in ("nodes", "edges", "components", "isolated_nodes", "edge_homophily")},
        "training": {
            "epochs": values.get("epochs"), "loss": values.get("loss"), "parameters": values.get("parameters"),
            "device": values.get("device"), "precision": values.get("precision"),
            **{f"{name}, seconds": float(of) for name, of in timing.items() if isinstance(of, int | float)},
            "peak memory": table.size(values["peak_memory"]) if values.get("peak_memory") else None,
        },
        "versions": dict(values.get("versions") or {}),
    }  # fmt: skip
    return {
        group: {name.replace("_", " "): table.words(value) for name, value in of.items() if value is not None}
        for group, of in groups.items()
    }


def nearest_recipe(recipe: Choices) -> tuple[str, list[tuple[str, str, str]]]:
    """The recipe with the fewest other settings, and these: name, value here, value there."""
    from graphurl import registry

    own = recipe.to_dict()
    best: tuple[str, list[tuple[str, str, str]]] | None = None
    for name in registry.names("recipes"):
        other = registry.resolve("recipes", name)
        if type(other) is not type(recipe) or other.task != recipe.task:
            continue
        theirs = other.to_dict()
        changed = [(key, table.words(value), table.words(theirs[key])) for key, value in own.items()
                   if value != theirs[key] and key != "seed"]  # fmt: skip
        if best is None or len(changed) < len(best[1]):
            best = name, changed
    return best or ("", [])


def comparison(folders: Sequence[Path], found: Sequence[Saved]) -> Comparison:
    """The finished runs side by side; maps where they are of the same rows."""
    from graphurl.cli.compare import doubts, methods, read, shown
    from graphurl.cli.plot import headed
    from graphurl.evaluation.comparison import compare
    from graphurl.plots.report import Comparison

    judged = [read(folder) for folder in folders if written(folder).get("metrics")]
    shared = [name for name in judged[0].values if all(name in of.values for of in judged)] if judged else []
    rows = []
    if len(judged) > 1 and shared:
        cells = compare({name: {of.seed: of.values for of in group} for name, group in methods(judged).items()}, shared)
        for name, row in cells.items():
            seeds = max((len(cell.values) for cell in row.values()), default=0)
            marked = [(shown(row.get(metric), bold=True), metric in row and row[metric].best) for metric in shared]
            rows.append((name, seeds, marked))
    same = len({len(of.z) for of in found}) == 1
    maps = headed({folder.resolve().name: of for folder, of in zip(folders, found, strict=True)}) if same else None
    return Comparison(shared, rows, doubts(judged, shared) if rows else (), _LEGEND, maps)
