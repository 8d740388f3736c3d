"""Memory of runs whose features lie in a file: what a process has to itself, beside the size of the file; prints JSON.

    python benchmarks/larger_than_memory.py --fast
    python benchmarks/larger_than_memory.py --rows 200000 --columns 3000 > larger.json

A file of N × F random numbers with planted classes is written and removed again, with a saved graph of twenty edges a
node. Each method runs in a process of its own, once with the file mapped and once with it read; `anonymous_GB` is the
largest RssAnon of /proc/self/status, sampled every 10 ms from before the data are opened. Pages of the file and of
scratch files do not count in it: the system drops them when it needs the room. `z` is a checksum of the embedding.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import multiprocessing
import sys
import tempfile
import threading
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import torch

import graphurl
from graphurl import graphs
from graphurl.data.files import read_file
from graphurl.functional import mapped
from graphurl.functional.mapped import scratch_folder
from graphurl.memory import estimate_memory, estimate_scratch
from graphurl.recipes import Recipe

CLASSES, DEGREE = 50, 20
METHODS: dict[str, dict[str, Any]] = {
    "map, graph given": {"method": "map-direct", "loss": "bce", "features": "none"},
    "map, neighbours searched": {"method": "map-direct", "loss": "bce", "features": "scale"},
    "nodes": {"method": "nodes", "features": "standard", "message": "citation", "hops": 4, "dim": 32},
    "sage": {
        "method": "nodes", "features": "standard", "message": "citation", "encoder": "sage", "depth": 2, "fanout": 5,
        "hidden": 128, "dim": 32, "batch_size": 256,
    },
}  # fmt: skip


class Watch:
    """Samples what a process has to itself in memory, in a thread."""

    def __init__(self) -> None:
        """Starts with nothing seen."""
        self.peak, self._done = 0, threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)

    def __enter__(self) -> Self:
        """Begins."""
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Ends."""
        self._done.set()
        self._thread.join()

    def _sample(self) -> None:
        while not self._done.wait(0.01):
            with open("/proc/self/status", encoding="ascii") as file:
                line = next(line for line in file if line.startswith("RssAnon"))
            self.peak = max(self.peak, int(line.split()[1]) * 1024)


def write(folder: Path, rows: int, columns: int) -> None:
    """Features and graph, a part at a time."""
    generator = np.random.default_rng(0)
    y = generator.integers(0, CLASSES, rows)
    means = generator.standard_normal((CLASSES, columns), dtype=np.float32)
    file = np.lib.format.open_memmap(folder / "x.npy", "w+", np.float32, (rows, columns))
    for start in range(0, rows, 1000):
        here = y[start : start + 1000]
        file[start : start + 1000] = means[here] + generator.standard_normal((len(here), columns), dtype=np.float32)
    file.flush()
    order = np.argsort(y, kind="stable")
    place = np.empty(rows, np.int64)
    place[order] = np.arange(rows)
    source = generator.integers(0, rows, DEGREE * rows // 2)
    near = np.clip(place[source] + generator.integers(-1000, 1000, len(source)), 0, rows - 1)
    target = order[near]
    graph = graphs.from_edge_index(np.stack([source, target])[:, source != target], rows, undirected=True)
    graphs.save(graph, folder / "edges.graph")


def measured(folder: Path, name: str, in_file: bool, epochs: int) -> dict[str, Any]:
    """One method by one route."""
    mapped.MAPPED_FROM = 0 if in_file else sys.maxsize
    torch.set_num_threads(1)
    settings = {"epochs": epochs, "seed": 0, **METHODS[name]}
    with Watch() as watch:
        time.sleep(0.1)
        before, began, cpu = watch.peak, time.perf_counter(), time.process_time()
        samples = read_file(folder / "x.npy")
        assert samples.x is not None
        edges = graphs.load(folder / "edges.graph") if name != "map, neighbours searched" else None
        if settings["method"] == "nodes":
            result = graphurl.embed(replace(samples, graph=edges), **settings)
        else:
            result = graphurl.embed(samples, graph=edges, **settings)
        spent = {"wall_s": round(time.perf_counter() - began), "cpu_s": round(time.process_time() - cpu)}
    assert isinstance(result.recipe, Recipe)
    rows, columns = samples.x.shape
    recipe = result.recipe.but(graph="given") if name == "map, graph given" else result.recipe
    size = {"mapped": in_file, "mapped_edges": in_file, "num_edges": None if edges is None else edges.num_edges}
    return {
        "method": name, "file_GB": gigabytes(4 * samples.x.numel()), "mapped": in_file, **spent,
        "anonymous_GB": gigabytes(watch.peak), "before_GB": gigabytes(before),
        "estimate_GB": gigabytes(estimate_memory(rows, columns, recipe, **size)),
        "scratch_GB": gigabytes(estimate_scratch(rows, columns, recipe) if in_file else 0),
        "z": hashlib.sha256(result.z.tobytes()).hexdigest()[:12],
    }  # fmt: skip


def gigabytes(size: float) -> float:
    """Bytes as GB."""
    return round(size / 1e9, 2)


def main() -> None:
    """Writes the data and runs all methods by both routes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--columns", type=int, default=3000)
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--methods", nargs="+", default=list(METHODS), choices=list(METHODS))
    parser.add_argument("--routes", nargs="+", default=["mapped", "read"], choices=["mapped", "read"])
    parser.add_argument("--fast", action="store_true", help="30,000 × 100")
    arguments = parser.parse_args()
    rows, columns = (30_000, 100) if arguments.fast else (arguments.rows, arguments.columns)
    with tempfile.TemporaryDirectory(dir=scratch_folder()) as folder:
        write(Path(folder), rows, columns)
        for name in arguments.methods:
            for route in arguments.routes:
                with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
                    run = pool.submit(measured, Path(folder), name, route == "mapped", arguments.epochs)
                    print(json.dumps(run.result()), flush=True)


if __name__ == "__main__":
    main()
