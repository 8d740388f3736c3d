"""Static and dynamic p: the schedule, the calibration of the hidden layer, and where no gradient may flow."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from graphurl.encoders.base import Encoded, Inputs
from graphurl.errors import InputError
from graphurl.losses import BCE, KL
from graphurl.relations import Batch, Dynamic, Static, evaluate
from graphurl.similarity import Similarity


def example(n: int = 20, width: int = 4, seed: int = 0) -> tuple[Batch, Encoded]:
    generator = torch.Generator().manual_seed(seed)
    near = torch.rand(n, n, generator=generator)
    p = torch.where(near < 0.2, near * 4, torch.zeros(())).fill_diagonal_(0)
    p = torch.maximum(p, p.T)
    nodes = torch.arange(n)
    z = torch.randn(n, 2, generator=generator)
    hidden = tuple(torch.randn(n, width, generator=generator) for _ in range(2))
    return Batch(nodes, Inputs(nodes), p=p, far_weight=0.3), Encoded(z, hidden)


def weights(batch: Batch) -> Tensor:
    assert batch.p is not None
    return torch.where(batch.p > 0, 1.0, batch.far_weight).fill_diagonal_(0)


def own_similarity(batch: Batch, out: Encoded, source: Dynamic | None = None) -> Tensor:
    assert batch.p is not None
    source = source or Dynamic()
    return source.own_similarity(out.hidden[source.layer], batch.p, weights(batch))


def test_static_is_the_batch_against_itself() -> None:
    batch, out = example()
    relation = Static().relate(batch, out, 0.5)
    assert relation.rows is out.z
    assert relation.cols is out.z
    assert relation.p is batch.p
    assert relation.same
    assert (relation.far_weight, relation.total, relation.weight) == (0.3, None, None)
    weight = torch.ones(20, 20)
    drawn = Batch(batch.nodes, batch.inputs, batch.p, weight, total=9.0)
    assert Static().relate(drawn, out, 0.0).weight is weight
    assert Static().relate(drawn, out, 0.0).total == 9.0


def test_a_batch_without_p_is_refused() -> None:
    batch, out = example()
    for source in (Static(), Dynamic()):
        with pytest.raises(InputError, match="carries no p.*FullBatch or EdgeBatches"):
            source.relate(Batch(batch.nodes, batch.inputs), out, 0.0)


@pytest.mark.parametrize("progress", [0.0, 0.25, 1.0])
def test_beta_falls_from_one_to_zero(progress: float) -> None:
    batch, out = example()
    assert batch.p is not None
    own = own_similarity(batch, out)
    relation = Dynamic().relate(batch, out, progress)
    torch.testing.assert_close(relation.p, ((1 - progress) * batch.p + own).clamp(max=1))
    assert relation.weight is not None
    torch.testing.assert_close(relation.weight, weights(batch))  # they stay those of the graph
    if progress == 0:
        assert bool((relation.p == 1).any()), "the example has to reach the clip"
    assert float(relation.p.min()) >= 0
    assert float(relation.p.max()) <= 1


def test_weights_of_a_draw_are_kept() -> None:
    batch, out = example()
    weight = torch.rand(20, 20, generator=torch.Generator().manual_seed(1)).fill_diagonal_(0)
    relation = Dynamic().relate(Batch(batch.nodes, batch.inputs, batch.p, weight, total=3.0), out, 0.5)
    assert relation.weight is not None
    assert torch.equal(relation.weight, weight)
    assert relation.total == 3.0


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
@pytest.mark.parametrize("nu", [1.0, 100.0])
def test_the_hidden_layer_has_as_much_similarity_as_the_graph(scale: float, nu: float) -> None:
    """Also after an activation that leaves all rows pointing one way, whatever its scale."""
    batch, out = example()
    assert batch.p is not None
    hidden = (out.hidden[-1].abs() + 30) * scale
    source = Dynamic(Similarity(nu))
    own = own_similarity(batch, Encoded(out.z, (hidden.double(),)), source)
    weight = weights(batch)
    assert float((weight * own).sum()) == pytest.approx(float((weight * batch.p).sum()), rel=1e-3)
    torch.testing.assert_close(own, own.T)
    assert bool((own.diagonal() == 0).all())
    assert float(own.max()) <= 1


def test_nearer_hidden_rows_are_more_similar() -> None:
    nodes = torch.arange(6)
    batch = Batch(nodes, Inputs(nodes), p=torch.full((6, 6), 0.6).fill_diagonal_(0))
    line = torch.tensor([0.0, 1.0, 2.5, 4.5, 7.0, 10.0], dtype=torch.float64)[:, None]
    own = own_similarity(batch, Encoded(line, (line,)))
    assert bool((own[0, 1:].diff() < 0).all())


def test_scale_found_on_some_rows_serves_all() -> None:
    batch, out = example(300)
    assert batch.p is not None
    own = own_similarity(batch, out, Dynamic(rows=64))
    weight = weights(batch)
    assert float((weight * own).sum()) == pytest.approx(float((weight * batch.p).sum()), rel=0.15)


def test_hidden_rows_that_are_all_alike_prescribe_no_more_than_the_graph() -> None:
    batch, out = example()
    assert batch.p is not None
    own = own_similarity(batch, Encoded(out.z, (torch.ones(20, 4),)))
    assert bool(torch.isfinite(own).all())
    weight = weights(batch)
    assert float((weight * own).sum()) <= float((weight * batch.p).sum()) * 1.001
    nothing = Batch(batch.nodes, batch.inputs, p=torch.zeros(20, 20), far_weight=1.0)
    for hidden in (torch.ones(20, 4), out.hidden[0]):
        relation = Dynamic().relate(nothing, Encoded(out.z, (hidden,)), 0.0)
        assert float(relation.p.abs().max()) == 0


def test_a_single_row_and_two_rows_are_finite() -> None:
    for n in (1, 2):
        nodes = torch.arange(n)
        batch = Batch(nodes, Inputs(nodes), p=torch.zeros(n, n))
        relation = Dynamic().relate(batch, Encoded(torch.zeros(n, 2), (torch.ones(n, 3),)), 0.5)
        assert bool(torch.isfinite(relation.p).all())


def test_no_gradient_flows_into_p() -> None:
    batch, out = example()
    hidden = out.hidden[-1].clone().requires_grad_()
    z = out.z.clone().requires_grad_()
    relation = Dynamic().relate(batch, Encoded(z, (hidden,)), 0.4)
    assert not relation.p.requires_grad
    for loss in (BCE(), KL()):
        value, _ = evaluate(relation, Similarity(1.0), loss)
        gradient = torch.autograd.grad(value, (z, hidden), allow_unused=True)
        assert gradient[0] is not None
        assert gradient[1] is None


def test_layer_is_counted_as_in_a_list() -> None:
    batch, out = example()
    first, last = Dynamic(layer=0), Dynamic(layer=-1)
    assert torch.equal(first.relate(batch, out, 1.0).p, Dynamic(layer=-2).relate(batch, out, 1.0).p)
    assert torch.equal(last.relate(batch, out, 1.0).p, Dynamic(layer=1).relate(batch, out, 1.0).p)
    assert not torch.equal(first.relate(batch, out, 1.0).p, last.relate(batch, out, 1.0).p)
    for layer in (2, -3):
        with pytest.raises(InputError, match=f"hidden layer {layer} does not exist.*has 2.*choose -2 to 1"):
            Dynamic(layer=layer).relate(batch, out, 0.0)


def test_an_encoder_without_hidden_layers_uses_its_output() -> None:
    batch, out = example()
    a = Dynamic().relate(batch, Encoded(out.z), 0.5)
    b = Dynamic().relate(batch, Encoded(out.z, (out.z,)), 0.5)
    assert torch.equal(a.p, b.p)


def test_sparse_p_is_the_same_as_dense() -> None:
    batch, out = example()
    assert batch.p is not None
    sparse = Batch(batch.nodes, batch.inputs, batch.p.to_sparse_csr(), far_weight=0.3)
    assert torch.equal(Dynamic().relate(sparse, out, 0.3).p, Dynamic().relate(batch, out, 0.3).p)


def test_inputs_and_global_randomness_are_untouched(rng_untouched: None) -> None:
    batch, out = example()
    Dynamic().relate(batch, out, 0.3)
    again, same = example()
    assert torch.equal(batch.p, again.p)  # type: ignore[arg-type]
    assert all(torch.equal(a, b) for a, b in zip((out.z, *out.hidden), (same.z, *same.hidden), strict=True))


def test_a_rising_layer_counts_as_it_takes_over() -> None:
    batch, out = example()
    assert batch.p is not None
    printed = Dynamic().relate(batch, out, 0.25).p
    own = Dynamic().relate(batch, out, 1.0).p
    assert torch.equal(Dynamic(rising=True).relate(batch, out, 0.0).p, batch.p.clamp(max=1))
    assert torch.equal(Dynamic(rising=True).relate(batch, out, 1.0).p, own)
    quarter = Dynamic(rising=True).relate(batch, out, 0.25).p
    torch.testing.assert_close(quarter, (0.75 * batch.p + 0.25 * own).clamp(max=1))
    assert not torch.equal(quarter, printed)
