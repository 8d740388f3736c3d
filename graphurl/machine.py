"""What this machine offers: devices, precision, and how much memory was used."""

from __future__ import annotations

import resource
import sys

import torch

from graphurl.errors import InputError


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
