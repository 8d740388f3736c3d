from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from graphurl.data import fetch, load
from graphurl.errors import InputError


def test_built_in_names_need_no_root(tmp_path: Path) -> None:
    assert len(load("karate", root=tmp_path)) == 34


def test_missing_files_offline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def no_network(url: str) -> None:
        raise OSError("no network here")

    monkeypatch.setattr(fetch, "_open", no_network)
    with pytest.raises(InputError) as caught:
        load("cora", root=tmp_path)
    for part in ("cora", "ind.cora.x", str(tmp_path / "planetoid/Cora/raw"), "no network here"):
        assert part in str(caught.value)


def test_a_name_wins_over_a_file_of_the_same_name(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "karate").mkdir()
    assert load("karate").name == "karate"
    with pytest.raises(InputError, match="no pictures found"):
        load("./karate")
    np.save(tmp_path / "x.npy", np.eye(3))
    assert len(load("x.npy")) == 3


def test_import_stays_light() -> None:
    heavy = "('matplotlib', 'faiss', 'torch_geometric', 'pandas', 'networkx', 'sklearn', 'PIL', 'pyarrow')"
    code = f"import sys, graphurl.data; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
