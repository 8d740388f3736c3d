"""The slow copy, the queue of MoCo, and the targets of BYOL and SimSiam."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from graphurl.encoders.base import Encoded, Encoder, Inputs, Plain
from graphurl.encoders.convnet import ConvNet
from graphurl.errors import InputError
from graphurl.losses import KL, Alignment, InfoNCE
from graphurl.relations import Batch
from graphurl.relations.momentum import Momentum, Queue, Targets
from graphurl.similarity import Similarity
from tests.relations.stacked import COSINE, contrast, cosine, mean, same_gradient, stacked, student, value


def layers() -> tuple[Encoder, nn.Module]:
    """An encoder of rows of 4 numbers, and a head to 3."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return Plain(nn.Linear(4, 5).double()), nn.Linear(5, 3).double()


def placed(encoder: Encoder, head: nn.Module, batch: Batch) -> Encoded:
    return Encoded(head(encoder(batch.inputs).z))


def shift(*modules: nn.Module) -> None:
    """Moves all weights, as an optimiser would."""
    with torch.no_grad():
        for module in modules:
            for weight in module.parameters():
                weight.add_(torch.linspace(-1, 1, weight.numel(), dtype=weight.dtype).view_as(weight))


def test_the_copy_starts_as_the_original_and_is_not_trained() -> None:
    encoder, head = layers()
    slow = Momentum(encoder, head, 0.9).double()
    batch, _ = stacked(5, 2)
    assert not any(weight.requires_grad for weight in slow.parameters())
    assert all(weight.requires_grad for weight in [*encoder.parameters(), *head.parameters()])
    assert len(list(slow.parameters())) == 4, "the originals are no parts of the copy"
    first = slow(batch)
    assert not first.requires_grad
    torch.testing.assert_close(first, head(encoder(batch.inputs).z).view(2, 5, 3))
    shift(encoder, head)
    torch.testing.assert_close(slow(batch), first)


def test_mixtures_and_small_crops_are_not_placed_by_the_copy() -> None:
    encoder, head = layers()
    slow, (batch, _) = Momentum(encoder, head, 0.9), stacked(5, 2, small=1, mixed=True)
    full = Inputs(batch.inputs.x[:10])
    torch.testing.assert_close(slow(batch).flatten(0, 1), head(encoder(full).z))


@pytest.mark.parametrize("rising", [False, True])
@pytest.mark.parametrize("progress", [0.0, 0.3, 1.0])
def test_the_copy_follows_by_the_formula(rising: bool, progress: float) -> None:
    """θ' ← m θ' + (1 - m) θ, with m = 1 - (1 - m₀)(cos(π k/K) + 1)/2 where it rises."""
    encoder, head = layers()
    slow = Momentum(encoder, head, 0.8, rising=rising)
    before = [weight.clone() for weight in slow.parameters()]
    shift(encoder, head)
    slow.follow(progress)
    m = 1 - 0.2 * (math.cos(math.pi * progress) + 1) / 2 if rising else 0.8
    originals = [*encoder.parameters(), *head.parameters()]
    for old, new, original in zip(before, slow.parameters(), originals, strict=True):
        torch.testing.assert_close(new, m * old + (1 - m) * original.detach())


def test_statistics_of_layers_are_the_copys_own() -> None:
    encoder = ConvNet(1, (3, 4))
    slow = Momentum(encoder, nn.Identity(), 0.5)
    pictures = torch.rand(6, 1, 4, 4, generator=torch.Generator().manual_seed(0))
    batch = Batch(torch.arange(3), Inputs(pictures), views=2)
    encoder(batch.inputs)
    statistics = dict(encoder.named_buffers())
    slow.follow(0.0)
    for name, mine in slow.encoder.named_buffers():
        assert torch.equal(mine, ConvNet(1, (3, 4)).get_buffer(name)), "following moves weights alone"
    slow(batch)
    for name, mine in slow.encoder.named_buffers():
        torch.testing.assert_close(mine, statistics[name])


def test_the_copy_runs_in_the_precision_of_the_original() -> None:
    encoder = ConvNet(1, (3, 4))
    pictures = torch.rand(6, 1, 4, 4, generator=torch.Generator().manual_seed(0))
    batch = Batch(torch.arange(3), Inputs(pictures), views=2)
    with torch.autocast("cpu", torch.bfloat16):
        half = encoder(batch.inputs).z.float()
    found = Momentum(encoder, nn.Identity(), 0.5, narrow=True)(batch)
    assert found.dtype == torch.float32
    assert torch.equal(found.flatten(0, 1), half)
    assert not torch.equal(Momentum(encoder, nn.Identity(), 0.5)(batch), found)


def queue_of(size: int, *, in_batch: bool = False) -> tuple[Encoder, nn.Module, Queue]:
    encoder, head = layers()
    return encoder, head, Queue(Momentum(encoder, head, 0.7), size, 3, in_batch=in_batch).double()


def step(source: Queue | Targets, batch: Batch, out: Encoded, progress: float = 0.0) -> None:
    source.relations(batch, out, progress)
    with torch.no_grad():
        source.after_step(batch, out)


