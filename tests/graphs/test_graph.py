from __future__ import annotations

import dataclasses
import os
import re
import subprocess
import sys

import numpy as np
import pytest
import torch

from graphurl.errors import InputError
from graphurl.graphs import Graph
from graphurl.graphs.graph import from_edges


def square() -> Graph:
    """0 -> 1, 0 -> 3, 2 -> 0, and node 1 and 3 without outgoing edges."""
    return Graph.from_edges([2, 0, 0], [0, 3, 1], 4, length=[3.0, 2.0, 1.0], weight=[0.3, 0.2, 0.1])


def test_from_edges_sorts_into_compressed_rows() -> None:
    graph = square()
    assert graph.crow.tolist() == [0, 2, 2, 3, 3]
    assert graph.col.tolist() == [1, 3, 0]
    assert graph.rows.tolist() == [0, 0, 2]
    assert graph.length.tolist() == [1.0, 2.0, 3.0]
    torch.testing.assert_close(graph.weight, torch.tensor([0.1, 0.2, 0.3]))
    assert (graph.num_nodes, graph.num_edges, graph.device.type) == (4, 3, "cpu")
    assert graph.degree.tolist() == [2, 0, 1, 0]
    assert graph.length.dtype == graph.weight.dtype == torch.float32
    assert from_edges == Graph.from_edges


def test_repeated_edges_merge_by_shortest_length_and_summed_weight() -> None:
    graph = Graph.from_edges([0, 1, 0, 0], [1, 0, 1, 1], 2, length=[3, 5, 2, 4], weight=[1, 7, 2, 4])
    assert graph.rows.tolist() == [0, 1]
    assert graph.length.tolist() == [2.0, 5.0]
    assert graph.weight.tolist() == [7.0, 7.0]
    assert graph.provenance == {"merged_edges": 2}
    assert Graph.from_edges([0, 0], [1, 1], 2).num_edges == 1


def test_isolated_nodes_are_those_without_an_edge_to_another() -> None:
    assert square().num_isolated == 0
    assert Graph.from_edges([0, 2], [1, 2], 5).num_isolated == 3
    assert Graph.from_edges([], [], 3).num_isolated == 3


def test_a_graph_without_nodes_is_a_graph() -> None:
    graph = Graph.from_edges([], [], 0)
    assert (graph.num_nodes, graph.num_edges) == (0, 0)
    assert graph == Graph.from_edges([], [], 0)


def test_it_is_frozen_and_leaves_inputs_alone() -> None:
    rows, cols, length = np.array([1, 0, 1]), torch.tensor([0, 1, 0]), torch.tensor([2.0, 3.0, 1.0])
    before = rows.copy(), cols.clone(), length.clone()
    graph = Graph.from_edges(rows, cols, 2, length=length)
    graph.similarity()
    assert np.array_equal(rows, before[0])
    assert torch.equal(cols, before[1])
    assert torch.equal(length, before[2])
    with pytest.raises(dataclasses.FrozenInstanceError):
        graph.col = cols  # type: ignore[misc]


def test_read_only_and_unsigned_arrays_are_taken() -> None:
    rows = np.array([0, 1], dtype=np.uint16)
    rows.flags.writeable = False
    assert Graph.from_edges(rows, rows[::-1], 2).col.tolist() == [1, 0]


def test_equality_is_equality_of_content() -> None:
    graph = square()
    again = Graph.from_edges([0, 2, 0], [1, 0, 3], 4, length=[1, 3, 2], weight=[0.1, 0.3, 0.2])
    assert graph == again
    assert hash(graph) == hash(again)
    assert graph != Graph.from_edges([2, 0, 0], [0, 3, 1], 4, length=[3.0, 2.0, 1.0])
    assert graph != Graph.from_edges([2, 0, 0], [0, 3, 1], 5, length=[3.0, 2.0, 1.0], weight=[0.3, 0.2, 0.1])
    assert graph != dataclasses.replace(graph, ids=("a", "b", "c", "d"))
    assert graph == dataclasses.replace(graph, provenance={"kind": "other"})
    assert graph != dataclasses.replace(graph, length=graph.weight, weight=graph.length)
    assert graph != "graph"
    assert Graph.from_edges([0], [1], 2, weight=[0.0]) == Graph.from_edges([0], [1], 2, weight=[-0.0])


