"""Every method of the registry trains, on the formula of its paper; a run that collapses is named."""

from __future__ import annotations

import math
import warnings

import pytest
import torch
from torch import Tensor, nn

from graphurl.assembly import assemble
from graphurl.encoders.base import Encoded
from graphurl.errors import CollapseWarning, InputError, RunError
from graphurl.losses import Alignment
from graphurl.relations import Batch, Objective, Relation, Source, Term
from graphurl.relations.bank import Bank
from graphurl.relations.clusters import Classes
from graphurl.relations.momentum import Queue, Targets
from graphurl.relations.sources import Dynamic
from graphurl.relations.views import Features, Positives, Views
from graphurl.training import CollapseMonitor
from tests.relations.stacked import COSINE, contrast, cosine, mean, stacked, student, value
from tests.terms.tiny import NAMES, parts_of, recipe_named, samples, train

PAIRS = [name for name in NAMES if recipe_named(name).num_views > 1]


@pytest.mark.parametrize(
    ("name", "add"), [*((name, "none") for name in NAMES), *((name, "cld+eir+de") for name in PAIRS)]
)
def test_every_method_trains_alone_and_with_all_additions(
    name: str, add: str, recwarn: pytest.WarningsRecorder, rng_untouched: None
) -> None:
    """Losses are finite, all that is trained moves, and no healthy run is called collapsed."""
    objective = parts_of(name, add=add).objective
    before = {key: weight.detach().clone() for key, weight in objective.named_parameters()}
    run = train(objective, callbacks=[CollapseMonitor(fail=True)])
    assert len(run.history) == 2
    assert all(math.isfinite(record["loss"]) for record in run.history)
    assert not [warning for warning in recwarn if issubclass(warning.category, CollapseWarning)]
    still = [key for key, weight in objective.named_parameters() if torch.equal(weight, before[key])]
    # A queue is trained by its copy, which follows; a shift before a normalisation changes nothing.
    assert set(still) <= {"encoder.module.second.bias"}
    after = objective.state_dict()
    assert all(bool(torch.isfinite(after[key]).all()) for key in after)


@pytest.mark.parametrize(("name", "epochs"), [("simclr", 6), ("byol", 6), ("supervised", 6), ("genurl-mse", 6)])
def test_the_loss_falls(name: str, epochs: int) -> None:
    run = train(parts_of(name, views="weak").objective, epochs, lr=0.01)
    assert run.history[-1]["loss"] < 0.9 * run.history[0]["loss"]


def of_recipe(name: str, z_views: int = 2) -> tuple[Tensor, Tensor, int]:
    """What the recipe's own term makes of random rows, the rows, and how many pictures there are."""
    term = parts_of(name).objective.terms[0]
    batch, out = stacked(5, z_views, 8, label=[0, 1, 2, 3, 0])
    return value(term.source, batch, out, term.similarity, term.loss), out.z, 5


def test_simclr_is_nt_xent_at_a_temperature_of_a_tenth() -> None:
    found, z, n = of_recipe("simclr")
    others = [[k for k in range(2 * n) if k not in (i, (i + n) % (2 * n))] for i in range(2 * n)]
    expected = mean(2 * n, lambda i: contrast(z[i], z[(i + n) % (2 * n)], [z[k] for k in others[i]], 0.1))
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize(
    ("name", "degrees", "over"),
    [("t-simclr", 5.0, "all"), ("tsne-views", 1.0, "all"), ("sne-views", math.inf, "rows")],
)
def test_neighbour_embedding_of_views_has_the_kernel_of_its_paper(name: str, degrees: float, over: str) -> None:
    found, z, n = of_recipe(name)
    kernel = torch.stack([torch.stack([student(a, b, degrees) for b in z]) for a in z])
    kernel = kernel * (1 - torch.eye(2 * n))
    total = kernel.sum(dim=1) if over == "rows" else kernel.sum().expand(2 * n)
    near = torch.stack([kernel[i, (i + n) % (2 * n)] for i in range(2 * n)])
    constant = 0 if over == "rows" else math.log(2 * n)
    torch.testing.assert_close(found, -(near / total).log().mean() - constant)


