from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse
import torch
from PIL import Image

from graphurl.data import load
from graphurl.data.files import read_file, read_labels
from graphurl.errors import InputError
from graphurl.graphs import save
from graphurl.graphs.graph import Graph

X = np.arange(6.0).reshape(3, 2)


def test_npy(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", X)
    samples = read_file(tmp_path / "x.npy")
    assert samples.x is not None
    assert samples.x.tolist() == X.tolist()
    assert samples.name == "x"
    assert load(tmp_path / "x.npy").x is not None


def test_npz(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", x=X, y=np.array([1, 0, 1]), ids=np.array(["a", "b", "c"]))
    samples = read_file(tmp_path / "x.npz")
    assert samples.x is not None
    assert samples.y is not None
    assert samples.x.tolist() == X.tolist()
    assert samples.y.tolist() == [1, 0, 1]
    assert samples.ids == ("a", "b", "c")
    np.savez(tmp_path / "z.npz", other=X)
    with pytest.raises(InputError, match="holds other: name the features x"):
        read_file(tmp_path / "z.npz")


def test_sparse_npz(tmp_path: Path) -> None:
    scipy.sparse.save_npz(tmp_path / "s.npz", scipy.sparse.csc_matrix(X))
    samples = read_file(tmp_path / "s.npz")
    assert samples.x is not None
    assert samples.x.layout == torch.sparse_csr
    assert samples.x.to_dense().tolist() == X.tolist()


@pytest.mark.parametrize("name", ["x.npy", "x.npz"])
def test_objects_are_not_unpickled(tmp_path: Path, name: str) -> None:
    thing = np.array([{"a": 1}], dtype=object)
    if name == "x.npy":
        np.save(tmp_path / name, thing, allow_pickle=True)
    else:
        np.savez(tmp_path / name, x=thing)
    with pytest.raises(InputError, match="plain numeric array"):
        read_file(tmp_path / name)


@pytest.mark.parametrize("name", ["x.npy", "x.npz", "x.pt", "x.parquet"])
@pytest.mark.parametrize("keep", [0, 20, -15])
def test_cut_off_files(tmp_path: Path, name: str, keep: int) -> None:
    path = tmp_path / name
    if name == "x.npy":
        np.save(path, X)
    elif name == "x.npz":
        np.savez_compressed(path, x=X)
    elif name == "x.pt":
        torch.save(torch.from_numpy(X), path)
    else:
        pytest.importorskip("pandas").DataFrame(X, columns=["a", "b"]).to_parquet(path)
    content = path.read_bytes()
    path.write_bytes(content[:keep])
    with pytest.raises(InputError, match=r"damaged|plain numeric array") as caught:
        read_file(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["x.npy", "x.npz", "x.pt", "x.parquet"])
def test_foreign_files(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"<html>this page has moved</html>" * 10)
    with pytest.raises(InputError, match=r"damaged|plain numeric array"):
        read_file(tmp_path / name)


def test_swapped_suffixes(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", X)
    os.rename(tmp_path / "x.npy", tmp_path / "x.npz")
    with pytest.raises(InputError, match=r"rename it to \.npy"):
        read_file(tmp_path / "x.npz")
    np.savez(tmp_path / "y.npz", x=X)
    os.rename(tmp_path / "y.npz", tmp_path / "y.npy")
    with pytest.raises(InputError, match="rename it"):
        read_file(tmp_path / "y.npy")


def test_parquet(tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"id": ["u", "v"], "a": [1, 2], "b": [0.5, 1.5], "label": ["x", "y"]})
    frame.to_parquet(tmp_path / "t.parquet")
    samples = read_file(tmp_path / "t.parquet")
    assert samples.x is not None
    assert samples.x.tolist() == [[1, 0.5], [2, 1.5]]
    assert samples.ids == ("u", "v")
    assert samples.classes == ("x", "y")
    assert samples.feature_names == ("a", "b")
    assert samples.name == "t"


def data(**more: Any) -> Any:
    from torch_geometric.data import Data

    edge_index = torch.tensor([[0, 1], [1, 0]])
    return Data(x=torch.from_numpy(X).float(), edge_index=edge_index, y=torch.tensor([0, 1, 1]), **more)


@pytest.mark.parametrize("kind", ["data", "tensor", "dict", "dataset"])
def test_pt(tmp_path: Path, kind: str) -> None:
    things = {
        "data": data(train_mask=torch.tensor([True, False, False])),
        "tensor": torch.from_numpy(X),
        "dict": {"x": torch.from_numpy(X), "y": torch.tensor([0, 1, 1])},
        "dataset": (data(), None),
    }
    torch.save(things[kind], tmp_path / "d.pt")
    samples = read_file(tmp_path / "d.pt")
    assert samples.x is not None
    assert samples.x.tolist() == X.tolist()
    assert (samples.graph is not None) == (kind in ("data", "dataset"))
    assert ("train" in samples.splits) == (kind == "data")


class Foreign:
    """Not on the allow-list."""


def test_pt_with_other_classes_is_refused(tmp_path: Path) -> None:
    torch.save(Foreign(), tmp_path / "d.pt")
    with pytest.raises(InputError, match="tensors or torch_geometric Data alone"):
        read_file(tmp_path / "d.pt")
    torch.save([1, 2], tmp_path / "d.pt")
    with pytest.raises(InputError, match="holds a list"):
        read_file(tmp_path / "d.pt")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("e.csv", "source,target\na,b\nb,c\n"),
        ("e.edges", "a b\nb c\n"),
        ("e.txt", "source target\na b\nb c\n"),
    ],
)
def test_edge_lists(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    samples = read_file(tmp_path / name)
    assert samples.x is None
    assert samples.graph is not None
    assert samples.ids == ("a", "b", "c")
    assert samples.graph.num_edges == 2


def test_saved_graph(tmp_path: Path) -> None:
    graph = Graph.from_edges([0, 1], [1, 0], 3)
    save(graph, tmp_path / "g.graph")
    assert read_file(tmp_path / "g.graph").graph == graph


def test_labels_beside_the_data(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", X)
    np.save(tmp_path / "y.npy", np.array([2, 0, 1]))
    (tmp_path / "y.txt").write_text("label\ncat\ndog\ncat\n")
    (tmp_path / "numbers.csv").write_text("1\n0\n1\n")
    found = read_file(tmp_path / "x.npy", labels=tmp_path / "y.npy").y
    assert found is not None
    assert found.tolist() == [2, 0, 1]
    words = read_file(tmp_path / "x.npy", labels=tmp_path / "y.txt")
    assert words.classes == ("cat", "dog")
    assert read_labels(tmp_path / "numbers.csv").tolist() == [1, 0, 1]
    (tmp_path / "short.txt").write_text("1\n2\n")
    with pytest.raises(InputError, match=r"short\.txt: 2 labels for 3 samples"):
        read_file(tmp_path / "x.npy", labels=tmp_path / "short.txt")
    with pytest.raises(InputError, match="no such labels file"):
        read_file(tmp_path / "x.npy", labels=tmp_path / "none.txt")
    (tmp_path / "bytes.txt").write_bytes(b"\xff\xff")
    with pytest.raises(InputError, match="not UTF-8"):
        read_labels(tmp_path / "bytes.txt")


def test_folder_of_pictures(tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        Image.new("L", (2, 2), ord(name[0])).save(tmp_path / name)
    assert load(str(tmp_path)).shape == (1, 2, 2)
    assert read_file(tmp_path, side=3).shape == (1, 3, 3)


def test_unknown_kinds_and_missing_files(tmp_path: Path) -> None:
    (tmp_path / "x.xlsx").write_bytes(b"")
    with pytest.raises(InputError, match=r"unknown kind of file '\.xlsx': allowed are \.npy"):
        read_file(tmp_path / "x.xlsx")
    with pytest.raises(InputError, match="no such file or folder"):
        read_file(tmp_path / "nothing.npy")


@pytest.mark.parametrize("header", [b"{'descr': '<f4', 'shape': (2,", b"{'descr': 'x", b"f(x y)"])
def test_a_damaged_header_is_one_line(header: bytes, tmp_path: Path) -> None:
    # numpy reads the header as Python, and lets go whatever its parser says.
    path = tmp_path / "x.npy"
    path.write_bytes(b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header)
    with pytest.raises(InputError, match="x.npy") as caught:
        read_file(path)
    assert "\n" not in str(caught.value)
