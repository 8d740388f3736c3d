"""Several processes on one run find what one process finds."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.distributed as dist

from graphurl.functional.ranks import ALONE, Ranks, current
from graphurl.training.distributed import VARIABLES, distributed, launched, processes_here
from tests.training.processes import CASES, gradient, together, trained

Found = list[dict[str, Any]]


@pytest.fixture(scope="module", params=[2, pytest.param(4, marks=pytest.mark.slow)])
def found(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Found:
    return together(request.param, tmp_path_factory.mktemp(f"processes-{request.param}"))


def test_the_gradient_is_that_of_one_process_on_the_union(found: Found) -> None:
    for case in CASES:
        alone = gradient(case)
        for rank in found:
            shared = rank[f"gradient {case.name}"]
            assert shared.keys() == alone.keys()
            for name, value in alone.items():
                torch.testing.assert_close(
                    shared[name], value, rtol=1e-6, atol=1e-9, msg=lambda text, c=case, n=name: f"{c.name} {n}: {text}"
                )


def test_the_gradients_are_not_all_zero() -> None:
    for case in CASES:
        assert max(float(value.abs().max()) for key, value in gradient(case).items() if key != "loss") > 1e-4


def test_training_arrives_where_one_process_does(found: Found) -> None:
    for case in (case for case in CASES if case.loss == "bce"):
        alone = trained(case)
        for rank in found:
            shared = rank[f"trained {case.name}"]
            for name, value in alone.items():
                torch.testing.assert_close(shared[name], value, rtol=1e-4, atol=1e-5)


def test_all_processes_hold_the_same_bits(found: Found) -> None:
    for case in (case for case in CASES if case.loss == "bce"):
        first, *others = [rank[f"trained {case.name}"] for rank in found]
        assert all(torch.equal(other[key], first[key]) for other in others for key in first)


def test_a_resumed_run_goes_on_bit_for_bit(found: Found) -> None:
    for rank in found:
        state = rank["resumed"]
        names = [key.removeprefix("resumed.") for key in state if key.startswith("resumed.")]
        assert len(names) >= 4
        assert all(torch.equal(state[f"resumed.{name}"], state[f"unbroken.{name}"]) for name in names)


def test_each_process_drops_other_units(found: Found) -> None:
    first, *others = [rank["masks"]["drawn"] for rank in found]
    assert not any(torch.equal(first, other) for other in others)


def test_one_process_that_stops_stops_all(found: Found) -> None:
    assert [int(rank["stopped"]["epochs"]) for rank in found] == [2] * len(found)


def test_processes_with_other_graphs_are_refused(found: Found) -> None:
    for rank in found:
        assert rank["refused"] == [
            "the processes 0 and 1 have different graphs (a and b): give all the same files, settings and versions"
        ]


def test_one_process_alone_is_left_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RANK", raising=False)
    with distributed() as ranks:
        assert ranks == ALONE
        assert current() == ALONE
        assert processes_here() == 1
    assert not launched()


@pytest.mark.parametrize("size", [1, 2, 3, 5])
@pytest.mark.parametrize("count", [1, 4, 17])
def test_parts_are_as_equal_as_can_be_and_cover_everything(size: int, count: int) -> None:
    spans = [Ranks(rank, size).span(count) for rank in range(size)]
    assert [number for start, stop in spans for number in range(start, stop)] == list(range(count))
    lengths = [stop - start for start, stop in spans]
    assert max(lengths) - min(lengths) <= 1
    nodes = torch.arange(count)
    assert Ranks(0, size).counts(nodes, count) == lengths


@pytest.mark.parametrize("ends_badly", [False, True])
def test_all_wait_for_each_other_at_the_end_unless_one_failed(
    ends_badly: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that failed cannot come to the barrier: the others must not hang there, torchrun ends them."""
    for name, value in zip(VARIABLES, ("0", "2", "0", "localhost", "29500"), strict=True):
        monkeypatch.setenv(name, value)
    seen: list[str] = []
    for name in ("init_process_group", "barrier", "destroy_process_group"):
        monkeypatch.setattr(dist, name, lambda *given, name=name: seen.append(name))
    monkeypatch.setattr(dist, "is_initialized", lambda: False)
    monkeypatch.setattr(dist, "get_rank", lambda: 0)
    monkeypatch.setattr(dist, "get_world_size", lambda: 2)
    told = pytest.raises(ValueError, match="bad") if ends_badly else contextlib.nullcontext()
    with told, distributed("cpu") as ranks:
        assert ranks == Ranks(0, 2) == current()
        seen.append("run")
        if ends_badly:
            raise ValueError("bad")
    assert seen == ["init_process_group", "run", *([] if ends_badly else ["barrier"]), "destroy_process_group"]
    assert current() == ALONE
    monkeypatch.setattr(dist, "is_initialized", lambda: True)
    seen.clear()
    with distributed("cpu"):
        pass
    assert seen == [], "a group of the caller's is left to the caller"


