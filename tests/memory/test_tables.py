"""The estimate of memory: grows as it should, and a run that cannot fit is refused with the number."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from graphurl import registry
from graphurl.data.samples import Samples, feature_matrix
from graphurl.errors import InputError
from graphurl.graphs.graph import Graph
from graphurl.memory import available_memory, estimate_memory, estimate_scratch, require_memory, room
from graphurl.memory.tables import estimate_memory_of_student
from graphurl.recipes.recipe import Recipe
from graphurl.relations import routes
from graphurl.relations.knowledge import Knowledge

MAP = Recipe()


def test_linear_in_the_samples_for_a_fixed_batch() -> None:
    a, b, c = (estimate_memory(n, 32, MAP) for n in (10**5, 2 * 10**5, 3 * 10**5))
    assert a < b < c
    assert c - b == pytest.approx(b - a, rel=1e-6)


def test_a_million_rows_of_32_stay_under_six_gibibytes() -> None:
    assert 1.5 * 2**30 < estimate_memory(10**6, 32, MAP) < 6 * 2**30


def test_the_default_map_lists_no_pairs() -> None:
    """All pairs are summed on a grid: a million rows are no matrix, and no network's layers stand by."""
    assert 3e9 < estimate_memory(10**6, 50) < 5e9
    few, many = estimate_memory(10**5, 50), estimate_memory(2 * 10**5, 50)
    assert many < 2 * few


def test_more_of_anything_needs_more() -> None:
    base = estimate_memory(10**5, 32, MAP)
    assert estimate_memory(10**5, 320, MAP) > base
    assert estimate_memory(10**5, 32, MAP, num_edges=10**7) > base
    for change in ({"n_neighbors": 50}, {"batch_size": 4096}, {"hidden": 4096, "depth": 9}, {"features": "scale"}):
        assert estimate_memory(10**5, 32, MAP.but(**change)) > base, change
    smooth = MAP.but(encoder="linear")
    found = [estimate_memory(10**5, 32, smooth.but(hops=hops), num_edges=10**7) for hops in (4, "auto")]
    assert found[0] < found[1]
    joined = smooth.but(graph="citation", message="auto")
    assert estimate_memory(10**5, 32, joined) > estimate_memory(10**5, 32, joined.but(message="citation"))
    table = MAP.but(encoder="table", dim=128)
    assert estimate_memory(10**5, 32, table) > estimate_memory(10**5, 32, table.but(encoder="mlp"))


def test_all_pairs_at_once_cost_one_block() -> None:
    full = MAP.but(batch_size=0)
    assert estimate_memory(20_000, 8, full) < 2.5e9
    assert estimate_memory(20_000, 8, full.but(dynamic=True)) > 10e9, "a dynamic p is a matrix of all pairs"


def test_pairs_of_free_coordinates_are_listed_where_no_grid_holds_their_loss() -> None:
    """A far pair at distance 0 has an infinite BCE with κ(0) = 1, and a row's own sum is none over all pairs."""
    table = registry.resolve("recipes", "map")
    grid = estimate_memory(20_000, 8, table)
    assert estimate_memory(20_000, 8, table.but(batch_size=20_000)) == grid
    assert estimate_memory(20_000, 8, table.but(loss="bce", normalised=False)) == grid
    listed = 14 * 4 * routes.DENSE_PAIRS
    for changes in ({"loss": "bce"}, {"over": "rows"}, {"metric_z": "cosine"}):
        assert estimate_memory(20_000, 8, table.but(**changes)) > grid + 0.9 * listed, changes


def test_rows_that_are_read_as_they_are_given_are_held_once() -> None:
    """Under a cosine free coordinates have no use for principal coordinates."""
    angles = registry.resolve("recipes", "map").but(metric="cosine")
    for count in (estimate_memory, estimate_scratch):
        assert count(10**5, 500, angles) == count(10**5, 500, angles.but(features="none"))
        assert count(10**5, 500, angles) < count(10**5, 500, angles.but(features="l2"))


def test_a_run_that_cannot_fit_is_refused_with_the_number(monkeypatch: pytest.MonkeyPatch) -> None:
    samples = Samples(name="few", x=torch.rand(50, 4))
    need = require_memory(samples, MAP)
    monkeypatch.setattr(room, "available_memory", lambda: need - 1)
    with pytest.raises(InputError, match=r"needs about 0\.\d GB and 0\.\d GB are free.*batch_size") as caught:
        require_memory(samples, MAP)
    assert "\n" not in str(caught.value)
    monkeypatch.setattr(room, "available_memory", lambda: 2 * need)
    assert require_memory(samples, MAP, processes=2) == 2 * need
    with pytest.raises(InputError, match="free"):
        require_memory(samples, MAP, processes=3)
    monkeypatch.setattr(room, "available_memory", lambda: None)
    assert require_memory(samples, MAP) == need


