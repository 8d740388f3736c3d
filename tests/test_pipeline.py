"""embed: data in, embedding out; every loss and encoder, resume, isolated nodes, and a fresh process."""

from __future__ import annotations

import itertools
import signal
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import graphurl
from graphurl import Embedding, Graph
from graphurl.data.samples import Samples
from graphurl.errors import CollapseWarning, GraphWarning, InputError, RunError
from graphurl.training.callbacks import Moment
from tests.training.small import ctrl_c

pytestmark = pytest.mark.filterwarnings("ignore::graphurl.errors.GraphWarning")
SMALL: dict[str, Any] = {"n_neighbors": 4, "epochs": 3, "hidden": 8, "depth": 2, "device": "cpu"}


def rows(n: int = 50, f: int = 6) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(n, f, generator=generator) + 4 * (torch.arange(n) % 3)[:, None]


def nodes(n: int = 50) -> Samples:
    generator = torch.Generator().manual_seed(1)
    y = torch.arange(n) % 3
    x = (torch.rand(n, 15, generator=generator) < 0.1 + 0.4 * (torch.arange(15) % 3 == y[:, None])).float()
    x[7] = 0  # a node without features
    ends = torch.randint(n - 1, (2, 6 * n), generator=generator)  # the last node has no edge
    ends = ends[:, (y[ends[0]] == y[ends[1]]) & (ends[0] != ends[1])]
    return Samples("small", x, Graph.from_edges(ends[0], ends[1], n).symmetrise("max"), y)


def embed(source: Any, **changes: Any) -> Embedding:
    return graphurl.embed(source, **{**SMALL, **changes})


LOSSES = ["mse", "bce", "gkl", "kl", "infonce"]


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("dynamic", [False, True])
def test_every_loss_on_rows_and_on_nodes(loss: str, dynamic: bool) -> None:
    for encoder, batch_size in itertools.product(["mlp", "table"], [16, 0]):
        result = embed(rows(), loss=loss, dynamic=dynamic, encoder=encoder, batch_size=batch_size)
        assert result.z.shape == (50, 2)
        assert np.isfinite(result.z).all()
    for encoder in ("gcn", "mlp", "linear"):
        result = embed(nodes(), loss=loss, dynamic=dynamic, encoder=encoder, dim=3)
        assert result.z.shape == (50, 3)
        assert result.z.dtype == np.float32
        assert np.isfinite(result.z).all()


def test_groups_come_apart() -> None:
    result = embed(rows(90), epochs=60, hidden=32, lr=0.01, batch_size=0)
    y = np.arange(90) % 3
    d = np.linalg.norm(result.z[:, None] - result.z[None], axis=2)
    np.fill_diagonal(d, np.inf)
    assert (y[d.argmin(1)] == y).mean() > 0.95
    assert result.status == "finished"
    assert len(result.history) == 60


@pytest.mark.parametrize("encoder", ["mlp", "table"])
def test_same_seed_same_bytes(encoder: str) -> None:
    a, b = (embed(rows(), encoder=encoder, batch_size=16, dropout=0.2) for _ in range(2))
    c = embed(rows(), encoder=encoder, batch_size=16, dropout=0.2, seed=1)
    assert a.z.tobytes() == b.z.tobytes()
    assert not np.array_equal(a.z, c.z)


def test_a_recipe_and_its_settings_are_the_same(rng_untouched: None) -> None:
    by_name = embed(rows(), method="map", loss="kl")
    by_recipe = graphurl.embed(rows(), recipe=by_name.recipe, device="cpu")
    assert by_name.z.tobytes() == by_recipe.z.tobytes()


def test_inputs_and_global_randomness_are_untouched(rng_untouched: None) -> None:
    x, samples = rows(), nodes()
    embed(x, dropout=0.3)
    embed(samples, encoder="gcn", dim=3, dropout=0.3)
    assert torch.equal(x, rows())
    assert samples.x is not None
    assert samples.graph is not None
    assert torch.equal(samples.x, nodes().x)  # type: ignore[arg-type]
    assert samples.graph == nodes().graph


@pytest.mark.parametrize("encoder", ["table", "mlp"])
@pytest.mark.parametrize("batch_size", [0, 8])
def test_nodes_without_any_edge_work_with_a_warning(encoder: str, batch_size: int) -> None:
    samples = Samples("alone", rows(20), Graph.from_edges([], [], 20))
    with pytest.warns(GraphWarning, match="20 of 20 nodes have no edge"):
        result = embed(samples, encoder=encoder, graph=Graph.from_edges([], [], 20), batch_size=batch_size, dim=2)
    assert np.isfinite(result.z).all()


