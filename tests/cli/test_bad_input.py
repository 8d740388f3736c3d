"""Bad input: one line on stderr, status 2, nothing written."""

from __future__ import annotations

import errno
import hashlib
import shutil
import struct
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from tests.cli.conftest import Call, table

Make = Callable[[Path], list[str]]


def features(values: object, *more: str, name: str = "x.npy") -> Make:
    def make(folder: Path) -> list[str]:
        np.save(folder / name, np.asarray(values))
        return ["--features", str(folder / name), *more]

    return make


def text(content: str, *more: str, flag: str = "--features", name: str = "x.csv") -> Make:
    def make(folder: Path) -> list[str]:
        (folder / name).write_text(content)
        return [flag, str(folder / name), *more]

    return make


def with_labels(content: str) -> Make:
    def make(folder: Path) -> list[str]:
        (folder / "labels.txt").write_text(content)
        return [*features(table())(folder), "--labels", str(folder / "labels.txt")]

    return make


def raw(content: bytes, name: str, flag: str = "--features") -> Make:
    def make(folder: Path) -> list[str]:
        (folder / name).write_bytes(content)
        return [flag, str(folder / name)]

    return make


def missing_node(folder: Path) -> list[str]:
    (folder / "e.csv").write_text("source,target\n0,1\n1,99\n")
    return [*features(table())(folder), "--edges", str(folder / "e.csv")]


def spoilt(row: int, column: int, value: float) -> np.ndarray:
    x = table()
    x[row, column] = value
    return x


def damaged_cora(folder: Path) -> list[str]:
    place = folder / "planetoid" / "Cora" / "raw"
    place.mkdir(parents=True)
    for part in ("x", "y", "tx", "ty", "allx", "ally", "graph", "test.index"):
        (place / f"ind.cora.{part}").write_bytes(b"not what it should be")
    return ["--graph", "cora", "--data-root", str(folder)]


