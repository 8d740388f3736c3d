from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

import graphurl
from graphurl.assembly import prepared, similarity_graph, similarity_parts
from graphurl.data.samples import Samples
from graphurl.errors import InputError
from graphurl.graphs.graph import from_edges
from graphurl.interactive import write_page
from graphurl.recipes import PictureRecipe, Recipe
from tests.plots.page.reader import arrays, contents

COUNT = 24


@pytest.fixture
def samples() -> Samples:
    generator = torch.Generator().manual_seed(0)
    ring = torch.arange(COUNT)
    graph = from_edges(torch.cat([ring, (ring + 1) % COUNT]), torch.cat([(ring + 1) % COUNT, ring]), COUNT)
    return Samples(name="ring", x=torch.rand(COUNT, 4, generator=generator), graph=graph)


RECIPE = Recipe(task="ge", graph="citation+knn", alpha=0.4, n_neighbors=3, loss="bce", dim=2)


def test_sources_are_told_apart_where_the_data_are_there(samples: Samples, tmp_path: Path) -> None:
    x = prepared(samples, RECIPE)[1]
    graph = similarity_graph(samples, x, RECIPE)
    z = np.random.default_rng(0).normal(size=(COUNT, 2))
    made = write_page(z, tmp_path / "p.html", recipe=RECIPE, samples=samples, graph=graph)
    said, held = contents(made), arrays(made)
    assert said["edges"]["sources"] == ["citation", "knn"]
    dense = {name: torch.zeros(COUNT, COUNT) for name in ("citation", "knn")}
    for name, part in similarity_parts(samples, x, RECIPE).items():
        dense[name][part.rows, part.col] = part.weight
    target = held["edge-target"].reshape(COUNT, -1)[0].astype(int)
    for place, name in enumerate(dense):
        found = held[f"edge-part{place}"].reshape(COUNT, -1)[0][:3] / 65535
        np.testing.assert_allclose(found, dense[name][0, target[:3]], atol=1e-4)
    assert float(dense["knn"].max()) == pytest.approx(0.4)


def test_without_the_data_the_history_of_the_graph_names_it(samples: Samples, tmp_path: Path) -> None:
    graph = similarity_graph(samples, prepared(samples, RECIPE)[1], RECIPE)
    made = write_page(np.ones((COUNT, 2)), tmp_path / "p.html", recipe=RECIPE, graph=graph)
    assert contents(made)["edges"]["sources"] == ["knn"]  # of the ring nobody said what it is


def test_a_graph_that_was_handed_over_is_not_taken_for_the_recipes(samples: Samples, tmp_path: Path) -> None:
    other = from_edges([0, 1], [1, 0], COUNT, weight=[0.5, 0.5], provenance={"kind": "mine"})
    made = write_page(np.ones((COUNT, 2)), tmp_path / "p.html", recipe=RECIPE, samples=samples, graph=other)
    assert contents(made)["edges"] == {"most": 8, "sources": ["mine"], "total": 2}


def test_the_kernel_is_the_one_that_training_found(samples: Samples, tmp_path: Path) -> None:
    graph = from_edges([0, 1], [1, 0], COUNT, weight=[0.5, 0.5])
    z = np.zeros((COUNT, 2))
    z[0] = 3, 0
    facts = {"sigma_z": 2.0, "mu_z": 1.0}
    recipe = RECIPE.but(nu_z=1.0)
    made = write_page(z, tmp_path / "p.html", recipe=recipe, samples=samples, graph=graph, facts=facts)
    assert arrays(made)["edge-q"].reshape(COUNT, -1)[0, 0] / 65535 == pytest.approx(0.5, abs=1e-4)
    assert "σ 2, μ 1" in contents(made)["notes"][0]


def test_a_loss_of_shares_says_so(samples: Samples, tmp_path: Path) -> None:
    graph = from_edges([0, 1], [1, 0], COUNT, weight=[0.5, 0.3])
    recipe = RECIPE.but(loss="kl")
    made = write_page(np.eye(COUNT)[:, :2], tmp_path / "p.html", recipe=recipe, samples=samples, graph=graph)
    q = arrays(made)["edge-q"].reshape(COUNT, -1)[:2, 0] / 65535
    assert q.sum() == pytest.approx(0.8, abs=1e-4)
    assert any("compares shares" in note for note in contents(made)["notes"])


def test_pictures_have_thumbnails_and_no_space_to_compare(tmp_path: Path) -> None:
    samples = Samples(name="pictures", x=torch.rand(6, 64), shape=(1, 8, 8))
    said = contents(write_page(np.eye(6), tmp_path / "p.html", recipe=PictureRecipe(), samples=samples))
    assert said["thumbs"]["sheets"] == 1
    assert [(space["name"], space["metric"]) for space in said["near"]] == [("embedded", "cosine")]


def test_a_result_writes_its_own_page(samples: Samples, tmp_path: Path) -> None:
    result = graphurl.embed(samples, recipe=RECIPE.but(encoder="table", epochs=1))
    said = contents(result.page(tmp_path / "p.html", columns={"number": np.arange(COUNT) / 7}))
    assert said["edges"]["sources"] == ["citation", "knn"] and said["title"] == "ring"
    assert [column["name"] for column in said["columns"]] == ["number", "misfit of edges"]


def clusters(dim: int) -> np.ndarray:
    generator = np.random.default_rng(0)
    return (10 * np.repeat(np.eye(dim)[:4], 15, axis=0) + generator.normal(size=(60, dim))).astype(np.float32)


def test_vectors_are_shown_by_a_map_of_theirs(tmp_path: Path) -> None:
    z = clusters(12)
    z[7, 3] = np.nan
    made = write_page(z, tmp_path / "p.html")
    places = arrays(made)["points"].reshape(-1, 2)
    assert len(places) == contents(made)["count"] == 59
    assert arrays(made)["rows"].tolist() == [row for row in range(60) if row != 7]
    group = np.delete(np.repeat(np.arange(4), 15), 7)
    apart = np.linalg.norm(places[:, None] - places, axis=2) + 1e9 * np.eye(59)
    assert (group[apart.argmin(axis=1)] == group).all()
    assert contents(made)["axes"] == ["", ""]
    assert any("map of the 12 dimensions" in note for note in contents(made)["notes"])
    again = write_page(z, tmp_path / "q.html")
    assert again.read_bytes() == made.read_bytes()


@pytest.mark.parametrize(("rows", "dim"), [(60, 2), (60, 3), (9, 12)])
def test_maps_and_a_handful_of_vectors_are_shown_as_they_are(rows: int, dim: int, tmp_path: Path) -> None:
    made = write_page(clusters(max(dim, 4))[:rows, :dim], tmp_path / "p.html")
    assert not any("map of the" in note for note in contents(made)["notes"])
    assert contents(made)["axes"][0].startswith("PCA" if dim > 2 else "")


def test_places_belong_to_rows(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="5 places for 60 rows"):
        graphurl.plots.page(clusters(4), tmp_path / "p.html", places=np.zeros((5, 2)))
