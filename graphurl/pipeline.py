"""embed(samples, recipe) → Embedding: data in, graph, encoder, training, embedding out."""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from graphurl import registry
from graphurl.assembly import Parts, assemble
from graphurl.data import as_samples
from graphurl.data.preparation import like_words
from graphurl.data.samples import Samples
from graphurl.embedding import Embedding, config_text, read_settings, write_text
from graphurl.errors import InputError
from graphurl.graphs.graph import Graph
from graphurl.graphs.summary import warn_if_unusual
from graphurl.memory import require_memory
from graphurl.model import Model
from graphurl.recipes.maps import enough_epochs, fitting
from graphurl.recipes.recipe import Recipe
from graphurl.source import Loaded, Source, fingerprint
from graphurl.training.callbacks import Callback, CollapseMonitor, EarlyStop, MetricsFile, Progress
from graphurl.training.trainer import Settings, Trained, Trainer

#: Batches of at most so many samples are trained on one CPU thread.
SMALL_BATCH = 1024


def embed(
    source: Any = "digits",
    *,
    method: str | None = None,
    recipe: Recipe | None = None,
    graph: Graph | None = None,
    encoder: nn.Module | str | None = None,
    device: str = "auto",
    data_root: str | Path | None = None,
    callbacks: Sequence[Callback] = (),
    progress: bool = False,
    fail_on_collapse: bool = False,
    run_folder: Path | None = None,
    resume: bool = False,
    **settings: Any,
) -> Embedding:
    """Embeds data.

    Args:
        source: Name of a data set, a path, an array, a frame, a graph of PyTorch Geometric, `Samples`, or a
            `Source`.
        method: Name of a recipe; absent means map for rows and nodes for graphs.
        recipe: A recipe of your own.
        graph: A similarity graph of your own, in place of the recipe's.
        encoder: Name of an encoder, or any module that maps rows to embeddings.
        device: auto, cpu, cuda or mps.
        data_root: Folder with data sets.
        callbacks: Called at the end of each epoch; True ends the run.
        progress: Show a progress bar on a terminal.
        fail_on_collapse: Raise when the embedding loses its spread (else a warning).
        run_folder: Where settings, metrics and checkpoints are written during the run.
        resume: Go on from the checkpoint in the run folder.
        **settings: Any field of `Recipe`: loss="bce", dim=2, seed=0 …

    Returns:
        The embedding.
    """
    ready = prepare(
        source, method=method, recipe=recipe, graph=graph, encoder=encoder, device=device,
        data_root=data_root, **settings,
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
    recipe: Recipe
    parts: Parts
    settings: Settings
    device: torch.device
    origin: Mapping[str, Any]
    timing: Mapping[str, float]


def prepare(
    source: Any = "digits",
    *,
    method: str | None = None,
    recipe: Recipe | None = None,
    graph: Graph | None = None,
    encoder: nn.Module | str | None = None,
    device: str = "auto",
    data_root: str | Path | None = None,
    **settings: Any,
) -> Prepared:
    """Loads, checks and assembles everything that a run needs; the arguments are those of `embed`."""
    place = choose_device(device)
    loaded = load(source, data_root)
    samples = loaded.samples
    if isinstance(encoder, str):
        settings["encoder"], encoder = encoder, None
    chosen = (recipe if recipe is not None else default_recipe(samples, method)).but(**settings)
    require_memory(samples, chosen)
    began = time.perf_counter()
    parts = assemble(samples, chosen, graph=loaded.graph if graph is None else graph, encoder=encoder)
    timing = {"load": loaded.seconds, "graph": time.perf_counter() - began}
    return Prepared(samples, chosen, parts, settings_of(chosen), place, loaded.record, timing)


def load(source: Any, root: str | Path | None = None) -> Loaded:
    """Data of any kind that `embed` takes, with a record of where they come from."""
    began = time.perf_counter()
    if isinstance(source, str | Path):
        source = Source.of(source)
    if isinstance(source, Source):
        source = source.load(root)
    if isinstance(source, Loaded):
        return replace(source, samples=as_samples(source.samples))
    samples = as_samples(source, root=root)
    return Loaded(samples, None, {"name": samples.name}, time.perf_counter() - began)


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
    warn_if_unusual(parts.graph)
    if run_folder is not None:
        origin = {**ready.origin, "sha256": ready.origin.get("sha256") or fingerprint(samples)}
        if resume and (run_folder / "config.yaml").is_file():
            check_same(run_folder, ready.recipe, origin)
        run_folder.mkdir(parents=True, exist_ok=True)
        write_text(run_folder / "config.yaml", config_text(ready.recipe, origin))
    trained = train(
        ready, callbacks=callbacks, progress=progress, fail_on_collapse=fail_on_collapse,
        run_folder=run_folder, resume=resume,
    )  # fmt: skip
    model = Model(
        parts.encoder_name, parts.objective.encoder.cpu(), parts.preparation,
        about={"task": ready.recipe.task, "feature_names": list(samples.feature_names or ())},
    )  # fmt: skip
    z = model.place(parts.everything).numpy()
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
        "threads": training_threads(ready.recipe) or torch.get_num_threads(),
    }


