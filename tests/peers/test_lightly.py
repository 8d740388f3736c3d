"""Beside lightly: the losses that both have, ours reached as a run reaches them (recipe, source, similarity, loss).

A linear map stands for the encoder. Values agree to 1e-5, gradients of its weights to 1e-4.
"""

from __future__ import annotations

import copy
import importlib
from types import ModuleType

import pytest
import torch
from torch import Tensor, nn

from graphurl.encoders.base import Inputs, as_encoder
from graphurl.recipes.images import BARLOW, BYOL, MOCO, SIMCLR, SIMSIAM
from graphurl.recipes.pictures import PictureRecipe
from graphurl.relations.momentum import Queue, Targets
from graphurl.relations.objective import Objective, Term
from graphurl.relations.relation import Batch
from graphurl.terms import methods
from graphurl.terms.context import Builder, Context
from tests.peers.torchvision_names import import_torchvision

pytestmark = pytest.mark.peer

PIXELS, DIM, STEPS = 12, 16, 4


@pytest.fixture(scope="module")
def lightly() -> ModuleType:
    """lightly, imported only where a test runs: it takes seconds."""
    import_torchvision()
    found: ModuleType = pytest.importorskip("lightly", reason="needs lightly and torchvision")
    for part in ("loss", "models.utils", "utils.scheduler"):
        importlib.import_module(f"lightly.{part}")
    return found


def stacked_views(pictures: int, seed: int) -> Tensor:
    """Two views of each picture, view after view: alike, and of different lengths."""
    generator = torch.Generator().manual_seed(seed)
    picture = torch.randn(pictures, PIXELS, generator=generator).repeat(2, 1)
    return picture + 0.7 * torch.randn(2 * pictures, PIXELS, generator=generator)


def linear_encoder(seed: int, scale: float = 1.0) -> nn.Linear:
    encoder = nn.Linear(PIXELS, DIM, bias=False)
    weight = torch.randn(DIM, PIXELS, generator=torch.Generator().manual_seed(seed))
    encoder.weight.data.copy_(scale * weight)
    return encoder


def assembled(recipe: PictureRecipe, method: Builder, encoder: nn.Module, pictures: int) -> tuple[Objective, Term]:
    """The objective of a recipe without a head, with the term that the method builds."""
    generator = torch.Generator().manual_seed(0)
    wrapped = as_encoder(encoder)
    context = Context(recipe.but(head="none"), wrapped, DIM, nn.Identity(), pictures, 0, generator)
    term = method(context)

    def draw(generator: torch.Generator) -> Batch:
        return batch_of(stacked_views(pictures, 0))

    return Objective(wrapped, draw, [term]), term


