from __future__ import annotations

import gzip
import io
import zipfile
from pathlib import Path
from typing import Any

import pytest

from graphurl.data import load_card
from graphurl.errors import InputError
from tests.data.conftest import WriteCard

READER = "graphurl.data.ogb:read"

TEXT = {
    "raw/edge.csv.gz": "0,1\n1,2\n1,0\n3,3\n",
    "raw/node-feat.csv.gz": "0.5,1\n1,2\n2,3\n3,-4e-1\n",
    "raw/node-label.csv.gz": "0\n1\nnan\n1\n",
    "raw/num-node-list.csv.gz": "4\n",
    "raw/num-edge-list.csv.gz": "4\n",
    "split/time/train.csv.gz": "0\n3\n",
    "split/time/valid.csv.gz": "1\n",
    "split/time/test.csv.gz": "2\n",
}


def packed(**changes: str) -> dict[str, bytes]:
    text = {**TEXT, **changes}
    return {name: gzip.compress(value.encode()) for name, value in text.items() if value != "gone"}


def as_zip(files: dict[str, bytes]) -> dict[str, bytes]:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as bundle:
        bundle.writestr("tiny/", "")
        bundle.writestr("tiny/mapping/nodeidx2paperid.csv.gz", b"unread")
        for name, content in files.items():
            bundle.writestr(f"tiny/{name}", content)
        bundle.writestr("tiny/split/other/train.csv.gz", gzip.compress(b"0\n1\n2\n3\n"))
    return {"tiny.zip": buffer.getvalue()}


def write(write_card: WriteCard, files: dict[str, bytes], kind: str, **settings: Any) -> Any:
    files = as_zip(files) if kind == "zip" else files
    return write_card(READER, 4, files, checksums=False, one_of="data/all", split="time", **settings)


@pytest.mark.parametrize("kind", ["folder", "zip"])
def test_reads_the_raw_layout(write_card: WriteCard, root: Path, kind: str) -> None:
    samples = load_card(write(write_card, packed(), kind), root)
    assert samples.x is not None
    assert samples.y is not None
    assert samples.graph is not None
    assert samples.x[0].tolist() == [0.5, 1.0]
    assert samples.x[3, 1].item() == pytest.approx(-0.4)
    assert samples.y.tolist() == [0, 1, -1, 1]
    assert {name: mask.nonzero().flatten().tolist() for name, mask in samples.splits.items()} == {
        "train": [0, 3],
        "val": [1],
        "test": [2],
    }
    edges = list(zip(samples.graph.rows.tolist(), samples.graph.col.tolist(), strict=True))
    assert edges == [(0, 1), (1, 0), (1, 2), (2, 1)]


@pytest.mark.parametrize("kind", ["folder", "zip"])
@pytest.mark.parametrize(
    ("name", "content", "text"),
    [
        ("raw/edge.csv.gz", "0,1\n1,x\n", "edge.csv.gz: not a table of numbers"),
        ("raw/edge.csv.gz", "0,1\n1,2\n1,0\n3,4\n", "node numbers from 0 to 3"),
        ("raw/edge.csv.gz", "0,1\n", "the edge list is not complete"),
        ("raw/node-feat.csv.gz", "1,2\n3,4\n", "2 feature rows and 4 labels for 4 nodes"),
        ("raw/node-feat.csv.gz", "1,2\n3\n1,1\n1,1\n", "not a table of numbers"),
        ("raw/node-feat.csv.gz", "1,2\n3,nan\n1,1\n1,1\n", "row 1, column 1"),
        ("split/time/test.csv.gz", "4\n", "rows outside 0 to 3"),
        ("split/time/test.csv.gz", "1\n", "'val' and 'test' share"),
        ("split/time/test.csv.gz", "gone", "test.csv.gz missing"),
        ("raw/node-label.csv.gz", "gone", "node-label.csv.gz missing"),
    ],
)
def test_damaged_content(
    write_card: WriteCard, root: Path, kind: str, name: str, content: str, text: str
) -> None:
    with pytest.raises(InputError, match=text):
        load_card(write(write_card, packed(**{name: content}), kind), root)


def test_truncated_gzip(write_card: WriteCard, root: Path) -> None:
    files = packed()
    files["raw/edge.csv.gz"] = files["raw/edge.csv.gz"][:-6]
    for kind in ("folder", "zip"):
        with pytest.raises(InputError, match="damaged"):
            load_card(write(write_card, files, kind), root)
