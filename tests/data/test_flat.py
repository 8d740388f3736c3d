from __future__ import annotations

import pytest
import torch

from graphurl.data.flat import as_pictures, flattened
from graphurl.data.samples import Samples
from graphurl.data.stacks import Stack
from graphurl.errors import InputError
from graphurl.graphs.graph import Graph
from tests.data.test_stacks import all_of, some


def test_rows_become_the_bytes_they_were() -> None:
    pixels = torch.arange(256, dtype=torch.uint8).view(2, 1, 8, 16)
    rows = pixels.view(2, -1).float() / 255
    samples = Samples("s", rows, y=torch.tensor([0, 1]), shape=(1, 8, 16), feature_names=tuple(map(str, range(128))))
    made = as_pictures(samples)
    assert made.x is None
    assert made.feature_names is None
    assert made.shape == (1, 8, 16)
    assert made.images is not None
    assert torch.equal(all_of(made.images), pixels)
    assert made.y is samples.y
    assert as_pictures(made) is made
    sparse = Samples("s", rows.to_sparse_csr(), shape=(1, 8, 16))
    assert torch.equal(all_of(as_pictures(sparse).images), pixels)  # type: ignore[arg-type]


def test_bytes_become_the_rows_they_stand_for(monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = some(5)
    samples = Samples("s", images=Stack(pixels), y=torch.arange(5))
    monkeypatch.setattr("graphurl.data.stacks._BLOCK", 2 * 72)  # a block of two pictures, and one that is not full
    rows = flattened(samples)
    assert rows.images is None
    assert rows.x is not None
    assert rows.x.dtype == torch.float32
    assert torch.equal(rows.x, pixels.flatten(1).float() / 255)
    assert rows.shape == (3, 4, 6)
    assert rows.y is samples.y
    assert torch.equal(all_of(as_pictures(rows).images), pixels)  # type: ignore[arg-type]
    assert flattened(rows) is rows
    graph = Samples("s", graph=Graph.from_edges([0], [1], 2))
    assert flattened(graph) is graph


@pytest.mark.parametrize(
    ("samples", "text"),
    [
        (Samples("s", torch.rand(3, 4)), "rows of 4 numbers, no pictures: give a folder"),
        (Samples("s", torch.rand(3, 4), shape=(4,)), "no pictures"),
        (Samples("s", torch.rand(3, 4), shape=(2, 2, 1)), "no pictures"),
        (Samples("s", graph=Graph.from_edges([0], [1], 2)), "s: a graph, no pictures"),
        (Samples("s", torch.full((3, 4), 255.0), shape=(1, 2, 2)), "values from 255 to 255"),
    ],
)
def test_what_is_no_picture_is_refused(samples: Samples, text: str) -> None:
    with pytest.raises(InputError, match=text):
        as_pictures(samples)
