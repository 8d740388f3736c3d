"""embed(samples, recipe) → Embedding: data in, graph, encoder, training, embedding out."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from graphurl import registry
from graphurl.assembly import Parts, assemble
from graphurl.data.preparation import like_words
from graphurl.data.samples import Samples
from graphurl.embedding import Embedding, config_text, read_settings, write_text
from graphurl.errors import InputError
from graphurl.functional.ranks import current
from graphurl.graphs.graph import Graph
from graphurl.graphs.summary import warn_if_unusual
from graphurl.machine import building_threads, choose_device, fastest_precision, peak_memory, training_threads
from graphurl.memory import require_memory, require_memory_of_views
from graphurl.model import Model
from graphurl.recipes import Choices, DistillRecipe, PictureRecipe, Recipe, recipe_of
from graphurl.recipes.images import DEFAULT_METHOD, epochs_for
from graphurl.recipes.maps import fitted_to, fitting
from graphurl.recipes.students import of_pictures
from graphurl.source import fingerprint, load
from graphurl.teachers import knowledge_of
from graphurl.terms.context import Builder
from graphurl.training.callbacks import Callback, CollapseMonitor, EarlyStop, MetricsFile, Progress, Snapshots
from graphurl.training.distributed import placed, processes_here
from graphurl.training.process import at_most_threads
from graphurl.training.trainer import Settings, Trained, Trainer


def embed(
    source: Any = "digits",
    *,
    method: str | None = None,
    recipe: Choices | None = None,
    graph: Graph | str | None = None,
    encoder: nn.Module | str | None = None,
    add: str | Sequence[str | Builder] = (),
    device: str = "auto",
    data_root: str | Path | None = None,
    callbacks: Sequence[Callback] = (),
    progress: bool = False,
    fail_on_collapse: bool = False,
    run_folder: Path | None = None,
    resume: bool = False,
    teacher: Any = None,
    **settings: Any,
) -> Embedding:
    """Embeds data.

    Args:
        source: Name of a data set, a path, an array, a frame, a graph of PyTorch Geometric, `Samples`, or a
            `Source`.
        method: Name of a recipe; absent means map for rows and nodes for graphs.
        recipe: A recipe of your own.
        graph: Names of similarity graphs, or one of your own in place of the recipe's.
        encoder: Name of an encoder, or any module that maps rows (or pictures) to embeddings.
        add: Terms beside the method's own, for pictures: names, or functions of a `terms.Context`.
        device: auto, cpu, cuda or mps.
        data_root: Folder with data sets.
        callbacks: Called at the end of each epoch; True ends the run.
        progress: Show a progress bar on a terminal.
        fail_on_collapse: Raise when the embedding loses its spread (else a warning).
        run_folder: Where settings, metrics and checkpoints are written during the run.
        resume: Go on from the checkpoint in the run folder.
        teacher: What `teachers.knowledge_of` takes, for a recipe for students (method="distill").
        **settings: Any field of `Recipe`: loss="bce", dim=2, seed=0 …

    Returns:
        The embedding.
    """
    ready = prepare(
        source, method=method, recipe=recipe, graph=graph, encoder=encoder, add=add, device=device,
        data_root=data_root, teacher=teacher, **settings,
    )  # fmt: skip
    return fit(
        ready, callbacks=callbacks, progress=progress, fail_on_collapse=fail_on_collapse,
        run_folder=run_folder, resume=resume,
    )  # fmt: skip


@dataclass(frozen=True)
class Prepared:
    """A run that was checked and can start: nothing is trained or written yet.

    Attributes:
        samples: The data.
        recipe: All choices, resolved.
        parts: Graph, encoder, objective.
        settings: How to train.
        device: Where to train.
        origin: How the data were named, as plain values.
        timing: Seconds spent loading and building.
    """

    samples: Samples
    recipe: Choices
    parts: Parts
    settings: Settings
    device: torch.device
    origin: Mapping[str, Any]
    timing: Mapping[str, float]


def prepare(
    source: Any = "digits",
    *,
    method: str | None = None,
    recipe: Choices | None = None,
    graph: Graph | str | None = None,
    encoder: nn.Module | str | None = None,
    add: str | Sequence[str | Builder] = (),
    device: str = "auto",
    data_root: str | Path | None = None,
    teacher: Any = None,
    teacher_cache: str | Path | None = None,
    **settings: Any,
) -> Prepared:
    """Loads, checks and assembles everything that a run needs; the arguments are those of `embed`."""
    place = choose_device(device)
    if isinstance(encoder, str):
        settings["encoder"], encoder = encoder, None
    if isinstance(graph, str):
        settings["graph"], graph = graph, None
    names, builders = additions(add)
    if names:
        settings["add"] = names
    if (names or builders) and method is None and recipe is None:
        method = DEFAULT_METHOD
    asked = recipe if recipe is not None or method is None else registry.resolve("recipes", method)
    asked = None if asked is None else asked.but(**settings)
    pictures = asked is not None and asked.pictures
    loaded = load(source, data_root, pictures=pictures, side=getattr(asked, "side", None) if pictures else None)
    samples = loaded.samples
    asked_for = settings if encoder is None else {**settings, "encoder": encoder}
    chosen = (recipe if recipe is not None else default_recipe(samples, method, asked_for)).but(**settings)
    given = loaded.graph if graph is None else graph
    began = time.perf_counter()
    origin, known = loaded.record, None
    if teacher is not None:
        known = knowledge_of(teacher, samples, device=place, cache=teacher_cache)
        origin = {**origin, **known.record}
    require_memory(samples, chosen, given, teacher=known, processes=processes_here())
    # What the machine decides is not written into the recipe: a run may be repeated elsewhere.
    run = chosen.but(precision=fastest_precision(place)) if chosen.precision == "auto" else chosen
    with at_most_threads(building_threads(samples, run)):
        parts = assemble(samples, run, graph=given, encoder=encoder, add=builders, device=place, teacher=known)
    if place.type == "cpu":
        require_memory_of_views(samples, run, parts.objective.encoder, parts.preparation)
    timing = {"load": loaded.seconds, "graph": time.perf_counter() - began}
    return Prepared(samples, chosen, parts, Settings.of(run), place, origin, timing)


def additions(add: str | Sequence[str | Builder]) -> tuple[str, list[Builder]]:
    """Names of terms, joined by +, and the terms that are functions of the user's own."""
    listed = [add] if isinstance(add, str) else list(add)
    names = [item for item in listed if isinstance(item, str) and item not in ("", "none")]
    return "+".join(names), [item for item in listed if not isinstance(item, str)]


