"""Recipes of students: what pictures change in them, and what is added beside a teacher."""

from __future__ import annotations

import pytest

from graphurl import registry
from graphurl.recipes.distill import DistillRecipe
from graphurl.recipes.students import BY_LOSS, DISTILL, of_pictures, seen_twice


@pytest.mark.parametrize("name", [*BY_LOSS.values(), "distill-slow"])
def test_students_of_pictures_see_what_the_teacher_answered_to(name: str) -> None:
    rows: DistillRecipe = registry.resolve("recipes", name)
    recipe = of_pictures(rows)
    assert (recipe.views, recipe.num_views, recipe.centre, recipe.near) == ("weak", 1, True, 0.0)
    assert recipe.loss == rows.loss and recipe.batch_size <= 256
    # Teachers' vectors and a slow copy do not run away; the student's own past does.
    lasting = {"distill-seed": 8192, "distill-crd": 4096, "distill-slow": 4096}
    assert recipe.memory == lasting.get(name, 0)


def test_what_is_added_sees_two_views_that_differ_unless_told_otherwise() -> None:
    recipe = of_pictures(DISTILL)
    both = seen_twice(recipe, {})
    assert (both.num_views, both.views) == (2, "weak-cifar")
    assert seen_twice(recipe.but(views="cifar"), {}).views == "cifar"
    assert seen_twice(recipe.but(views="weak"), {"views"}).views == "weak"
    assert seen_twice(recipe.but(num_views=3), {"num_views"}).num_views == 3
    assert seen_twice(recipe, {"num_views"}).num_views == 1
    assert seen_twice(DISTILL, {}) == DISTILL, "rows have no views"
