"""Node vectors of one line of the table, made and judged in a process of their own."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from graphurl.assembly import message_edges, prepared, settled
from graphurl.bench.fresh import failures_told, fresh
from graphurl.bench.kept import Kept
from graphurl.bench.nodes import Row
from graphurl.bench.peers import code, loaded
from graphurl.data.samples import Samples
from graphurl.embedding import versions
from graphurl.encoders.sgc import normalised_adjacency, propagate
from graphurl.errors import InputError
from graphurl.evaluation.probe import linear_probe
from graphurl.evaluation.splits import split_probe
from graphurl.machine import peak_memory
from graphurl.pipeline import default_recipe, embed
from graphurl.runs import plain
from graphurl.source import Source


@dataclass(frozen=True)
class Task:
    """What a process needs to make and judge vectors.

    Attributes:
        row: The line.
        seed: Of the method.
        data: Name of a data set.
        root: Folder with data sets.
        splits: Number of random splits beside the given one.
        threads: CPU threads.
    """

    row: Row
    seed: int
    data: str
    root: str | None = None
    splits: int = 20
    threads: int = 1


class NodeBench(Kept[Row]):
    """The table of one data set.

    Args:
        folder: Where measurements are kept, a folder for each data set.
        data: Name of a data set of the catalogue, or a file or folder with a labelled graph.
        root: Folder with data sets.
        splits: Number of random splits.
        threads: CPU threads of a run.
    """

    def __init__(self, folder: Path, data: str, root: str | None = None, splits: int = 20, threads: int = 1) -> None:
        """Reads nothing yet."""
        super().__init__(folder / Path(data).name)
        self.data, self.root, self.splits, self.threads = data, root, splits, threads

    def repeats(self, row: Row, seeds: Sequence[int]) -> Sequence[int]:
        """A filter draws nothing."""
        return seeds if row.drawn else seeds[:1]

    def values(self, row: Row, seed: int) -> list[Any]:
        """Data, probe, and the method: its settings, or its code and what its neighbours share."""
        own: Any = row.recipe(seed).chosen()
        if row.file is not None:
            name, *checksums = code(row.file)
            own = [name, checksums, seed]
        return [self.data, self.splits, row.kind, own]

    def run(self, row: Row, seed: int) -> dict[str, Any]:
        """Measures in a fresh process, so that its memory and its random state are its own."""
        task = Task(row, seed, self.data, self.root, self.splits, self.threads)
        return fresh(measured, task, self.threads)


def measured(task: Task) -> dict[str, Any]:
    """Makes the vectors and judges them; seconds and memory are those of making them.

    Raises:
        RunError: The method is not installed, or failed.
    """
    torch.set_num_threads(task.threads)
    samples = Source.of(task.data).load(task.root).samples
    if samples.graph is None or samples.y is None:
        raise InputError(f"{task.data}: a table of node vectors needs a graph with labels")
    wall, cpu = time.perf_counter(), time.process_time()
    with failures_told():
        z = vectors(task.row, samples, task.seed)
    spent = {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu, "memory": peak_memory()}
    found: dict[str, Any] = {"row": task.row.name, "seed": task.seed, "dim": z.shape[1], **spent}
    if samples.splits:
        given = linear_probe(z, samples.y, samples.splits)
        found |= {"test": 100 * given["accuracy"], "val": 100 * given["val_accuracy"], "C": given["C"]}
    if task.splits:
        drawn = split_probe(z, samples.y, count=task.splits)
        found |= {"splits": [100 * value for value in drawn["values"]], "split_mean": 100 * drawn["accuracy"]}
    found["versions"] = {name: version.split("+")[0] for name, version in versions().items()}
    values: dict[str, Any] = plain(found)
    return values


def vectors(row: Row, samples: Samples, seed: int) -> Tensor:
    """The vectors of one line."""
    if row.kind == "recipe":
        fitted = default_recipe(samples, row.method).but(**{**row.changes, "seed": seed})
        return torch.from_numpy(embed(samples, recipe=fitted, device="cpu").z)
    recipe = row.recipe(seed)
    _, x = prepared(samples, recipe)
    assert samples.graph is not None
    if row.kind == "filter":
        if x is None:
            raise InputError(f"{samples.name} has no features to smooth")
        recipe, _, _ = settled(samples, x, recipe)
        edges, weight = message_edges(samples, x, recipe)
        dense = x.to_dense() if x.layout != torch.strided else x
        s = normalised_adjacency(edges, weight, len(dense))
        return propagate(dense, s, int(recipe.hops), filter=recipe.filter)
    assert row.file is not None
    both = samples.graph.symmetrise("max").without_self_loops()
    raw = samples.x
    if raw is None:
        raise InputError(f"{samples.name} has no features, which {row.name} reads")
    dense = raw.to_dense() if raw.layout != torch.strided else raw
    method = loaded(row.file)
    found: Tensor = method.embed(dense, torch.stack([both.rows, both.col]), seed=seed, data=samples.name.lower())
    return found.detach()