def test_the_hash_is_the_same_in_another_process() -> None:
    code = (
        "from graphurl.graphs import Graph;"
        "print(Graph.from_edges([2,0,0],[0,3,1],4,length=[3.,2.,1.],weight=[.3,.2,.1]).hash)"
    )
    environment = {**os.environ, "PYTHONHASHSEED": "7"}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment
    )
    assert done.stdout.strip() == square().hash


def test_importing_graphs_loads_no_graph_library() -> None:
    code = (
        "import sys, torch; before = set(sys.modules); import graphurl.graphs;"
        "print({'torch_geometric', 'networkx', 'pandas', 'faiss', 'pyarrow'} & (set(sys.modules) - before))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_repr_names_sizes_and_content() -> None:
    assert re.fullmatch(r"Graph\(4 nodes, 3 edges with length and weight, [0-9a-f]{8}\)", repr(square()))


@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
def test_to_moves_everything(device: str) -> None:
    moved = square().to(device)
    assert {t.device.type for t in (moved.crow, moved.col, moved.rows, moved.length, moved.weight)} == {
        device
    }
    assert moved == square()
    assert moved.similarity().device.type == device
    assert (moved + moved.transpose()).prune(top_k=1).to("cpu") == (square() + square().transpose()).prune(
        top_k=1
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ([0, 5], [1, 0], 3),
            r"^edge 5 -> 0 ends at a missing node: nodes are 0 to 2, give num_nodes=6 or drop",
        ),
        (
            ([0, -1], [1, 0], 3),
            r"^edge -1 -> 0 ends at a missing node: nodes are 0 to 2, count nodes from 0$",
        ),
        (([0], [0], 0), r"^edge 0 -> 0 ends at a missing node: there are no nodes"),
        (([0, 1], [1], 3), r"^2 sources and 1 targets: give one of each per edge$"),
        (([0.5], [1], 3), r"^rows has type torch.float64: node numbers are integers from 0$"),
        (([[0]], [1], 3), r"^rows has shape \(1, 1\): give one node number per edge"),
        ((["a"], [1], 3), r"^values of type <U1 are no numbers"),
        (([0, 1], [1, 0], 2, [1.0]), r"^length has shape \(1,\) for 2 edges: give one per edge$"),
        (
            ([0, 1], [1, 0], 2, [1.0, float("nan")]),
            r"^edge 1 -> 0 has length nan: a length is finite and 0 or",
        ),
        (([0, 1], [1, 0], 2, [float("inf"), 1.0]), r"^edge 0 -> 1 has length inf: .*drop the edge where no"),
        (([0, 1], [1, 0], 2, [-1.0, 1.0]), r"^edge 0 -> 1 has length -1: "),
        (
            ([0, 1], [1, 0], 2, None, [1.0, -0.5]),
            r"^edge 1 -> 0 has weight -0.5: a weight is .*clip it, or drop",
        ),
        (([0, 1], [1, 0], 2, None, [1.0, -0.5], ["x", "y"]), r"^edge 'y' -> 'x' has weight -0.5: "),
        (([0], [2], 2, None, None, ["x", "y"]), r"^edge 0 -> 2 of 'x' ends at a missing node"),
        (([0], [1], 2, None, None, ["x"]), r"^1 ids for 2 nodes: give one per node, in order$"),
        (([0], [1], 2, None, None, ["x", "x"]), r"^id 'x' occurs twice: give every node its own$"),
        (([0], [1], 2, None, None, ["x", 3]), r"^id 3 is of type int: ids are text"),
    ],
)
def test_bad_edges_are_named_in_one_line(arguments: tuple[object, ...], message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        Graph.from_edges(*arguments)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("crow", "col", "message"),
    [
        ([], [], "crow is empty"),
        ([0, 1], [0, 0], "crow runs from 0 to 1 for 2 edges"),
        ([1, 2], [0, 0], "crow runs from 1 to 2 for 2 edges"),
        ([0, 2, 1, 2], [1, 0], "crow descends"),
        ([0, 2, 2], [1, 0], "col is not ascending and unique in every row"),
        ([0, 2, 2], [1, 1], "col is not ascending and unique in every row"),
        ([0, 1, 1], [2], "edge 0 -> 2 ends at a missing node"),
    ],
)
def test_bad_rows_are_refused(crow: list[int], col: list[int], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Graph(torch.tensor(crow), torch.tensor(col))
