"""A measurement in a process of its own, so that its memory, threads and random state are its own."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import TypeVar

from graphurl.errors import InputError, RunError

In = TypeVar("In")
Out = TypeVar("Out")

#: Read by OpenMP, the linear algebra libraries and numba when they load.
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")


def fresh(function: Callable[[In], Out], task: In, threads: int) -> Out:
    """Calls a function in a new process, whose libraries see so many CPU threads.

    Raises:
        RunError: The process ended without an answer.
    """
    with libraries_with(threads):
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(1, mp_context=context) as pool:
            try:
                return pool.submit(function, task).result()
            except BrokenProcessPool:
                raise RunError("its process was ended from outside, perhaps for want of memory") from None


@contextmanager
def failures_told() -> Iterator[None]:
    """Turns whatever a method raises into one line; errors that are one already stay as they are."""
    try:
        yield
    except (InputError, RunError):
        raise
    except ImportError as error:
        raise RunError(f"{error.name or error} is not installed: pip install {error.name or 'it'}") from None
    except Exception as error:
        raise RunError(f"{type(error).__name__}: {error}") from None


@contextmanager
def libraries_with(threads: int) -> Iterator[None]:
    """For a while, what is started reads this number of threads from its environment."""
    before = {name: os.environ.get(name) for name in THREADS}
    os.environ.update(dict.fromkeys(THREADS, str(threads)))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
