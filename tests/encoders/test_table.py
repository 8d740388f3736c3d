"""Table: free rows by number."""

from __future__ import annotations

import torch

from graphurl.encoders import Inputs
from graphurl.encoders.table import Table


def test_looks_rows_up_in_the_order_asked_for() -> None:
    table = Table(6, 3, generator=torch.Generator().manual_seed(0))
    z = table(Inputs(torch.tensor([4, 0, 4]))).z
    assert torch.equal(z, table.rows[[4, 0, 4]])
    assert torch.equal(table(Inputs(torch.arange(6), seeds=torch.tensor([2]))).z, table.rows[[2]])


def test_places_fitted_samples_only() -> None:
    assert not Table.inductive
    assert Table.needs == "index"


def test_the_generator_alone_decides_the_start(rng_untouched: None) -> None:
    a, b = (Table(400, 3, generator=torch.Generator().manual_seed(1)) for _ in range(2))
    c = Table(400, 3, generator=torch.Generator().manual_seed(2))
    assert torch.equal(a.rows, b.rows)
    assert not torch.equal(a.rows, c.rows)
    assert 0.009 < a.rows.std().item() < 0.011


def test_only_rows_of_the_batch_get_a_gradient() -> None:
    table = Table(5, 2, generator=torch.Generator().manual_seed(0))
    table(Inputs(torch.tensor([1, 3]))).z.sum().backward()
    assert table.rows.grad is not None
    assert table.rows.grad.sum(1).tolist() == [0, 2, 0, 2, 0]


def test_place_copies_coordinates() -> None:
    table, start = Table(4, 2), torch.rand(4, 2)
    table.place(start)
    assert torch.equal(table.rows, start)
    assert table.rows.data_ptr() != start.data_ptr()
    assert table.rows.requires_grad


def test_config_rebuilds_the_same_shapes() -> None:
    table = Table(4, 2)
    again = Table(**table.config())  # type: ignore[arg-type]
    again.load_state_dict(table.state_dict())
    assert torch.equal(again.rows, table.rows)