def test_pages_of_a_file_need_no_memory_and_what_is_made_of_them_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    n, f = 10**6, 5000
    size = 4 * n * f
    nodes = Recipe(graph="citation", features="standard", encoder="linear", hops=4)
    for recipe in (MAP, MAP.but(features="scale"), nodes):
        assert estimate_memory(n, f, recipe, mapped=True) < 0.25 * size < estimate_memory(n, f, recipe)
    exact = estimate_memory(n, f, MAP.but(metric="manhattan"), mapped=True)
    assert exact > 2 * size, "an exact search holds all rows in float64"
    tables = {
        0: MAP, 1: MAP.but(metric="cosine"), 3: nodes, 4: nodes.but(graph="knn", metric="cosine"),
    }  # fmt: skip
    for count, recipe in tables.items():
        assert estimate_scratch(n, f, recipe) == count * size, recipe
    edges = {"num_edges": 10**8, "mapped": True}
    mlp = MAP.but(graph="citation")
    assert estimate_memory(n, 1, mlp, **edges, mapped_edges=True) < estimate_memory(n, 1, mlp, **edges) / 4

    np.save(tmp_path / "x.npy", np.random.default_rng(0).random((50, 4), dtype=np.float32))
    x = feature_matrix(np.load(tmp_path / "x.npy", mmap_mode="r"))
    require_memory(Samples("few", x), MAP.but(features="l2"))
    disk = shutil.disk_usage(tmp_path)._replace(free=799)
    monkeypatch.setattr(room.shutil, "disk_usage", lambda folder: disk)
    require_memory(Samples("few", x), MAP)
    require_memory(Samples("few", x.clone()), MAP.but(features="l2"))
    with pytest.raises(InputError, match=r"writes 0\.0 GB of scratch .* has 0\.0 GB free: .*TMPDIR") as caught:
        require_memory(Samples("few", x), MAP.but(features="l2"))
    assert "\n" not in str(caught.value)


def test_a_graph_that_is_handed_over_is_not_searched_for() -> None:
    samples = Samples(name="few", x=torch.rand(50_000, 4))
    graph = Graph.from_edges([0], [1], 50_000)
    assert require_memory(samples, MAP, graph) < require_memory(samples, MAP) - 50_000 * 15 * 24


def test_a_student_of_rows_needs_memory_for_the_teacher_and_its_past() -> None:
    recipe = registry.resolve("recipes", "distill-seed")
    few = estimate_memory_of_student(10_000, 50, 512, recipe)
    twice = estimate_memory_of_student(10_000, 50, 1024, recipe)
    assert twice == few + (2 * 4 * 10_000 + 12 * (256 + 8192)) * 512, "rows, their unit rows, and past columns"
    x = torch.randn(10_000, 50)
    teachers = {dim: Knowledge(torch.randn(10_000, dim)) for dim in (50, 512)}
    told = {dim: require_memory(Samples("x", x), recipe, teacher=known) for dim, known in teachers.items()}
    assert told[512] == few > told[50]


def test_free_memory_is_a_number_that_can_be() -> None:
    free = available_memory()
    assert free is None or 2**20 < free < 2**50


@pytest.mark.slow
@pytest.mark.parametrize(
    ("rows", "columns", "settings"),
    [
        (60_000, 32, {}), (20_000, 300, {}), (60_000, 32, {"encoder": "mlp"}), (60_000, 60, {"encoder": "charts"}),
        (6000, 8, {"batch_size": 0, "hidden": 64, "method": "map-direct"}), (6000, 8, {"batch_size": 0, "hidden": 64}),
        (3000, 8, {"batch_size": 0, "dynamic": True}),
        (6000, 8, {"method": "map", "loss": "bce"}),
    ],
)
def test_estimate_is_within_a_third_of_a_run(rows: int, columns: int, settings: dict[str, object]) -> None:
    code = (
        "import json, sys, torch, graphurl\n"
        "torch.set_num_threads(1)\n"
        f"x = torch.randn({rows}, {columns}, generator=torch.Generator().manual_seed(0))\n"
        f"e = graphurl.embed(x, epochs=1, **{settings!r})\n"
        "print(json.dumps([e.timing['peak_memory'], e.recipe.to_dict()]))\n"
    )
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=True)
    peak, recipe = json.loads(done.stdout.splitlines()[-1])
    assert estimate_memory(rows, columns, Recipe.from_dict(recipe)) == pytest.approx(peak, rel=0.35)
