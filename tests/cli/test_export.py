"""graphurl export: every format at once, of a run and of a file."""

from __future__ import annotations

from pathlib import Path

import anndata
import numpy as np
import pandas
import pytest

from tests.cli.conftest import Call, table


@pytest.fixture
def run(call: Call, small: list[str], tmp_path: Path) -> Path:
    assert call(*small, "--out", "run", "-q").status == 0
    return tmp_path / "run"


def test_every_format_has_the_rows_of_the_run(call: Call, run: Path) -> None:
    done = call("export", "run", "--parquet", "z.parquet", "--projector", "p", "--anndata", "z.h5ad")
    assert done == (0, "z.parquet\np\nz.h5ad\n", "")
    z, ids = np.load(run / "embedding.npy"), (run / "ids.txt").read_text().split()
    frame, cells = pandas.read_parquet("z.parquet"), anndata.read_h5ad("z.h5ad")
    assert frame["id"].tolist() == list(cells.obs_names) == ids == [f"s{row}" for row in range(40)]
    assert frame["label"].tolist() == cells.obs["label"].tolist() == ["ab"[row % 2] for row in range(40)]
    assert np.array_equal(frame[["z0", "z1"]].to_numpy(), z) and np.array_equal(cells.obsm["X_graphurl"], z)
    assert cells.obsp["graphurl_connectivities"].shape == (40, 40)
    assert Path("p/metadata.tsv").read_text().splitlines()[1] == "s0\ta"


def test_names_outlive_the_data_and_files_can_be_exported(call: Call, run: Path, rows: Path) -> None:
    rows.unlink()
    assert call("export", "run", "--parquet", "z.parquet", "-q").status == 0
    assert pandas.read_parquet("z.parquet")["id"].tolist() == (run / "ids.txt").read_text().split()
    np.save("z.npy", table()[:, :2])
    Path("y.txt").write_text("\n".join("xyz"[row % 3] for row in range(40)))
    assert call("export", "z.npy", "--labels", "y.txt", "--parquet", "f.parquet").status == 0
    assert pandas.read_parquet("f.parquet")["label"].tolist()[:4] == ["x", "y", "z", "x"]


def test_bad_input_is_one_line_and_nothing_is_replaced_unasked(call: Call, run: Path) -> None:
    assert call("export", "run", "--parquet", "z.parquet", "--projector", "p").status == 0
    Path("file").write_text("")
    for arguments, message in (
        ([], "no format is asked for"),
        (["--parquet", "z.csv"], "give a file ending in .parquet"),
        (["--anndata", "z.h5"], "give a file ending in .h5ad"),
        (["--parquet", "below/z.parquet"], "does not exist: create it first"),
        (["--parquet", "z.parquet"], "z.parquet exists: replace it with --overwrite"),
        (["--projector", "p"], "p/tensors.tsv exists: replace it with --overwrite"),
        (["--projector", "file"], "file is a file: give a folder"),
    ):
        status, out, err = call("export", "run", *arguments)
        assert (status, out, err.count("\n")) == (2, "", 1), arguments
        assert message in err
    assert call("export", "run", "--parquet", "z.parquet", "--projector", "p", "--overwrite").status == 0
