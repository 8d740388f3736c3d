from __future__ import annotations

import json
import warnings

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from graphurl.errors import GraphWarning, InputError
from graphurl.graphs import Graph, format_summary, require_edges, warn_if_unusual
from graphurl.graphs.summary import component_sizes, homophily
from tests.graphs.dense import graphs, mask_of, pairs

# 0 -> 1 <-> 2, 3 with a self-loop, 4 alone; one edge given twice.
GRAPH = Graph.from_edges(
    [0, 1, 2, 3, 0], [1, 2, 1, 3, 1], 5, length=[4, 1, 1, 0, 2], weight=[1, 0.5, 0.5, 1, 2]
)


def test_summary_of_a_small_graph() -> None:
    numbers = GRAPH.summary()
    assert numbers.pop("hash") == GRAPH.hash
    assert numbers.pop("degree") == {"mean": 0.8, "min": 0.0, "median": 1.0, "p99": 1.0, "max": 1.0}
    assert numbers == {
        "nodes": 5,
        "edges": 4,
        "directed": True,
        "components": 3,
        "largest_component": 0.6,
        "isolated_nodes": 2,
        "self_loops": 1,
        "merged_edges": 1,
        "length": {"min": 0.0, "mean": 1.0, "max": 2.0},
        "weight": {"min": 0.5, "mean": 1.25, "max": 3.0},
    }
    assert json.loads(json.dumps(GRAPH.summary([0, 0, 1, 1, 1]))) == GRAPH.summary([0, 0, 1, 1, 1])
    assert GRAPH.symmetrise().summary()["directed"] is False


def test_summary_of_nothing() -> None:
    numbers = Graph.from_edges([], [], 0).summary()
    assert (numbers["nodes"], numbers["components"], numbers["largest_component"]) == (0, 0, 0.0)
    assert format_summary(numbers)
    assert Graph.from_edges([], [], 2, weight=[]).summary([0, 1])["edge_homophily"] is None


def test_format_lays_out_every_number() -> None:
    lines = format_summary(GRAPH.summary([0, 0, 1, 1, 1])).splitlines()
    assert "largest component  0.6" in lines
    assert "directed           yes" in lines
    assert "length             min 0, mean 1, max 2" in lines
    assert "edge homophily     0.3333" in lines
    assert len(lines) == len(GRAPH.summary([0] * 5))


@given(graphs())
def test_components_by_flooding(graph: Graph) -> None:
    joined = mask_of(graph) | mask_of(graph).T
    left, sizes = set(range(graph.num_nodes)), []
    while left:
        reached = frontier = {left.pop()}
        while frontier:
            frontier = {j for i in frontier for j in left if joined[i, j]}
            left -= frontier
            reached = reached | frontier
        sizes.append(len(reached))
    assert sorted(component_sizes(graph)) == sorted(sizes)


@given(graphs(), st.integers(0, 1000))
def test_homophily_is_the_double_loop(graph: Graph, seed: int) -> None:
    y = np.random.default_rng(seed).integers(-1, 2, graph.num_nodes)
    shares, same, total = [], 0, 0
    for i in range(graph.num_nodes):
        near = [j for j in np.flatnonzero(mask_of(graph)[i]) if j != i and y[i] >= 0 and y[j] >= 0]
        if near:
            alike = sum(y[i] == y[j] for j in near)
            same, total = same + alike, total + len(near)
            shares.append(alike / len(near))
    got = homophily(graph, torch.from_numpy(y))
    if total:
        assert got["edge_homophily"] == pytest.approx(same / total)
        assert got["node_homophily"] == pytest.approx(np.mean(shares))
    else:
        assert got == {"edge_homophily": None, "node_homophily": None}


def test_labels_may_be_text_and_must_fit() -> None:
    text = homophily(GRAPH, ["x", "x", "y", "y", "y"])
    assert text == homophily(GRAPH, [0, 0, 1, 1, 1])
    with pytest.raises(InputError, match=r"^labels have shape \(2,\) for 5 nodes: give one per node$"):
        GRAPH.summary([0, 1])


@given(pairs())
def test_diff_counts_edges(pair: tuple[Graph, Graph]) -> None:
    a, b = pair
    ma, mb = mask_of(a), mask_of(b)
    got = a.diff(b)
    assert got["only_a"] == (ma & ~mb).sum()
    assert got["only_b"] == (mb & ~ma).sum()
    assert got["common"] == (ma & mb).sum()
    either = (ma | mb).sum()
    assert got["jaccard"] == pytest.approx((ma & mb).sum() / either if either else 1.0)
    assert a.diff(a)["equal"] is True


def test_diff_compares_values_on_common_edges() -> None:
    a = Graph.from_edges([0, 0, 1], [1, 2, 2], 3, weight=[0.5, 1.0, 9.0])
    b = Graph.from_edges([0, 0, 2], [1, 2, 2], 3, weight=[0.75, 0.0, 9.0])
    got = a.diff(b)
    assert (got["max_weight_difference"], got["mean_weight_difference"]) == (1.0, 0.625)
    assert got["max_length_difference"] is None
    assert got["equal"] is False


def test_graphs_without_relations_are_refused_for_training() -> None:
    loops = Graph.from_edges([0, 1], [0, 1], 2)
    with pytest.raises(
        InputError, match=r"^the graph of 2 nodes has only self-loops \(2\): nothing is similar"
    ):
        require_edges(loops)
    with pytest.raises(InputError, match=r"^the graph of 3 nodes has no edges: nothing is similar"):
        require_edges(Graph.from_edges([], [], 3))
    assert require_edges(GRAPH) is GRAPH


def test_isolated_nodes_and_islands_are_warned_of() -> None:
    with pytest.warns(
        GraphWarning, match="^2 of 5 nodes have no edge: only repulsion places them$"
    ) as caught:
        warn_if_unusual(GRAPH)
    assert len(caught) == 1
    with pytest.warns(GraphWarning, match="falls into 2 components") as caught:
        warn_if_unusual(Graph.from_edges([0, 2], [1, 3], 4))
    assert len(caught) == 1
    with pytest.warns(GraphWarning, match="^3 of 3 nodes have no edge"):
        warn_if_unusual(Graph.from_edges([], [], 3))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_if_unusual(Graph.from_edges([0, 1], [1, 2], 3))


def test_disconnected_and_isolated_graphs_work() -> None:
    islands = Graph.from_edges([0, 2], [1, 3], 6, length=[1.0, 2.0])
    assert islands.similarity().weight.tolist() == [1.0] * 4
    assert islands.shortest_paths().num_edges == 2
    assert Graph.from_edges([], [], 4).symmetrise().num_edges == 0
