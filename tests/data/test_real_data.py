"""The real files, where `$GRAPHURL_DATA` has them."""

from __future__ import annotations

import os
from itertools import islice
from pathlib import Path

import pytest
import torch

from graphurl.data import info, load
from graphurl.data.archives import members
from graphurl.data.catalogue import data_root
from graphurl.data.fetch import ensure, verify
from graphurl.data.pictures import decode
from graphurl.data.splits import check_disjoint
from graphurl.errors import InputError
from graphurl.source import Source

pytestmark = pytest.mark.data


def present(name: str) -> Path:
    """The data root, where it has the files of a data set; skips with what is missing otherwise."""
    root = data_root(os.environ["GRAPHURL_DATA"])
    try:
        ensure(info(name), root, download=False)
    except InputError as error:
        if "missing" in str(error):
            pytest.skip(f"real data: {error}")
        raise
    return root


@pytest.mark.parametrize(
    ("name", "n", "features", "classes", "edges", "train"),
    [
        ("cora", 2708, 1433, 7, 10556, 140),
        ("citeseer", 3327, 3703, 6, 9104, 120),
        ("pubmed", 19717, 500, 3, 88648, 60),
    ],
)
def test_citation_graphs(name: str, n: int, features: int, classes: int, edges: int, train: int) -> None:
    samples = load(name, root=present(name))
    assert samples.x is not None
    assert samples.y is not None
    assert samples.graph is not None
    assert samples.x.shape == (n, features)
    assert samples.num_classes == classes
    assert samples.graph.num_edges == edges
    assert {key: int(mask.sum()) for key, mask in samples.splits.items()} == {
        "train": train,
        "val": 500,
        "test": 1000,
    }
    check_disjoint(samples.splits)
    assert torch.bincount(samples.y[samples.splits["train"]]).tolist() == [20] * classes
    same = samples.y[samples.graph.rows] == samples.y[samples.graph.col]
    assert float(same.float().mean()) > 0.7, "neighbours share their class, so features and graph are aligned"


def test_mnist() -> None:
    samples = load("mnist", root=present("mnist"))
    assert samples.x is not None
    assert samples.y is not None
    assert samples.x.shape == (70000, 784)
    assert (samples.x.min().item(), samples.x.max().item()) == (0, 1)
    assert samples.y[:5].tolist() == [5, 0, 4, 1, 9]
    assert int(samples.splits["test"].sum()) == 10000


def test_coil_20() -> None:
    samples = load("coil-20", root=present("coil-20"))
    assert samples.y is not None
    assert len(samples) == 1440
    assert torch.bincount(samples.y).tolist() == [72] * 20


def test_cifar_10_reads_image_by_image() -> None:
    (path,) = ensure(info("cifar-10"), present("cifar-10")).values()
    if not path.name.endswith("images.tar.xz"):
        pytest.skip(f"real data: {path.name} is not the tar of pictures")
    for name, content in islice(members(path, lambda name: name.endswith(".jpg")), 5):
        assert decode(content, name, channels=3).shape == (3, 32, 32)


@pytest.mark.slow
def test_cifar_10() -> None:
    samples = load("cifar-10", root=present("cifar-10"))
    assert samples.y is not None
    assert torch.bincount(samples.y).tolist() == [6000] * 10
    assert int(samples.splits["train"].sum()) == 50000


@pytest.mark.parametrize("name", ["cora", "citeseer", "mnist", "coil-20", "cifar-10"])
def test_files_match_their_checksums(name: str) -> None:
    assert {state.state for state in verify(name, present(name))} == {"ok"}


def test_pictures_of_a_data_set_are_never_rows_of_numbers_in_between(monkeypatch: pytest.MonkeyPatch) -> None:
    root, made = present("mnist"), []
    monkeypatch.setattr("graphurl.data.flat.flattened", made.append)
    monkeypatch.setattr("graphurl.data.flat.to_bytes", made.append)
    samples = Source(data="mnist").load(root, pictures=True).samples
    assert samples.shape == (1, 28, 28)
    assert samples.x is None
    assert made == []