def batch_of(x: Tensor) -> Batch:
    return Batch(torch.arange(len(x) // 2), Inputs(x), views=2)


def assert_same(ours: Tensor, theirs: Tensor, weights: list[nn.Parameter], twins: list[nn.Parameter]) -> None:
    """Compares two losses and their gradients, which are left in place for a step."""
    torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5)
    for loss, parameters in ((ours, weights), (theirs, twins)):
        for weight in parameters:
            weight.grad = None
        loss.backward()
    for weight, twin in zip(weights, twins, strict=True):
        assert weight.grad is not None and twin.grad is not None
        assert twin.grad.norm() > 0
        assert (weight.grad - twin.grad).norm() < 1e-4 * twin.grad.norm()


def descend(*parameters: nn.Parameter) -> None:
    with torch.no_grad():
        for weight in parameters:
            assert weight.grad is not None
            weight -= 0.3 * weight.grad / weight.grad.norm()


@pytest.mark.parametrize("pictures", [2, 32])
@pytest.mark.parametrize("temperature", [0.1, 0.5])
def test_simclr_is_ntxent(lightly: ModuleType, pictures: int, temperature: float) -> None:
    encoder = linear_encoder(1)
    twin = copy.deepcopy(encoder)
    x = stacked_views(pictures, 2)
    objective, _ = assembled(SIMCLR.but(temperature=temperature), methods.views, encoder, pictures)
    ours, _ = objective(batch_of(x), 0.0)
    theirs = lightly.loss.NTXentLoss(temperature=temperature)(*twin(x).chunk(2))
    assert_same(ours, theirs, [encoder.weight], [twin.weight])


def test_moco_is_ntxent_with_a_memory_bank_over_several_steps(lightly: ModuleType) -> None:
    # Three batches fill the queue: the fourth step sees own keys only, and is written to where the first was.
    pictures, size, momentum, temperature = 8, 24, 0.9, 0.2
    encoder = linear_encoder(1)
    twin = copy.deepcopy(encoder)
    slow_twin = copy.deepcopy(encoder).requires_grad_(False)
    recipe = MOCO.but(temperature=temperature, queue_size=size, ema=momentum)
    objective, term = assembled(recipe, methods.queue, encoder, pictures)
    criterion = lightly.loss.NTXentLoss(temperature=temperature, memory_bank_size=(size, DIM))
    frozen = copy.deepcopy(criterion)
    queue = term.source
    assert isinstance(queue, Queue)
    # Theirs starts full of random keys, ours empty.
    queue.keys.copy_(criterion.memory_bank.bank)
    queue.written.fill_(size)
    for step in range(STEPS):
        x = stacked_views(pictures, 10 + step)
        ours, _ = objective(batch_of(x), step / STEPS)
        (first, second), (first_key, second_key) = twin(x).chunk(2), slow_twin(x).chunk(2)
        # Their loss writes its keys at once: the other direction needs a copy from before.
        frozen.memory_bank.bank = criterion.memory_bank.bank.clone()
        theirs = (frozen(first, second_key) + criterion(second, first_key)) / 2
        assert_same(ours, theirs, [encoder.weight], [twin.weight])
        descend(encoder.weight, twin.weight)
        objective.after_step()
        lightly.models.utils.update_momentum(twin, slow_twin, momentum)
    (slow,) = queue.slow.encoder.parameters()
    torch.testing.assert_close(slow, slow_twin.weight)
    assert not torch.allclose(slow, encoder.weight)
    torch.testing.assert_close(nn.functional.normalize(queue.keys), criterion.memory_bank.bank)


def test_byol_is_the_negative_cosine_plus_one_while_the_target_follows(lightly: ModuleType) -> None:
    pictures = 16
    encoder = linear_encoder(1)
    twin = copy.deepcopy(encoder)
    slow_twin = copy.deepcopy(encoder).requires_grad_(False)
    objective, term = assembled(BYOL.but(ema=0.8), methods.targets, encoder, pictures)
    source = term.source
    assert isinstance(source, Targets) and source.slow is not None
    predictor = copy.deepcopy(source.predictor)
    weights = [encoder.weight, *source.predictor.parameters()]
    twins = [twin.weight, *predictor.parameters()]
    criterion = lightly.loss.NegativeCosineSimilarity()
    for step in range(STEPS):
        x = stacked_views(pictures, 20 + step)
        ours, _ = objective(batch_of(x), step / (STEPS - 1))
        # Our predictor normalises over both views at once.
        (first, second), (first_target, second_target) = predictor(twin(x)).chunk(2), slow_twin(x).chunk(2)
        theirs = 1 + (criterion(first, second_target) + criterion(second, first_target)) / 2
        assert_same(ours, theirs, weights, twins)
        descend(*weights, *twins)
        objective.after_step()
        rising = lightly.utils.scheduler.cosine_schedule(step, STEPS, 0.8, 1.0)
        lightly.models.utils.update_momentum(twin, slow_twin, rising)
    (slow,) = source.slow.encoder.parameters()
    torch.testing.assert_close(slow, slow_twin.weight)
    assert not torch.allclose(slow, encoder.weight)


def test_simsiam_is_the_negative_cosine_plus_one_with_targets_that_stop_the_gradient(lightly: ModuleType) -> None:
    pictures = 16
    encoder = linear_encoder(1)
    twin = copy.deepcopy(encoder)
    objective, term = assembled(SIMSIAM, methods.targets, encoder, pictures)
    source = term.source
    assert isinstance(source, Targets) and source.slow is None
    predictor = copy.deepcopy(source.predictor)
    x = stacked_views(pictures, 3)
    ours, _ = objective(batch_of(x), 0.0)
    z = twin(x)
    (first, second), (first_target, second_target) = predictor(z).chunk(2), z.detach().chunk(2)
    criterion = lightly.loss.NegativeCosineSimilarity()
    theirs = 1 + (criterion(first, second_target) + criterion(second, first_target)) / 2
    weights, twins = [encoder.weight, *source.predictor.parameters()], [twin.weight, *predictor.parameters()]
    assert_same(ours, theirs, weights, twins)


@pytest.mark.parametrize("redundancy", [5e-3, 0.3])
def test_barlow_twins(lightly: ModuleType, redundancy: float) -> None:
    # Theirs adds 1e-5 to every variance, ours nothing: large embeddings leave no trace of it.
    pictures, encoder = 32, linear_encoder(1, scale=30.0)
    twin = copy.deepcopy(encoder)
    x = stacked_views(pictures, 4)
    objective, _ = assembled(BARLOW.but(redundancy=redundancy), methods.features, encoder, pictures)
    ours, _ = objective(batch_of(x), 0.0)
    theirs = lightly.loss.BarlowTwinsLoss(lambda_param=redundancy)(*twin(x).chunk(2))
    assert_same(ours, theirs, [encoder.weight], [twin.weight])
