"""From data in files to an embedding: the same bytes as from the same data in memory, whatever the method."""

from __future__ import annotations

import subprocess
import sys
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from graphurl import Embedder, Embedding, Graph, NodeEmbedder, graphs
from graphurl.assembly import graphs as assembly
from graphurl.data.files import read_file
from graphurl.data.preparation import KINDS
from graphurl.data.samples import Samples
from graphurl.errors import InputError
from graphurl.functional import mapped, neighbors
from graphurl.functional.mapped import is_mapped
from graphurl.source import Source
from tests.test_pipeline import embed, nodes, rows

pytestmark = pytest.mark.filterwarnings("ignore::graphurl.errors.GraphWarning")


@pytest.fixture(autouse=True)
def every_file_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mapped, "MAPPED_FROM", 0)


def both(samples: Samples, folder: Path) -> tuple[Samples, Samples]:
    """The samples in memory, and with features in a file."""
    assert samples.x is not None
    np.save(folder / "x.npy", samples.x.numpy())
    x = read_file(folder / "x.npy").x
    assert x is not None
    assert is_mapped(x)
    assert not is_mapped(samples.x)
    return samples, replace(samples, x=x)


def assert_same(folder: Path, samples: Samples, **settings: Any) -> Embedding:
    memory, file = (embed(part, **settings) for part in both(samples, folder))
    assert memory.z.tobytes() == file.z.tobytes()
    assert np.ptp(memory.z) > 0
    return file


ROWS = Samples("rows", rows())
MAPS: list[dict[str, Any]] = [
    {}, {"features": "none", "metric": "cosine"}, {"features": "l2", "metric": "manhattan"},
    {"encoder": "table", "init": "pca"}, {"features": "standard", "loss": "bce", "batch_size": 20},
]  # fmt: skip


