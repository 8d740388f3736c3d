"""The tables of docs/migrate.md: every argument of the other package once, and settings of ours that exist."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from typing import Any

import pytest

import graphurl
from graphurl.recipes import Recipe
from graphurl.recipes.choices import CHOICES
from tests.markdown import ROOT

TEXT = (ROOT / "docs" / "migrate.md").read_text(encoding="utf-8")
#: Title of a table → classes whose arguments it lists, and the names in it that are no such arguments.
TABLES: dict[str, tuple[tuple[str, ...], set[str]]] = {
    "`umap.UMAP`": (("umap:UMAP",), {"update", "inverse_transform"}),
    "`openTSNE.TSNE`": (
        ("openTSNE:TSNE",), {"fit(affinities)", "TSNEEmbedding.optimize", "TSNEEmbedding.transform", "prepare_partial"}
    ),
    "`pacmap.PaCMAP`": (
        ("pacmap:PaCMAP", "pacmap:LocalMAP"), {"LocalMAP", "fit(init)", "fit(save_pairs)", "transform(basis)"}
    ),
    "`torchdr` neighbour embeddings": (
        tuple(f"torchdr:{name}" for name in (
            "AffinityMatcher", "NeighborEmbedding", "NegativeSamplingNeighborEmbedding", "SNE", "TSNE", "TSNEkhorn",
            "InfoTSNE", "LargeVis", "UMAP", "PACMAP", "PHATE", "COSNE", "DRModule",
        )), {"PHATE", "COSNE"},
    ),
}  # fmt: skip


def lines(title: str) -> Iterator[tuple[str, str]]:
    """Left and right side of the lines below a title."""
    for line in TEXT[TEXT.index(f"| {title} |") :].splitlines()[2:]:
        if not line.startswith("|"):
            return
        left, right = line.strip("|").split(" | ")
        yield left.strip(), right.strip()


def listed(title: str) -> list[str]:
    """The names on the left; `fit(affinities=...)` without its dots."""
    return [name.replace("=...", "") for left, _ in lines(title) for name in re.findall(r"`([^`]+)`", left)]


@pytest.mark.parametrize("title", TABLES)
def test_a_name_is_listed_once(title: str) -> None:
    names = listed(title)
    assert len(names) > 10
    assert sorted(names) == sorted(set(names))


@pytest.mark.peer
@pytest.mark.parametrize("title", TABLES)
def test_the_left_side_lists_every_argument_and_no_other(title: str) -> None:
    classes, others = TABLES[title]
    module = pytest.importorskip(classes[0].partition(":")[0])
    kinds = [getattr(module, path.partition(":")[2]) for path in classes]
    arguments = {name for kind in kinds for name in inspect.signature(kind.__init__).parameters} - {"self", "kwargs"}
    assert set(listed(title)) - arguments == others
    assert arguments - set(listed(title)) == set()
    for name in others:
        whole, argument = re.fullmatch(r"([\w.]+)(?:\((\w+)\))?", name).groups()  # type: ignore[union-attr]
        found: Any = kinds[0] if hasattr(kinds[0], whole) else module
        if name == "prepare_partial":
            found = module.TSNEEmbedding
        for part in whole.split("."):
            found = getattr(found, part)
        assert argument is None or argument in inspect.signature(found).parameters


def test_settings_on_the_right_are_settings() -> None:
    fields = set(Recipe().to_dict())
    ours = set(inspect.signature(graphurl.Embedder.__init__).parameters)
    rights = [right for title in TABLES for _, right in lines(title)]
    groups = (group for right in rights for group in re.findall(r"settings=\{([^}]*)\}", right))
    keys = {key for group in groups for key in re.findall(r'"(\w+)":', group)}
    assert len(keys) > 10
    assert keys <= fields
    assert not keys & ours, "an argument of the estimator is refused among the settings"
    assert set(re.findall(r"settings=\{\"symmetrise\": \"(\w+)\"", TEXT)) == {"tconorm"}
    keywords = {key for right in rights for key in re.findall(r"`(\w+)=[^`]*`", right)} - {"settings"}
    assert keywords <= ours | {"encoder"}, keywords - ours
    assert {"pca", "spectral", "random"} < set(CHOICES["init"])
