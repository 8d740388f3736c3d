"""Which map recipe has what was asked for."""

from __future__ import annotations

from typing import Any

import pytest
from torch import nn

from graphurl import registry
from graphurl.encoders.gcn import GCN
from graphurl.encoders.mlp import MLP
from graphurl.recipes.maps import LEAST_ROWS, MAP, MOST_EPOCHS, VECTORS, fitted_to, fitting, layout_of

NETWORK = registry.resolve("recipes", "map-network")


@pytest.mark.parametrize(
    ("name", "asked"),
    [
        ("map", {}),
        ("map", {"encoder": None, "dynamic": False, "dim": "3", "n_neighbors": 30, "metric": "cosine"}),
        ("map", {"encoder": "table", "nu_z": 0.5}),
        ("map-network", {"encoder": "mlp"}),
        ("map-network", {"encoder": nn.Linear(3, 2), "lr": 1e-3, "push": 1.0}),
        ("map-network", {"encoder": MLP(3, 2)}),
        ("map-network", {"hidden": 64}),
        ("map-network", {"encoder": "mlp", "batch_size": 64, "dropout": 0.1, "epochs": 3}),
        ("map-charts", {"encoder": "charts"}),
        ("map-charts", {"encoder": "charts", "hidden": 100}),
        ("map-direct", {"encoder": "mlp", "loss": "bce"}),
        ("map-direct", {"encoder": "mlp", "nu_z": 1.0}),
        ("map-direct", {"encoder": "mlp", "dim": 10}),
        ("map-direct", {"encoder": "mlp", "dynamic": True}),
        ("map-direct", {"encoder": "table", "batch_size": 512}),
        ("map-direct", {"encoder": "gcn"}),
        ("map-direct", {"encoder": GCN(3, 2)}),
        ("map-direct", {"loss": "kl"}),
        ("map-direct", {"dim": 10, "batch_size": 64}),
        ("map-direct", {"dim": 10, "dynamic": True}),
        ("map-direct", {"encoder": "charts", "dim": 10}),
        ("map-vectors", {"dim": 10}),
        ("map-vectors", {"dim": "4", "encoder": "table", "nu_z": 0.5}),
    ],
)
def test_what_was_asked_for_decides(name: str, asked: dict[str, Any]) -> None:
    assert fitting(asked) == name


def test_few_rows_are_seen_more_often() -> None:
    assert fitted_to("map-network", NETWORK, 10**6).epochs == NETWORK.epochs
    assert fitted_to("map-network", NETWORK, 2000).epochs == LEAST_ROWS // 2000
    assert fitted_to("map-network", NETWORK, 10).epochs == MOST_EPOCHS
    assert fitted_to("map-charts", registry.resolve("recipes", "map-charts"), 10).epochs == 0


def test_the_layout_is_the_default_map_with_the_settings_that_describe_it() -> None:
    asked = NETWORK.but(dim=3, seed=7, push=1.0, init="spectral", early=0.0, epochs=2, lr=9.0, batch_size=5)
    wanted = MAP.but(dim=3, seed=7, push=1.0, init="spectral", early=0.0)
    assert layout_of(asked) == wanted.but(encoder="table", features="none", graph="given")
    assert layout_of(asked.but(init="encoder")).init == "random"
    wide = layout_of(asked.but(dim=5))
    assert (wide.columns, wide.lr, wide.push) == (VECTORS.columns, VECTORS.lr, 1.0)