def fit(
    ready: Prepared,
    *,
    callbacks: Sequence[Callback] = (),
    progress: bool = False,
    fail_on_collapse: bool = False,
    run_folder: Path | None = None,
    resume: bool = False,
) -> Embedding:
    """Trains what was prepared; the arguments are those of `embed`."""
    began = time.perf_counter()
    parts, samples = ready.parts, ready.samples
    if parts.graph is not None:
        warn_if_unusual(parts.graph)
    if run_folder is not None:
        origin = {**ready.origin, "sha256": ready.origin.get("sha256") or fingerprint(samples)}
        if resume and (run_folder / "config.yaml").is_file():
            check_same(run_folder, ready.recipe, origin)
        if current().first:
            run_folder.mkdir(parents=True, exist_ok=True)
            write_text(run_folder / "config.yaml", config_text(ready.recipe, origin))
    trained = train(
        ready, callbacks=callbacks, progress=progress, fail_on_collapse=fail_on_collapse,
        run_folder=run_folder, resume=resume,
    )  # fmt: skip
    model = Model(
        parts.encoder_name, parts.objective.encoder.cpu(), parts.preparation,
        about={
            "task": ready.recipe.task,
            "feature_names": list(samples.feature_names or ()),
            **{key: parts.found[key] for key in ("message",) if key in parts.found},
        },
        head=None if parts.head is None else parts.head.cpu(),
    )  # fmt: skip
    with at_most_threads(building_threads(samples, ready.recipe)):
        z = placed(model, parts.everything, len(samples), current()).numpy()
    timing = {
        **ready.timing,
        "train": trained.seconds,
        "total": sum(ready.timing.values()) + time.perf_counter() - began,
        "peak_memory": peak_memory(),
    }
    return Embedding(
        z=z, recipe=ready.recipe, samples=samples, model=model, graph=parts.graph, history=trained.history,
        status=trained.status, timing=timing, source=ready.origin, facts=facts(ready),
    )  # fmt: skip


