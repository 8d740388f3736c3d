"""One thread, no screen, reproducible examples; skips what this machine cannot run and says why."""

from __future__ import annotations

import os

# Read when the libraries load, so before any of them is imported.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MPLBACKEND", "Agg")

import importlib.util
import shutil
import signal
from collections.abc import Iterator

import hypothesis
import numpy as np
import pytest
import torch

torch.set_num_threads(1)
# A shell starts background jobs with Ctrl-C ignored, and children inherit that: the tests of an interrupt need it back.
signal.signal(signal.SIGINT, signal.default_int_handler)
hypothesis.settings.register_profile("graphurl", deadline=None, max_examples=40, derandomize=True)
hypothesis.settings.load_profile("graphurl")


def _missing() -> dict[str, str]:
    """Returns, for every mark that cannot be served here, what is missing."""
    present = {
        "gpu": (torch.cuda.is_available(), "needs a CUDA device"),
        "data": ("GRAPHURL_DATA" in os.environ, "needs $GRAPHURL_DATA, the folder of the real data sets"),
        "browser": (
            importlib.util.find_spec("playwright") is not None and shutil.which("chromium") is not None,
            'needs pip install ".[browser]" and Debian\'s Chromium, apt-get install chromium',
        ),
        "sparse": (importlib.util.find_spec("torch_sparse") is not None, 'needs pip install ".[sparse]"'),
    }
    return {mark: reason for mark, (there, reason) in present.items() if not there}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    missing = _missing()
    for item in items:
        for mark, reason in missing.items():
            if item.get_closest_marker(mark):
                item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture
def rng_untouched() -> Iterator[None]:
    """Fails the test if it moved the global random state of torch or NumPy."""
    torch_before = torch.get_rng_state()
    numpy_before = np.random.get_state(legacy=False)  # noqa: NPY002 - the global state is what is watched
    yield
    assert torch.equal(torch_before, torch.get_rng_state()), "torch's global random state was touched"
    numpy_after = np.random.get_state(legacy=False)  # noqa: NPY002
    assert numpy_before["state"]["pos"] == numpy_after["state"]["pos"], "NumPy's global state was touched"
    assert np.array_equal(numpy_before["state"]["key"], numpy_after["state"]["key"])