@pytest.mark.parametrize("settings", MAPS)
@pytest.mark.parametrize("faiss", [False, True])
def test_maps_of_rows(settings: dict[str, Any], faiss: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if faiss:
        monkeypatch.setattr(neighbors, "EXACT_UP_TO", 10)
        monkeypatch.setattr("graphurl.functional.approximate._PROJECTED", 4)
    assert_same(tmp_path, ROWS, **settings)


NODES: list[dict[str, Any]] = [
    {}, {"message": "citation", "hops": 2}, {"hops": 0}, {"method": "nodes-mlp"},
    {"encoder": "mlp", "features": "none"}, {"encoder": "gcn"},
    {"encoder": "sage", "batch_size": 20}, {"encoder": "gat", "batch_size": 20},
]  # fmt: skip


@pytest.mark.parametrize("settings", NODES)
def test_vectors_of_nodes(settings: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if "batch_size" in settings:
        monkeypatch.setattr(assembly, "FULL_BATCH", 40)
        monkeypatch.setattr(assembly, "PORTION", 16)
    assert_same(tmp_path, nodes(), dim=3, **settings)


@pytest.mark.parametrize("kind", KINDS)
def test_every_preparation(kind: str, tmp_path: Path) -> None:
    file = assert_same(tmp_path, nodes(), dim=3, features=kind, encoder="mlp")
    new = np.load(tmp_path / "x.npy", mmap_mode="r")
    assert np.array_equal(file.transform(new), file.transform(np.array(new)))


@pytest.mark.parametrize("settings", [{}, {"features": "standard"}, {"method": "nodes-mlp"}, {"encoder": "mlp"}])
def test_many_small_blocks(settings: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sums over blocks round in another order, which is all that may differ from one block."""
    memory, file = both(nodes(), tmp_path)
    one = embed(memory, dim=3, epochs=1, **settings)
    monkeypatch.setattr(mapped, "BLOCK_NUMBERS", 128)
    np.testing.assert_allclose(embed(file, dim=3, epochs=1, **settings).z, one.z, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("dtype", ["<f8", "<f2", ">f4", "u1", "<i8"])
def test_other_numbers_are_copied_to_a_scratch_file(dtype: str, tmp_path: Path) -> None:
    values = np.rint(10 * np.abs(rows().numpy())).astype(dtype)
    np.save(tmp_path / "x.npy", values)
    samples = read_file(tmp_path / "x.npy")
    assert samples.x is not None
    assert is_mapped(samples.x)
    assert samples.x.dtype == torch.float32
    assert np.array_equal(samples.x.numpy(), values.astype(np.float32))
    np.save(tmp_path / "fortran.npy", np.asfortranarray(values.astype(np.float32)))
    other = read_file(tmp_path / "fortran.npy").x
    assert other is not None
    assert is_mapped(other)
    assert torch.equal(other, samples.x)


def test_a_map_of_the_users_own_is_neither_copied_nor_changed(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", rows().numpy())
    before = (tmp_path / "x.npy").read_bytes()
    for mode in ("r", "c", "r+"):
        array = np.load(tmp_path / "x.npy", mmap_mode=mode)
        with warnings.catch_warnings():
            warnings.filterwarnings("error", message="The given NumPy array is not writable")
            samples = embed(array).samples
            fitted = Embedder(n_neighbors=4, n_epochs=1, random_state=0).fit(array)
        assert samples is not None
        assert samples.x is not None
        assert is_mapped(samples.x)
        assert samples.x.data_ptr() == array.__array_interface__["data"][0]
        assert fitted.result_.samples is not None
        assert fitted.result_.samples.x is not None
        assert fitted.result_.samples.x.data_ptr() == samples.x.data_ptr()
        assert fitted.transform(array).shape == (50, 2)
        assert (tmp_path / "x.npy").read_bytes() == before


def test_a_bad_value_in_a_file_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mapped, "BLOCK_NUMBERS", 12)
    values = rows().numpy().copy()
    values[31, 2] = values[40, 1] = np.nan
    np.save(tmp_path / "x.npy", values)
    with pytest.raises(InputError, match=r"2 value\(s\) are NaN or Inf, the first \(nan\) at row 31, column 2"):
        read_file(tmp_path / "x.npy")


def test_edges_and_graphs_in_files_give_the_same_run(tmp_path: Path) -> None:
    samples = nodes()
    assert samples.x is not None
    assert samples.graph is not None
    np.save(tmp_path / "x.npy", samples.x.numpy())
    ends = torch.stack([samples.graph.rows, samples.graph.col]).numpy()
    np.save(tmp_path / "edges.npy", ends.T.astype(np.int32))
    graphs.save(samples.graph.similarity(), tmp_path / "p.graph")
    saved = graphs.load(tmp_path / "p.graph")
    assert is_mapped(saved.col)
    assert saved == samples.graph.similarity()
    expected = embed(samples, dim=3).z.tobytes()
    features = str(tmp_path / "x.npy")
    assert embed(Source(features=features, edges=str(tmp_path / "edges.npy")), dim=3).z.tobytes() == expected
    x = read_file(features)
    by_graph = embed(x, graph=saved, method="nodes", encoder="mlp", dim=3)
    assert by_graph.z.tobytes() == embed(samples, encoder="mlp", dim=3).z.tobytes()


def test_node_embedder_takes_features_in_a_file(tmp_path: Path) -> None:
    from torch_geometric.data import Data

    samples = nodes()
    memory, file = both(samples, tmp_path)
    assert samples.graph is not None
    ends = torch.stack([samples.graph.rows, samples.graph.col])
    z = [NodeEmbedder(3, n_epochs=1, random_state=0).fit(Data(part.x, ends)).embedding_ for part in (memory, file)]
    assert np.array_equal(*z)


@pytest.mark.slow
@pytest.mark.parametrize("settings", [{"encoder": "mlp"}, {"message": "citation"}])
def test_less_memory_is_taken_than_the_file_is_large(settings: dict[str, Any], tmp_path: Path) -> None:
    """Anonymous memory is sampled: pages of the file, which the system may drop, do not count."""
    count, width = 50_000, 5000
    file = np.lib.format.open_memmap(tmp_path / "x.npy", "w+", np.float32, (count, width))
    generator = np.random.default_rng(0)
    for start in range(0, count, 1000):
        file[start : start + 1000] = generator.standard_normal((1000, width), dtype=np.float32)
    del file
    ends = generator.integers(0, count, (2, 4 * count))
    graphs.save(Graph.from_edges(*ends, count).symmetrise("max"), tmp_path / "g.graph")
    code = (
        "import numpy as np, sys, torch, graphurl\n"
        "from dataclasses import replace\n"
        "from benchmarks.larger_than_memory import Watch\n"
        "from graphurl.data.files import read_file\n"
        "from graphurl.functional import mapped\n"
        "mapped.MAPPED_FROM = 0\n"
        "samples = replace(read_file(sys.argv[1] + '/x.npy'), graph=graphurl.graphs.load(sys.argv[1] + '/g.graph'))\n"
        "with Watch() as watch:\n"
        f"    graphurl.embed(samples, epochs=0, dim=64, features='standard', task='ge', hidden=64, **{settings!r})\n"
        "print(watch.peak)\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code, str(tmp_path)], capture_output=True, text=True, check=True,
        cwd=Path(__file__).parent.parent,
    )  # fmt: skip
    assert 0.1e9 < int(done.stdout.split()[-1]) < 0.7 * 4 * count * width
