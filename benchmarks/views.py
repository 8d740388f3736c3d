"""Times random views against kornia's, taking turns on one thread; prints a table and JSON.

    python benchmarks/views.py --fast

Both make crops of 20 to 100 % of the picture, flips, changes of brightness, contrast, saturation and hue, grey
pictures, and normalise. kornia gets floating point and does not antialias, ours get bytes and do. Seconds are those
of the processor; the rate is that of the fastest turn, which other work on the machine disturbs least, and the ratio
that of the fastest turns of both. Needs `pip install "graphurl[vision]"`.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import time
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

import torch
from torch import Tensor

import graphurl
from graphurl.augment import make_views
from graphurl.augment.plans import CIFAR

MEAN, STD = (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fast", action="store_true", help="few turns, under a minute")
    parser.add_argument("--turns", type=int, help="how often each is timed (default 200, fast 20)")
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    torch.set_num_threads(1)
    # A training process has freed larger arrays than these before: since then memory is kept, not handed back.
    torch.ones(2**23).sum()
    turns = args.turns or (20 if args.fast else 200)
    rows = [measure(args.batch, 32, side, turns, args.seed) for side in (32, 24)]
    print(table(rows))
    result = {
        "versions": {
            "graphurl": graphurl.__version__,
            "kornia": version("kornia"),
            "torch": torch.__version__,
        },
        "machine": platform.machine(),
        "threads": 1,
        "seed": args.seed,
        "runs": rows,
    }
    print(json.dumps(result, indent=2))


def measure(batch: int, source: int, side: int, turns: int, seed: int) -> dict[str, Any]:
    generator = torch.Generator().manual_seed(seed)
    pixels = torch.randint(256, (batch, 3, source, source), dtype=torch.uint8, generator=generator)
    peers = {"graphurl": ours(pixels, side, generator), "kornia": theirs(pixels, side, seed)}
    seconds: dict[str, list[float]] = {name: [] for name in peers}
    for turn in range(turns + 3):
        for name, call in peers.items():
            spent = timed(call)
            if turn >= 3:  # the first turns fill caches
                seconds[name].append(spent)
    rate = {name: {"best": batch / min(s), "median": batch / statistics.median(s)} for name, s in seconds.items()}
    return {
        "batch": batch,
        "source": source,
        "side": side,
        "turns": turns,
        **{f"{name}_views_per_second": round(r["best"]) for name, r in rate.items()},
        **{f"{name}_views_per_second_median": round(r["median"]) for name, r in rate.items()},
        "ratio": round(rate["graphurl"]["best"] / rate["kornia"]["best"], 1),
        "ratio_of_medians": round(rate["graphurl"]["median"] / rate["kornia"]["median"], 1),
    }


def ours(pixels: Tensor, side: int, generator: torch.Generator) -> Callable[[], Tensor]:
    return lambda: make_views(pixels, CIFAR, 1, side, generator, mean=MEAN, std=STD)[0][0]


def theirs(pixels: Tensor, side: int, seed: int) -> Callable[[], Tensor]:
    from kornia import augmentation as k

    torch.manual_seed(seed)
    pipeline = torch.nn.Sequential(
        k.RandomResizedCrop((side, side), scale=(0.2, 1.0)),
        k.RandomHorizontalFlip(),
        k.ColorJitter(0.4, 0.4, 0.4, 0.1, p=0.8),
        k.RandomGrayscale(p=0.2),
        k.Normalize(MEAN, STD),
    )
    unit = pixels.float() / 255

    def views() -> Tensor:
        with torch.no_grad():
            made: Tensor = pipeline(unit)
        return made

    return views


def timed(call: Callable[[], Any]) -> float:
    start = time.process_time()
    call()
    return time.process_time() - start


def table(rows: list[dict[str, Any]]) -> str:
    head = f"{'side':>8} {'graphurl':>12} {'kornia':>12} {'ratio':>7}"
    lines = [
        f"{row['source']:>4} -> {row['side']:>2} {row['graphurl_views_per_second']:>12,}"
        f" {row['kornia_views_per_second']:>12,} {row['ratio']:>7}"
        for row in rows
    ]
    return "\n".join([f"views a second on one thread, batches of {rows[0]['batch']}", head, *lines])


if __name__ == "__main__":
    main()
