"""The memory bank of NPID, and what EIR adds: one view's word to the other, and mixtures between their parts."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from graphurl.errors import InputError
from graphurl.losses import KL, InfoNCE
from graphurl.relations.bank import Bank, Crossview, Interpolation
from graphurl.relations.relation import Source
from graphurl.similarity import Similarity
from tests.relations.stacked import COSINE, contrast, cosine, mean, same_gradient, stacked, value

NODES = torch.tensor([4, 1, 7, 0, 5])


def unit(x: Tensor) -> Tensor:
    return x / (x * x).sum().sqrt()


def bank_of(negatives: int = 0, momentum: float = 0.5) -> Bank:
    generator = torch.Generator().manual_seed(3)
    return Bank(9, 4, momentum=momentum, negatives=negatives, generator=generator).double()


def test_the_bank_starts_as_random_directions() -> None:
    bank = bank_of()
    torch.testing.assert_close(bank.remembered.norm(dim=1), torch.ones(9).double())
    assert torch.equal(bank.remembered, bank_of().remembered)
    assert not torch.equal(bank.remembered, Bank(9, 4, generator=torch.Generator().manual_seed(4)).remembered)
    assert list(bank.state_dict()) == ["remembered"]


@pytest.mark.parametrize("views", [1, 2])
def test_npid_picks_its_own_row_out_of_the_bank(views: int) -> None:
    """-log e^{⟨v_i, f⟩/T} / Σ_j e^{⟨v_j, f⟩/T}, mean over all views (IR, IRaug)."""
    batch, out = stacked(5, views, nodes=NODES, mixed=True)
    bank = bank_of()
    rows = bank.remembered

    def of(i: int) -> Tensor:
        own = int(NODES[i % 5])
        return contrast(out.z[i], rows[own], [rows[j] for j in range(9) if j != own], 0.1)

    same_gradient(value(bank, batch, out, COSINE, InfoNCE(temperature=0.1)), mean(5 * views, of), out.z)


def test_the_bank_is_refreshed_by_the_formula() -> None:
    """v_i ← ℓ2((1 - m) v_i + m v_i_old) with the first view; other rows stay."""
    batch, out = stacked(5, 2, nodes=NODES)
    bank = bank_of(momentum=0.8)
    before = bank.remembered.clone()
    with torch.no_grad():
        bank.after_step(batch, out)
    for i, node in enumerate(NODES.tolist()):
        torch.testing.assert_close(bank.remembered[node], unit(0.2 * unit(out.z[i].detach()) + 0.8 * before[node]))
    rest = [row for row in range(9) if row not in NODES.tolist()]
    assert torch.equal(bank.remembered[rest], before[rest])


def test_drawn_negatives_leave_out_the_own_picture_and_those_of_the_batch() -> None:
    """Own row, and drawn rows but for the picture's own; rows of the batch count where they were drawn only."""
    batch, out = stacked(5, 2, nodes=NODES)
    bank = bank_of(negatives=30)
    torch.manual_seed(11)
    found = value(bank, batch, out, COSINE, InfoNCE(temperature=0.5))
    torch.manual_seed(11)
    relation = bank.relate(batch, out, 0.0)
    drawn = relation.cols[5:]
    number = [int(row) for row in (drawn @ bank.remembered.T).argmax(dim=1)]
    assert len(number) == 30
    assert set(NODES.tolist()) & set(number), "the test needs own pictures among those drawn"

    def of(i: int) -> Tensor:
        own = int(NODES[i % 5])
        others = [bank.remembered[j] for j in number if j != own]
        return contrast(out.z[i], bank.remembered[own], others, 0.5)

    same_gradient(found, mean(10, of), out.z)


def test_negatives_are_drawn_anew_from_all_of_the_bank() -> None:
    batch, out = stacked(5, 2, nodes=NODES)
    bank = bank_of(negatives=400)
    torch.manual_seed(0)
    first, second = (bank.relate(batch, out, 0.0).cols[5:] for _ in range(2))
    assert not torch.equal(first, second)
    share = torch.bincount((first @ bank.remembered.T).argmax(dim=1), minlength=9) / 400
    assert bool(((share - 1 / 9).abs() < 0.06).all())


