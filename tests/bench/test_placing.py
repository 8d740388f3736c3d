"""Maps on the clock: what is measured, how it is judged, and which file it is kept in."""

from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import graphurl
from graphurl import registry
from graphurl.bench.maps import Row, parted, peers, samples_of
from graphurl.bench.placing import MapBench, Task, check, held_scores, judged, measured, neighbours_of, timed
from graphurl.data.samples import Samples
from graphurl.errors import RunError
from graphurl.evaluation.neighborhood import trustworthiness
from graphurl.evaluation.probe import knn_accuracy, linear_probe

METHOD = """
import torch
from pathlib import Path

NAME = "Columns"
PACKAGES = ("numpy",)


def embed(x, *, seed, threads, dim):
    with (Path(__file__).parent / "calls").open("a") as file:
        file.write(f"{len(x)} {threads} {torch.get_num_threads()}\\n")
    if dim == 3:
        raise ValueError("three is too many")

    def place(new):
        with (Path(__file__).parent / "calls").open("a") as file:
            file.write(f"new {len(new)}\\n")
        return new[:, :dim] * (0 * new[:, :1] / 0 if dim == 4 else 1)

    return x[:, :dim], None if dim == 1 else place
"""
DATA = "nested-clusters-1k"


@pytest.fixture
def peer(tmp_path: Path) -> Row:
    folder = tmp_path / f"placing_{tmp_path.parent.name}_{tmp_path.name}".replace("-", "_")
    folder.mkdir()
    (folder / "columns.py").write_text(METHOD)
    return peers(folder)[0]


def calls(peer: Row) -> list[list[str]]:
    assert peer.file is not None
    return [line.split() for line in (peer.file.parent / "calls").read_text().splitlines()]


def test_a_peers_map_is_measured_after_a_fit_before_the_clock(peer: Row) -> None:
    before = torch.get_num_threads()
    try:
        found = measured(Task(peer, 0, DATA, threads=2, warm_up=300))
    finally:
        torch.set_num_threads(before)
    assert calls(peer) == [["300", "2", "2"], ["new", "200"], ["1000", "2", "2"], ["new", "10000"]]
    assert (found["rows"], found["dim"], found["threads"], found["new_rows"]) == (1000, 2, 2, 10_000)
    assert found["memory"] > 1e7 and found["wall"] > 0 and found["versions"]["numpy"] == np.__version__
    samples = samples_of(DATA)
    assert samples.x is not None
    z = samples.x[:, :2].numpy()
    assert found["trust"] == pytest.approx(trustworthiness(samples.x, z))
    assert found["linear"] == pytest.approx(100 * linear_probe(z, samples.y)["accuracy"])
    assert found["knn"] == pytest.approx(100 * knn_accuracy(z, samples.y)["accuracy"])
    assert 0 < found["kmeans"] < 1 and 0 <= found["hdbscan"] < 1
    assert not {"trust_held", "settings"} & set(found)


def test_without_labels_or_new_rows_what_is_left_is_measured(peer: Row) -> None:
    found = measured(Task(peer, 0, DATA, dim=1, probes=False, warm_up=0, held_out=200))
    assert calls(peer) == [["800", "1", "1"]]
    assert "trust" in found and not {"linear", "knn", "kmeans", "new_wall", "trust_held"} & set(found)


def test_what_fails_is_told_with_its_reason(peer: Row) -> None:
    with pytest.raises(RunError, match="ValueError: three is too many"):
        measured(Task(peer, 0, DATA, dim=3, warm_up=0))
    with pytest.raises(RunError, match="10,000 of 10,000 rows of its map are not finite"):
        measured(Task(peer, 0, DATA, dim=4, warm_up=0))
    with pytest.raises(RunError, match=r"shape \(3, 2\) for 4 rows"):
        check(np.zeros((3, 2)), 4)
    assert peer.file is not None
    other = peer.file.with_name("absent.py")
    other.write_text(METHOD.replace('"numpy"', '"no-such-package"'))
    with pytest.raises(RunError, match="no-such-package is not installed: pip install no-such-package"):
        measured(Task(replace(peer, file=other), 0, DATA, warm_up=0))


