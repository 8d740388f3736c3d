"""The maps of benchmarks/peers/maps: the form that `graphurl bench dr` relies on, and that each package has it."""

from __future__ import annotations

import importlib.metadata
import inspect
from pathlib import Path

import numpy as np
import pytest

from graphurl.bench.maps import Row, peers
from graphurl.bench.peers import loaded
from graphurl.bench.placing import samples_of

FOLDER = Path(__file__).resolve().parents[2] / "benchmarks" / "peers" / "maps"
METHODS = peers(FOLDER)


def test_every_package_has_its_file() -> None:
    assert [row.name for row in METHODS] == ["openTSNE", "PaCMAP", "TorchDR UMAP", "UMAP"]


@pytest.mark.parametrize("row", METHODS, ids=lambda row: row.name)
def test_a_method_loads_without_its_package_and_is_called_as_the_bench_calls(row: Row) -> None:
    assert row.file is not None
    method = loaded(row.file)
    assert row.name == method.NAME and method.PACKAGES and isinstance(method.PACKAGES, tuple)
    inspect.signature(method.embed).bind(np.zeros((3, 2)), seed=0, threads=1, dim=2)


@pytest.mark.peer
@pytest.mark.parametrize("row", METHODS, ids=lambda row: row.name)
def test_a_method_places_fitted_and_new_rows(row: Row) -> None:
    assert row.file is not None
    method = loaded(row.file)
    try:
        for name in method.PACKAGES:
            importlib.metadata.version(name)
    except ImportError as missing:
        pytest.skip(f"{missing.name} is not installed")
    samples = samples_of("nested-clusters-1k")
    assert samples.x is not None
    x = samples.x.numpy()
    z, transform = method.embed(x, seed=0, threads=1, dim=2)
    new = transform(x[:40] + 0.001)
    assert z.shape == (1000, 2) and new.shape == (40, 2)
    assert np.isfinite(z).all() and np.isfinite(new).all()