def torchrun(folder: Path, *arguments: str, processes: int = 2) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [*command, *arguments], cwd=folder, capture_output=True, text=True, timeout=300, check=False, env=environment
    )


@pytest.mark.slow
def test_no_process_leaves_before_the_first_has_written(tmp_path: Path) -> None:
    (tmp_path / "late.py").write_text(
        "import time\n"
        "from pathlib import Path\n"
        "import graphurl\n"
        "with graphurl.distributed('cpu') as ranks:\n"
        "    if ranks.first:\n"
        "        time.sleep(2)\n"
        "        Path('written').touch()\n"
        "assert Path('written').exists(), ranks\n"
    )
    done = torchrun(tmp_path, "late.py")
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_the_default_map_is_that_of_one_process(tmp_path: Path) -> None:
    """All pairs on a grid: rows of both processes, equal ones in different processes among them."""
    draws = np.random.default_rng(0)
    x = draws.normal(size=(1200, 8)) + 4 * draws.normal(size=(5, 8))[np.arange(1200) % 5]
    x[700] = x[3]
    np.save(tmp_path / "rows.npy", x.astype(np.float32))
    given = ["-m", "graphurl", "embed", "--features", "rows.npy", "--epochs", "12", "-q", "--out"]
    shared = torchrun(tmp_path, *given, "two")
    assert shared.returncode == 0, shared.stderr
    own = {**os.environ, "OMP_NUM_THREADS": "1"}
    subprocess.run([sys.executable, *given, "one"], cwd=tmp_path, env=own, timeout=300, check=True)
    one, two = (np.load(tmp_path / run / "embedding.npy") for run in ("one", "two"))
    assert json.loads((tmp_path / "two" / "report.json").read_text())["processes"] == 2
    np.testing.assert_allclose(two, one, rtol=1e-4, atol=1e-4 * np.ptp(one))
    assert np.array_equal(two[700], two[3])


@pytest.mark.slow
def test_embed_under_torchrun_writes_one_run(tmp_path: Path) -> None:
    given = ["-m", "graphurl", "embed", "--graph", "karate", "--epochs", "2"]
    shared = torchrun(tmp_path, *given, "--out", "two")
    assert shared.returncode == 0, shared.stderr
    assert shared.stdout.count("folder  two") == 1
    alone = [sys.executable, *given, "--out", "one", "-q"]
    subprocess.run(alone, cwd=tmp_path, check=True, timeout=300)
    files = [sorted(path.name for path in (tmp_path / run).iterdir()) for run in ("one", "two")]
    assert files[0] == files[1]
    one, two = (np.load(tmp_path / run / "embedding.npy") for run in ("one", "two"))
    np.testing.assert_allclose(two, one, rtol=1e-2, atol=1e-3)
    again = torchrun(tmp_path, *given, "--out", "two")
    assert again.returncode != 0
    assert "exists and is not empty" in again.stderr
