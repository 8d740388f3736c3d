"""Processes of their own."""

from __future__ import annotations

import os

import pytest

from graphurl.bench.fresh import THREADS, fresh
from graphurl.errors import RunError


def seen(name: str) -> tuple[int, str | None]:
    return os.getpid(), os.environ.get(name)


def test_a_fresh_process_sees_its_threads_and_leaves_ours_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.delenv("NUMBA_NUM_THREADS", raising=False)
    before = dict(os.environ)
    found = [fresh(seen, name, 3) for name in THREADS]
    assert {value for _, value in found} == {"3"}
    assert os.getpid() not in {process for process, _ in found} and len(dict(found)) == len(THREADS)
    assert dict(os.environ) == before


def test_a_process_that_ends_is_told() -> None:
    with pytest.raises(RunError, match="ended from outside"):
        fresh(os._exit, 1, 1)
