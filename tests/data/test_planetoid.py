from __future__ import annotations

import pickle
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse
import torch

from graphurl.data import load_card
from graphurl.data.splits import check_disjoint
from graphurl.errors import InputError
from tests.data.conftest import WriteCard

READER = "graphurl.data.planetoid:read"
FOLDER = "planetoid/Tiny/raw/ind.tiny."

# Nine nodes: 0-1 train, 2-4 validation, 5 other, test 6, 7, 9; node 8 is in no file (as in CiteSeer).
FEATURES = np.eye(10, 4, dtype=np.float32) + np.arange(10)[:, None].astype(np.float32)
LABELS = np.eye(2, dtype=np.int32)[[0, 1, 0, 1, 0, 1, 1, 0, 0, 1]]
TEST = [9, 6, 7]
GRAPH = {0: [1, 1, 2], 1: [0], 2: [0, 2], 3: [4], 4: [3], 5: [], 6: [7], 7: [6], 8: [], 9: [0]}


def tiny_files(**changes: bytes) -> dict[str, bytes]:
    sparse = scipy.sparse.csr_matrix
    parts = {
        "x": sparse(FEATURES[:2]),
        "y": LABELS[:2],
        "allx": sparse(FEATURES[:6]),
        "ally": LABELS[:6],
        "tx": sparse(FEATURES[TEST]),
        "ty": LABELS[TEST],
        "graph": defaultdict(list, GRAPH),
    }
    files = {key: pickle.dumps(value, protocol=2) for key, value in parts.items()}
    files["test.index"] = "\n".join(map(str, TEST)).encode()
    return {FOLDER + key: content for key, content in {**files, **changes}.items()}


PICKLED = tuple(f"ind.tiny.{key}" for key in ("x", "y", "tx", "ty", "allx", "ally", "graph"))


def write(write_card: WriteCard, files: dict[str, bytes], **settings: Any) -> Any:
    options = {"prefix": "tiny", "val": 3, "pickled": PICKLED, **settings}
    return write_card(READER, 10, files, **options)


def test_reads_features_labels_graph_and_split(write_card: WriteCard, root: Path) -> None:
    samples = load_card(write(write_card, tiny_files()), root)
    assert samples.x is not None
    assert samples.y is not None
    assert samples.graph is not None
    expected = FEATURES.copy()
    expected[8] = 0
    assert torch.equal(samples.x, torch.from_numpy(expected))
    assert samples.y.tolist() == [0, 1, 0, 1, 0, 1, 1, 0, -1, 1]
    masks = {name: mask.nonzero().flatten().tolist() for name, mask in samples.splits.items()}
    assert masks == {"train": [0, 1], "val": [2, 3, 4], "test": [6, 7, 9]}
    check_disjoint(samples.splits)


def test_citations_go_both_ways_once_without_loops(write_card: WriteCard, root: Path) -> None:
    graph = load_card(write(write_card, tiny_files()), root).graph
    assert graph is not None
    pairs = {(0, 1), (0, 2), (3, 4), (6, 7), (0, 9)}
    edges = list(zip(graph.rows.tolist(), graph.col.tolist(), strict=True))
    assert set(edges) == pairs | {(b, a) for a, b in pairs}
    assert len(edges) == len(set(edges))
    assert graph.length is None
    assert graph.weight is None
    assert graph.provenance["kind"] == "citation"


def test_foreign_class_in_a_verified_pickle_is_refused(write_card: WriteCard, root: Path) -> None:
    files = tiny_files(graph=pickle.dumps(Path("/etc")))
    with pytest.raises(InputError, match="no data set needs: refused"):
        load_card(write(write_card, files), root)


def test_changed_file_is_not_unpickled(write_card: WriteCard, root: Path) -> None:
    card = write(write_card, tiny_files())
    path = root / (FOLDER + "graph")
    path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(InputError, match="delete the file and fetch it again"):
        load_card(card, root)


def test_unknown_checksum_is_refused(write_card: WriteCard, root: Path) -> None:
    with pytest.raises(InputError, match="unknown checksum: refused"):
        load_card(write(write_card, tiny_files(), checksums=False), root)
    with pytest.raises(InputError, match="unknown checksum: refused"):
        load_card(write(write_card, tiny_files(), checksums=False, pickled=()), root)


@pytest.mark.parametrize(
    ("part", "content", "text"),
    [
        ("test.index", b"9\nsix\n7", "not a list of node numbers"),
        ("test.index", b"9\n6\n6", "repeated node numbers"),
        ("test.index", b"", "empty"),
        ("test.index", b"9\n6", "3 test rows for 2 node numbers"),
        ("test.index", b"9\n6\n2", "3 test rows for 3 node numbers"),
        ("graph", pickle.dumps({0: [10]}), "outside 0 to 9"),
        ("graph", pickle.dumps({0: [-1]}), "outside 0 to 9"),
        ("allx", b"not a pickle", "damaged"),
    ],
)
def test_damaged_content(write_card: WriteCard, root: Path, part: str, content: bytes, text: str) -> None:
    with pytest.raises(InputError, match=text):
        load_card(write(write_card, tiny_files(**{part: content})), root)


def test_too_large_a_validation_set(write_card: WriteCard, root: Path) -> None:
    with pytest.raises(InputError, match="reach into the test nodes"):
        load_card(write(write_card, tiny_files(), val=5), root)
