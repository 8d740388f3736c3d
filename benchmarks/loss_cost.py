"""What a contrastive loss over R rows × C columns costs, forward and backward, beside its matrix products alone.

    python benchmarks/loss_cost.py --fast
    python benchmarks/loss_cost.py --rows 2048 --cols 50000
    python benchmarks/loss_cost.py --rows 16384 --cols 50000 --routes floor streamed --repeats 3

The routes run in turn on one thread and are compared in CPU seconds, so that a busy machine slows all alike. The
floor is the matrix products in tiles that stay in the cache: one for the logits, one for the gradient of the rows,
and one more where the columns want a gradient. It computes nothing twice. Memory is the highest resident size
of a fresh process for each route, less what the process held once libraries were loaded and threads started.
Prints a table and JSON.
"""

from __future__ import annotations

import argparse
import json
import math
import platform
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

import graphurl
from graphurl.functional.sparse import indicator
from graphurl.losses import InfoNCE
from graphurl.relations import Relation, routes
from graphurl.similarity import Similarity

ROUTES = ("floor", "naive", "chunked", "streamed")
TILE = 512
TEMPERATURE = 0.1
FORMS = {
    "cosine": Similarity(metric="cosine"),
    "gaussian": Similarity(metric="euclidean"),
    "t": Similarity(nu=5.0, metric="euclidean"),
    "t on unit rows": Similarity(nu=100.0, metric="cosine"),
}