@pytest.mark.parametrize("in_batch", [False, True])
def test_moco_counts_the_own_key_and_the_queue(in_batch: bool) -> None:
    """The other keys of the batch count only when they are asked for."""
    encoder, head, source = queue_of(8, in_batch=in_batch)
    earlier, _ = stacked(6, 2, seed=1)
    step(source, earlier, placed(encoder, head, earlier))
    shift(encoder)
    batch, _ = stacked(5, 2, small=1)
    z = placed(encoder, head, batch).z.detach().requires_grad_()
    keys = source.slow(batch)
    queue = source.keys[:6].clone()
    found = value(source, batch, Encoded(z), COSINE, InfoNCE(temperature=0.2))
    parts = []
    for view, key in ((0, 1), (1, 0), (2, 1)):  # the small crop is compared with a full view too
        for i in range(5):
            others = [keys[key, j] for j in range(5) if j != i] if in_batch else []
            parts.append(contrast(z[5 * view + i], keys[key, i], [*others, *queue], 0.2))
    same_gradient(found, torch.stack(parts).mean(), z)


def test_t_moco_compares_by_distance() -> None:
    encoder, head, source = queue_of(8)
    earlier, _ = stacked(6, 2, seed=1)
    step(source, earlier, placed(encoder, head, earlier))
    batch, _ = stacked(5, 2)
    z, keys, queue = placed(encoder, head, batch).z, source.slow(batch), source.keys[:6]

    def of(i: int) -> Tensor:
        top = student(z[i], keys[1 - i // 5, i % 5], 5.0)
        return -(top / (top + sum(student(z[i], key, 5.0) for key in queue))).log()

    found = value(source, batch, Encoded(z), Similarity(nu=5.0), KL(over="rows"))
    torch.testing.assert_close(found, mean(10, of))


@pytest.mark.parametrize("size", [3, 4, 7, 9, 100])
def test_the_queue_keeps_the_latest_keys_whatever_its_length(size: int) -> None:
    """Batches of 3, and one of 10: the end of the queue is crossed, and a batch may be longer than it."""
    encoder, head, source = queue_of(size)
    remembered: list[Tensor] = []
    for number, n in enumerate((3, 3, 3, 10, 3, 3, 3)):
        batch, _ = stacked(n, 2, seed=number)
        out = placed(encoder, head, batch)
        fresh = source.slow(batch)[0]
        relation = source.relations(batch, out, 0.0)[0]
        assert relation.cols.shape[0] == n + min(len(remembered), size)
        assert sorted(relation.cols[n:].tolist()) == sorted(key.tolist() for key in remembered[-size:])
        source.after_step(batch, out)
        remembered += list(fresh)


def test_keys_are_pushed_before_they_can_change_and_the_copy_follows() -> None:
    encoder, head, source = queue_of(16)
    batch, _ = stacked(5, 2)
    out, used = placed(encoder, head, batch), source.slow(batch)
    step(source, batch, out)
    shift(encoder, head)
    before = [weight.clone() for weight in source.slow.parameters()]
    torch.testing.assert_close(source.keys[:5], used[0], rtol=0, atol=0)
    assert bool((source.keys[5:] == 0).all()), "one key a picture"
    step(source, batch, out)
    assert not any(torch.equal(a, b) for a, b in zip(before, source.slow.parameters(), strict=True))
    torch.testing.assert_close(source.keys[5:10], used[0], rtol=0, atol=0)


@pytest.mark.parametrize("kind", ["queue", "targets"])
def test_a_rising_momentum_reads_the_progress(kind: str) -> None:
    encoder, head = layers()
    slow = Momentum(encoder, head, 0.0, rising=True).double()
    source = Queue(slow, 4, 3).double() if kind == "queue" else Targets(nn.Identity(), slow)
    batch, _ = stacked(5, 2)
    out = placed(encoder, head, batch)
    shift(encoder, head)
    before = [weight.clone() for weight in slow.parameters()]
    step(source, batch, out, 1.0)
    assert all(torch.equal(a, b) for a, b in zip(before, slow.parameters(), strict=True)), "at the end m is 1"
    step(source, batch, out, 0.0)
    for mine, original in zip(slow.parameters(), [*encoder.parameters(), *head.parameters()], strict=True):
        torch.testing.assert_close(mine, original.detach())


@pytest.mark.parametrize("copied", [False, True])
def test_targets_are_predicted_and_carry_no_gradient(copied: bool) -> None:
    """Mean over ordered pairs of views of 1 - cos(prediction, target): SimSiam, and BYOL with a copy."""
    encoder, head = layers()
    slow = Momentum(encoder, head, 0.9) if copied else None
    predictor = nn.Linear(3, 3).double()
    source = Targets(predictor, slow)
    batch, _ = stacked(4, 2, small=1)
    shift(encoder)
    z = torch.randn(12, 3, generator=torch.Generator().manual_seed(2), dtype=torch.float64).requires_grad_()
    targets = z[:8].detach().view(2, 4, 3) if slow is None else slow(batch)
    found = value(source, batch, Encoded(z), COSINE, Alignment())
    predicted = predictor(z)
    parts = [
        1 - cosine(predicted[4 * a + i], targets[b, i]) for a in range(3) for b in range(2) if a != b for i in range(4)
    ]
    same_gradient(found, torch.stack(parts).mean(), z, *predictor.parameters())
    assert {name.split(".")[0] for name in source.state_dict()} == ({"predictor", "slow"} if copied else {"predictor"})
    with torch.no_grad():
        source.after_step(batch, Encoded(z))


def test_a_queue_needs_room_and_a_pair_of_views() -> None:
    encoder, head = layers()
    with pytest.raises(InputError, match="queue_size is 0: give the number of keys to remember, 1 or more"):
        Queue(Momentum(encoder, head, 0.9), 0, 3)
    batch, out = stacked(4, 1)
    for source in (queue_of(4)[2], Targets(nn.Identity())):
        with pytest.raises(InputError, match="num_views is 1"):
            source.relations(batch, out, 0.0)
