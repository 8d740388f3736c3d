"""Exports read back by the programs that they are for, or by the plainest reader there is."""

from __future__ import annotations

import builtins
import csv
import re
from pathlib import Path
from typing import Any

import anndata
import numpy as np
import pandas
import polars
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from graphurl.data.samples import Samples
from graphurl.data.stacks import Stack
from graphurl.embedding import Embedding
from graphurl.errors import InputError
from graphurl.exports import annotated, label_texts, row_ids, write_annotated, write_parquet, write_projector
from graphurl.exports.projector import _cell
from graphurl.graphs import from_edge_index
from graphurl.recipes import Recipe

Z = np.random.default_rng(0).normal(size=(7, 3)).astype(np.float32)
IDS = ["plain", "with, comma", 'with "quotes"', "tab\tin it", "line\nin it", "ünïcödé", ""]
LABELS = ["a", None, "b", "tab\tin it", "a", "line\r\nin it", "b"]


def pictures(n: int = 7, channels: int = 1, height: int = 6, width: int = 5) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (n, channels, height, width), dtype=np.uint8)


def graph() -> Any:
    return from_edge_index(torch.tensor([[0, 1, 2], [1, 2, 0]]), num_nodes=7, weight=torch.tensor([0.5, 0.25, 1.0]))


def test_parquet_keeps_types_names_and_every_bit(tmp_path: Path) -> None:
    path = write_parquet(Z, tmp_path / "z.parquet", IDS, LABELS)
    frame = polars.read_parquet(path)
    assert frame.columns == ["id", "label", "z0", "z1", "z2"]
    assert frame.dtypes == [polars.String, polars.String, *[polars.Float32] * 3]
    assert frame["id"].to_list() == IDS and frame["label"].to_list() == LABELS
    assert np.array_equal(frame.select("z0", "z1", "z2").to_numpy(), Z)
    assert np.array_equal(pandas.read_parquet(path)[["z0", "z1", "z2"]].to_numpy(np.float32), Z)
    assert [file.name for file in tmp_path.iterdir()] == ["z.parquet"]
    assert polars.read_parquet(write_parquet(Z[:, :1], path)).columns == ["z0"]


