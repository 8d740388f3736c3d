from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from graphurl.errors import InputError
from graphurl.graphs import Graph, knn
from graphurl.graphs.structure import is_symmetric
from tests.graphs.dense import Matrix, graphs, mask_of, matrix_of


def kappa(d: float, nu: float, *, normalised: bool = True) -> float:
    if math.isinf(nu):
        return math.exp(-d * d / 2)
    at_zero = (
        math.sqrt(2 * math.pi) * math.gamma((nu + 1) / 2) / (math.sqrt(nu * math.pi) * math.gamma(nu / 2))
    )
    return (1.0 if normalised else at_zero) * (1 + d * d / nu) ** (-(nu + 1) / 2)


def naive(
    graph: Graph, nu: float, sigma: list[float], mu: list[float] | None, *, normalised: bool = True
) -> Matrix:
    """p_X before symmetrisation by a double loop; mu None means nearest."""
    mask, d, w = mask_of(graph), matrix_of(graph, "length"), matrix_of(graph, "weight")
    p = np.zeros_like(d)
    for i in range(graph.num_nodes):
        near = [d[i, j] for j in range(graph.num_nodes) if mask[i, j] and j != i]
        for j in range(graph.num_nodes):
            if mask[i, j] and j != i:
                offset = min(near) if mu is None else mu[i]
                gap = max(d[i, j] - offset, 0.0)
                p[i, j] = min(max(w[i, j] * kappa(gap / sigma[i], nu, normalised=normalised), 0.0), 1.0)
    return p


def solved_sigma(graph: Graph, nu: float, row: int) -> float:
    """Bisection of sum_j kappa((d - mu)/sigma) = log2 k for one row."""
    d = [x for j, x in enumerate(matrix_of(graph, "length", np.nan)[row]) if j != row and not np.isnan(x)]
    low, high = 1e-9, 1e9
    for _ in range(200):
        middle = math.sqrt(low * high)
        total = sum(kappa((x - min(d)) / middle, nu) for x in d)
        low, high = (low, middle) if total > math.log2(len(d)) else (middle, high)
    return math.sqrt(low * high)


@pytest.fixture
def neighbours() -> Graph:
    x = torch.randn(12, 3, generator=torch.Generator().manual_seed(3))
    return knn(x, 5)


@given(
    graphs(length=True),
    st.sampled_from([0.01, 1.0, 100.0, math.inf]),
    st.sampled_from([0.5, 2.0]),
    st.sampled_from(["nearest", 0.0, 0.75]),
    st.booleans(),
)
def test_p_is_the_double_loop(
    graph: Graph, nu: float, sigma: float, mu: str | float, normalised: bool
) -> None:
    offsets = None if isinstance(mu, str) else [mu] * graph.num_nodes
    expected = naive(graph, nu, [sigma] * graph.num_nodes, offsets, normalised=normalised)
    got = graph.similarity(nu=nu, sigma=sigma, mu=mu, symmetrise="none", normalised=normalised)
    np.testing.assert_allclose(matrix_of(got, "weight"), expected, rtol=1e-4, atol=1e-6)
    formulas = {"max": np.maximum, "mean": lambda a, b: (a + b) / 2, "tconorm": lambda a, b: a + b - a * b}
    for mode, formula in formulas.items():
        got = graph.similarity(nu=nu, sigma=sigma, mu=mu, symmetrise=mode, normalised=normalised)
        np.testing.assert_allclose(
            matrix_of(got, "weight"), formula(expected, expected.T), rtol=1e-4, atol=1e-6
        )


@pytest.mark.parametrize("nu", [1.0, math.inf])
def test_local_and_mean_bandwidths_are_solved_for_every_node(neighbours: Graph, nu: float) -> None:
    local = [solved_sigma(neighbours, nu, i) for i in range(12)]
    got = neighbours.similarity(nu=nu, sigma="local", symmetrise="none")
    np.testing.assert_allclose(matrix_of(got, "weight"), naive(neighbours, nu, local, None), rtol=1e-4)
    mean = [float(np.mean(local))] * 12
    got = neighbours.similarity(nu=nu, symmetrise="none")
    np.testing.assert_allclose(matrix_of(got, "weight"), naive(neighbours, nu, mean, None), rtol=1e-4)


def test_target_and_perplexity_fix_the_bandwidth(neighbours: Graph) -> None:
    p = matrix_of(neighbours.similarity(sigma="local", target=3.5, symmetrise="none"), "weight")
    np.testing.assert_allclose(p.sum(1), 3.5, rtol=1e-4)
    # With mu = 0 the rows are exp(-d²/2σ²), whose normalised form has the perplexity asked for.
    p = matrix_of(neighbours.similarity(sigma="local", mu=0.0, perplexity=3.0, symmetrise="none"), "weight")
    q = p / p.sum(1, keepdims=True)
    entropy = -(q * np.log(np.where(q > 0, q, 1))).sum(1)
    np.testing.assert_allclose(np.exp(entropy), 3.0, rtol=1e-3)


def test_rows_without_edges_do_not_move_the_mean(neighbours: Graph) -> None:
    wider = Graph.from_edges(neighbours.rows, neighbours.col, 40, length=neighbours.length)
    assert wider.similarity().subgraph(range(12)) == neighbours.similarity()


