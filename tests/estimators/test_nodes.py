"""NodeEmbedder on a small graph of PyTorch Geometric."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from sklearn.base import clone

from graphurl.errors import InputError
from graphurl.estimators.nodes import NodeEmbedder
from graphurl.graphs import Graph

pytestmark = pytest.mark.filterwarnings("ignore::graphurl.errors.GraphWarning")
SMALL = {"hidden": 8, "depth": 2}


def papers(n: int = 40, isolated: int = 1) -> Any:
    from torch_geometric.data import Data

    generator = torch.Generator().manual_seed(0)
    y = torch.arange(n) % 2
    x = (torch.rand(n, 12, generator=generator) < 0.15 + 0.4 * (torch.arange(12) % 2 == y[:, None])).float()
    ends = torch.randint(n - isolated, (2, 4 * n), generator=generator)
    ends = ends[:, (y[ends[0]] == y[ends[1]]) & (ends[0] != ends[1])]
    return Data(x=x, edge_index=torch.cat([ends, ends.flip(0)], 1), y=y)


def small(**changes: Any) -> NodeEmbedder:
    choices: dict[str, Any] = {"n_components": 4, "n_epochs": 3, "n_neighbors": 3, "random_state": 0, "device": "cpu"}
    settings = changes.pop("settings", SMALL)
    return NodeEmbedder(**{**choices, **changes}, settings=settings)


@pytest.mark.parametrize("encoder", ["gcn", "sage", "gat", "linear", "mlp"])
@pytest.mark.parametrize("loss", ["bce", "mse", "gkl", "kl"])
def test_fit_transform_is_fit_then_transform_exactly(encoder: str, loss: str) -> None:
    data = papers()
    estimator = small(encoder=encoder, loss=loss)
    z = estimator.fit_transform(data)
    assert isinstance(z, torch.Tensor)
    assert z.shape == (40, 4)
    assert bool(torch.isfinite(z).all())
    assert torch.equal(z, estimator.transform(data))
    assert torch.equal(z, small(encoder=encoder, loss=loss).fit_transform(papers()))


@pytest.mark.parametrize("encoder", ["gcn", "mlp"])
def test_dynamic(encoder: str) -> None:
    z = small(encoder=encoder, dynamic=True).fit(papers()).embedding_
    assert np.isfinite(z).all()
    assert not np.array_equal(z, small(encoder=encoder).fit(papers()).embedding_)


def test_graphs_by_name_and_by_hand() -> None:
    data = papers()
    both = small(graph="citation+knn", alpha=0.5).fit(data)
    one = small(graph="citation").fit(data)
    assert both.graph_.num_edges > one.graph_.num_edges
    assert torch.equal(torch.from_numpy(one.embedding_), small().fit_transform(data))
    own = Graph.from_edges([0, 1], [1, 0], 40)
    assert small(graph="citation").fit(data, graph=own).graph_.num_edges == 2
    with pytest.raises(InputError, match="did you mean 'citation'"):
        small(graph="citatoin").fit(data)


def test_batches_of_nodes() -> None:
    z = small(encoder="gcn", batch_size=16).fit_transform(papers())
    assert bool(torch.isfinite(z).all())


def test_the_default_is_the_recipe() -> None:
    estimator = NodeEmbedder(random_state=0, n_epochs=2, settings={"n_neighbors": 3}).fit(papers())
    assert estimator.result_.recipe.encoder == "linear"
    assert estimator.embedding_.shape == (40, estimator.result_.recipe.dim)
    assert estimator.get_params()["n_components"] is None
    assert clone(estimator).get_params() == estimator.get_params()


def test_another_graph_is_placed() -> None:
    estimator = small(encoder="gcn").fit(papers())
    other = papers(20)
    z = estimator.transform(other)
    assert z.shape == (20, 4)
    assert torch.equal(z, estimator.transform(other))


def test_nodes_without_features_are_a_table() -> None:
    ends = papers().edge_index
    graph = Graph.from_edges(ends[0], ends[1], 40)
    estimator = NodeEmbedder(n_components=4, n_epochs=2, random_state=0, device="cpu").fit(graph)
    assert estimator.result_.recipe.encoder == "table"
    assert estimator.embedding_.shape == (40, 4)
    assert not hasattr(estimator, "transform")


def test_a_graph_encoder_reads_edges() -> None:
    estimator = small(encoder="gcn").fit(papers())
    with pytest.raises(InputError, match="'gcn' reads a graph and got rows only"):
        estimator.transform(papers().x)
    rows = small(encoder="mlp").fit(papers())
    assert torch.equal(rows.transform(papers().x), rows.transform(papers()))


def test_data_and_global_randomness_are_untouched(rng_untouched: None) -> None:
    data = papers()
    small(encoder="gcn", settings={**SMALL, "dropout": 0.5}).fit(data)
    again = papers()
    assert torch.equal(data.x, again.x)
    assert torch.equal(data.edge_index, again.edge_index)