def tsv(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


@pytest.mark.parametrize("channels", [1, 3])
def test_the_projector_reads_as_many_lines_as_rows(tmp_path: Path, channels: int) -> None:
    pixels = pictures(channels=channels)
    folder = write_projector(Z, tmp_path / "new" / "p", IDS, LABELS, Stack(pixels))
    assert sorted(file.name for file in folder.iterdir()) == [
        "metadata.tsv", "projector_config.pbtxt", "sprite.png", "tensors.tsv",
    ]  # fmt: skip
    assert np.array_equal(np.array(tsv(folder / "tensors.tsv"), dtype=np.float32), Z)
    header, *rows = tsv(folder / "metadata.tsv")
    assert header == ["id", "label"]
    assert [row[0] for row in rows] == [*IDS[:3], "tab in it", "line in it", "ünïcödé", ""]
    assert [row[1] for row in rows] == ["a", "", "b", "tab in it", "a", "line in it", "b"]
    config = (folder / "projector_config.pbtxt").read_text()
    paths = re.findall(r'_path: "(.*)"', config)
    assert paths == ["tensors.tsv", "metadata.tsv", "sprite.png"] and all((folder / path).is_file() for path in paths)
    wide, tall = map(int, re.findall(r"single_image_dim: (\d+)", config))
    assert (wide, tall) == (25, 30), "tiny pictures are enlarged by a whole number"
    with Image.open(folder / "sprite.png") as sheet:
        assert sheet.size == (3 * wide, 3 * tall)
        drawn = np.asarray(sheet.convert("RGB"))
    for row in range(7):
        left, top = row % 3 * wide, row // 3 * tall
        expected = np.broadcast_to(pixels[row], (3, 6, 5)).transpose(1, 2, 0).repeat(5, 0).repeat(5, 1)
        assert np.array_equal(drawn[top : top + tall, left : left + wide], expected)
    assert (drawn[2 * tall :, wide:] == 255).all()


def test_a_single_column_has_no_header_and_no_pictures_no_sheet(tmp_path: Path) -> None:
    folder = write_projector(Z, tmp_path / "p")
    assert tsv(folder / "metadata.tsv") == [[str(row)] for row in range(7)]
    assert "sprite" not in (folder / "projector_config.pbtxt").read_text()
    assert not (folder / "sprite.png").exists()
    one = write_projector(Z[:1, :1], tmp_path / "one", images=Stack(pictures(1)))
    assert len(tsv(one / "tensors.tsv")) == 1


def test_rows_that_are_not_finite_are_left_out_of_every_file(tmp_path: Path) -> None:
    z = Z.copy()
    z[1], z[4, 0] = np.nan, np.inf
    with pytest.warns(UserWarning, match="2 of 7 rows are not finite: left out"):
        folder = write_projector(z, tmp_path, IDS, LABELS, Stack(pictures()))
    assert np.array_equal(np.array(tsv(folder / "tensors.tsv"), dtype=np.float32), Z[[0, 2, 3, 5, 6]])
    assert [row[1] for row in tsv(folder / "metadata.tsv")[1:]] == ["a", "b", "tab in it", "line in it", "b"]
    with pytest.raises(InputError, match="none of the 7 rows is finite"):
        write_projector(np.full((7, 2), np.nan), tmp_path)


def test_large_pictures_become_thumbnails_and_too_many_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_projector(Z, tmp_path, images=Stack(pictures(height=100, width=200)))
    with Image.open(tmp_path / "sprite.png") as sheet:
        assert sheet.size == (3 * 64, 3 * 32)
    monkeypatch.setattr("graphurl.exports.projector.SHEET", 10)
    with pytest.warns(UserWarning, match="7 pictures are too many for one sheet"):
        write_projector(Z, tmp_path / "few", images=Stack(pictures()))


@given(st.text())
def test_a_cell_is_one_cell_of_one_line(text: str) -> None:
    cell = _cell(text)
    assert len(f"{cell}.".splitlines()) == 1 and "\t" not in cell
    assert cell.split() == text.replace("\x00", " ").split()


def test_anndata_has_names_labels_and_the_graph(tmp_path: Path) -> None:
    ids = [f"s{row}" for row in range(7)]
    read = anndata.read_h5ad(write_annotated(Z, tmp_path / "z.h5ad", ids, LABELS, graph()))
    assert list(read.obs_names) == ids
    assert read.obsm["X_graphurl"].dtype == np.float32 and np.array_equal(read.obsm["X_graphurl"], Z)
    assert [None if label != label else label for label in read.obs["label"].tolist()] == LABELS
    dense = np.zeros((7, 7))
    dense[[0, 1, 2], [1, 2, 0]] = [0.5, 0.25, 1.0]
    assert np.array_equal(read.obsp["graphurl_connectivities"].toarray(), dense)
    plain = annotated(Z)
    assert list(plain.obs_names) == list("0123456") and list(plain.obs) == [] and list(plain.obsp) == []


def test_labels_are_named_by_their_classes() -> None:
    named = Samples(name="s", x=torch.rand(3, 2), y=torch.tensor([1, -1, 0]), classes=("x", "y"))
    assert label_texts(named) == ["y", None, "x"]
    assert label_texts(Samples(name="s", x=torch.rand(2, 2), y=torch.tensor([7, -1]))) == ["7", None]
    assert label_texts(None) is None and label_texts(Samples(name="s", x=torch.rand(2, 2))) is None
    assert row_ids(2) == ["0", "1"] and row_ids(1, ("a",)) == ["a"]


def test_an_embedding_writes_itself(tmp_path: Path) -> None:
    samples = Samples(name="s", x=torch.rand(7, 2), y=torch.arange(7) % 2, ids=tuple("abcdefg"))
    whole = Embedding(Z, Recipe(), samples, None, graph=graph())  # type: ignore[arg-type]
    frame = pandas.read_parquet(whole.to_parquet(tmp_path / "z.parquet"))
    assert frame["id"].tolist() == list("abcdefg") and frame["label"].tolist() == list("0101010")
    assert len(tsv(whole.to_projector(tmp_path / "p") / "metadata.tsv")) == 8
    made = whole.to_anndata()
    assert list(made.obs_names) == list("abcdefg") and made.obsp["graphurl_connectivities"].nnz == 3
    assert whole.to_anndata(made, "X_again") is made and np.array_equal(made.obsm["X_again"], Z)
    loaded = Embedding(Z, Recipe(), None, None)  # type: ignore[arg-type]
    assert list(pandas.read_parquet(loaded.to_parquet(tmp_path / "y.parquet"))) == ["id", "z0", "z1", "z2"]


@pytest.mark.parametrize("package", ["pyarrow", "anndata"])
def test_without_its_package_a_format_says_what_to_install(
    package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = builtins.__import__

    def absent(name: str, *rest: Any) -> Any:
        if name.partition(".")[0] == package:
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", absent)
    write = write_parquet if package == "pyarrow" else write_annotated
    with pytest.raises(InputError, match=f"needs {package}: pip install"):
        write(Z, tmp_path / "z")
    assert list(tmp_path.iterdir()) == []


def test_what_does_not_fit_is_refused(tmp_path: Path) -> None:
    for call in (
        lambda: write_parquet(Z, tmp_path / "z.parquet", ["a"]),
        lambda: write_projector(Z, tmp_path / "p", labels=["a"]),
        lambda: write_projector(Z, tmp_path / "p", images=Stack(pictures(1))),
        lambda: annotated(Z, ["a"]),
        lambda: annotated(Z[:5], graph=graph()),
    ):
        with pytest.raises(InputError, match="for [57] rows: give one per row"):
            call()
    assert list(tmp_path.iterdir()) == []