def test_self_loops_are_no_neighbours(neighbours: Graph) -> None:
    everyone = torch.arange(12)
    loops = Graph.from_edges(
        torch.cat([neighbours.rows, everyone]),
        torch.cat([neighbours.col, everyone]),
        12,
        length=torch.cat([neighbours.length, torch.zeros(12)]),
    )
    assert loops.num_edges == neighbours.num_edges + 12
    assert loops.similarity() == neighbours.similarity()


@given(graphs())
def test_p_is_a_similarity_whatever_the_graph(graph: Graph) -> None:
    p = graph.similarity()
    assert p.length is None
    assert bool(((p.weight >= 0) & (p.weight <= 1)).all())
    assert not bool((p.rows == p.col).any())
    assert is_symmetric(p)
    assert p.similarity() == p


def test_a_graph_without_lengths_is_its_clipped_weights() -> None:
    both_ways = Graph.from_edges([0, 1, 1, 2], [1, 0, 2, 1], 3, weight=[0.5, 0.5, 3.0, 3.0])
    assert both_ways.similarity().weight.tolist() == [0.5, 0.5, 1.0, 1.0]
    one_way = Graph.from_edges([0, 1, 1], [1, 0, 2], 3, weight=[0.5, 0.25, 0.5])
    assert one_way.similarity().weight.tolist() == [0.625, 0.625, 0.5, 0.5]
    assert one_way.similarity(symmetrise="mean").weight.tolist() == [0.375, 0.375, 0.25, 0.25]
    plain = Graph.from_edges([0, 1], [1, 2], 3)
    assert plain.similarity().weight.tolist() == [1.0] * 4


def test_nearest_neighbours_have_similarity_one(neighbours: Graph) -> None:
    p = matrix_of(neighbours.similarity(), "weight")
    np.testing.assert_allclose(p.max(1), 1.0)


def test_equal_lengths_and_duplicates_stay_finite() -> None:
    equal = Graph.from_edges([0, 1, 2, 0], [1, 2, 0, 2], 3, length=[2.0, 2.0, 2.0, 2.0])
    assert equal.similarity().weight.tolist() == [1.0] * 6
    duplicates = knn(torch.zeros(6, 2), 3)
    assert duplicates.similarity().weight.isfinite().all()


def test_an_isolated_graph_has_an_empty_similarity() -> None:
    assert Graph.from_edges([], [], 3, length=[]).similarity().num_edges == 0
    assert Graph.from_edges([], [], 3).similarity().num_edges == 0


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"sigma": "atuo"}, "unknown sigma 'atuo': did you mean 'auto'"),
        ({"mu": "nearst"}, "unknown mu 'nearst': did you mean 'nearest'"),
        ({"symmetrise": "tconrm"}, "unknown symmetrisation 'tconrm': did you mean 'tconorm'"),
        ({"sigma": 0.0}, "sigma is 0.0"),
        ({"sigma": -1.0}, "sigma is -1.0"),
        ({"mu": -1.0}, "mu is -1.0"),
        ({"nu": 0.0}, "nu"),
        ({"target": 3.0, "perplexity": 3.0}, "target and perplexity both fix sigma"),
        ({"sigma": 1.0, "perplexity": 3.0}, "nothing to fix"),
        ({"perplexity": 5.0}, "perplexity must be .* lower it"),
    ],
)
def test_settings_without_meaning_are_refused(
    neighbours: Graph, settings: dict[str, object], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        neighbours.similarity(**settings)  # type: ignore[arg-type]


def test_the_settings_are_kept(neighbours: Graph) -> None:
    made = neighbours.similarity(perplexity=3.0).provenance
    assert made["op"] == "similarity"
    assert (made["nu"], made["sigma"], made["perplexity"]) == ("inf", "auto", 3.0)
    assert made["of"] == [neighbours.provenance]


def test_conditional_rows_have_unit_sum_before_they_are_made_symmetric(neighbours: Graph) -> None:
    settings = {"sigma": "local", "mu": 0.0, "perplexity": 3.0}
    plain = matrix_of(neighbours.similarity(**settings, symmetrise="none"), "weight")
    conditional = neighbours.similarity(**settings, symmetrise="none", conditional=True)
    found = matrix_of(conditional, "weight")
    np.testing.assert_allclose(found, plain / plain.sum(axis=1, keepdims=True), rtol=1e-5, atol=1e-7)
    joint = matrix_of(neighbours.similarity(**settings, symmetrise="mean", conditional=True), "weight")
    np.testing.assert_allclose(joint, (found + found.T) / 2, rtol=1e-5, atol=1e-7)
    assert conditional.provenance["conditional"] is True


def test_conditional_rows_do_not_underflow() -> None:
    graph = Graph(torch.tensor([0, 3, 3, 3, 3]), torch.tensor([1, 2, 3]), torch.tensor([2000.0, 2001.0, 2002.0]))
    made = graph.similarity(sigma="local", mu=0.0, perplexity=2.0, symmetrise="none", conditional=True)
    assert made.weight is not None
    assert float(made.weight.sum()) == pytest.approx(1)
    assert float(torch.exp(-torch.special.xlogy(made.weight, made.weight).sum())) == pytest.approx(2, rel=1e-2)
