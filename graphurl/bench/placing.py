"""Maps of one line of the table, made on the clock and judged, in a process of their own."""

from __future__ import annotations

import importlib.metadata
import os
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch

from graphurl.bench.fresh import failures_told, fresh
from graphurl.bench.kept import Kept
from graphurl.bench.maps import Row, parted, samples_of
from graphurl.bench.peers import code, loaded
from graphurl.data.samples import Samples
from graphurl.data.variants import pick
from graphurl.embedding import versions
from graphurl.errors import RunError
from graphurl.evaluation.neighborhood import trustworthiness
from graphurl.evaluation.probe import drawn_split, knn_accuracy
from graphurl.evaluation.report import evaluate
from graphurl.machine import peak_memory
from graphurl.pipeline import embed
from graphurl.runs import plain

Array = np.ndarray
Transform = Callable[[Array], Array]
Out = TypeVar("Out")

#: Fitted before the clock starts, so that compilers have done their work. UMAP searches neighbours exactly below 4,096
#: rows: with fewer, the compilation of its approximate search would count as its own (32 s instead of 6).
WARM_UP = 5000
#: New rows that are placed on the clock, and of judged neighbourhoods.
NEW, JUDGED = 10_000, 5000
#: In the report, and in a measurement.
METRICS = {"trustworthiness": "trust", "continuity": "cont"}
PROBES = {"linear_probe": "linear", "knn_accuracy": "knn", "nmi": "kmeans", "hdbscan_nmi": "hdbscan"}


@dataclass(frozen=True)
class Task:
    """What a process needs to make and judge a map.

    Attributes:
        row: The line.
        seed: Of the method: the number of the repeat.
        data: Name of the data.
        root: Folder with data sets.
        dim: Dimension of the map.
        threads: CPU threads.
        held_out: Rows that are not fitted but placed afterwards.
        probes: Whether labels are read off the map.
        warm_up: Rows of the fit before the clock starts; 0 for none.
    """

    row: Row
    seed: int
    data: str
    root: str | None = None
    dim: int = 2
    threads: int = 1
    held_out: int = 0
    probes: bool = True
    warm_up: int = WARM_UP


class MapBench(Kept[Row]):
    """The table of one data set, dimension and number of threads.

    Args:
        folder: Where measurements are kept, a folder for each data set.
        task: All but line and seed.
        samples: The rows that are fitted, on which the settings of a recipe may depend.
    """

    def __init__(self, folder: Path, task: Task, samples: Samples) -> None:
        """Reads nothing yet."""
        super().__init__(folder / Path(task.data).name)
        self.task, self.samples = task, samples

    def values(self, row: Row, seed: int) -> list[Any]:
        """Data, protocol, and the method: its settings for these rows, or its code."""
        task = self.task
        own: Any = row.recipe(self.samples, seed, task.dim).chosen() if row.kind == "recipe" else seed
        if row.file is not None:
            own = [*code(row.file), seed]
        shared = [task.data, task.dim, task.threads, task.held_out, task.probes, task.warm_up]
        return [*shared, row.kind, own]

    def run(self, row: Row, seed: int) -> dict[str, Any]:
        """Measures in a fresh process, whose libraries see as many threads as the task has."""
        return fresh(measured, replace(self.task, row=row, seed=seed), self.task.threads)


def measured(task: Task) -> dict[str, Any]:
    """Makes a map on the clock, after a smaller one before it starts, and judges it.

    Seconds and memory are those of making the map; the peak is that of the process, libraries and data included.

    Raises:
        RunError: The method is not installed, or failed.
    """
    torch.set_num_threads(task.threads)
    warnings.simplefilter("ignore")
    with failures_told():
        place, made_by = placing(task), used(task.row)  # first of all: what is not installed is said at once
        fitted, held = parted(samples_of(task.data, task.root), task.held_out)
        rehearse(place, fitted, task.warm_up)
        (z, transform), spent = timed(lambda: place(fitted))
        memory = peak_memory()
        check(z, len(fitted))
        found: dict[str, Any] = {
            "row": task.row.name, "seed": task.seed, "data": task.data, "rows": len(fitted), "dim": task.dim,
            "threads": task.threads, **spent, "memory": memory, **judged(z, fitted, task.probes),
        }  # fmt: skip
        if transform is not None:
            new = numbers(held) if held is not None else neighbours_of(numbers(fitted), NEW)
            placed, spent = timed(lambda: transform(new))
            check(placed, len(new))
            found |= {"new_rows": len(new), "new_wall": spent["wall"], "new_cpu": spent["cpu"]}
            if held is not None:
                found |= held_scores(z, fitted, placed, held)
    if task.row.kind == "recipe":
        found["settings"] = task.row.recipe(fitted, task.seed, task.dim).to_dict()
    found["versions"] = {name: version.split("+")[0] for name, version in made_by.items()}
    values: dict[str, Any] = plain(found)
    return values


def placing(task: Task) -> Callable[[Samples], tuple[Array, Transform | None]]:
    """The method of a line: rows in, map out, and what places new rows where there is such a thing."""
    row = task.row
    if row.kind == "peer":
        assert row.file is not None
        method = loaded(row.file)
        return lambda samples: method.embed(numbers(samples), seed=task.seed, threads=task.threads, dim=task.dim)
    return principal(task) if row.kind == "pca" else own(task)