def test_simsiam_and_byol_are_one_less_the_cosine_of_prediction_and_target() -> None:
    for name, copied in (("simsiam", False), ("byol", True)):
        term = parts_of(name).objective.terms[0]
        assert isinstance(term.source, Targets)
        assert (term.source.slow is not None) == copied
        batch, out = stacked(5, 2, 8)
        source = Targets(nn.Identity())
        found = value(source, batch, out, term.similarity, term.loss)
        torch.testing.assert_close(found, mean(5, lambda i, z=out.z: 1 - cosine(z[i], z[5 + i])))
    assert term.source.slow is not None
    assert (term.source.slow.momentum, term.source.slow.rising) == (0.99, True)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("simclr", Positives), ("moco", Queue), ("npid", Bank), ("byol", Targets), ("barlow", Features),
        ("genurl-gkl", Dynamic), ("supervised", Classes),
    ],
)  # fmt: skip
def test_methods_compare_with_what_they_are_named_after(name: str, kind: type) -> None:
    parts = parts_of(name, far_weight=0.5, redundancy=0.125, bank_negatives=3, bank_momentum=0.25)
    (term,) = parts.objective.terms
    source = term.source
    assert type(source) is kind
    if isinstance(source, Positives):
        assert source.far_weight == 0.5
    if isinstance(source, Dynamic):
        assert isinstance(source.given, Positives)
        assert (source.given.far_weight, source.layer, source.similarity.nu) == (0.5, -1, 100.0)
    if isinstance(source, Queue):
        assert source.keys.shape == (24, 8)
        assert not source.in_batch
    if isinstance(source, Bank):
        assert source.remembered.shape == (40, 8)
        assert (source.negatives, source.momentum) == (3, 0.25)
    if isinstance(source, Features):
        assert source.redundancy == 0.125
    if isinstance(source, Classes):
        assert source.directions.shape == (4, 12), "no head: the features themselves"


def test_far_pairs_of_views_weigh_as_others_unless_told() -> None:
    assert parts_of("simclr", far_weight="auto").objective.terms[0].source.far_weight == 1.0


def test_the_predictor_is_drawn_from_the_seed_alone(rng_untouched: None) -> None:
    first, again, other = (parts_of("simsiam", seed=seed).objective.terms[0].source for seed in (0, 0, 1))
    key = "predictor.steps.0.weight"
    assert torch.equal(first.state_dict()[key], again.state_dict()[key])
    assert not torch.equal(first.state_dict()[key], other.state_dict()[key])


def test_what_a_method_cannot_do_without_is_asked_for() -> None:
    with pytest.raises(InputError, match="ema is 0: the keys of a queue come from a slow copy"):
        parts_of("moco", ema=0.0)
    for y in (None, torch.zeros(40, dtype=torch.int64), torch.full((40,), -1)):
        with pytest.raises(InputError, match=r"^[01] class\(es\): supervised training reads labels of two classes"):
            parts_of("supervised", of=samples(y=y))


class Constant(Source):
    """All rows are to be like one and the same: what every shortcut to a low loss amounts to."""

    def relate(self, batch: Batch, out: Encoded, progress: float) -> Relation:
        return Relation(out.z, torch.ones(1, out.z.shape[1]), torch.ones(len(out.z), 1))


def simsiam(source: Source | None = None, batch_size: int = 16) -> Objective:
    """SimSiam, or the same with another source in the place of predictor and targets."""
    parts = parts_of("simsiam", of=samples(256), head="mlp", dim=64, hidden=64, batch_size=batch_size)
    (own,) = parts.objective.terms
    term = own if source is None else Term("bare", source, COSINE, Alignment(), head=own.head)
    return Objective(parts.objective.encoder, parts.objective.draw, [term])


def test_a_run_that_collapses_is_named_in_its_first_epoch() -> None:
    with pytest.raises(RunError, match="the embedding collapsed in epoch 1: "):
        train(simsiam(Constant()), 1, [CollapseMonitor(fail=True)], lr=0.5)
    with pytest.warns(CollapseWarning, match="collapsed in epoch 1"):
        train(simsiam(Constant()), 1, [CollapseMonitor()], lr=0.5)


def test_simsiam_loses_its_spread_without_a_predictor_and_keeps_it_with_one() -> None:
    """The spread of unit rows is sqrt(1 - mean cosine), nearly; the monitor writes it into the record."""
    spread = {}
    for name, source in (("bare", Targets(nn.Identity())), ("whole", None)):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            run = train(simsiam(source, 32), 1, [CollapseMonitor(directions=True)], lr=0.1)
        assert [each.category for each in caught] == [CollapseWarning] * (name == "bare")
        spread[name] = run.history[-1]["spread"]
    assert spread["bare"] < 0.1
    assert spread["whole"] > 0.4


def test_targets_without_a_gradient_are_what_keeps_simsiam_from_collapse() -> None:
    """The gradient of the loss by the embeddings is the one of the predictions alone."""
    (term,) = parts_of("simsiam").objective.terms
    batch, out = stacked(5, 2, 8)
    z = out.z.detach().float().requires_grad_()
    value(term.source, batch, out._replace(z=z), term.similarity, term.loss).backward()
    fixed, rows = z.detach(), z.detach().clone().requires_grad_()
    predicted = term.source.predictor(rows)
    near = torch.cosine_similarity(predicted, fixed.roll(5, 0)).mean()
    (1 - near).backward()
    torch.testing.assert_close(z.grad, rows.grad)


def test_small_crops_are_further_rows_of_the_encoder() -> None:
    objective = assemble(samples(), recipe_named("simclr", views="multi-crop")).objective
    batch = objective.draw(torch.Generator().manual_seed(0))
    assert Views.of(batch, objective.encode(batch).z).small.shape == (4, 16, 128)
    assert math.isfinite(train(objective).history[-1]["loss"])
