"""Times nearest neighbours and shortest paths, and the recall of the approximate neighbours; prints JSON.

    python benchmarks/functional.py --fast
    GRAPHURL_DATA=DIR python benchmarks/functional.py --rows 20000

With MNIST in the data root the neighbours are searched in its training images, else in random data of the
same shape: 784 columns, noise around a curved 12-dimensional sheet.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import platform
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from graphurl.functional import neighbors, paths, symmetry


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--fast", action="store_true", help="small sizes, under a minute on two cores")
    parser.add_argument("--rows", type=int, help="rows for the neighbour search (default 60000, fast 4000)")
    parser.add_argument("--k", type=int, default=15)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", choices=["knn", "paths"])
    args = parser.parse_args()
    rows = args.rows or (4_000 if args.fast else 60_000)
    result: dict[str, Any] = {
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
        "machine": platform.machine(),
    }
    if args.only != "paths":
        result["knn"] = measure_neighbors(rows, args.k, args.seed)
    if args.only != "knn":
        result["paths"] = measure_paths(1_000 if args.fast else 3_000, args.seed)
    print(json.dumps(result, indent=2))


def measure_neighbors(rows: int, k: int, seed: int) -> dict[str, Any]:
    x, name = images(rows, seed)
    exact, exact_seconds = timed(lambda: neighbors.knn(x, k, method="exact"))
    found, faiss_seconds = timed(lambda: neighbors.knn(x, k, method="faiss", seed=seed))
    return {
        "data": name,
        "rows": len(x),
        "k": k,
        "exact_seconds": exact_seconds,
        "faiss_seconds": faiss_seconds,
        "faiss_recall": recall(found.indices, exact.indices),
    }


def measure_paths(nodes: int, seed: int) -> list[dict[str, Any]]:
    x = sheet(nodes, seed)
    near = neighbors.knn(x, 15)
    rows = torch.arange(nodes).repeat_interleave(15)
    knn_edges = symmetry.symmetrise(rows, near.indices.flatten(), near.distances.flatten(), nodes)
    generator = torch.Generator().manual_seed(seed)
    # As many nodes and edges as a citation graph of 2,708 papers.
    ends = torch.randint(nodes, (2, 2 * nodes), generator=generator)
    citations = symmetry.symmetrise(ends[0], ends[1], torch.ones(2 * nodes), nodes)
    graphs = {"knn15": knn_edges, "citations": citations}
    return [entry for name, edges in graphs.items() for entry in measure_graph(name, edges, nodes)]


def measure_graph(name: str, edges: tuple[Tensor, Tensor, Tensor], nodes: int) -> list[dict[str, Any]]:
    rows, col, length = edges
    crow = symmetry.to_csr(rows, col, nodes).crow
    every = torch.arange(nodes)
    reach = 2 * float(length.median())

    def dense(**settings: Any) -> Tensor:
        return paths.shortest_paths(crow, col, length, every, **settings)

    def sparse(**settings: Any) -> Any:
        return paths.sparse_shortest_paths(crow, col, length, **settings)

    calls: list[tuple[str, Callable[..., Any], dict[str, Any]]] = [
        ("all, torch", dense, {"method": "torch"}),
        ("all, scipy", dense, {"method": "scipy"}),
        ("length, torch", dense, {"method": "torch", "max_length": reach}),
        ("length, scipy", dense, {"method": "scipy", "max_length": reach}),
        ("length, sparse", sparse, {"max_length": reach}),
        ("2 hops, torch", dense, {"max_hops": 2}),
        ("2 hops, sparse", sparse, {"max_hops": 2}),
        ("3 hops, torch", dense, {"max_hops": 3}),
        ("3 hops, sparse", sparse, {"max_hops": 3}),
    ]
    same = {"graph": name, "nodes": nodes, "edges": len(col)}
    return [
        {**same, "method": method, "seconds": timed(partial(call, **settings))[1]}
        for method, call, settings in calls
    ]


def images(rows: int, seed: int) -> tuple[Tensor, str]:
    root = os.environ.get("GRAPHURL_DATA")
    path = Path(root) / "mnist" / "train-images-idx3-ubyte.gz" if root else None
    if path is None or not path.exists():
        return sheet(rows, seed), "random"
    with gzip.open(path) as file:
        raw = np.frombuffer(file.read(), np.uint8, offset=16).reshape(-1, 784)
    return torch.from_numpy(raw[:rows].astype(np.float32)) / 255, "mnist"


def sheet(rows: int, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    hidden = torch.randn(rows, 12, generator=generator) @ torch.randn(12, 784, generator=generator) / 4
    return hidden.sin() + 0.1 * torch.randn(rows, 784, generator=generator)


def recall(found: Tensor, exact: Tensor) -> float:
    return float((found[:, :, None] == exact[:, None, :]).any(2).float().mean())


def timed(call: Callable[[], Any]) -> tuple[Any, float]:
    start = time.perf_counter()
    result = call()
    return result, round(time.perf_counter() - start, 3)


if __name__ == "__main__":
    main()
