"""The number of hops from held-out edges: planted graphs with a known answer, naive references, odd graphs."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from graphurl.assembly import assemble, hops
from graphurl.assembly.hops import CANDIDATES, USUAL, choose, narrowed, nearest_best, whitened, wins
from graphurl.data.samples import Samples
from graphurl.encoders.sgc import PropagatedLinear, excess, propagate, without_excess
from graphurl.errors import InputError
from graphurl.graphs.graph import Graph
from graphurl.recipes.nodes import NODES, NODES_MLP
from tests.test_pipeline import embed, nodes


def planted(degree: int, within: float, signal: float, *, n: int = 2000, classes: int = 10, seed: int = 0) -> Samples:
    """Edges within a class with a certain chance, else anywhere; features are the class's mean under noise of 1."""
    generator = torch.Generator().manual_seed(seed)
    y = torch.arange(n) % classes
    ends = torch.randint(n, (2, degree * n // 2), generator=generator)
    mate = (ends[0] + classes * torch.randint(1, n // classes, (len(ends[0]),), generator=generator)) % n
    ends[1] = torch.where(torch.rand(len(mate), generator=generator) < within, mate, ends[1])
    ends = ends[:, ends[0] != ends[1]]
    means = signal * torch.randn(classes, 20, generator=generator)
    x = means[y] + torch.randn(n, 20, generator=generator)
    return Samples("planted", x, Graph.from_edges(ends[0], ends[1], n).symmetrise("max"), y)


def read_off(samples: Samples, filter: str, number: int) -> float:
    """Accuracy of the nearest class mean after so many hops, means from every other row."""
    assert samples.x is not None and samples.graph is not None and samples.y is not None
    rows = propagate(samples.x, hops.adjacency(samples.graph), number, filter=filter)
    unit = torch.nn.functional.normalize(rows, dim=1)
    z = torch.nn.functional.normalize(without_excess(unit, *excess(unit)), dim=1)
    half = torch.arange(len(z)) % 20 < 10
    means = torch.stack([z[half & (samples.y == label)].mean(0) for label in samples.y.unique()])
    return float((torch.cdist(z[~half], means).argmin(1) == samples.y[~half]).float().mean())


def chosen(samples: Samples, **changes: object) -> dict[str, object]:
    recipe = NODES.but(features="none", dim=4, epochs=0, **changes)
    return dict(assemble(samples, recipe).found)


@pytest.mark.parametrize(
    ("samples", "few"),
    [(planted(4, 0.95, 0.2), False), (planted(60, 0.25, 0.3), True)],
    ids=["sparse, pure, noisy: many", "dense and mixed: few"],
)
def test_a_planted_graph_gets_the_hops_that_its_labels_would_choose(samples: Samples, few: bool) -> None:
    accuracy = {each: read_off(samples, *each) for each in CANDIDATES}
    means = {number: value for (filter, number), value in accuracy.items() if filter == "s2gc"}
    found = chosen(samples, filter="s2gc")["hops"]
    assert means[found] > max(means.values()) - 0.02  # type: ignore[index]
    assert (found in (1, 2, 4)) if few else (found == 16)
    assert max(value for number, value in means.items() if (number > 4) == few) < means[found] - 0.03  # type: ignore[index]
    free = chosen(samples)
    best = accuracy[free["filter"], free["hops"]]  # type: ignore[index]
    assert free["filter"] == "sgc"
    assert best > max(accuracy.values()) - 0.02


def test_edges_that_features_say_nothing_of_are_not_smoothed_over() -> None:
    assert chosen(planted(10, 0.0, 1.0))["hops"] == 0


def test_neighbours_of_the_features_are_joined_where_they_help() -> None:
    useful, useless = chosen(planted(3, 0.5, 1.5)), chosen(planted(6, 0.95, 0.1))
    assert useful["message"] == "citation+knn"
    assert useless["message"] == "citation"
    assert set(useless["edge_auc"]) == {"citation", "citation+knn"}  # type: ignore[call-overload]
    assert chosen(planted(6, 0.95, 0.1), message="citation+knn")["message"] == "citation+knn"


def test_what_is_given_is_kept() -> None:
    samples = planted(6, 0.95, 0.1)
    assert chosen(samples, hops=3, message="citation") == {}
    assert [chosen(samples, hops=3)[key] for key in ("hops", "filter")] == [3, "s2gc"]
    assert [chosen(samples, hops=3, filter="sgc")[key] for key in ("hops", "filter")] == [3, "sgc"]
    assert chosen(samples, filter="sgc", message="citation")["filter"] == "sgc"
    assert list(chosen(samples, message="citation")["edge_auc"]) == ["citation"]  # type: ignore[call-overload]
    assert chosen(samples, encoder="mlp") == {}


def test_without_enough_edges_the_usual_is_taken() -> None:
    few = planted(10, 0.5, 1.0, n=40, classes=2)
    assert few.graph is not None
    few = Samples("few", few.x, Graph.from_edges([0, 1], [1, 0], 40), few.y)
    assert chosen(few) == {"hops": 8, "filter": "s2gc", "message": "citation+knn"}
    assert chosen(Samples("rows", few.x), graph="knn") == {"hops": 8, "filter": "s2gc", "message": "knn"}
    assert choose(torch.ones(40, 3), few.graph, {"citation": None}) is None  # type: ignore[arg-type]


def test_rows_that_are_all_equal_are_no_error() -> None:
    samples = planted(10, 0.5, 1.0, n=200)
    assert samples.graph is not None
    choice = choose(torch.ones(200, 3), samples.graph, {"citation": None})
    assert choice is not None and choice.filter[1] == 0
    assert set(choice.auc["citation"].values()) == {0.5}


def test_the_share_of_absent_pairs_by_hand() -> None:
    z = torch.tensor([[1.0, 0.0], [0.8, 0.6], [0.0, 1.0], [1.0, 0.0]])
    source, target = torch.tensor([0, 2]), torch.tensor([1, 0])
    others = torch.tensor([[2, 1], [1, 3], [3, 0]])
    # Cosines of the first: .8 against 0, .8, 1; of the second: 0 against .6, 0, 0.
    assert wins(z, source, target, others).tolist() == pytest.approx([1.5 / 3, 1 / 3])


def test_whitened_rows_are_those_of_the_left_singular_vectors() -> None:
    x = torch.randn(30, 4, generator=torch.Generator().manual_seed(0)) * torch.tensor([9.0, 1.0, 0.3, 0.1]) + 2
    unit = torch.nn.functional.normalize(x.double(), dim=1)
    left = torch.linalg.svd(unit - unit.mean(0), full_matrices=False).U
    left = left / left.norm(dim=1, keepdim=True)
    z = whitened(x).double()
    torch.testing.assert_close(z @ z.T, left @ left.T, rtol=1e-3, atol=1e-3)


def test_narrowed_rows_keep_the_smooth_directions_and_sparse_rows_take_the_same_way() -> None:
    samples = planted(20, 0.9, 2.0, n=1000, classes=4)
    assert samples.x is not None and samples.graph is not None and samples.y is not None
    wide = torch.cat([samples.x, torch.randn(1000, 300, generator=torch.Generator().manual_seed(1))], 1)
    wide = torch.where(wide.abs() > 0.3, wide, 0.0)
    s = hops.adjacency(samples.graph)
    found = [narrowed(rows, s, torch.Generator().manual_seed(0)) for rows in (wide, wide.to_sparse_csr())]
    assert found[0].shape == (1000, 100)  # a tenth of the rows
    torch.testing.assert_close(found[0], found[1], rtol=1e-3, atol=1e-3)
    means = torch.stack([found[0][samples.y == label].mean(0) for label in range(4)])
    full = torch.stack([wide[samples.y == label].mean(0) for label in range(4)])
    torch.testing.assert_close(torch.cdist(means, means), torch.cdist(full, full), rtol=0.05, atol=0.01)


def test_a_tie_goes_to_the_usual_number() -> None:
    def ranks(*means: float) -> dict[tuple[str, int], Tensor]:
        noise = torch.randn(400, generator=torch.Generator().manual_seed(0))
        return {each: means[i] + 0.1 * noise.roll(i) for i, each in enumerate(CANDIDATES)}

    assert nearest_best(ranks(0.5, 0.6, 0.7, 0.7, 0.7, 0.701, 0.7, 0.7, 0.7)) == USUAL
    assert nearest_best(ranks(0.5, 0.6, 0.9, 0.7, 0.7, 0.7, 0.7, 0.7, 0.7)) == ("s2gc", 2)
    assert nearest_best(ranks(0.5, 0.6, 0.9, 0.9, 0.7, 0.7, 0.7, 0.9, 0.7)) == ("s2gc", 4)
    assert nearest_best(ranks(0.5, 0.6, 0.9, 0.7, 0.7, 0.7, 0.7, 0.9, 0.7)) == ("s2gc", 2)
    assert nearest_best(ranks(0.5, 0.6, 0.8, 0.7, 0.7, 0.7, 0.7, 0.9, 0.7)) == ("sgc", 4)


@pytest.mark.parametrize("recipe", [NODES, NODES_MLP])
def test_a_run_says_what_it_found_and_repeats_it(recipe: object) -> None:
    samples = planted(6, 0.95, 0.5, n=300, classes=3)
    first, second = (embed(samples, recipe=recipe, features="none", epochs=1, dim=4, hidden=8) for _ in range(2))
    assert (first.facts["filter"], first.facts["hops"]) in CANDIDATES
    assert first.facts["edge_auc"] == second.facts["edge_auc"]
    assert first.z.tobytes() == second.z.tobytes()
    assert first.recipe.hops == "auto"  # type: ignore[union-attr]
    other = embed(samples, recipe=recipe, features="none", epochs=1, dim=4, hidden=8, seed=1)
    assert other.facts["edge_auc"] == first.facts["edge_auc"]  # what was found is of the data, not of the run


def test_new_nodes_are_placed_along_the_graph_that_was_found(tmp_path: object) -> None:
    samples = planted(6, 0.95, 0.1)
    result = embed(samples, recipe=NODES, features="none", epochs=1, dim=4)
    encoder = result.model.encoder
    assert isinstance(encoder, PropagatedLinear)
    assert all(encoder.config()[key] == result.facts[key] for key in ("hops", "filter"))
    assert result.facts["message"] == "citation"
    np.testing.assert_allclose(result.transform(samples), result.z, rtol=1e-4, atol=1e-5)
    result.save(tmp_path / "run")  # type: ignore[operator]
    again = type(result).load(tmp_path / "run")  # type: ignore[operator]
    np.testing.assert_allclose(again.transform(samples), result.z, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("value", ["many", 2.5, True])
def test_other_than_a_whole_number_or_auto_is_refused(value: object) -> None:
    with pytest.raises(InputError, match=r"hops is .*: give a whole number or auto"):
        embed(nodes(), encoder="linear", hops=value)


def test_neighbours_of_many_nodes_are_not_searched(monkeypatch: pytest.MonkeyPatch) -> None:
    samples = planted(6, 0.95, 0.1)
    assert set(chosen(samples)["edge_auc"]) == {"citation", "citation+knn"}  # type: ignore[call-overload]
    monkeypatch.setattr("graphurl.assembly.message.BOTH_UP_TO", len(samples) - 1)
    monkeypatch.setattr("graphurl.assembly.message.knn", lambda *_, **__: pytest.fail("neighbours were searched"))
    assert list(chosen(samples)["edge_auc"]) == ["citation"]  # type: ignore[call-overload]