def facts(ready: Prepared) -> dict[str, Any]:
    """What the settings left to the data or the machine, as it came out."""
    draw, term = ready.parts.objective.draw, ready.parts.objective.terms[0]
    similarity = {key: getattr(term.similarity, key) for key in ("sigma", "mu")}
    return {
        "far_weight": getattr(draw, "far_weight", None),
        "steps_per_epoch": draw.steps,
        **{f"{key}_z": float(value) for key, value in similarity.items()},
        "parameters": sum(w.numel() for w in ready.parts.objective.encoder.parameters()),
        "device": str(ready.device),
        "precision": ready.settings.precision,
        "threads": training_threads(ready.recipe) or torch.get_num_threads(),
        "processes": current().size,
        **ready.parts.found,
    }


def check_same(folder: Path, recipe: Choices, record: Mapping[str, Any]) -> None:
    """Refuses to go on with a run under other settings or other data, naming what differs."""
    settings, source = read_settings(folder / "config.yaml")
    before, now = recipe_of(settings).to_dict(), recipe.to_dict()
    differing = [f"{key} (was {before.get(key)}, now {now[key]})" for key in now if before.get(key) != now[key]]
    # A file may have moved; what it holds has to be the same.
    if source.get("sha256") != record.get("sha256"):
        differing.append(f"the data (was {source.get('name')}, now {record.get('name')})")
    if source.get("teacher_sha256") != record.get("teacher_sha256", source.get("teacher_sha256")):
        differing.append("the teacher")
    if differing:
        raise InputError(
            f"{folder} was begun with another configuration: {', '.join(differing)} differ: "
            f"go on by '{recipe.verb} --config {folder / 'config.yaml'} --resume --out {folder}', or begin another"
        )


def train(
    ready: Prepared,
    *,
    callbacks: Sequence[Callback],
    progress: bool,
    fail_on_collapse: bool,
    run_folder: Path | None,
    resume: bool,
) -> Trained:
    """Runs the trainer with the callbacks that every run has."""
    watching: list[Callback] = [CollapseMonitor(fail=fail_on_collapse, directions=ready.recipe.metric_z == "cosine")]
    if ready.recipe.patience > 0:
        watching.append(EarlyStop(ready.recipe.patience))
    written = [MetricsFile(run_folder / "metrics.jsonl")] if run_folder and current().first else []
    bar = Progress(progress and current().first)
    watching += [*callbacks, *written, bar]
    checkpoint = run_folder / "checkpoint.safetensors" if run_folder else None
    threads = training_threads(ready.recipe)
    trainer = Trainer(ready.settings, device=ready.device, callbacks=watching, checkpoint=checkpoint, threads=threads)
    frames = [callback for callback in callbacks if isinstance(callback, Snapshots)]
    for watcher in frames:
        watcher.attach(ready.parts.whole)
    try:
        return trainer.fit(ready.parts.objective, resume=resume)
    finally:
        for watcher in frames:
            watcher.detach()
        bar.close()


def default_recipe(samples: Samples, method: str | None, asked: Mapping[str, Any] | None = None) -> Choices:
    """The recipe of a name, or the one that fits the data and what is asked for."""
    if method is None and samples.images is not None:
        method = DEFAULT_METHOD
    elif method is None and samples.graph is None:
        method = fitting(asked or {})
    elif method is None:
        method = "nodes" if samples.x is not None else "nodes-only"
    chosen: Choices = registry.resolve("recipes", method)
    if isinstance(chosen, DistillRecipe):
        return of_pictures(chosen) if samples.images is not None else chosen
    if isinstance(chosen, PictureRecipe):
        return chosen.but(epochs=epochs_for(chosen, len(samples)))
    assert isinstance(chosen, Recipe)
    if chosen.encoder == "linear" and samples.x is not None and samples.x.shape[1] < chosen.dim:
        chosen = chosen.but(dim=samples.x.shape[1])  # a linear map has no more directions than it has features
    if chosen.features in ("idf", "sqrt-idf") and samples.x is not None and not like_words(samples.x):
        chosen = chosen.but(features="standard")  # a column that is never 0 would weigh log(N / N) = 0
    return fitted_to(method, chosen, len(samples))