CASES: dict[str, tuple[Make, str]] = {
    "nan": (features(spoilt(3, 2, np.nan)), "row 3, column 2"),
    "inf": (features(spoilt(5, 1, np.inf)), "row 5, column 1"),
    "empty array": (features(np.zeros((0, 3))), "empty"),
    "empty file": (text(""), "empty"),
    "header only": (text("a,b\n"), "no rows"),
    "one sample": (features(table(1)), "one sample"),
    "too many neighbours": (features(table(10), "--n-neighbors", "10"), "10"),
    "constant features": (features(np.ones((10, 3))), "constant"),
    "ragged": (text("a,b\n1,2\n3\n"), "line 3 has 1 cells"),
    "text cell": (text("a,b\n1,2\n3,four\n"), "'four' is not a number"),
    "wrong dtype": (features(np.array([["a", "b"], ["c", "d"]])), "give real numbers"),
    "complex": (features(np.ones((4, 2), dtype=complex)), "give real numbers"),
    "objects": (raw(b"\x80\x04N.", "x.npy"), "x.npy"),
    "missing node": (missing_node, "'99'"),
    "negative weight": (text("source,target,weight\n0,1,-1\n1,2,1\n", flag="--edges"), "-1"),
    "self-loops only": (text("source,target\n0,0\n1,1\n", flag="--edges"), "self-loops"),
    "unknown data": (lambda folder: ["--data", "digts"], "did you mean 'digits'"),
    "unknown graph": (lambda folder: ["--graph", "coraa"], "did you mean 'cora'"),
    "unknown metric": (features(table(), "--metric", "euclidian"), "did you mean 'euclidean'"),
    "unknown setting": (features(table(), "--set", "hiden=3"), "did you mean 'hidden'"),
    "unknown graph kind": (features(table(), "--set", "graph=kn"), "did you mean 'knn'"),
    "unknown features": (features(table(), "--set", "features=standrd"), "did you mean 'standard'"),
    "unknown optimiser": (features(table(), "--set", "optimiser=adan"), "did you mean 'adam'"),
    "unknown schedule": (features(table(), "--set", "schedule=cosin"), "did you mean 'cosine'"),
    "unknown precision": (features(table(), "--set", "precision=float31"), "did you mean 'float32'"),
    "unknown symmetrisation": (features(table(), "--set", "symmetrise=tconrm"), "did you mean 'tconorm'"),
    "unknown embedded metric": (features(table(), "--set", "metric_z=cosin"), "did you mean 'cosine'"),
    "labels of another length": (with_labels("a\nb\n"), "2 labels for 40 samples"),
    "ids that name no sample": (with_labels("id,label\nq,a\nr,b\n"), "none of its 2 ids"),
    "damaged array": (raw(b"\x93NUMPY\x01\x00", "x.npy"), "x.npy"),
    "damaged graph": (raw(b"garbage", "g.graph", "--graph"), "g.graph"),
    "foreign safetensors": (raw(struct.pack("<Q", 2) + b"{}", "g.safetensors", "--graph"), "no graph"),
    "foreign archive": (raw(b"PK\x03\x04 no zip", "x.npz"), "x.npz"),
    "foreign tensors": (raw(b"not torch", "x.pt"), "x.pt"),
    "wrong checksum": (damaged_cora, "sha256"),
    "no such file": (lambda folder: ["--features", "nowhere.npy"], "nowhere.npy: no such file"),
    "no such graph": (lambda folder: ["--graph", "nowhere.graph"], "nowhere.graph"),
    "no such folder": (lambda folder: ["--images", "nowhere"], "is no folder"),
    "no pictures": (lambda folder: ["--images", str(folder)], "no pictures"),
    "unknown suffix": (raw(b"x", "x.xyz"), "unknown kind of file"),
    "two sources": (features(table(), "--data", "digits"), "name one"),
    "no number": (features(table(), "--epochs", "ten"), "epochs is 'ten': give a whole number"),
    "half an epoch": (features(table(), "--epochs", "0.5"), "give a whole number"),
    "negative epochs": (features(table(), "--epochs", "-1"), "epochs is -1"),
    "no dimension": (features(table(), "--dim", "0"), "dim is 0"),
    "no neighbours": (features(table(), "--n-neighbors", "0"), "n_neighbors"),
    "no rate": (features(table(), "--lr", "0"), "lr is 0"),
    "not a rate": (features(table(), "--lr", "nan"), "lr"),
    "no width": (features(table(), "--set", "hidden=0"), "hidden is 0"),
    "no depth": (features(table(), "--set", "depth=0"), "depth is 0"),
    "negative nu": (features(table(), "--nu-z", "-1"), "nu"),
    "negative sigma": (features(table(), "--sigma", "-1"), "sigma is -1"),
    "tiny batch": (features(table(), "--batch-size", "2", "--loss", "bce"), "batch_size is 2"),
    "negative batch": (features(table(), "--batch-size", "-2"), "batch_size is -2"),
    "negative negatives": (features(table(), "--negatives", "-2"), "negatives is -2"),
    "too large a seed": (features(table(), "--seed", "1" + "0" * 30), "seed"),
    "edge share": (features(table(), "--set", "edge_share=2"), "edge_share is 2"),
    "dropout": (features(table(), "--set", "dropout=1.5"), "dropout is 1.5"),
    "unknown start": (features(table(), "--set", "init=pcaa"), "did you mean 'pca'"),
    "unknown device": (features(table(), "--device", "gpu"), "device is 'gpu'"),
    "no equals sign": (features(table(), "--set", "hidden"), "give key=value"),
    "a key twice": (features(table(), "--set", "dim=2", "--set", "dim=3"), "'dim' twice"),
    "resume without a folder": (features(table(), "--resume"), "--resume needs --out"),
    "no edges for a citation graph": (features(table(), "--set", "graph=citation"), "without edges"),
    "no features for an mlp": (
        lambda folder: ["--graph", "karate", "--encoder", "mlp"],
        "use encoder='table'",
    ),
    "unknown config": (lambda folder: ["--config", "nowhere.yaml"], "nowhere.yaml does not exist"),
    "config that is no mapping": (text("- a\n- b\n", flag="--config", name="c.yaml"), "holds no settings"),
    "config that is no yaml": (text("a: [1\n", flag="--config", name="c.yaml"), "cannot be read as YAML"),
    "config with an unknown key": (text("los: bce\n", flag="--config", name="c.yaml"), "did you mean 'loss'"),
    "config of data in memory": (
        text("source: {name: mine}\n", flag="--config", name="c.yaml"),
        "does not say where",
    ),
    "config and method": (text("loss: bce\n", "--method", "map", flag="--config", name="c.yaml"), "give one"),
}


