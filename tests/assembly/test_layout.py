"""Encoders that learn the layout of free coordinates: always the same layout, and a map that places new rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import graphurl
from graphurl import Embedder, Embedding, registry
from graphurl.assembly import assemble
from graphurl.assembly import graphs as module
from graphurl.data.samples import Samples
from graphurl.errors import InputError
from graphurl.graphs.graph import Graph
from graphurl.recipes import Recipe, maps
from graphurl.recipes.maps import fitting
from graphurl.relations.shuffled import RowBatches
from graphurl.relations.teacher import Teacher
from graphurl.training.trainer import Trained, Trainer

STEPS = 60
pytestmark = pytest.mark.filterwarnings("ignore::graphurl.errors.GraphWarning")


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Layouts of a fifth of the steps."""
    monkeypatch.setattr(maps, "MAP", maps.MAP.but(epochs=STEPS))


def blobs(n: int = 120) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    y = torch.arange(n) % 4
    return 3 * torch.randn(4, 6, generator=generator)[y] + torch.randn(n, 6, generator=generator)


def embed(x: Any, **changes: Any) -> Embedding:
    return graphurl.embed(x, **{"n_neighbors": 5, "hidden": 16, "epochs": 2, "device": "cpu", **changes})


def teacher_of(samples: Samples, recipe: Any) -> Teacher:
    source = assemble(samples, recipe).objective.terms[0].source
    assert isinstance(source, Teacher)
    return source


def module_recipe(encoder: str) -> Recipe:
    made = registry.resolve("recipes", fitting({"encoder": encoder})).but(n_neighbors=5, hidden=16)
    assert isinstance(made, Recipe)
    return made


@pytest.mark.parametrize("encoder", ["mlp", "charts"])
def test_the_teacher_is_the_default_map(encoder: str) -> None:
    x = blobs()
    found = module_recipe(encoder)
    wanted = graphurl.embed(x, encoder="table", n_neighbors=5, epochs=STEPS, device="cpu").z
    teacher = teacher_of(Samples("rows", x), found)
    np.testing.assert_allclose(teacher.vectors.numpy(), wanted - wanted.mean(0), rtol=1e-4, atol=1e-4)
    assert teacher.unit == pytest.approx(float((wanted - wanted.mean(0)).std()), rel=1e-3)


def test_rows_that_are_pictures_or_have_named_columns_are_prepared_first() -> None:
    x = torch.cat([blobs()] * 12, dim=1) + torch.randn(120, 72, generator=torch.Generator().manual_seed(1))
    names = tuple(f"c{i}" for i in range(72))
    pictures = Samples("pictures", x, shape=(2, 6, 6), y=torch.arange(120) % 4, feature_names=names)
    found = embed(pictures, encoder="charts")
    np.testing.assert_array_equal(found.z, embed(x, encoder="charts").z)


@pytest.mark.parametrize(("encoder", "epochs"), [("mlp", 60), ("charts", None)])
def test_it_comes_near_the_layout_and_places_new_rows(encoder: str, epochs: int | None) -> None:
    x = blobs(300)
    estimator = Embedder(encoder=encoder, n_epochs=epochs, random_state=0, device="cpu").fit(x[:200])
    z, result = estimator.embedding_, estimator.result_
    assert torch.equal(estimator.transform(x[:200]), torch.from_numpy(z))
    teacher = teacher_of(result.samples, result.recipe)
    off = (teacher.unit * torch.from_numpy(z) - teacher.vectors).norm(dim=1)
    assert float(off.median()) < 0.2 * teacher.unit
    near = torch.cdist(estimator.transform(x[200:]), torch.from_numpy(z)).argmin(1)
    assert float((near % 4 == torch.arange(200, 300) % 4).float().mean()) > 0.95


def test_a_module_of_the_users_own_learns_it_too() -> None:
    net = nn.Sequential(nn.Linear(6, 32), nn.Tanh(), nn.Linear(32, 2))
    result = embed(blobs(), encoder=net, epochs=40, lr=0.01)
    assert result.recipe.teacher == "layout"
    assert result.history[-1]["loss"] < 0.7 * result.history[0]["loss"]


def test_batches_hold_single_rows_and_no_pair() -> None:
    draw = assemble(Samples("rows", blobs(60)), module_recipe("mlp").but(batch_size=25)).objective.draw
    assert isinstance(draw, RowBatches)
    assert draw(torch.Generator()).p is None
    assert draw.steps == 2


def test_portions_begin_where_the_network_has_them() -> None:
    """A layout of its own would lie another way round: rotated, mirrored."""
    x = blobs(240)
    choices: dict[str, Any] = {"random_state": 0, "device": "cpu", "n_neighbors": 5}
    estimator = Embedder(encoder="mlp", n_epochs=60, **choices).partial_fit(x[:120])
    before = estimator.transform(x)
    estimator.random_state = 5
    after = estimator.partial_fit(x[120:]).transform(x)
    moved = (after - before).norm(dim=1).median()
    assert float(moved) < 0.5 * float(before.std())
    charts = Embedder(encoder="charts", **choices).fit(x)
    with pytest.raises(InputError, match="found at once and do not go on"):
        charts.partial_fit(x)


def test_what_has_no_layout_is_refused() -> None:
    with pytest.raises(InputError, match="teacher is 'layout' and the encoder reads no rows"):
        embed(blobs(), method="map-network", encoder="gcn")
    bare = Samples("bare", graph=Graph.from_edges([0, 1, 2], [1, 2, 3], 4))
    with pytest.raises(InputError, match="use encoder='table'|use method='map'"):
        graphurl.embed(bare, recipe=Recipe(task="ge", graph="citation", teacher="layout"), device="cpu")
    with pytest.raises(InputError, match="dynamic is true"):
        embed(blobs(), method="map-network", dynamic=True)


def test_an_interrupt_during_the_layout_ends_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Trainer, "fit", lambda *given, **more: Trained(status="interrupted"))
    with pytest.raises(KeyboardInterrupt):
        embed(blobs(), encoder="mlp")
    assert module.Trainer is Trainer
