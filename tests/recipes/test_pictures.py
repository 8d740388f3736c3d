"""The recipe for pictures: the same rules as for graphs, and none of their settings."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from graphurl import registry
from graphurl.errors import InputError
from graphurl.recipes import Choices, PictureRecipe, Recipe, recipe_of
from graphurl.recipes.images import SIMCLR, epochs_for

FIELDS = [field.name for field in dataclasses.fields(PictureRecipe)]
SHARED = {field.name for field in dataclasses.fields(Choices)}
NAMES = [name for name in registry.names("recipes") if registry.resolve("recipes", name).task == "ssl"]


def test_every_method_of_the_papers_has_a_recipe() -> None:
    methods = {"simclr", "t-simclr", "moco", "t-moco", "npid", "iraug", "byol", "simsiam", "barlow", "supervised"}
    assert methods | {"sne-views", "tsne-views", "genurl-gkl", "genurl-bce", "genurl-mse"} <= set(NAMES)
    assert all(isinstance(registry.resolve("recipes", name), PictureRecipe) for name in NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_round_trip_through_yaml(name: str) -> None:
    recipe = registry.resolve("recipes", name)
    again = recipe_of(yaml.safe_load(yaml.safe_dump(recipe.to_dict(), sort_keys=False)))
    assert type(again) is PictureRecipe
    assert again == recipe
    assert {k: type(v) for k, v in again.to_dict().items()} == {k: type(v) for k, v in recipe.to_dict().items()}
    assert list(recipe.to_dict()) == FIELDS
    as_text = {key: str(value) for key, value in recipe.to_dict().items()}
    assert PictureRecipe.from_dict(as_text) == recipe


@given(
    ema=st.floats(0, 1), groups=st.integers(1, 10**6), side=st.one_of(st.just("auto"), st.integers(4, 512)),
    detach=st.booleans(), momentum=st.floats(0, 1, exclude_max=True), far=st.floats(0, 1e6),
)  # fmt: skip
def test_recipe_of_undoes_to_dict(
    ema: float, groups: int, side: Any, detach: bool, momentum: float, far: float
) -> None:
    recipe = PictureRecipe().but(
        ema=ema, cld_groups=groups, side=side, cld_detach=detach, bank_momentum=momentum, far_weight=far
    )
    assert recipe_of(yaml.safe_load(yaml.safe_dump(recipe.to_dict()))) == recipe


def test_the_task_decides_the_kind_of_recipe() -> None:
    assert type(recipe_of({})) is Recipe
    assert type(recipe_of({"task": "ge"})) is Recipe
    assert recipe_of({"task": "ssl", "queue_size": "99"}) == PictureRecipe(queue_size=99)
    with pytest.raises(InputError, match="unknown task 'sls': did you mean 'ssl'.*choose one of dr, ge, kd, ssl"):
        recipe_of({"task": "sls"})
    for kind, task in ((PictureRecipe, "dr"), (Recipe, "ssl")):
        with pytest.raises(InputError, match=f"unknown task '{task}'"):
            kind(task=task)


@pytest.mark.parametrize("key", sorted({field.name for field in dataclasses.fields(Recipe)} - SHARED))
def test_settings_of_graphs_are_refused_by_name(key: str) -> None:
    with pytest.raises(InputError, match=f"unknown setting '{key}'"):
        PictureRecipe().but(**{key: getattr(Recipe(), key)})


@pytest.mark.parametrize("key", sorted(set(FIELDS) - SHARED))
def test_settings_of_pictures_are_refused_for_graphs(key: str) -> None:
    with pytest.raises(InputError, match=f"unknown setting '{key}'"):
        Recipe().but(**{key: getattr(PictureRecipe(), key)})


@pytest.mark.parametrize(
    ("given_name", "nearest"),
    [("num_view", "num_views"), ("queue", "queue_size"), ("cld_group", "cld_groups"), ("temprature", "temperature")],
)
def test_unknown_settings_offer_the_nearest(given_name: str, nearest: str) -> None:
    with pytest.raises(InputError, match=f"unknown setting '{given_name}': did you mean '{nearest}'"):
        PictureRecipe().but(**{given_name: 1})


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("num_views", 0, "1 or more"), ("side", 3, "4 or more"), ("ema", -0.1, "0 or more"), ("ema", 1.5, "1 or less"),
        ("queue_size", 0, "1 or more"), ("bank_momentum", 1, "less than 1"), ("bank_momentum", -1, "0 or more"),
        ("bank_negatives", -1, "0 or more"), ("redundancy", -1e-9, "0 or more"), ("cld_weight", -1, "0 or more"),
        ("cld_groups", 0, "1 or more"), ("cld_temperature", 0, "above 0"), ("eir_temperature", -1, "above 0"),
        ("intra_weight", -1, "0 or more"), ("inter_weight", -1, "0 or more"), ("de_weight", -1, "0 or more"),
        ("rounds", 0, "1 or more"), ("temperature", 0, "above 0"), ("nu_z", 0, "above 0"),
        ("cld_temperature", math.inf, "a finite number"), ("ema", math.inf, "a finite number"),
    ],
)  # fmt: skip
def test_numbers_out_of_range_are_refused(key: str, value: float, words: str) -> None:
    with pytest.raises(InputError, match=f"^{key} is .*: give .*{words}$"):
        PictureRecipe().but(**{key: value})
    with pytest.raises(InputError, match=f"^{key} is .*: give .*{words}$"):
        PictureRecipe(**{key: value})


@pytest.mark.parametrize(
    ("key", "value"),
    [("num_views", 1), ("side", 4), ("ema", 0), ("ema", 1), ("bank_momentum", 0), ("nu_z", math.inf), ("de_weight", 0)],
)
def test_the_ends_of_the_ranges_are_allowed(key: str, value: float) -> None:
    assert getattr(PictureRecipe().but(**{key: value}), key) == value


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("mix", "mixap", "did you mean 'mixup'"), ("output", "feature", "did you mean 'features'"),
        ("side", "large", "a number or auto"), ("cld_detach", "maybe", "true or false"),
        ("num_views", 1.5, "a whole number"), ("views", 3, "a name"),
    ],
)  # fmt: skip
def test_values_of_another_kind_are_refused(key: str, value: Any, words: str) -> None:
    with pytest.raises(InputError, match=words):
        PictureRecipe().but(**{key: value})


def test_every_setting_is_documented() -> None:
    text = f"{Choices.__doc__}\n{PictureRecipe.__doc__}"
    listed = {line.split(":")[0].strip() for line in text.splitlines()}
    assert not set(FIELDS) - listed


@pytest.mark.parametrize(("pictures", "epochs"), [(100, 1000), (600, 500), (5000, 53), (50_000, 50), (2, 1000)])
def test_few_pictures_are_seen_more_often(pictures: int, epochs: int) -> None:
    assert epochs_for(SIMCLR, pictures) == epochs
    assert epochs_for(SIMCLR.but(batch_size=0), pictures) == 1000


@pytest.mark.parametrize(
    ("add", "expected", "mixes"),
    [
        ("none", [], False), ("", [], False), ("cld", ["cld"], False), ("inter", ["inter"], True),
        ("eir + de", ["intra", "inter", "de"], True),
    ],
)  # fmt: skip
def test_names_of_terms(add: str, expected: list[str], mixes: bool) -> None:
    recipe = PictureRecipe(add=add)
    assert recipe.terms == ["views", *expected]
    assert recipe.mixes is mixes