def test_a_graph_in_pieces_works_with_a_warning() -> None:
    graph = Graph.from_edges([0, 1, 2, 3], [1, 0, 3, 2], 6)
    with pytest.warns(GraphWarning) as caught:
        result = embed(graph, dim=2)
    words = " ".join(str(w.message) for w in caught)
    assert "2 of 6 nodes have no edge" in words
    assert "2 components" in words
    assert np.isfinite(result.z).all()


def test_nodes_with_dense_features_are_not_weighed_to_nothing() -> None:
    small = nodes()
    dense = Samples("dense", rows(), small.graph, small.y)
    result = embed(dense, dim=4)
    assert result.recipe.features == "standard"
    assert len(np.unique(result.z, axis=0)) > 40
    assert embed(small, dim=4).recipe.features == "sqrt-idf"
    with pytest.raises(InputError, match="use features='standard'"):
        embed(dense, features="idf")


def test_the_default_dimension_is_at_most_the_number_of_features() -> None:
    assert embed(nodes()).z.shape[1] == 15
    assert embed(nodes(), dim=3).z.shape[1] == 3


def test_fewer_rows_than_neighbours_names_the_setting() -> None:
    with pytest.raises(InputError, match=r"^n_neighbors is 4 and a sample has 3 others: give 1 to 3"):
        embed(rows(4))


def test_two_samples_are_enough() -> None:
    result = embed(rows(2), n_neighbors=1)
    assert result.z.shape == (2, 2)
    assert np.isfinite(result.z).all()


def test_duplicates_are_finite() -> None:
    x = rows(30)
    x[:15] = x[0]
    for loss in LOSSES:
        assert np.isfinite(embed(x, loss=loss).z).all()


def interrupted(tmp_path: Path, **changes: Any) -> tuple[Embedding, Embedding]:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        first = embed(
            rows(), run_folder=tmp_path, epochs=6, callbacks=[lambda m: ctrl_c() if m.epoch == 2 else None], **changes
        )
    finally:
        signal.signal(signal.SIGINT, before)
    return first, embed(rows(), run_folder=tmp_path, epochs=6, resume=True, **changes)


@pytest.mark.parametrize(
    "changes", [{"batch_size": 16, "dropout": 0.3}, {"encoder": "table", "batch_size": 16}, {"dynamic": True}]
)
def test_interrupt_and_resume_give_the_unbroken_embedding(changes: dict[str, Any], tmp_path: Path) -> None:
    first, second = interrupted(tmp_path, **changes)
    whole = embed(rows(), epochs=6, **changes)
    assert first.status == "interrupted"
    assert len(first.history) == 2
    assert first.z.shape == (50, 2), "the model so far"
    assert second.status == "finished"
    assert second.z.tobytes() == whole.z.tobytes()
    strip = [{k: v for k, v in r.items() if k != "seconds"} for r in second.history]
    assert strip == [{k: v for k, v in r.items() if k != "seconds"} for r in whole.history]


def test_resume_with_other_settings_is_refused(tmp_path: Path) -> None:
    interrupted(tmp_path)
    before = (tmp_path / "config.yaml").read_bytes()
    for changes, words in (({"lr": 0.5}, r"lr \(was [\d.]+, now 0\.5\)"), ({"loss": "mse"}, "loss .was .*now mse")):
        with pytest.raises(InputError, match=words):
            embed(rows(), run_folder=tmp_path, epochs=6, resume=True, **changes)
    with pytest.raises(InputError, match="the data"):
        embed(rows() * 2, run_folder=tmp_path, epochs=6, resume=True)
    assert (tmp_path / "config.yaml").read_bytes() == before


def test_save_and_transform_in_a_fresh_process(tmp_path: Path) -> None:
    result = embed(rows(), features="standard")
    result.save(tmp_path / "run")
    np.save(tmp_path / "x.npy", rows().numpy())
    code = (
        "import sys, torch, numpy as np\n"
        "from graphurl import Embedding\n"
        "torch.set_num_threads(1)\n"
        "e = Embedding.load(sys.argv[1] + '/run')\n"
        "np.save(sys.argv[1] + '/z.npy', e.transform(np.load(sys.argv[1] + '/x.npy')))\n"
        "np.save(sys.argv[1] + '/old.npy', e.z)\n"
    )
    subprocess.run([sys.executable, "-W", "ignore", "-c", code, str(tmp_path)], check=True)
    assert np.load(tmp_path / "old.npy").tobytes() == result.z.tobytes()
    assert np.load(tmp_path / "z.npy").tobytes() == result.z.tobytes()


