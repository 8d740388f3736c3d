"""Losses x static/dynamic x encoders on citation graphs, beside the untrained baseline; a JSON line for each run.

    python benchmarks/nodes.py --data cora citeseer --seeds 3 --out nodes.jsonl
"""

from __future__ import annotations

import argparse
import itertools
import json
import statistics
import time
import warnings
from pathlib import Path

import torch

import graphurl
from graphurl.data import load

LOSSES = ("bce", "mse", "kl", "gkl")
MODES = {"static": False, "dynamic": True}
ENCODERS = {
    "mlp": {"method": "genurl-nodes"},
    "gcn": {"method": "genurl-nodes", "encoder": "gcn", "depth": 2, "hidden": 256, "epochs": 8},
}


def accuracy(data: str, root: str | None, seeds: int, **settings: object) -> dict[str, object]:
    """Test accuracies of the linear probe over encoder seeds."""
    samples = load(data, root=root)
    scores, seconds = [], []
    for seed in range(seeds):
        began = time.process_time()
        result = graphurl.embed(samples, seed=seed, **settings)  # type: ignore[arg-type]
        seconds.append(time.process_time() - began)
        report = result.report(metrics=["linear_probe"]).to_dict()["metrics"]["linear_probe"]
        scores.append(report["value"])
    return {
        "data": data, "settings": settings, "scores": scores, "mean": round(statistics.mean(scores), 4),
        "std": round(statistics.pstdev(scores), 4), "cpu_seconds": round(statistics.median(seconds), 1),
    }  # fmt: skip


def main() -> None:
    """Runs the grid."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", nargs="+", default=["cora", "citeseer"])
    parser.add_argument("--data-root")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--out", type=Path, default=Path("nodes.jsonl"))
    parser.add_argument("--only", choices=["default", "grid"], help="the default recipe, or the grid of losses")
    parser.add_argument("--fast", action="store_true", help="one epoch, one seed, toy data")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    quick = {"epochs": 1, "dim": 16, "hidden": 32, "batch_size": 256} if arguments.fast else {}
    names = ["toy-citation"] if arguments.fast else arguments.data
    seeds = 1 if arguments.fast else arguments.seeds
    runs: list[dict[str, object]] = []
    if arguments.only != "grid":
        runs += [{"epochs": 0}, {}]
    if arguments.only != "default":
        for (_, encoder), loss, mode in itertools.product(ENCODERS.items(), LOSSES, MODES.values()):
            runs.append({**encoder, "loss": loss, "dynamic": mode})
    with arguments.out.open("a", encoding="utf-8") as file:
        for data, settings in itertools.product(names, runs):
            row = accuracy(data, arguments.data_root, seeds, **{**settings, **quick})
            print(json.dumps(row), flush=True)
            file.write(json.dumps(row) + "\n")
            file.flush()


if __name__ == "__main__":
    main()
