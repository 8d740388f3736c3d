"""Run folders: when one may be written, what goes into it, and how it is gone on with.

Nothing is written before the run is checked; each file appears in one step; report.json comes last.
"""

from __future__ import annotations

import json
import math
import os
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from graphurl.embedding import Embedding, versions, write_json
from graphurl.errors import InputError
from graphurl.functional.ranks import current
from graphurl.graphs import save as save_graph
from graphurl.pipeline import Prepared, check_same, fit, prepare
from graphurl.recipes import Choices
from graphurl.source import Loaded, load

#: Everything that a run writes; --overwrite removes these and nothing else.
FILES = (
    "report.json", "embedding.npy", "ids.txt", "config.yaml", "metrics.jsonl", "model.safetensors",
    "model.json", "graph.safetensors", "plot.png", "checkpoint.safetensors",
)  # fmt: skip
#: A graph of more edges is left out: it can be built again from config.yaml.
SAVED_EDGES = 5_000_000
#: States in which there is nothing left to train.
COMPLETE = ("finished", "stopped")
#: Space that a run needs beside its arrays: picture, report, metrics.
SPARE = 2_000_000


def free_folder(name: str, base: Path = Path("runs")) -> Path:
    """The first of base/name-1, base/name-2 … that does not exist."""
    plain = re.sub(r"[^\w.-]+", "-", name).strip("-.") or "run"
    number = 1
    while (base / f"{plain}-{number}").exists():
        number += 1
    return base / f"{plain}-{number}"


def check_folder(folder: Path, *, resume: bool = False, overwrite: bool = False) -> None:
    """Refuses a folder that a run may not be written to; changes nothing.

    Args:
        folder: Where to.
        resume: Go on with the run that lies there.
        overwrite: Replace the run that lies there.

    Raises:
        InputError: Where something else would be lost, or nothing can be written.
    """
    if resume and overwrite:
        raise InputError("--resume and --overwrite exclude each other: go on with the run, or replace it")
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder} is a file: give a folder")
    if folder.is_dir() and any(folder.iterdir()):
        is_run = (folder / "config.yaml").is_file()
        if (resume or overwrite) and not is_run:
            raise InputError(f"{folder} is not empty and holds no run (no config.yaml): give another folder")
        if not (resume or overwrite):
            way = "go on with --resume, replace it with --overwrite, or give" if is_run else "give"
            raise InputError(f"{folder} exists and is not empty: {way} another folder")
    above = next(parent for parent in (folder, *folder.absolute().parents) if parent.exists())
    if not above.is_dir():
        raise InputError(f"{above} is a file: no folder {folder} can be made in it")
    if not os.access(above, os.W_OK | os.X_OK):
        raise InputError(f"{above} cannot be written to: give a folder that you may write to")


def check_space(folder: Path, ready: Prepared) -> None:
    """Refuses a run whose files do not fit on the disk."""
    weights = sum(w.numel() for w in ready.parts.objective.parameters())
    graph = ready.parts.graph
    edges = graph.num_edges if graph is not None and graph.num_edges <= SAVED_EDGES else 0
    model = sum(part.numel() * part.element_size() for part in ready.parts.objective.encoder.saved().values())
    # The model once, and weights with both moments of Adam in the checkpoint; the next one is written beside it.
    need = model + 4 * (6 * weights + len(ready.samples) * ready.recipe.dim) + 12 * edges + SPARE
    above = next(parent for parent in (folder, *folder.absolute().parents) if parent.exists())
    free = shutil.disk_usage(above).free
    if free < need:
        raise InputError(
            f"no space: the run writes about {need / 1e6:.0f} MB and {above} has {free / 1e6:.0f} MB free: "
            "free some, or give another folder"
        )


def finished_report(folder: Path) -> dict[str, Any] | None:
    """The report of a run that is complete, or None."""
    try:
        report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    complete = (
        isinstance(report, dict) and report.get("status") in COMPLETE and (folder / "embedding.npy").is_file()
    )
    return report if complete else None


