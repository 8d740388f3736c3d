from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from graphurl.data.stacks import Stack
from graphurl.errors import InputError
from graphurl.graphs.graph import from_edges
from graphurl.plots import page
from graphurl.similarity import Similarity
from tests.plots.page.reader import arrays, contents, text_of

HOSTILE = ["</script><script>alert(1)</script>", "<!--", '"quoted"', "it's", "a\nb", "é漢😀", "\ud800", "x" * 5000, ""]


def rows(count: int = 30, columns: int = 2) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(count, columns)).astype(np.float32)


def nearest(x: np.ndarray, k: int) -> np.ndarray:
    d2 = ((x[:, None].astype(float) - x[None]) ** 2).sum(-1)
    np.fill_diagonal(d2, np.inf)
    return np.argsort(d2, axis=1, kind="stable")[:, :k]


def test_what_is_known_of_the_points_is_on_the_page(tmp_path: Path) -> None:
    z, x = rows(), rows(30, 5)
    names = [f"row {i}" for i in range(30)]
    y = np.arange(30) % 3
    made = page(z, tmp_path / "deep" / "p.html", y=y, classes=("a", "b", "c"), title="A map", ids=names, x=x, k=4,
                columns={"size": np.linspace(0, 1, 30)}, about={"size": "how large"}, notes=["a note"])  # fmt: skip
    said, held = contents(made), arrays(made)
    assert (said["title"], said["count"], said["ids"], said["notes"]) == ("A map", 30, names, ["a note"])
    np.testing.assert_array_equal(held["points"], z.ravel())
    assert said["columns"] == [
        {"name": "label", "names": ["a", "b", "c"], "note": ""}, {"name": "size", "names": None, "note": "how large"},
    ]  # fmt: skip
    np.testing.assert_array_equal(held["column-0"], y)
    np.testing.assert_array_equal(held["column-1"], np.linspace(0, 1, 30).astype(np.float32))
    assert [space["name"] for space in said["near"]] == ["original", "embedded"]
    np.testing.assert_array_equal(held["near-original"].reshape(30, 4), nearest(x, 4))
    np.testing.assert_array_equal(held["near-embedded"].reshape(30, 4), nearest(z, 4))
    assert "edges" not in said and "thumbs" not in said


def test_neighbours_are_those_of_all_dimensions(tmp_path: Path) -> None:
    z = rows(40, 6)
    made = page(z, tmp_path / "p.html", k=3)
    np.testing.assert_array_equal(arrays(made)["near-embedded"].reshape(40, 3), nearest(z, 3))
    assert contents(made)["axes"][0].startswith("PCA 1 of 6 dimensions")


def test_rows_that_are_not_finite_are_left_out_of_everything(tmp_path: Path) -> None:
    z, x = rows(12), rows(12, 4)
    z[[2, 7]] = np.nan
    kept = np.delete(np.arange(12), [2, 7])
    ring = from_edges(np.arange(12), (np.arange(12) + 1) % 12, 12, weight=np.ones(12))
    black, names = Stack(torch.zeros(12, 1, 8, 8, dtype=torch.uint8)), [f"r{i}" for i in range(12)]
    made = page(z, tmp_path / "p.html", y=np.arange(12), x=torch.from_numpy(x), k=2, graphs={"ring": ring},
                images=black, ids=names)  # fmt: skip
    said, held = contents(made), arrays(made)
    assert said["count"] == 10 and said["notes"] == ["2 of 12 rows are not finite and left out"]
    assert said["ids"] == [f"r{i}" for i in kept]
    np.testing.assert_array_equal(held["rows"], kept)
    np.testing.assert_array_equal(held["near-original"].reshape(10, 2), nearest(x[kept], 2))
    first = held["edge-target"].reshape(10, -1)[:, 0]
    expected = [np.flatnonzero(kept == i + 1)[0] if i + 1 in kept else 2**32 - 1 for i in kept[:-1]]
    np.testing.assert_array_equal(first[:-1], expected)
    assert [column["name"] for column in said["columns"]] == ["label", "misfit of edges"]
    assert [i for i, misfit in zip(kept, held["column-1"], strict=True) if np.isnan(misfit)] == [1, 6]
    assert said["thumbs"]["sheets"] == 1


