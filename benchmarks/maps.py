"""Maps of image sets: trustworthiness, continuity, linear and kNN accuracy of some recipes; a JSON line for each run.

    python benchmarks/maps.py --data coil-20 mnist --out maps.jsonl
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from pathlib import Path

import torch

import graphurl
from graphurl.data import load

METRICS = ["trustworthiness", "continuity", "linear_probe", "knn_accuracy"]
GENURL = {"mnist": "genurl-mnist", "coil-20": "genurl-coil-20"}


def run(data: str, root: str | None, **settings: object) -> dict[str, object]:
    """Embeds once and judges the map without the data set's own split: 6/7 train, 1/7 test."""
    samples = load(data, root=root)
    wall, cpu = time.perf_counter(), time.process_time()
    result = graphurl.embed(samples, seed=0, **settings)  # type: ignore[arg-type]
    spent = {"wall": round(time.perf_counter() - wall, 1), "cpu": round(time.process_time() - cpu, 1)}
    report = graphurl.evaluation.evaluate(result.z, x=samples.x, y=samples.y, metrics=METRICS).to_dict()["metrics"]
    scores = {name: round(entry["value"], 4) for name, entry in report.items()}
    return {"data": data, "rows": len(samples), "settings": settings, **scores, **spent}


def main() -> None:
    """Runs the default, free coordinates and GenURL's settings on each data set."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", nargs="+", default=["digits", "coil-20", "mnist"])
    parser.add_argument("--data-root")
    parser.add_argument("--methods", nargs="+", help="only these recipes; map is the default one")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--out", type=Path, default=Path("maps.jsonl"))
    parser.add_argument("--fast", action="store_true", help="digits, two epochs")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(arguments.threads)
    with arguments.out.open("a", encoding="utf-8") as file:
        for data in ["digits"] if arguments.fast else arguments.data:
            quick = {"epochs": 2} if arguments.fast else {}
            recipes = [{}, {"method": "map-table"}, *([{"method": GENURL[data]}] if data in GENURL else [])]
            recipes = [s for s in recipes if arguments.methods is None or s.get("method", "map") in arguments.methods]
            for settings in recipes:
                row = run(data, arguments.data_root, **settings, **quick)
                print(json.dumps(row), flush=True)
                file.write(json.dumps(row) + "\n")
                file.flush()


if __name__ == "__main__":
    main()
