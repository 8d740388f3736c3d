"""The objective: a weighted sum of terms, one state for everything, and any source without a change."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from graphurl.encoders.base import Encoded, Encoder, Inputs, Plain
from graphurl.encoders.mlp import MLP
from graphurl.graphs.graph import Graph
from graphurl.losses import BCE, KL, MSE
from graphurl.relations import Batch, EdgeBatches, FullBatch, Objective, Relation, RowFeed, Source, Static, Term
from graphurl.similarity import Similarity


def ring(n: int = 12) -> Graph:
    rows = torch.arange(n)
    return Graph.from_edges(rows, (rows + 1) % n, n, weight=torch.linspace(0.2, 0.9, n)).symmetrise("max")


def features(n: int = 12, width: int = 5) -> Tensor:
    return torch.randn(n, width, generator=torch.Generator().manual_seed(0))


def encoder() -> MLP:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return MLP(5, 2, hidden=8, depth=3)


def objective(*terms: Term, model: Encoder | None = None) -> Objective:
    return Objective(model or encoder(), FullBatch(ring(), RowFeed(features()), far_weight=0.5), terms)


def term(name: str = "graph", weight: float = 1.0, **changes: object) -> Term:
    return Term(name, Static(), Similarity(1.0), BCE(), weight, **changes)  # type: ignore[arg-type]


def test_one_term_is_the_loss_over_all_pairs() -> None:
    whole = objective(term())
    batch = whole.draw(torch.Generator())
    value, parts = whole(batch, 0.0)
    z = whole.encoder(Inputs(features())).z
    p = torch.zeros(12, 12)
    p[ring().rows, ring().col] = ring().weight  # type: ignore[assignment]
    weight = torch.where(p > 0, 1.0, 0.5).fill_diagonal_(0)
    torch.testing.assert_close(value, BCE()(p, Similarity(1.0).of(z), weight))
    assert parts == {}
    assert whole.steps == 1


def test_terms_are_weighed_and_reported_by_name() -> None:
    a = objective(term("a"))
    b = objective(Term("b", Static(), Similarity(), KL()))
    both = objective(term("a", 2.0), Term("b", Static(), Similarity(), KL(), -0.5))
    batch = both.draw(torch.Generator())
    value, parts = both(batch, 0.0)
    expected_a, expected_b = a(batch, 0.0)[0], b(batch, 0.0)[0]
    torch.testing.assert_close(value, 2 * expected_a - 0.5 * expected_b)
    assert parts == {"a": pytest.approx(expected_a.item()), "b": pytest.approx(expected_b.item())}


@pytest.mark.parametrize(("progress", "factor"), [(0.0, 0.0), (0.25, 0.25), (1.0, 1.0)])
def test_the_weight_of_a_rising_term_grows_with_the_run(progress: float, factor: float) -> None:
    both = objective(term("a"), term("b", 3.0, rising=True))
    batch = both.draw(torch.Generator())
    value, parts = both(batch, progress)
    assert value.item() == pytest.approx(parts["a"] + 3.0 * factor * parts["b"])
    assert both.terms[0].weight_at(progress) == 1.0


def test_a_head_belongs_to_its_term_alone() -> None:
    head = nn.Linear(2, 3)
    both = objective(term("a"), term("b", head=head))
    batch = both.draw(torch.Generator())
    value, parts = both(batch, 0.0)
    z = both.encode(batch).z
    with_head = both.terms[1].loss
    assert with_head == BCE()
    alone = objective(term("a"))(batch, 0.0)[0]
    assert parts["a"] == pytest.approx(alone.item())
    assert parts["b"] != pytest.approx(alone.item())
    value.backward()
    assert head.weight.grad is not None
    assert z.shape == (12, 2)
    assert {"heads.1.weight", "heads.1.bias"} <= set(both.state_dict())


def counted(layer: nn.Module) -> tuple[nn.Module, list[int]]:
    calls: list[int] = []
    layer.register_forward_hook(lambda *_: calls.append(1))
    return layer, calls


def test_a_head_that_terms_share_runs_once() -> None:
    head, calls = counted(nn.Linear(2, 3))
    other, others = counted(nn.Linear(2, 3))
    whole = objective(term("a", head=head), term("b", head=head), term("c", head=other), term("d", head=head))
    value, parts = whole(whole.draw(torch.Generator()), 0.0)
    assert (len(calls), len(others)) == (1, 1)
    assert parts["a"] == parts["b"] == parts["d"] != parts["c"]
    value.backward()
    alone = objective(term("a", 3.0, head=head), model=whole.encoder)
    expected = head.weight.grad.clone()  # type: ignore[union-attr, operator]
    head.zero_grad()
    alone(alone.draw(torch.Generator()), 0.0)[0].backward()
    torch.testing.assert_close(head.weight.grad, expected)


class Several(Source):
    """Three relations of different size, and a note of what was seen."""

    def relations(self, batch: Batch, out: Encoded, progress: float) -> tuple[Relation, ...]:
        return tuple(Relation(out.z[:k], out.z[:k], torch.eye(k)) for k in (3, 5, 8))

    def after_step(self, batch: Batch, out: Encoded) -> None:
        self.seen = out


def test_several_relations_of_a_source_give_the_mean_of_their_losses() -> None:
    whole = objective(Term("three", Several(), Similarity(), MSE(), 2.0))
    batch = whole.draw(torch.Generator())
    z = whole.encode(batch).z
    each = [MSE()(torch.eye(k), Similarity().of(z[:k], z[:k])) for k in (3, 5, 8)]
    torch.testing.assert_close(whole(batch, 0.0)[0], 2 * torch.stack(each).mean())


def test_after_a_step_each_source_sees_what_its_own_head_made() -> None:
    heads = (nn.Identity(), nn.Linear(2, 3))
    whole = objective(*(Term(str(k), Several(), Similarity(), MSE(), head=head) for k, head in enumerate(heads)))
    batch = whole.draw(torch.Generator())
    whole(batch, 0.0)
    out = whole.encode(batch)
    torch.testing.assert_close(whole.after_step(), out.z)
    for source, head in zip(whole.sources, heads, strict=True):
        torch.testing.assert_close(source.seen.z, head(out.z))
        assert not any(h.requires_grad for h in (source.seen.z, *source.seen.hidden))
    # Below a head the encoder's own output is the last hidden layer.
    assert [len(source.seen.hidden) for source in whole.sources] == [2, 3]
    torch.testing.assert_close(whole.sources[1].seen.hidden[-1], out.z)


def test_a_draw_with_a_state_is_checkpointed_with_all_else() -> None:
    class Counting(nn.Module):
        steps = 1

        def __init__(self) -> None:
            super().__init__()
            self.plain = FullBatch(ring(), RowFeed(features()))
            self.register_buffer("count", torch.zeros((), dtype=torch.int64))

        def __call__(self, generator: torch.Generator) -> Batch:
            self.count += 1
            return self.plain(generator)

    first, second = (Objective(encoder(), Counting(), [term()]) for _ in range(2))
    first.draw(torch.Generator())
    assert "draw.count" in first.state_dict()
    second.load_state_dict(first.state_dict())
    assert int(second.draw.count) == 1
    assert not any(name.startswith("draw") for name in objective(term()).state_dict())


class Queue(Source):
    """MoCo in small: keys of a momentum encoder, a queue of them, both state of the source."""

    def __init__(self, model: MLP, size: int = 16) -> None:
        super().__init__()
        self.momentum = MLP(**model.config())  # type: ignore[arg-type]
        self.momentum.load_state_dict(model.state_dict())
        self.momentum.requires_grad_(False)
        self.online = [model]  # in a list: it is the objective's, not a part of this source
        self.register_buffer("queue", torch.zeros(size, 2))
        self.register_buffer("filled", torch.zeros((), dtype=torch.int64))

    def relate(self, batch: Batch, out: Encoded, progress: float) -> Relation:
        with torch.no_grad():
            self.keys = self.momentum(batch.inputs).z
        queue: Tensor = self.queue
        cols = torch.cat([self.keys, queue[: int(self.filled)]])
        p = torch.eye(len(out.z), len(cols)).to_sparse_csr()
        return Relation(out.z, cols, p)

    def after_step(self, batch: Batch, out: Encoded) -> None:
        for old, new in zip(self.momentum.parameters(), self.online[0].parameters(), strict=True):
            old.mul_(0.9).add_(new, alpha=0.1)
        self.queue.copy_(torch.cat([self.keys, self.queue])[: len(self.queue)])
        self.filled.add_(len(self.keys)).clamp_(max=len(self.queue))


def test_a_queue_with_a_momentum_encoder_is_just_a_source() -> None:
    model = encoder()
    whole = objective(Term("moco", Queue(model), Similarity(metric="cosine"), KL(over="rows")), model=model)
    names = set(whole.state_dict())
    assert {"sources.0.queue", "sources.0.filled", "sources.0.momentum.layers.0.weight"} <= names
    before = {key: value.clone() for key, value in whole.state_dict().items()}
    batch = whole.draw(torch.Generator())
    value, _ = whole(batch, 0.0)
    value.backward()
    with torch.no_grad():
        for weight in model.parameters():
            assert weight.grad is not None
            weight -= 0.1 * weight.grad
    z = whole.after_step()
    after = whole.state_dict()
    assert z.shape == (12, 2)
    assert not z.requires_grad
    assert int(after["sources.0.filled"]) == 12
    assert bool((after["sources.0.queue"][:12] != 0).all())
    key, online = "sources.0.momentum.layers.0.weight", "encoder.layers.0.weight"
    torch.testing.assert_close(after[key], 0.9 * before[key] + 0.1 * after[online])
    second, _ = whole(batch, 0.0)
    assert bool(torch.isfinite(second))


def test_after_step_comes_after_a_forward_pass() -> None:
    with pytest.raises(RuntimeError, match="after a forward pass"):
        objective(term()).after_step()


def test_half_precision_is_widened_before_the_loss() -> None:
    model = Plain(nn.Linear(5, 2).to(torch.bfloat16))
    whole = Objective(model, FullBatch(ring(), RowFeed(features().bfloat16())), [term()])
    batch = whole.draw(torch.Generator())
    assert whole.encode(batch).z.dtype == torch.float32
    assert whole(batch, 0.0)[0].dtype == torch.float32


def test_the_loss_is_not_computed_under_autocast() -> None:
    whole = objective(term(), term("b", head=nn.Linear(2, 2)))
    batch = whole.draw(torch.Generator())
    seen: list[bool] = []

    class Watch(Similarity):
        def of(self, x: Tensor, y: Tensor | None = None) -> Tensor:
            seen.append(torch.is_autocast_enabled("cpu"))
            return super().of(x, y)

    for entry in whole.terms:
        entry.similarity = Watch(1.0)
    with torch.autocast("cpu", torch.bfloat16):
        value, _ = whole(batch, 0.0)
    assert value.dtype == torch.float32
    assert seen == [False, False]


def test_calibration_takes_mu_and_sigma_from_a_batch() -> None:
    whole = objective(term(), term("b"))
    z = whole.encode(whole.draw(torch.Generator())).z.detach()
    whole.calibrate(torch.Generator(), mu=False, sigma=False)
    assert whole.terms[0].similarity == Similarity(1.0)
    whole.train()
    whole.calibrate(torch.Generator(), mu=True, sigma=True)
    assert whole.training
    assert whole.encoder.training
    for entry in whole.terms:
        assert entry.similarity == Similarity(1.0).calibrated(z)


def test_permuting_the_samples_leaves_the_full_loss_unchanged() -> None:
    order = torch.randperm(12, generator=torch.Generator().manual_seed(5))
    place = order.argsort()
    graph, x = ring(), features()
    moved = Graph.from_edges(place[graph.rows], place[graph.col], 12, weight=graph.weight)
    for loss in (MSE(), BCE(), KL(), KL(over="rows")):
        values = []
        for g, rows in ((graph, x), (moved, x[order])):
            whole = Objective(
                encoder(), FullBatch(g, RowFeed(rows)), [Term("graph", Static(), Similarity(1.0), loss)]
            )
            values.append(whole(whole.draw(torch.Generator()), 0.0)[0])
        torch.testing.assert_close(values[0], values[1])


def test_the_gradient_of_sampled_batches_is_unbiased() -> None:
    """Not the loss only: the mean gradient over many batches is the full one."""
    full = objective(term())
    full(full.draw(torch.Generator()), 0.0)[0].backward()
    expected = torch.cat([w.grad.flatten() for w in full.encoder.parameters()])  # type: ignore[union-attr]
    sampled = Objective(
        full.encoder, EdgeBatches(ring(), RowFeed(features()), 8, far_weight=0.5), [term()]
    )
    generator, draws = torch.Generator().manual_seed(0), []
    for _ in range(400):
        sampled.zero_grad()
        sampled(sampled.draw(generator), 0.0)[0].backward()
        draws.append(torch.cat([w.grad.flatten() for w in full.encoder.parameters()]))  # type: ignore[union-attr]
    found = torch.stack(draws)
    error = found.std(0) / len(found) ** 0.5
    along = (found.mean(0) * expected).sum() / expected.square().sum()
    assert float(along) == pytest.approx(1, abs=0.15)
    assert bool(((found.mean(0) - expected).abs() <= 5 * error + 1e-4).all())