def clear(folder: Path) -> None:
    """Removes the files of a run; foreign ones stay."""
    for name in FILES:
        (folder / name).unlink(missing_ok=True)


def execute(
    loaded: Loaded,
    recipe: Choices,
    folder: Path,
    *,
    device: str = "auto",
    resume: bool = False,
    overwrite: bool = False,
    progress: bool = False,
    fail_on_collapse: bool = False,
    teacher: Any = None,
    teacher_cache: str | Path | None = None,
) -> dict[str, Any]:
    """Trains, judges and writes a run; of several processes that share it, the first judges and writes.

    Args:
        loaded: The data.
        recipe: The choices.
        folder: Where to.
        device: auto, cpu, cuda or mps.
        resume: Go on with the run that lies there, if one does.
        overwrite: Replace the run that lies there.
        progress: Show a progress bar on a terminal.
        fail_on_collapse: Raise when the embedding loses its spread.
        teacher: What `teachers.knowledge_of` takes, for a recipe for students.
        teacher_cache: File for a model's answers.

    Returns:
        The content of report.json. Its status is interrupted after a Ctrl-C: the model so far is saved, and
        the run can be resumed.
    """
    first = current().first
    if first:
        check_folder(folder, resume=resume, overwrite=overwrite)
    loaded = load(loaded)
    if resume and (folder / "config.yaml").is_file():
        check_same(folder, recipe, loaded.record)
        complete = finished_report(folder)
        if complete is not None:
            return complete
    ready = prepare(loaded, recipe=recipe, device=device, teacher=teacher, teacher_cache=teacher_cache)
    if first:
        check_space(folder, ready)
        if overwrite:
            clear(folder)
    result = fit(
        ready, run_folder=folder, resume=resume, progress=progress, fail_on_collapse=fail_on_collapse
    )
    if first:
        return write_run(folder, result)
    values: dict[str, Any] = plain(description(result))
    return values


def write_run(folder: Path, result: Embedding) -> dict[str, Any]:
    """Writes what a run made. An interrupted one is neither judged nor drawn, and keeps its checkpoint.

    Args:
        folder: The run folder.
        result: What came out.

    Returns:
        The content of report.json.
    """
    result.save(folder)
    values = description(result)
    if result.status in COMPLETE:
        if result.graph is not None and result.graph.num_edges <= SAVED_EDGES:
            save_graph(result.graph, folder / "graph.safetensors")
        result.plot(folder / "plot.png")
        judged = result.report(seed=result.recipe.seed).to_dict()
        values["timing"]["evaluate"] = sum(judged["timing"].values())
        values["versions"] |= judged["versions"]
        values |= {key: judged[key] for key in ("metrics", "skipped", "rows")}
    written: dict[str, Any] = plain(values)
    write_json(folder / "report.json", written)
    if result.status in COMPLETE:
        (folder / "checkpoint.safetensors").unlink(missing_ok=True)
    return written


def description(result: Embedding) -> dict[str, Any]:
    """Everything about a run but the metrics."""
    samples, graph = result.samples, result.graph
    timing = {key: value for key, value in result.timing.items() if key != "peak_memory"}
    last = result.history[-1] if result.history else {}
    return {
        "status": result.status,
        "data": None if samples is None else {
            "name": samples.name,
            "samples": len(samples),
            "features": None if samples.x is None else samples.x.shape[1],
            "shape": None if samples.shape is None else list(samples.shape),
            "classes": samples.num_classes or None,
            "splits": {key: int(mask.sum()) for key, mask in samples.splits.items()},
        },
        "source": dict(result.source),
        "graph": None if graph is None else graph.summary(None if samples is None else samples.y),
        "seed": result.recipe.seed,
        "epochs": len(result.history),
        "loss": last.get("loss"),
        **result.facts,
        "timing": timing,
        "peak_memory": result.timing.get("peak_memory"),
        "versions": versions(),
        "settings": result.recipe.to_dict(),
    }  # fmt: skip


def plain(value: Any) -> Any:
    """Values that every reader of JSON takes: no NaN, no infinity, no tensors or NumPy numbers."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else str(value)
    return value