@pytest.mark.parametrize("case", CASES)
def test_one_line_status_2_and_nothing_written(call: Call, tmp_path: Path, case: str) -> None:
    make, message = CASES[case]
    inputs = tmp_path / "inputs"
    inputs.mkdir()
    before = sorted(tmp_path.iterdir())
    arguments = make(inputs)
    out = [] if case == "resume without a folder" else ["--out", "run"]
    given = sorted(inputs.rglob("*"))
    status, stdout, err = call("embed", *arguments, *out)
    assert err.count("\n") == 1, err
    assert err.startswith("graphurl: error: ")
    assert message in err
    assert (status, stdout) == (2, "")
    assert sorted(tmp_path.iterdir()) == before
    assert sorted(inputs.rglob("*")) == given


def test_an_archive_that_leaves_its_folder_is_refused(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import zipfile

    from graphurl.data import catalogue

    place = tmp_path / "coil-20" / "coil-20-proc.zip"
    place.parent.mkdir()
    with zipfile.ZipFile(place, "w") as archive:
        archive.writestr("../obj1__0.png", b"x")
    card = catalogue.info("coil-20")
    content = hashlib.sha256(place.read_bytes()).hexdigest()
    file = SimpleNamespace(**{**vars(card.files[0]), "variants": (catalogue.Variant(sha256=content),)})
    entry = catalogue.CardFile(path="coil-20/coil-20-proc.zip", variants=file.variants)
    changed = catalogue.Card(**{**vars(card), "files": (entry,)})
    monkeypatch.setattr(catalogue, "_cards", lambda: {"coil-20": changed})
    status, _, err = call("embed", "--data", "coil-20", "--data-root", tmp_path, "--out", "run")
    assert status == 2
    assert err.count("\n") == 1
    assert "../obj1__0.png" in err
    assert not (tmp_path / "run").exists()


def test_a_folder_below_a_file_cannot_be_made(call: Call, small: list[str], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    for out in ("file", "file/below"):
        status, _, err = call(*small, "--out", out)
        assert (status, err.count("\n")) == (2, 1)
        assert "is a file" in err
    assert (tmp_path / "file").read_text() == "mine"


def test_a_folder_without_permission_is_refused(
    call: Call, small: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("graphurl.runs.os.access", lambda path, mode: False)  # root may write anywhere
    status, _, err = call(*small, "--out", "run")
    assert (status, err.count("\n")) == (2, 1)
    assert "cannot be written to" in err
    assert not (tmp_path / "run").exists()


def test_a_full_disk_is_seen_before_anything_is_written(
    call: Call, small: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("graphurl.runs.shutil.disk_usage", lambda path: SimpleNamespace(free=1000))
    status, _, err = call(*small, "--out", "run")
    assert (status, err.count("\n")) == (2, 1)
    assert "no space: the run writes about" in err
    assert not (tmp_path / "run").exists()


def test_a_disk_that_fills_during_the_run_is_one_line_and_leaves_no_half_file(
    call: Call, small: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(file: object, array: object, **settings: object) -> None:
        file.write(b"half")  # type: ignore[attr-defined]
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("graphurl.embedding.np.save", full)
    status, _, err = call(*small, "--out", "run")
    assert (status, err.count("\n")) == (1, 1)
    assert "No space left on device: free some space" in err
    names = {path.name for path in (tmp_path / "run").iterdir()}
    assert "embedding.npy" not in names
    assert not [name for name in names if name.endswith(".tmp")]
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    assert call(*small, "--out", "run", "--resume").status == 0
    shutil.rmtree(tmp_path / "run")


def test_a_run_that_cannot_fit_into_memory_is_refused_with_the_number(
    call: Call, small: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("graphurl.memory.room.available_memory", lambda: 10**8)
    status, _, err = call(*small, "--out", "run")
    assert (status, err.count("\n")) == (2, 1)
    assert "GB and 0.1 GB are free" in err
    assert not (tmp_path / "run").exists()
