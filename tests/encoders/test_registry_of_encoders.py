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
    pictures = torch.randn(2, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    arguments = {"index": (7, 2), "pictures": (3,)}.get(kind.needs, (5, 2))
    read = {"index": Inputs(torch.arange(7)), "pictures": Inputs(pictures)}
    model: Encoder = kind(*arguments).eval()
    inputs = read.get(kind.needs, Inputs(x, edges, weight))
    again = kind(**json.loads(json.dumps(dict(model.config())))).eval()
    again.load_state_dict(model.state_dict())
    assert torch.equal(again(inputs).z, model(inputs).z)
    assert kind.needs in ("rows", "index", "graph", "pictures")
    assert kind.inductive == (name != "table")
