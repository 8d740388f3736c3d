"""Charts: placed as the formula says, learnt from a teacher, saved and loaded."""

from __future__ import annotations

import torch
from torch import Tensor

from graphurl.encoders import Inputs
from graphurl.encoders.charts import Charts
from graphurl.functional import charts as module
from graphurl.functional.interpolate import most_likely_place


def draw(n: int, f: int, seed: int = 0) -> Tensor:
    return torch.randn(n, f, generator=torch.Generator().manual_seed(seed))


def learnt(n: int = 300) -> tuple[Charts, Tensor, Tensor]:
    x = draw(n, 4)
    y = torch.stack([x[:, 0].sin(), x[:, 1] * x[:, 2]], dim=1)
    with torch.random.fork_rng():
        model = Charts(4, 2, hidden=30)
    model.learn(Inputs(x), y, torch.Generator().manual_seed(0))
    return model, x, y


def test_a_row_goes_where_most_of_its_nearest_charts_put_it() -> None:
    model, x, _ = learnt()
    d2 = torch.cdist(x, model.centres).square()
    near = d2.argsort(1)[:, : module.OVERLAP]
    said = torch.stack([
        torch.stack([model.offsets[m] + (row - model.centres[m]) @ model.slopes[m] for m in own])
        for row, own in zip(x[:20], near[:20], strict=True)
    ])  # fmt: skip
    expected = most_likely_place(d2.gather(1, near)[:20], said)
    torch.testing.assert_close(model(Inputs(x[:20])).z, expected, rtol=1e-3, atol=1e-4)


def test_it_learns_a_curved_map_and_places_new_rows() -> None:
    model, _, y = learnt(2000)
    new = draw(500, 4, 1)
    wanted = torch.stack([new[:, 0].sin(), new[:, 1] * new[:, 2]], dim=1)
    error = (model(Inputs(new)).z - wanted).norm(dim=1)
    assert float(error.median()) < 0.4 * float((y - y.mean(0)).norm(dim=1).median())


def test_seeds_sparse_rows_and_gradients() -> None:
    model, x, _ = learnt()
    z = model(Inputs(x)).z
    torch.testing.assert_close(model(Inputs(x, seeds=torch.tensor([4, 1]))).z, z[[4, 1]])
    assert torch.equal(model(Inputs(x.to_sparse_csr())).z, z)
    z.square().sum().backward()
    assert all(weight.grad is not None and weight.grad.isfinite().all() for weight in model.parameters())
    one = Charts(4, 2, hidden=1)
    one(Inputs(x)).z.sum().backward()
    assert one.offsets.grad is not None
    assert one.offsets.grad.isfinite().all()


def test_config_rebuilds_the_same_charts_even_fewer_than_asked_for() -> None:
    x = torch.cat([draw(3, 4)] * 4)
    model = Charts(4, 2, hidden=12)
    model.learn(Inputs(x), draw(12, 2), torch.Generator().manual_seed(0))
    again = Charts(**model.config())  # type: ignore[arg-type]
    again.load_state_dict(model.state_dict())
    assert torch.equal(again(Inputs(x)).z, model(Inputs(x)).z)
    assert again.config() == model.config()
