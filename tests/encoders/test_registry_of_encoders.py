"""Every encoder that has a name: rebuilt from its config, it is the same map."""

from __future__ import annotations

import json

import pytest
import torch

from graphurl import registry
from graphurl.encoders import Encoder, Inputs
from tests.encoders.test_gcn import graph


@pytest.mark.parametrize("name", registry.names("encoders"))
def test_config_is_plain_and_rebuilds_the_encoder(name: str) -> None:
    kind = registry.resolve("encoders", name)
    assert issubclass(kind, Encoder)
    x, edges, weight = graph()
    model: Encoder = (kind(7, 2) if kind.needs == "index" else kind(5, 2)).eval()
    inputs = Inputs(torch.arange(7)) if kind.needs == "index" else Inputs(x, edges, weight)
    again = kind(**json.loads(json.dumps(dict(model.config())))).eval()
    again.load_state_dict(model.state_dict())
    assert torch.equal(again(inputs).z, model(inputs).z)
    assert kind.needs in ("rows", "index", "graph")
    assert kind.inductive == (name != "table")
