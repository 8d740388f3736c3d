"""What this machine offers: devices, precision, threads, and how much memory was used."""

from __future__ import annotations

import resource
import sys

import torch

from graphurl.data.samples import Samples
from graphurl.errors import InputError
from graphurl.recipes import Choices, Recipe

#: Batches of at most so many samples are trained on one CPU thread.
SMALL_BATCH = 1024
#: Feature tables of at most so many numbers become graphs, filtered rows and vectors on one CPU thread.
SMALL_TABLE = 2**24


def choose_device(name: str) -> torch.device:
    """The device of a name; auto takes the fastest there is."""
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        raise InputError(f"device is {name!r}: give auto, cpu, cuda or mps") from None
    available = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if not available.get(device.type, False):
        raise InputError(f"device is {name!r} and this machine has none: use auto or cpu")
    return device


def peak_memory() -> float:
    """Largest memory of this process so far, in bytes."""
    try:
        # Not ru_maxrss where it can be had: that one remembers the size of the process that started this one.
        with open("/proc/self/status", encoding="ascii") as file:
            return next(float(line.split()[1]) * 1024 for line in file if line.startswith("VmHWM"))
    except (OSError, StopIteration):
        pass
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return float(peak if sys.platform == "darwin" else peak * 1024)


def fastest_precision(device: torch.device) -> str:
    """bfloat16 where the machine multiplies it in hardware, else float32."""
    if device.type == "cuda":
        return "bfloat16" if torch.cuda.is_bf16_supported() else "float32"
    return "bfloat16" if device.type == "cpu" and torch.cpu._is_avx512_bf16_supported() else "float32"


def training_threads(recipe: Choices) -> int | None:
    """How many CPU threads a run trains with at most; None is as many as torch is set to.

    On small batches two threads gain little, and wait spinning when a core is busy elsewhere: 14 s became 160 s. The
    same is so of free coordinates, whose steps are many short sums.
    """
    if not isinstance(recipe, Recipe):
        return None
    free = recipe.free and recipe.batch_size == 0
    return 1 if free or 0 < recipe.batch_size <= SMALL_BATCH else None


def building_threads(samples: Samples, recipe: Choices) -> int | None:
    """How many CPU threads the parts of a run are built with at most, for the same reason: 2.6 s became 31 s."""
    numbers = len(samples) * (1 if samples.x is None else samples.x.shape[1])
    return 1 if isinstance(recipe, Recipe) and numbers <= SMALL_TABLE else None
