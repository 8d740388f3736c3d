"""Times trustworthiness against scikit-learn's, on one thread, in CPU seconds, and a whole report; prints JSON.

    python benchmarks/evaluation.py --fast
    python benchmarks/evaluation.py --rows 20000 --columns 50 784 --repeats 3
    python benchmarks/evaluation.py --report 70000

The first two run in turn, so that a busy machine slows both. Data are noise around a curved sheet; two of its own
coordinates are the map. --report times `evaluate` on so many vectors of 128 numbers with the space they came from
(300 columns) and ten classes, by all metrics that these allow, on two threads.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import sklearn
import torch
from sklearn.manifold import trustworthiness as reference
from threadpoolctl import threadpool_limits

import graphurl
from graphurl.evaluation import evaluate
from graphurl.evaluation.neighborhood import neighborhood, trustworthiness


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--fast", action="store_true", help="1,000 rows, seconds")
    parser.add_argument("--rows", type=int, help="default 5000, fast 1000")
    parser.add_argument("--columns", type=int, nargs="+", default=[50, 784])
    parser.add_argument("--k", type=int, default=5)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--report", type=int, metavar="ROWS", help="time a whole report instead")
    args = parser.parse_args()
    if args.report:
        print(json.dumps(whole_report(args.report, args.seed), indent=2))
        return
    torch.set_num_threads(1)
    rows = args.rows or (1_000 if args.fast else 5_000)
    with threadpool_limits(1):
        runs = [measure(rows, columns, args.k, args.repeats, args.seed) for columns in args.columns]
    result = {
        "versions": {
            "graphurl": graphurl.__version__,
            "numpy": np.__version__,
            "scikit-learn": sklearn.__version__,
            "torch": torch.__version__,
        },
        "machine": platform.machine(),
        "threads": 1,
        "seed": args.seed,
        "runs": runs,
    }
    print(json.dumps(result, indent=2))


def measure(rows: int, columns: int, k: int, repeats: int, seed: int) -> dict[str, Any]:
    x, z = sheet(rows, columns, seed)
    contenders: dict[str, Callable[[], Any]] = {
        "trustworthiness": lambda: trustworthiness(x, z, k, subset=None),
        "trustworthiness, continuity and overlap": lambda: neighborhood(x, z, k, subset=None)[
            "trustworthiness"
        ],
        "scikit-learn trustworthiness": lambda: reference(x, z, n_neighbors=k),
    }
    values = {name: float(run()) for name, run in contenders.items()}
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(repeats):
        for name, run in contenders.items():
            started = time.process_time()
            run()
            seconds[name].append(time.process_time() - started)
    medians = {name: statistics.median(times) for name, times in seconds.items()}
    peer = medians["scikit-learn trustworthiness"]
    return {
        "rows": rows,
        "columns": columns,
        "k": k,
        "values": values,
        "cpu_seconds": {name: [round(t, 4) for t in times] for name, times in seconds.items()},
        "median_cpu_seconds": {name: round(t, 4) for name, t in medians.items()},
        "share_of_scikit_learn": {name: round(t / peer, 3) for name, t in medians.items()},
    }


def whole_report(rows: int, seed: int) -> dict[str, Any]:
    """Wall and CPU seconds of all metrics, and of each function."""
    generator = np.random.default_rng(seed)
    y = generator.integers(0, 10, rows)
    z = (0.35 * generator.normal(size=(10, 128))[y] + generator.normal(size=(rows, 128))).astype(np.float32)
    x = z @ generator.normal(size=(128, 300)).astype(np.float32)
    x += 0.1 * generator.normal(size=x.shape).astype(np.float32)
    torch.set_num_threads(2)
    wall, processor = time.perf_counter(), time.process_time()
    report = evaluate(z, x, y, metrics="all", seed=seed)
    return {
        "rows": rows, "columns": 128, "threads": 2, "wall_seconds": round(time.perf_counter() - wall, 1),
        "cpu_seconds": round(time.process_time() - processor, 1), "metrics": len(report.metrics),
        "skipped": report.skipped, "seconds": report.timing, "versions": report.versions,
    }  # fmt: skip


def sheet(rows: int, columns: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    hidden = generator.normal(size=(rows, 12))
    x = np.tanh(hidden @ generator.normal(size=(12, columns))) + 0.3 * generator.normal(size=(rows, columns))
    return x.astype(np.float32), hidden[:, :2].astype(np.float32)


if __name__ == "__main__":
    main()