def check_same(folder: Path, recipe: Recipe, record: Mapping[str, Any]) -> None:
    """Refuses to go on with a run under other settings or other data, naming what differs."""
    settings, source = read_settings(folder / "config.yaml")
    before, now = Recipe.from_dict(settings).to_dict(), recipe.to_dict()
    differing = [f"{key} (was {before[key]}, now {now[key]})" for key in now if before[key] != now[key]]
    # A file may have moved; what it holds has to be the same.
    if source.get("sha256") != record.get("sha256"):
        differing.append(f"the data (was {source.get('name')}, now {record.get('name')})")
    if differing:
        raise InputError(
            f"{folder} was begun with another configuration: {', '.join(differing)} differ: "
            f"go on by 'embed --config {folder / 'config.yaml'} --resume --out {folder}', or begin another"
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
    watching: list[Callback] = [CollapseMonitor(fail=fail_on_collapse)]
    if ready.recipe.patience > 0:
        watching.append(EarlyStop(ready.recipe.patience))
    written = [MetricsFile(run_folder / "metrics.jsonl")] if run_folder else []
    bar = Progress(progress)
    watching += [*callbacks, *written, bar]
    checkpoint = run_folder / "checkpoint.safetensors" if run_folder else None
    threads = training_threads(ready.recipe)
    trainer = Trainer(ready.settings, device=ready.device, callbacks=watching, checkpoint=checkpoint, threads=threads)
    try:
        return trainer.fit(ready.parts.objective, resume=resume)
    finally:
        bar.close()


def training_threads(recipe: Recipe) -> int | None:
    """How many CPU threads a run trains with at most; None is as many as torch is set to.

    On small batches two threads gain little, and wait spinning when a core is busy elsewhere: 14 s became 160 s.
    """
    return 1 if 0 < recipe.batch_size <= SMALL_BATCH else None


def settings_of(recipe: Recipe) -> Settings:
    """The recipe's part that the trainer reads."""
    return Settings(
        epochs=recipe.epochs, lr=recipe.lr, batch=recipe.batch_size or 256, scale_lr=recipe.scale_lr,
        optimiser=recipe.optimiser, weight_decay=recipe.weight_decay, momentum=recipe.momentum,
        schedule=recipe.schedule, warmup=recipe.warmup, clip=recipe.clip, precision=recipe.precision,
        compile=recipe.compile, seed=recipe.seed,
    )  # fmt: skip


def default_recipe(samples: Samples, method: str | None) -> Recipe:
    """The recipe of a name, or the one that fits the data."""
    if method is None and samples.graph is None:
        method = fitting(len(samples))
    elif method is None:
        method = "nodes" if samples.x is not None else "nodes-only"
    chosen: Recipe = registry.resolve("recipes", method)
    if chosen.encoder == "linear" and samples.x is not None and samples.x.shape[1] < chosen.dim:
        chosen = chosen.but(dim=samples.x.shape[1])  # a linear map has no more directions than it has features
    if chosen.features == "idf" and samples.x is not None and not like_words(samples.x):
        chosen = chosen.but(features="standard")  # a column that is never 0 would weigh log(N / N) = 0
    return chosen.but(epochs=enough_epochs(len(samples))) if method.startswith("map") else chosen


def choose_device(name: str) -> torch.device:
    """The device of a name; auto takes the fastest there is."""
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        raise InputError(f"device is {name!r}: give auto, cpu, cuda or mps") from None
    available = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if not available.get(device.type, False):
        raise InputError(f"device is {name!r} and this machine has none: use auto or cpu")
    return device


def peak_memory() -> float:
    """Largest memory of this process so far, in bytes."""
    try:
        # Not ru_maxrss where it can be had: that one remembers the size of the process that started this one.
        with open("/proc/self/status", encoding="ascii") as file:
            return next(float(line.split()[1]) * 1024 for line in file if line.startswith("VmHWM"))
    except (OSError, StopIteration):
        pass
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return float(peak if sys.platform == "darwin" else peak * 1024)
