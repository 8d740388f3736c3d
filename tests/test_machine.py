"""What the machine offers: devices by name, the precision that suits them, and memory in bytes."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch

from graphurl import machine
from graphurl.errors import InputError
from graphurl.machine import choose_device, fastest_precision, peak_memory

CUDA, CPU = torch.device("cuda"), torch.device("cpu")


@pytest.mark.parametrize("there", [False, True])
def test_auto_takes_cuda_where_there_is_one(there: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: there)
    assert choose_device("auto") == (CUDA if there else CPU)
    assert choose_device("cpu") == CPU


def test_names_that_are_no_devices_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    for name in ("gpu", "", "cuda:x"):
        with pytest.raises(InputError, match=f"device is '{name}': give auto, cpu, cuda or mps"):
            choose_device(name)
    for name in ("cuda", "cuda:1", "mps", "meta"):
        with pytest.raises(InputError, match=f"device is '{name}' and this machine has none: use auto or cpu"):
            choose_device(name)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert choose_device("mps") == torch.device("mps")


@pytest.mark.parametrize("there", [False, True])
def test_bfloat16_where_the_machine_multiplies_it(there: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = "bfloat16" if there else "float32"
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda *_: there)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: there)
    assert fastest_precision(CUDA) == expected
    assert fastest_precision(CPU) == expected
    assert fastest_precision(torch.device("mps")) == "float32"


def test_the_precision_of_this_machine_is_one_that_is_offered() -> None:
    assert fastest_precision(CPU) in ("float32", "bfloat16")


def test_the_peak_grows_with_what_is_held() -> None:
    """In a process of its own: this one may have held more before."""
    code = (
        "import torch; from graphurl.machine import peak_memory; before = peak_memory();"
        "held = torch.ones(2 * 10**7); print(peak_memory() - before, peak_memory())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    grown, peak = map(float, done.stdout.split())
    assert 70e6 < grown < 120e6, "80 MB were taken"
    assert 50e6 < peak < 5e9


@pytest.mark.parametrize(("system", "unit"), [("linux", 1024.0), ("darwin", 1.0)])
def test_without_a_proc_file_the_system_is_asked(system: str, unit: float, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise FileNotFoundError

    usage = machine.resource.getrusage(machine.resource.RUSAGE_SELF)
    monkeypatch.setattr("builtins.open", refuse)
    monkeypatch.setattr(machine.sys, "platform", system)
    monkeypatch.setattr(machine.resource, "getrusage", lambda _: usage)
    found = peak_memory()
    monkeypatch.undo()
    assert found == usage.ru_maxrss * unit