def test_similarities_are_those_of_the_kernel(tmp_path: Path) -> None:
    z = np.array([[0.0, 0.0], [1.0, 0.0]])
    graph = from_edges([0, 1], [1, 0], 2, weight=[0.25, 0.5])
    held = arrays(page(z, tmp_path / "p.html", graphs={"a": graph}, similarity=Similarity(nu=1.0)))
    np.testing.assert_allclose(held["edge-p"].reshape(2, -1)[:, 0] / 65535, [0.25, 0.5], atol=1e-5)
    np.testing.assert_allclose(held["edge-q"].reshape(2, -1)[:, 0] / 65535, [0.5, 0.5], atol=1e-5)
    np.testing.assert_allclose(held["column-0"], [0.25, 0.0], atol=1e-6)


@settings(max_examples=15)
@given(st.lists(st.sampled_from(HOSTILE) | st.text(max_size=20), min_size=6, max_size=6))
def test_no_string_breaks_out(names: list[str]) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path, y = Path(folder) / "p.html", [name + "y" for name in names]
        made = page(rows(6), path, y=y, title=names[0] or "t", ids=names, columns={"c" + names[1]: names}, notes=names)
        said, text = contents(made), text_of(made)
    plain = [name.encode("utf-8", "replace").decode() for name in names]
    assert said["ids"] == plain
    # Two elements of data besides the arrays, one script: no name has become another.
    elements = 1 + 1 + len(said["columns"]) + len(said["near"]) + 1
    assert len(re.findall("<script", text)) == len(re.findall("</script>", text)) == elements


def test_nothing_is_loaded_from_anywhere(tmp_path: Path) -> None:
    text = text_of(page(rows(), tmp_path / "p.html", y=np.arange(30) % 2))
    bare = text.replace("http://www.w3.org/2000/svg", "")
    assert not re.search(r"https?:|//[a-z0-9.-]+\.[a-z]{2,}/|@import|url\(|\bfetch\(|XMLHttpRequest|WebSocket", bare)
    assert not re.search(r"<(link|script|img|iframe)[^>]*(src|href)=\"(?!data:)", bare)
    assert "default-src 'none'" in text


@pytest.mark.parametrize(
    "z",
    [np.zeros((1, 2)), np.zeros((50, 2)), np.arange(5.0), np.zeros((3, 7)), np.full((4, 2), 1e38), rows(3)],
    ids=["one", "equal", "one dimension", "equal in seven", "huge", "three"],
)
def test_odd_embeddings_make_a_page(z: np.ndarray, tmp_path: Path) -> None:
    said = contents(page(z, tmp_path / "p.html", x=rows(len(z), 3), title="odd"))
    assert said["count"] == len(z) and len(said["near"]) == (2 if len(z) > 1 else 0)


def test_pages_repeat_byte_for_byte(tmp_path: Path) -> None:
    first, second = (page(rows(), tmp_path / name, y=np.arange(30)).read_bytes() for name in ("a.html", "b.html"))
    assert first == second


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"ids": ["a"]}, "1 ids for 30 points: give one per point"),
        ({"x": np.zeros((3, 2))}, "x has 3 rows for 30 points: give one per point"),
        ({"y": [1, 2]}, "'label' has shape (2,) for 30 points"),
        ({"columns": {"c": [1]}}, "column 'c' has shape (1,) for 30 points"),
        ({"images": Stack(torch.zeros(2, 1, 8, 8, dtype=torch.uint8))}, "2 pictures for 30 points"),
        ({"graphs": {"g": from_edges([0], [1], 2)}}, "the graph 'g' has 2 nodes for 30 points"),
    ],
)
def test_what_does_not_fit_is_refused(settings: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=re.escape(message)):
        page(rows(), tmp_path / "p.html", **settings)
    assert list(tmp_path.iterdir()) == []


def test_names_and_nothing_to_show_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"give a file ending in \.html"):
        page(rows(), tmp_path / "p.png")
    with pytest.raises(InputError, match="nothing to draw"):
        page(np.zeros((0, 2)), tmp_path / "p.html")
