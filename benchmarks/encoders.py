"""Seconds of a training step of each encoder of pictures: float32, bfloat16, and bfloat16 without the way round.

    OMP_NUM_THREADS=1 python benchmarks/encoders.py --side 24 --batch 256

The last column is of networks with filters of single channels alone: all of them in bfloat16, as PyTorch does it.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from functools import partial
from unittest import mock

import torch
from torch import Tensor, nn

from graphurl import registry
from graphurl.encoders.base import Encoder, Inputs
from graphurl.encoders.pictures import Depthwise

NAMES = ("convnet", "convnet-wide", "mobilenet", "shufflenet")


def step(encoder: Encoder, x: Tensor, *, narrow: bool) -> float:
    """CPU seconds of one pass forward and back."""
    began = time.process_time()
    with torch.autocast("cpu", torch.bfloat16, enabled=narrow):
        z = encoder(Inputs(x)).z
    z.float().square().sum().backward()
    return time.process_time() - began


def plainly(encoder: Encoder, x: Tensor) -> float:
    """A step in bfloat16 with plain convolutions."""
    with mock.patch.object(Depthwise, "forward", nn.Conv2d.forward):
        return step(encoder, x, narrow=True)


def main() -> None:
    """Measures in turn and prints medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--names", nargs="+", default=NAMES)
    parser.add_argument("--side", type=int, default=24)
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--fast", action="store_true", help="batches of 8, two repeats")
    options = parser.parse_args()
    batch, repeats = (8, 2) if options.fast else (options.batch, options.repeats)
    print("| encoder | float32 | bfloat16 | as PyTorch does it |\n|---|---|---|---|")
    for name in options.names:
        encoder: Encoder = registry.resolve("encoders", name)()
        x = torch.rand(batch, 3, options.side, options.side)
        ways: list[Callable[[Encoder, Tensor], float]] = [partial(step, narrow=False), partial(step, narrow=True)]
        if any(isinstance(layer, Depthwise) for layer in encoder.modules()):
            ways.append(plainly)
        found = [[way(encoder, x) for way in ways] for _ in range(repeats + 1)][1:]  # the first warms up
        medians = [f"{statistics.median(column):.3f}" for column in zip(*found, strict=True)]
        print(f"| {name} | {' | '.join(medians + [''] * (3 - len(medians)))} |", flush=True)


if __name__ == "__main__":
    main()