def test_loaded_and_saved_are_equal(tmp_path: Path) -> None:
    result = embed(nodes(), encoder="gcn", dim=3)
    result.save(tmp_path)
    again = Embedding.load(tmp_path)
    assert again.recipe == result.recipe
    assert np.array_equal(again.z, result.z)
    for key, value in result.model.encoder.state_dict().items():
        assert torch.equal(again.model.encoder.state_dict()[key], value)
    assert np.array_equal(again.transform(nodes()), result.transform(nodes()))


@pytest.mark.parametrize("encoder", ["mlp", "linear", "gcn", "sage", "gat"])
def test_transform_of_the_fitted_data_is_the_embedding(encoder: str) -> None:
    result = embed(nodes(), encoder=encoder, dim=3)
    assert np.array_equal(result.transform(nodes()), result.z)


def test_one_row_and_equal_rows_are_placed() -> None:
    result = embed(rows())
    one = result.transform(rows()[:1])
    assert one.shape == (1, 2)
    np.testing.assert_allclose(one, result.z[:1], rtol=1e-4, atol=1e-5)
    assert result.transform(rows()[[3, 3]]).shape == (2, 2)


def test_collapse_is_told_or_raised() -> None:
    class Flat(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.bias = torch.nn.Parameter(torch.zeros(2))

        def forward(self, x: Tensor) -> Tensor:
            return self.bias + 0 * x[:, :2]

    with pytest.warns(CollapseWarning, match="collapsed in epoch 1"):
        embed(rows(), encoder=Flat())
    with pytest.raises(RunError, match="collapsed in epoch 1"):
        embed(rows(), encoder=Flat(), fail_on_collapse=True)


def test_callbacks_see_the_run_and_may_end_it() -> None:
    def stop(moment: Moment) -> bool:
        return moment.record["epoch"] == 2

    result = embed(rows(), callbacks=[stop])
    assert result.status == "stopped"
    assert len(result.history) == 2
    assert {"load", "graph", "train", "total", "peak_memory"} <= set(result.timing)
    assert result.timing["peak_memory"] > 1e7


def test_no_epochs_give_the_start() -> None:
    result = embed(rows(), epochs=0)
    assert (result.status, result.history) == ("finished", [])
    assert np.isfinite(result.z).all()


def test_start_from_principal_coordinates() -> None:
    result = embed(rows(), encoder="table", init="pca", epochs=0)
    assert float(result.z[:, 0].std(ddof=1)) == pytest.approx(1e-2, rel=1e-3)
    assert abs(np.corrcoef(result.z[:, 0], rows().sum(1))[0, 1]) > 0.99


WRONG: list[tuple[Any, dict[str, Any], str]] = [
    (lambda: rows(), {"n_neighbors": 50}, "n_neighbors is 50 and a sample has 49 others"),
    (lambda: rows(1), {}, "at least two"),
    (lambda: torch.ones(9, 3), {}, "constant"),
    (lambda: rows().masked_fill(torch.eye(50, 6) > 0, torch.nan), {}, "row 0, column 0"),
    (lambda: rows(), {"los": "bce"}, "did you mean 'loss'"),
    (lambda: rows(), {"loss": "bcee"}, "did you mean 'bce'"),
    (lambda: rows(), {"encoder": "mpl"}, "did you mean 'mlp'"),
    (lambda: rows(), {"graph": Graph.from_edges([0], [1], 9)}, "9 nodes and there are 50 samples"),
    (lambda: rows(), {"graph": Graph.from_edges([0, 1], [0, 1], 50)}, "only self-loops"),
    (lambda: rows(), {"encoder": "gcn", "dynamic": True, "layer": 4}, "hidden layer 4"),
    (lambda: rows(), {"batch_size": 3, "loss": "bce"}, "batch_size is 3"),
    (lambda: rows(), {"batch_size": 16, "edge_share": 2.0}, "edge_share is 2"),
    (lambda: rows(), {"device": "tpu"}, "auto, cpu, cuda or mps"),
    (lambda: rows(), {"sigma_z": 0}, "sigma"),
    (lambda: nodes(), {"encoder": "linear", "hops": -1}, "hops is -1"),
    (lambda: Graph.from_edges([0], [1], 5), {"encoder": "mlp"}, "encoder='table'"),
]  # fmt: skip


@pytest.mark.parametrize(("source", "changes", "words"), WRONG, ids=[words for *_, words in WRONG])
def test_wrong_input_is_one_line_and_writes_nothing(
    source: Any, changes: dict[str, Any], words: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=words) as caught, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        embed(source(), run_folder=tmp_path / "run", **changes)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "run").exists() or "layer" in words
