"""Seconds of a training step of each encoder of pictures, in float32 and in bfloat16, and what a pass keeps of a view.

    OMP_NUM_THREADS=1 python benchmarks/encoders.py --side 24 --batch 256

The columns "PyTorch" are of networks with filters of single channels alone: those filters, and the activation of
MobileNetV2, as PyTorch has them.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from unittest import mock

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from graphurl import registry
from graphurl.encoders.base import Encoder, Inputs
from graphurl.encoders.mobilenet import ReLU6
from graphurl.encoders.pictures import Depthwise
from graphurl.memory import kept_by

NAMES = ("convnet", "convnet-wide", "mobilenet", "shufflenet")


def step(encoder: Encoder, x: Tensor, *, narrow: bool) -> float:
    """CPU seconds of one pass forward and back."""
    began = time.process_time()
    with torch.autocast("cpu", torch.bfloat16, enabled=narrow):
        z = encoder(Inputs(x)).z
    z.float().square().sum().backward()
    return time.process_time() - began


@contextmanager
def plainly() -> Iterator[None]:
    """Layers as PyTorch has them."""
    with (
        mock.patch.object(Depthwise, "forward", nn.Conv2d.forward),
        mock.patch.object(ReLU6, "forward", lambda _layer, x: F.relu6(x, inplace=True)),
    ):
        yield


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
    print("| encoder | float32 | PyTorch | bfloat16 | PyTorch | MB of a view | PyTorch |")
    print("|---|---|---|---|---|---|---|")
    for name in options.names:
        encoder: Encoder = registry.resolve("encoders", name)()
        x = torch.rand(batch, 3, options.side, options.side)
        ways = [nullcontext, plainly] if any(isinstance(m, Depthwise) for m in encoder.modules()) else [nullcontext]
        cells = [[""] * 3, [""] * 3]
        for narrow in (False, True):
            seconds: list[list[float]] = [[] for _ in ways]
            for _ in range(repeats + 1):
                for way, column in zip(ways, seconds, strict=True):
                    with way():
                        column.append(step(encoder, x, narrow=narrow))
            for place, column in enumerate(seconds):
                cells[place][narrow] = f"{statistics.median(column[1:]):.3f}"  # the first warms up
        for way, column_of in zip(ways, cells, strict=False):
            with way():
                column_of[2] = f"{kept_by(encoder, x[:1]) / 1e6:.1f}"
        print(f"| {name} | {' | '.join(f'{own} | {other}' for own, other in zip(*cells, strict=True))} |", flush=True)


if __name__ == "__main__":
    main()