def principal(task: Task) -> Callable[[Samples], tuple[Array, Transform | None]]:
    """Principal coordinates by scikit-learn."""
    from sklearn.decomposition import PCA

    def place(samples: Samples) -> tuple[Array, Transform | None]:
        model = PCA(min(task.dim, *numbers(samples).shape), random_state=task.seed)
        return model.fit_transform(numbers(samples)), model.transform

    return place


def own(task: Task) -> Callable[[Samples], tuple[Array, Transform | None]]:
    """A recipe of graphurl on the CPU."""

    def place(samples: Samples) -> tuple[Array, Transform | None]:
        found = embed(samples, recipe=task.row.recipe(samples, task.seed, task.dim), device="cpu")
        return found.z, found.transform if found.model.inductive else None

    return place


def rehearse(place: Callable[[Samples], tuple[Array, Transform | None]], samples: Samples, count: int) -> None:
    """A fit of some rows and a transform of a few, before the clock starts."""
    if count == 0:
        return
    order = torch.randperm(len(samples), generator=torch.Generator().manual_seed(0))
    some = pick(samples, order[:count])
    _, transform = place(some)
    if transform is not None:
        transform(neighbours_of(numbers(some), 200))


def numbers(samples: Samples) -> Array:
    """The features as an array."""
    assert samples.x is not None
    return samples.x.numpy()


def neighbours_of(x: Array, count: int) -> Array:
    """New rows for the clock: rows drawn with repetition, moved by a hundredth of the deviation of all numbers."""
    rng = np.random.default_rng(0)
    chosen = x[rng.integers(len(x), size=count)]
    return (chosen + 0.01 * float(x.std()) * rng.standard_normal(chosen.shape)).astype(np.float32)


def timed(call: Callable[[], Out]) -> tuple[Out, dict[str, float]]:
    """What a call gives, with its wall seconds and its CPU seconds: user and system, ended children included."""
    wall, cpu = time.perf_counter(), processor_seconds()
    found = call()
    return found, {"wall": time.perf_counter() - wall, "cpu": processor_seconds() - cpu}


def processor_seconds() -> float:
    """User and system seconds of this process, finely counted, and of its ended children in hundredths."""
    return time.process_time() + sum(os.times()[2:4])


def judged(z: Array, samples: Samples, probes: bool) -> dict[str, float]:
    """Neighbourhoods kept (k = 5, a fixed subset of 5,000 rows above that), and what labels can be read off, in %."""
    y = samples.y if probes else None
    names = {**METRICS, **(PROBES if y is not None else {})}
    report = evaluate(z, x=samples.x, y=y, metrics=names, settings={"neighborhood": {"k": 5, "subset": JUDGED}})
    return {short: report[name] * (100 if short in ("linear", "knn") else 1) for name, short in names.items()}


def held_scores(z: Array, fitted: Samples, placed: Array, held: Samples) -> dict[str, float]:
    """Held-out rows beside fitted ones, on the same terms.

    Trust: k = 5, ranks within the rows of the own set, in a random subset of as many rows of each (at most 5,000), as
    the number depends on how many there are. kNN: k = 10, the voters are the same 6/7 of the fitted rows for both; the
    other 1/7 is tested on one side, the held-out rows on the other.
    """
    size = min(JUDGED, len(placed), len(z))
    found = {
        "trust_fitted": trustworthiness(fitted.x, z, subset=size),
        "trust_held": trustworthiness(held.x, placed, subset=size),
    }
    if fitted.y is None or held.y is None:
        return found
    y, new = fitted.y.numpy(), held.y.numpy()
    none, split = np.zeros(len(new), dtype=bool), drawn_split(y, y >= 0, 0)
    rest = np.concatenate([split["test"], none])
    later = np.concatenate([np.zeros(len(y), dtype=bool), new >= 0])
    voters = np.concatenate([split["train"], none])
    both, labels = np.concatenate([z, placed]), np.concatenate([y, new])
    for name, tested, other in (("knn_fitted", rest, later), ("knn_held", later, rest)):
        # Rows of "val" take no part: named here, none of the voters is set apart for it.
        vote = knn_accuracy(both, labels, 10, {"train": voters, "val": other, "test": tested})
        found[name] = 100 * vote["accuracy"]
    return found


def check(z: Array, count: int) -> None:
    """Refuses a map that lacks rows, or whose rows are not finite."""
    if z.ndim != 2 or len(z) != count:
        raise RunError(f"it gave an array of shape {z.shape} for {count:,} rows")
    if not np.isfinite(z).all():
        raise RunError(f"{int((~np.isfinite(z)).any(axis=1).sum()):,} of {count:,} rows of its map are not finite")


def used(row: Row) -> dict[str, str]:
    """Versions of what made the map: graphurl's, and of the packages that a peer names as `PACKAGES`."""
    packages = getattr(loaded(row.file), "PACKAGES", ()) if row.file is not None else ("scikit-learn",)
    return {**versions(), **{name: importlib.metadata.version(name) for name in packages}}