@pytest.mark.parametrize("momentum", [-0.1, 1.0, math.nan])
def test_a_bank_that_would_never_change_is_refused(momentum: float) -> None:
    with pytest.raises(InputError, match="bank_momentum is .*: give the share of the old row that is kept, 0 to below"):
        Bank(3, 2, momentum=momentum)


@pytest.mark.parametrize("through", [False, True])
def test_intra_is_the_divergence_of_both_views_of_the_bank(through: bool) -> None:
    """KL(D ‖ D̂), D = softmax(vᵀ bank / τ), D̂ = softmax(v̂ᵀ bank / τ); the gradient through D can be cut."""
    batch, out = stacked(5, 2, nodes=NODES, small=1)
    bank, z, tau = bank_of(), out.z, 0.3
    similarity = Similarity(metric="cosine", sigma=math.sqrt(tau))

    def shares(row: Tensor) -> Tensor:
        powers = torch.stack([(cosine(row, other) / tau).exp() for other in bank.remembered])
        return powers / powers.sum()

    def of(i: int) -> Tensor:
        first, second = shares(z[i] if through else z[i].detach()), shares(z[5 + i])
        return (first * (first / second).log()).sum()

    found = value(Crossview(similarity, bank, through=through), batch, out, similarity, KL(over="rows"))
    same_gradient(found, mean(5, of), z)
    found.backward()
    assert z.grad is not None
    assert bool((z.grad[:5] != 0).any()) == through


@pytest.mark.parametrize("tau", [1e-3, 1e-5])
def test_intra_is_finite_at_low_temperatures(tau: float) -> None:
    batch, out = stacked(5, 2, nodes=NODES)
    bank, similarity = bank_of().float(), Similarity(metric="cosine", sigma=math.sqrt(tau))
    z = out.z.detach().float().requires_grad_()
    found = value(Crossview(similarity, bank), batch, out._replace(z=z), similarity, KL(over="rows"))
    found.backward()
    assert z.grad is not None
    assert bool(torch.isfinite(found))
    assert bool(torch.isfinite(z.grad).all())


def test_intra_without_a_bank_reads_the_other_pictures_of_the_batch() -> None:
    """D and D̂ over the first view of all other pictures, without gradient on that side."""
    batch, out = stacked(5, 2)
    z, fixed, tau = out.z, out.z.detach(), 0.3
    similarity = Similarity(metric="cosine", sigma=math.sqrt(tau))

    def of(i: int) -> Tensor:
        others = [fixed[j] for j in range(5) if j != i]
        first, second = (
            torch.stack([(cosine(row, other) / tau).exp() for other in others]) for row in (fixed[i], z[5 + i])
        )
        first, second = first / first.sum(), second / second.sum()
        return (first * (first / second).log()).sum()

    same_gradient(value(Crossview(similarity), batch, out, similarity, KL(over="rows")), mean(5, of), z)


def test_intra_does_not_own_the_bank() -> None:
    assert not Crossview(COSINE, bank_of()).state_dict()


def test_inter_places_mixtures_between_their_parts() -> None:
    """-log e^{v_kᵀ ṽ_k/τ} / Σ_j e^{v_jᵀ ṽ_k/τ}, ṽ = ℓ2(r f(x_i) + (1 - r) f(x_j)), v of the mixtures."""
    batch, out = stacked(5, 2, small=1, mixed=True)
    z, partner, r = out.z, batch.notes["partner"], float(batch.notes["ratio"])
    assert partner.tolist() != list(range(5))

    def of(k: int) -> Tensor:
        between = unit(r * unit(z[k]) + (1 - r) * unit(z[int(partner[k])]))
        return contrast(between, z[10 + k], [z[10 + j] for j in range(5) if j != k], 0.2)

    same_gradient(value(Interpolation(), batch, out, COSINE, InfoNCE(temperature=0.2)), mean(5, of), z)


@pytest.mark.parametrize(
    ("source", "views", "words"),
    [
        (Interpolation(), 2, "the batch holds no mixtures: set mix to mixup or cutmix"),
        (Crossview(COSINE), 1, "num_views is 1: this method compares two views"),
    ],
)
def test_what_the_batch_lacks_is_asked_for(source: Source, views: int, words: str) -> None:
    batch, out = stacked(4, views)
    with pytest.raises(InputError, match=words):
        source.relations(batch, out, 0.0)
