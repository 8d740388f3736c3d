"""Recipes: nearest names, types from text and files, and a round trip through YAML."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from graphurl import registry
from graphurl.data.preparation import KINDS, LEARNT
from graphurl.errors import InputError
from graphurl.recipes import Choices, PictureRecipe, Recipe, recipe_of


@pytest.mark.parametrize(
    ("given_name", "nearest"),
    [("los", "loss"), ("epoch", "epochs"), ("n_neighbours", "n_neighbors"), ("optimizer", "optimiser")],
)
def test_unknown_settings_offer_the_nearest(given_name: str, nearest: str) -> None:
    with pytest.raises(InputError, match=f"unknown setting '{given_name}': did you mean '{nearest}'") as caught:
        Recipe().but(**{given_name: 1})
    assert "\n" not in str(caught.value)
    with pytest.raises(InputError, match=nearest):
        Recipe.from_dict({given_name: 1})


@pytest.mark.parametrize("features", KINDS)
def test_a_metric_other_than_euclidean_compares_rows_whose_origin_is_theirs(features: str) -> None:
    """Every preparation that subtracts a mean without being asked to standardise columns, and no other."""
    moved = "offset" in LEARNT.get(features, ()) and features != "standard"
    for encoder, free in (("landmarks", True), ("table", True), ("mlp", False)):
        recipe = Recipe(features=features, encoder=encoder)
        assert recipe.compares == recipe.reads == features
        angles = recipe.but(metric="cosine")
        assert angles.compares == ("none" if moved else features)
        assert angles.reads == (angles.compares if free else features)


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("epochs", "200", 200), ("epochs", "1e3", 1000), ("epochs", 20.0, 20), ("epochs", np.int64(7), 7),
        ("seed", 2**53 + 1, 2**53 + 1), ("seed", str(2**53 + 1), 2**53 + 1), ("seed", np.int64(2**53 + 1), 2**53 + 1),
        ("layer", "-2", -2),
        ("lr", "1e-3", 1e-3), ("lr", 1, 1.0), ("lr", np.float32(0.5), 0.5),
        ("nu_x", "inf", math.inf), ("nu_x", math.inf, math.inf), ("nu_z", "0.01", 0.01),
        ("sigma", "auto", "auto"), ("sigma", "5", 5.0), ("mu_z", 0, 0.0), ("far_weight", "0.5", 0.5),
        ("dynamic", "true", True), ("dynamic", "No", False), ("dynamic", 1, True), ("dynamic", "0", False),
        ("scale_lr", False, False), ("compile", "yes", True),
        ("loss", "kl", "kl"), ("over", "rows", "rows"),
    ],
)  # fmt: skip
def test_values_are_brought_to_their_type(key: str, value: Any, expected: Any) -> None:
    found = getattr(Recipe().but(**{key: value}), key)
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("epochs", "many", "a whole number"), ("epochs", 1.5, "a whole number"), ("epochs", "inf", "a whole number"),
        ("epochs", None, "a whole number"), ("epochs", True, "a whole number"), ("epochs", [1], "a whole number"),
        ("lr", "fast", "a number"), ("lr", math.nan, "a number"), ("lr", "nan", "a number"), ("lr", False, "a number"),
        ("sigma", "automatic", "a number or auto"), ("sigma", None, "a number or auto"),
        ("dynamic", "maybe", "true or false"), ("dynamic", 2, "true or false"), ("dynamic", None, "true or false"),
        ("loss", 3, "a name"), ("loss", None, "a name"), ("graph", ["knn"], "a name"),
    ],
)  # fmt: skip
def test_values_of_another_type_are_refused(key: str, value: Any, words: str) -> None:
    with pytest.raises(InputError) as caught:
        Recipe().but(**{key: value})
    assert str(caught.value) == f"{key} is {value!r}: give {words}"


def test_but_leaves_the_original_alone() -> None:
    recipe = Recipe()
    assert recipe.but(lr=0.5) is not recipe
    assert recipe == Recipe()
    with pytest.raises(dataclasses.FrozenInstanceError):
        recipe.lr = 1.0  # type: ignore[misc]


@pytest.mark.parametrize("name", ["default", *registry.names("recipes")])
def test_round_trip_through_yaml(name: str) -> None:
    recipe = Recipe() if name == "default" else registry.resolve("recipes", name)
    assert recipe_of(recipe.to_dict()) == recipe
    text = yaml.safe_dump(recipe.to_dict(), sort_keys=False)
    again = recipe_of(yaml.safe_load(text))
    assert again == recipe
    assert {k: type(v) for k, v in again.to_dict().items()} == {k: type(v) for k, v in recipe.to_dict().items()}
    assert list(recipe.to_dict()) == [field.name for field in dataclasses.fields(type(recipe))]


def test_infinity_and_exponents_survive_yaml() -> None:
    recipe = Recipe().but(nu_x=math.inf, nu_z=1e-3, sigma=2.5e10)
    text = yaml.safe_dump(recipe.to_dict())
    assert Recipe.from_dict(yaml.safe_load(text)) == recipe
    # PyYAML reads 1e-3, without a point, as text.
    assert Recipe.from_dict(yaml.safe_load("lr: 1e-3\nnu_x: .inf\nepochs: 5\ndynamic: on")) == Recipe(
        lr=1e-3, nu_x=math.inf, epochs=5, dynamic=True
    )


@given(
    lr=st.floats(1e-8, 10), epochs=st.integers(0, 10**6), seed=st.integers(0, 2**62),
    nu=st.one_of(st.just(math.inf), st.floats(1e-3, 1e6)), sigma=st.one_of(st.just("auto"), st.floats(1e-6, 1e6)),
    dynamic=st.booleans(),
)  # fmt: skip
def test_from_dict_undoes_to_dict(lr: float, epochs: int, seed: int, nu: float, sigma: Any, dynamic: bool) -> None:
    recipe = Recipe().but(lr=lr, epochs=epochs, seed=seed, nu_x=nu, sigma=sigma, dynamic=dynamic)
    assert Recipe.from_dict(yaml.safe_load(yaml.safe_dump(recipe.to_dict()))) == recipe
    as_text = {key: str(value) for key, value in recipe.to_dict().items()}
    assert Recipe.from_dict(as_text) == recipe


def test_every_setting_is_documented() -> None:
    for kind in (Recipe, PictureRecipe):
        told = f"{kind.__doc__}\n{Choices.__doc__}"
        listed = {line.split(":")[0].strip() for line in told.splitlines()}
        assert not {field.name for field in dataclasses.fields(kind)} - listed


def test_what_was_chosen_makes_the_recipe_again() -> None:
    changed = Recipe(task="ge", dim=7, seed=3)
    assert changed.chosen() == {"task": "ge", "dim": 7, "seed": 3}
    assert Recipe.from_dict(changed.chosen()) == changed
    assert Recipe().chosen() == {}