@dataclass
class Problem:
    """One positive column for each row; unit rows, as heads make them."""

    rows: Tensor
    cols: Tensor
    target: Tensor
    form: str
    both: bool

    @classmethod
    def draw(cls, rows: int, cols: int, dim: int, form: str, both: bool, seed: int) -> Problem:
        generator = torch.Generator().manual_seed(seed)
        x, y = (functional.normalize(torch.randn(n, dim, generator=generator), dim=1) for n in (rows, cols))
        target = torch.randint(cols, (rows,), generator=generator)
        return cls(x.requires_grad_(), y.requires_grad_(both), target, form, both)

    def run(self, route: str) -> float:
        """Value and gradient by one of the routes."""
        if route == "floor":
            return products(self.rows.detach(), self.cols.detach(), self.both)
        self.rows.grad = self.cols.grad = None
        value = self.naive() if route == "naive" else self.ours(chunked=route == "chunked")
        value.backward()
        return value.item()

    def ours(self, chunked: bool) -> Tensor:
        relation = Relation(self.rows, self.cols, indicator(self.target, len(self.cols)))
        # A relation that fits one block would not be cut.
        chunk = max(1, min(len(self.rows) - 1, routes.DENSE_PAIRS // len(self.cols))) if chunked else None
        return routes.evaluate(relation, FORMS[self.form], InfoNCE(temperature=TEMPERATURE), chunk=chunk)[0]

    def naive(self) -> Tensor:
        """The formula as one writes it in torch."""
        if self.form == "cosine":
            logits = functional.normalize(self.rows, dim=1) @ functional.normalize(self.cols, dim=1).T
            return functional.cross_entropy(logits / TEMPERATURE, self.target)
        kernel = FORMS[self.form]
        if kernel.metric == "cosine":
            d2 = 2 - 2 * functional.normalize(self.rows, dim=1) @ functional.normalize(self.cols, dim=1).T
        else:
            d2 = torch.cdist(self.rows, self.cols).square()
        log_q = -d2 / 2 if math.isinf(kernel.nu) else -(kernel.nu + 1) / 2 * torch.log1p(d2 / kernel.nu)
        return functional.cross_entropy(log_q / TEMPERATURE, self.target)


def products(x: Tensor, y: Tensor, both: bool) -> float:
    along_x, along_y, room = torch.zeros_like(x), torch.zeros_like(y), x.new_empty(TILE * TILE)
    for top in range(0, len(x), TILE):
        rows = x[top : top + TILE]
        for left in range(0, len(y), TILE):
            cols = y[left : left + TILE]
            tile = room[: len(rows) * len(cols)].view(len(rows), len(cols))
            torch.mm(rows, cols.T, out=tile)
            along_x[top : top + TILE].addmm_(tile, cols)
            if both:
                along_y[left : left + TILE].addmm_(tile.T, rows)
    return float(along_x[0, 0])


def measure_time(problem: Problem, names: list[str], repeats: int) -> dict[str, Any]:
    for name in names:  # the first run of each pays for memory that the system hands out
        problem.run(name)
    seconds: dict[str, list[float]] = {name: [] for name in names}
    values = {}
    for _ in range(repeats):
        for name in names:
            began = time.process_time()
            values[name] = problem.run(name)
            seconds[name].append(time.process_time() - began)
    shares = {
        name: round(statistics.median(t / f for t, f in zip(spent, seconds["floor"], strict=True)), 3)
        for name, spent in seconds.items()
        if "floor" in seconds
    }
    return {
        "cpu_seconds": {name: round(statistics.median(spent), 4) for name, spent in seconds.items()},
        "times_the_floor": shares,
        "loss": {name: value for name, value in values.items() if name != "floor"},
    }


def resident(field: str) -> int:
    """Bytes from the system's own books, of this process: VmHWM is the highest so far, VmRSS the present."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field):
            return int(line.split()[1]) * 1024
    raise RuntimeError(f"/proc/self/status has no {field}")


def measure_memory(name: str, arguments: argparse.Namespace, form: str, both: bool) -> dict[str, float]:
    command = [sys.executable, __file__, "--child", name, "--rows", str(arguments.rows), "--cols", str(arguments.cols)]
    command += ["--dim", str(arguments.dim), "--seed", str(arguments.seed), "--forms", form]
    found = subprocess.run([*command, "--both"] if both else command, capture_output=True, text=True, check=True)
    start, peak = map(int, found.stdout.split())
    return {"growth_GiB": round((peak - start) / 2**30, 3), "peak_GiB": round(peak / 2**30, 3)}


def child(arguments: argparse.Namespace) -> None:
    Problem.draw(8, 8, arguments.dim, arguments.forms[0], True, 0).run("naive")
    start = resident("VmRSS")
    shape = arguments.rows, arguments.cols, arguments.dim
    Problem.draw(*shape, arguments.forms[0], arguments.both, arguments.seed).run(arguments.child)
    print(start, resident("VmHWM"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=2_048)
    parser.add_argument("--cols", type=int, default=50_000)
    parser.add_argument("--dim", type=int, default=128)
    parser.add_argument("--forms", nargs="+", choices=FORMS, default=["cosine"])
    parser.add_argument("--routes", nargs="+", choices=ROUTES, default=list(ROUTES))
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--fast", action="store_true", help="512 rows × 5,000 columns, seconds")
    parser.add_argument("--no-memory", action="store_true", help="times only")
    parser.add_argument("--child", choices=ROUTES, help=argparse.SUPPRESS)
    parser.add_argument("--both", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    if arguments.child:
        child(arguments)
        return
    if arguments.fast:
        arguments.rows, arguments.cols = 512, 5_000
    runs = []
    print(f"{'form':>14} {'gradient to':>13} {'route':>9} {'CPU s':>9} {'× floor':>8} {'growth GiB':>11}")
    for form in arguments.forms:
        for both in (False, True):
            problem = Problem.draw(arguments.rows, arguments.cols, arguments.dim, form, both, arguments.seed)
            run: dict[str, Any] = {"form": form, "gradient_to": "rows, columns" if both else "rows"}
            run |= measure_time(problem, arguments.routes, arguments.repeats)
            run["memory"] = {}
            for name in arguments.routes:
                if not arguments.no_memory:
                    run["memory"][name] = measure_memory(name, arguments, form, both)
                growth = run["memory"].get(name, {}).get("growth_GiB", math.nan)
                share = run["times_the_floor"].get(name, math.nan)
                columns = f"{run['cpu_seconds'][name]:9.3f} {share:8.2f} {growth:11.3f}"
                print(f"{form:>14} {run['gradient_to']:>13} {name:>9} {columns}", flush=True)
            runs.append(run)
    result = {
        "versions": {"graphurl": graphurl.__version__, "torch": torch.__version__},
        "machine": platform.machine(),
        "threads": 1,
        "seed": arguments.seed,
        "rows": arguments.rows,
        "cols": arguments.cols,
        "dim": arguments.dim,
        "runs": runs,
    }
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