def test_a_recipe_is_what_embed_gives_and_principal_coordinates_are_linear() -> None:
    from graphurl.bench.placing import own, principal

    samples = samples_of(DATA)
    row = Row("a", method="map", changes={"epochs": 2, "encoder": "table"})
    z, transform = own(Task(row, 4, DATA))(samples)
    assert transform is None
    assert np.array_equal(z, graphurl.embed(samples, method="map", encoder="table", epochs=2, seed=4, device="cpu").z)
    found = measured(Task(row, 4, DATA, warm_up=0))
    assert found["settings"]["epochs"] == 2 and "new_wall" not in found
    z, transform = principal(Task(Row("pca", "pca"), 0, DATA, dim=3))(samples)
    assert samples.x is not None and transform is not None
    centred = samples.x.numpy() - samples.x.numpy().mean(0)
    _, _, right = np.linalg.svd(centred, full_matrices=False)
    np.testing.assert_allclose(np.abs(z), np.abs(centred @ right[:3].T), atol=1e-3)
    np.testing.assert_allclose(transform(samples.x.numpy()), z, atol=1e-3)


def test_held_out_rows_are_judged_as_fitted_ones_are() -> None:
    fitted, held = parted(samples_of(DATA), 250)
    assert held is not None and fitted.x is not None and held.x is not None and fitted.y is not None
    z, placed = fitted.x[:, :2].numpy(), held.x[:, :2].numpy()
    found = held_scores(z, fitted, placed, held)
    assert found["trust_held"] == pytest.approx(trustworthiness(held.x, placed, subset=None))
    assert found["trust_fitted"] == pytest.approx(trustworthiness(fitted.x, z, subset=250))
    assert found["knn_fitted"] == pytest.approx(judged(z, fitted, True)["knn"])
    # The voters are those of the fitted side: a naive vote over the same rows, the nearest deciding a tie.
    from graphurl.evaluation.probe import drawn_split

    y, new = fitted.y.numpy(), held.y.numpy()  # type: ignore[union-attr]
    voters = drawn_split(y, y >= 0, 0)["train"]
    order = np.linalg.norm(placed[:, None] - z[voters], axis=2).argsort(1)[:, :10]
    votes = y[voters][order]
    counts = np.stack([(votes == label).sum(1) for label in range(45)], axis=1)
    most = np.array([next(v for v in vote if c[v] == c.max()) for vote, c in zip(votes, counts, strict=True)])
    assert found["knn_held"] == pytest.approx(100 * np.mean(most == new))
    bare = [Samples(name="a", x=part.x) for part in (fitted, held)]
    assert set(held_scores(z, bare[0], placed, bare[1])) == {"trust_fitted", "trust_held"}


def test_new_rows_lie_near_the_old_ones(rng_untouched: None) -> None:
    x = np.random.default_rng(0).normal(size=(50, 8)).astype(np.float32) * 3
    new = neighbours_of(x, 400)
    nearest = np.linalg.norm(new[:, None] - x, axis=2).min(1)
    assert new.shape == (400, 8) and new.dtype == np.float32
    assert nearest.min() > 0 and nearest.max() < 0.06 * np.sqrt(8)
    assert np.array_equal(new, neighbours_of(x, 400))


def test_processor_seconds_count_work_and_that_of_ended_children_but_no_sleep() -> None:
    found, spent = timed(lambda: time.sleep(0.3) or 5)
    assert found == 5 and spent["wall"] >= 0.3 > 3 * spent["cpu"] > 0

    def busy() -> None:
        end = time.process_time() + 0.1
        while time.process_time() < end:
            pass

    assert timed(busy)[1]["cpu"] >= 0.1
    code = "import time\nwhile time.process_time() < 0.3: pass"
    assert timed(lambda: subprocess.run([sys.executable, "-c", code], check=True))[1]["cpu"] >= 0.25


def test_another_value_or_other_code_is_another_file(
    tmp_path: Path, peer: Row, monkeypatch: pytest.MonkeyPatch
) -> None:
    samples, task = samples_of(DATA), Task(peer, 0, DATA)

    def paths(row: Row | None = None, seed: int = 0, **changes: object) -> Path:
        return MapBench(tmp_path, replace(task, **changes), samples).path(row or Row("a"), seed)  # type: ignore[arg-type]

    first = [paths(), paths(peer)]
    assert first == [paths(root="elsewhere"), paths(peer)]
    others = {
        paths(seed=1), paths(peer, seed=1), paths(Row("a", changes={"lr": 1.0})), paths(Row("a", "pca")), paths(dim=3),
        paths(threads=2), paths(held_out=10), paths(probes=False), paths(warm_up=7), paths(data="tree-1k"),
    }  # fmt: skip
    assert peer.file is not None
    peer.file.write_text(METHOD + "# changed\n")
    others.add(paths(peer))
    monkeypatch.setattr("graphurl.recipes.maps.MAP", registry.resolve("recipes", "map").but(lr=0.7))
    others.add(paths())
    assert len(others - set(first)) == 12
