"""Distiller: teachers and students of all kinds, each loss, KD beside SSL, save and load."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.base import clone
from torch import nn

import graphurl
from graphurl.errors import InputError
from graphurl.losses import BCE, DistanceEnhancement, InfoNCE
from graphurl.pipeline import prepare
from graphurl.recipes.students import BY_LOSS
from tests.pictures import pixels

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 6)).astype(np.float32)
T = np.tanh(X @ RNG.normal(size=(6, 20))).astype(np.float32)


def small(**given: Any) -> graphurl.Distiller:
    settings = {"hidden": 16, "memory": min(10, given.pop("most", 10)), **given.pop("settings", {})}
    fixed = {"n_components": 3, "n_epochs": 2, "batch_size": 16, "random_state": 0, "device": "cpu"}
    return graphurl.Distiller(**{**fixed, **given, "settings": settings})


def without_memory(loss: str) -> bool:
    return loss in ("rkd", "pkt", "sp")


@pytest.mark.parametrize("loss", [*BY_LOSS, "mse", "infonce"])
def test_every_loss_trains_a_student_that_places_new_rows(loss: str, tmp_path: Path) -> None:
    made = small(loss=loss, most=0 if without_memory(loss) else 10).fit(X, teacher=T)
    assert made.embedding_.shape == (60, 3) and made.embedding_.dtype == np.float32
    assert made.history_[-1]["loss"] == pytest.approx(made.history_[-1]["loss"]) and len(made.history_) == 2
    np.testing.assert_allclose(made.transform(X), made.embedding_, rtol=1e-4, atol=1e-5)
    made.save(tmp_path / "run")
    np.testing.assert_allclose(
        graphurl.Embedding.load(tmp_path / "run").transform(X), made.embedding_, rtol=1e-4, atol=1e-5
    )


@pytest.mark.parametrize("loss", ["bce", "kl", "pkt"])
def test_training_brings_the_student_closer_to_the_teacher(loss: str) -> None:
    def apart(z: np.ndarray) -> float:
        a, b = (rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in (z, T))
        return float(np.square(a @ a.T - b @ b.T).mean())

    made = [
        small(loss=loss, student="mlp", n_epochs=n, most=0, settings={"sigma": 1.0, "sigma_z": 1.0, "lr": 5e-3})
        for n in (0, 40)
    ]
    first, last = (apart(each.fit(X, teacher=T).embedding_) for each in made)
    assert last < 0.6 * first


def test_the_same_seed_is_the_same_student_and_parameters_survive() -> None:
    made = small(memory=None, loss="gkl")
    again = clone(made).fit(X, teacher=T)
    assert np.array_equal(made.fit(X, teacher=T).embedding_, again.embedding_)
    assert made.get_params() == clone(made).get_params()
    tensor = small().fit_transform(torch.from_numpy(X), teacher=torch.from_numpy(T))
    assert isinstance(tensor, torch.Tensor)


def test_without_a_teacher_rows_teach_themselves_and_start_at_their_leading_directions() -> None:
    made = small(n_epochs=0).fit(T)
    unit = T / np.linalg.norm(T, axis=1, keepdims=True)
    _, _, directions = np.linalg.svd(unit, full_matrices=False)
    found, best = made.embedding_ @ made.embedding_.T, unit @ directions[:3].T @ directions[:3] @ unit.T
    np.testing.assert_allclose(found, best, atol=1e-3)
    assert made.result_.model.preparation.kind == "l2"
    assert small(n_epochs=0).fit(X, teacher=T).result_.model.preparation.kind == "scale"


def test_a_graph_and_a_module_of_ones_own() -> None:
    graph = graphurl.graphs.knn(T, 5)
    net = nn.Linear(6, 4)
    weight = net.weight.clone()
    made = small(student=net, settings={"near": 0.5}).fit(X, teacher=graph)
    assert made.embedding_.shape == (60, 4)
    assert torch.equal(net.weight, weight), "the module that was handed over stays as it is"
    with pytest.raises(InputError, match="is a similarity graph and this compares its vectors"):
        small(loss="rkd", most=0).fit(X, teacher=graph)


@pytest.mark.parametrize("loss", ["bce", "rkd", "seed"])
def test_students_of_pictures(loss: str, tmp_path: Path) -> None:
    given = pixels()
    features = np.random.default_rng(0).normal(size=(len(given), 9)).astype(np.float32)
    made = small(student="convnet", loss=loss, batch_size=8, n_epochs=1, most=0).fit(given, teacher=features)
    assert made.embedding_.shape[0] == len(given)
    assert np.array_equal(made.transform(given), made.embedding_)
    made.save(tmp_path / "run")
    again = graphurl.Embedding.load(tmp_path / "run").transform(given)
    np.testing.assert_allclose(again, made.embedding_, rtol=1e-4, atol=1e-5)


def test_a_method_for_pictures_beside_the_teacher() -> None:
    given = pixels()
    features = np.random.default_rng(0).normal(size=(len(given), 9)).astype(np.float32)
    added = {"student": "convnet", "add": ["simclr", "moco", "de"], "batch_size": 8, "n_epochs": 1, "most": 0}
    made = small(**added).fit(given, teacher=features)
    recipe = made.result_.recipe
    assert (recipe.num_views, recipe.views) == (2, "weak-cifar")
    assert small(**added, settings={"views": "weak"}).fit(given, teacher=features).result_.recipe.views == "weak"
    terms = prepare(given, recipe=recipe, teacher=features).parts.objective.terms
    assert [term.name for term in terms] == ["teacher", "simclr", "moco", "de"]
    losses = [type(term.loss) for term in terms]
    assert losses == [BCE, InfoNCE, InfoNCE, DistanceEnhancement], "each method brings its own loss"
    assert len({id(term.head) for term in terms}) == 1, "and all of them compare the same projection"
    with pytest.raises(InputError, match="num_views is 1"):
        small(**added, settings={"num_views": 1}).fit(given, teacher=features)


def test_what_does_not_fit_together_is_refused() -> None:
    with pytest.raises(InputError, match="5 rows and there are 60 samples"):
        small().fit(X, teacher=T[:5])
    with pytest.raises(InputError, match="X are pictures: hand over a teacher"):
        small().fit(pixels())
    with pytest.raises(InputError, match="no method of distillation"):
        small(method="simclr").fit(X, teacher=T)
    with pytest.raises(InputError, match="unknown loss 'bcee'"):
        small(loss="bcee").fit(X, teacher=T)
    with pytest.raises(InputError, match="memory is 10: rkd compares a batch with itself"):
        small(loss="rkd").fit(X, teacher=T)
    with pytest.raises(InputError, match="reads no rows"):
        small(student="gcn").fit(X, teacher=T)
    with pytest.raises(InputError, match="a recipe for students and no teacher"):
        graphurl.embed(X, method="distill")
    with pytest.raises(InputError, match="a teacher and a recipe that reads none"):
        graphurl.embed(X, teacher=T)
