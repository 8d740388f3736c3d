"""Relations among views against the papers' formulas, summed over single pairs."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from graphurl.errors import InputError
from graphurl.losses import BCE, GKL, KL, MSE, CrossCorrelation, DistanceEnhancement, InfoNCE
from graphurl.relations.sources import Dynamic
from graphurl.relations.views import ClassRepulsion, Features, Positives, Repulsion, Views
from graphurl.similarity import Similarity
from tests.relations.stacked import COSINE, contrast, cosine, mean, same_gradient, stacked, student, value


def test_views_are_taken_apart_in_the_order_full_mixed_small() -> None:
    batch, out = stacked(3, 2, small=2, mixed=True)
    views = Views.of(batch, out.z)
    assert views.mixed is not None
    for v in range(2):
        for i in range(3):
            assert torch.equal(views.full[v, i], out.z[3 * v + i])
            assert torch.equal(views.small[v, i], out.z[9 + 3 * v + i])
            assert torch.equal(views.mixed[i], out.z[6 + i])
    assert torch.equal(views.all.flatten(0, 1), torch.cat([out.z[:6], out.z[9:]]))
    assert views.pairs() == [(0, 1), (1, 0), (2, 0), (2, 1), (3, 0), (3, 1)]
    batch, out = stacked(3, 1)
    alone = Views.of(batch, out.z)
    assert alone.mixed is None
    assert alone.small.shape == (0, 3, 4)
    assert alone.pairs() == []


def test_simclr_is_nt_xent() -> None:
    """ℓ_i = -log exp(sim(z_i, z_j)/τ) / Σ_{k≠i} exp(sim(z_i, z_k)/τ), mean over the 2n views."""
    batch, out = stacked()
    z, n = out.z, 5
    found = value(Positives(), batch, out, COSINE, InfoNCE(temperature=0.2))

    def of(i: int) -> Tensor:
        j = (i + n) % (2 * n)
        return contrast(z[i], z[j], [z[k] for k in range(2 * n) if k not in (i, j)], 0.2)

    same_gradient(found, mean(2 * n, of), z)


def test_mixtures_take_no_part_among_views() -> None:
    batch, out = stacked(mixed=True, seed=3)
    value(Positives(), batch, out, COSINE, InfoNCE()).backward()
    assert out.z.grad is not None
    assert bool((out.z.grad[:10] != 0).any(dim=1).all())
    assert bool((out.z.grad[10:] == 0).all())


def test_all_views_of_a_picture_are_positives_of_each_other() -> None:
    batch, out = stacked(3, 2, small=1)
    relation = Positives(0.25).relate(batch, out, 0.0)
    p, weight = relation.block(0, 9)
    for i in range(9):
        for j in range(9):
            assert p[i, j] == (i != j and i % 3 == j % 3)
            assert weight is not None
            assert weight[i, j] == (0 if i == j else 1 if i % 3 == j % 3 else 0.25)
    assert relation.total == 9


@pytest.mark.parametrize(("degrees", "tau"), [(5.0, 1.0), (2.0, 0.5)])
def test_t_simclr_is_the_formula_of_the_paper_up_to_a_constant(degrees: float, tau: float) -> None:
    """Mean of -log κ(positive) / Σ_{j≠k} κ(all pairs) = KL + log 2n: P = 1/2n has the entropy log 2n."""
    batch, out = stacked()
    z, n = out.z, 5
    found = value(Positives(), batch, out, Similarity(nu=degrees, sigma=math.sqrt(tau)), KL(over="all"))
    everything = torch.stack([student(z[j], z[k], degrees, tau) for j in range(2 * n) for k in range(2 * n) if j != k])
    printed = mean(2 * n, lambda i: -(student(z[i], z[(i + n) % (2 * n)], degrees, tau) / everything.sum()).log())
    same_gradient(found + math.log(2 * n), printed, z)


def test_sne_of_views_is_normalised_over_rows() -> None:
    batch, out = stacked()
    z, n = out.z, 5
    found = value(Positives(), batch, out, Similarity(), KL(over="rows"))

    def of(i: int) -> Tensor:
        pairs = torch.stack([student(z[i], z[k], math.inf) for k in range(2 * n) if k != i])
        return -(student(z[i], z[(i + n) % (2 * n)], math.inf) / pairs.sum()).log()

    same_gradient(found, mean(2 * n, of), z)


def test_tsne_of_views_is_cauchy_over_all_pairs() -> None:
    batch, out = stacked()
    z, n = out.z, 5
    found = value(Positives(), batch, out, Similarity(nu=1.0), KL(over="all"))
    pairs = [(i, j) for i in range(2 * n) for j in range(2 * n) if i != j]
    q = torch.stack([student(z[i], z[j], 1.0) for i, j in pairs])
    q = q / q.sum()
    near = torch.tensor([(i - j) % n == 0 for i, j in pairs])
    same_gradient(found, (-(2 * n * q[near]).log() / (2 * n)).sum(), z)


@pytest.mark.parametrize("loss", [BCE(), GKL(gamma=0.1), MSE()], ids=repr)
@pytest.mark.parametrize("far", [1.0, 0.3])
def test_genurl_sums_over_pairs_and_divides_by_the_number_of_views(loss: BCE | GKL | MSE, far: float) -> None:
    """Σ_{i≠j} w ℓ(p_ij, q_ij) / 2n with the kernel of 100 degrees of freedom on unit rows."""
    batch, out = stacked()
    z, n, total = out.z, 5, torch.zeros((), dtype=torch.float64)
    similarity = Similarity(nu=100.0, sigma=0.7, metric="cosine")
    for i in range(2 * n):
        for j in range(2 * n):
            if i == j:
                continue
            d2 = 2 - 2 * cosine(z[i], z[j])
            q, near = (1 + d2 / (0.7**2 * 100)) ** (-101 / 2), float((i - j) % n == 0)
            if isinstance(loss, BCE):
                pair = -q.log() if near else -(1 - q).log()
            elif isinstance(loss, GKL):
                pair = (-q.log() if near else 0) + 0.1 * (near - q).abs()
            else:
                pair = (near - q) ** 2
            total = total + (1 if near else far) * pair
    same_gradient(value(Positives(far), batch, out, similarity, loss), total / (2 * n), z)


def test_dynamic_views_start_at_the_positives_and_end_at_the_hidden_layer() -> None:
    batch, out = stacked(4, 2, mixed=True, small=1)
    hidden = torch.randn(len(out.z), 6, generator=torch.Generator().manual_seed(9), dtype=torch.float64)
    source = Dynamic(Similarity(nu=100.0), given=Positives(0.5))
    seen = out._replace(hidden=(hidden.requires_grad_(),))
    early, late = source.relate(batch, seen, 0.0), source.relate(batch, seen, 1.0)
    plain = Positives(0.5).relate(batch, out, 0.0)
    p, weight = plain.block(0, 12)
    assert early.p.shape == late.p.shape == (12, 12)
    assert bool((early.p >= p).all())
    assert float(late.p.max()) <= 1
    assert not late.p.requires_grad
    assert weight is not None
    # The hidden layer moves similarity, and makes no more of it than the positives have.
    assert float((weight * late.p).sum()) == pytest.approx(float((weight * p).sum()), rel=1e-3)
    used = torch.cat([hidden[:8], hidden[12:]])
    own = source.own_similarity(used.detach().float(), p, weight)
    torch.testing.assert_close(late.p, own)
    assert early.total == late.total == plain.total == 12
    assert early.same


def test_barlow_twins() -> None:
    """Σ_a (1 - C_aa)² + λ Σ_{a≠b} C_ab², C the correlation of features over the batch."""
    batch, out = stacked(6, 2, 3)
    a, b, rate = out.z[:6], out.z[6:], 0.02

    def correlation(i: int, j: int) -> Tensor:
        x, y = a[:, i] - a[:, i].mean(), b[:, j] - b[:, j].mean()
        return (x * y).sum() / ((x**2).sum() * (y**2).sum()).sqrt()

    expected = torch.zeros((), dtype=torch.float64)
    for i in range(3):
        for j in range(3):
            c = correlation(i, j)
            expected = expected + ((1 - c) ** 2 if i == j else rate * c**2)
    same_gradient(value(Features(rate), batch, out, COSINE, CrossCorrelation()), expected, out.z)


def test_barlow_twins_of_several_views_is_the_mean_over_pairs() -> None:
    batch, out = stacked(6, 2, 3, small=1)
    a, b, c = out.z.view(3, 6, 3)
    parts = []
    for first, second in ((a, b), (c, a), (c, b)):
        pair, _ = stacked(6, 2, 3)
        joined = out._replace(z=torch.cat([first, second]))
        parts.append(value(Features(), pair, joined, COSINE, CrossCorrelation()))
    torch.testing.assert_close(value(Features(), batch, out, COSINE, CrossCorrelation()), torch.stack(parts).mean())


def test_distance_enhancement_of_each_view() -> None:
    """D = 1/(N - 1)² Σ_{i≠j} sim(z_i, z_j), Eq. 2; mixtures and small crops take no part."""
    batch, out = stacked(mixed=True, small=1)
    n, parts = 5, []
    for z in (out.z[:5], out.z[5:10]):
        pairs = [cosine(z[i], z[j]) for i in range(n) for j in range(n) if i != j]
        parts.append(torch.stack(pairs).sum() / (n - 1) ** 2)
    found = value(Repulsion(), batch, out, COSINE, DistanceEnhancement())
    same_gradient(found, torch.stack(parts).mean(), out.z)


def test_distance_enhancement_of_class_means() -> None:
    """1/(C - 1)² Σ_{c≠d} sim(m_c, m_d), Eq. 4, over the classes that occur; unknown labels count for none."""
    batch, out = stacked(7, 2, label=[4, -1, 0, 4, 2, 0, -1])
    z = (out.z[:7] + out.z[7:]) / 2
    means = [z[2] / 2 + z[5] / 2, z[4], z[0] / 2 + z[3] / 2]
    pairs = [cosine(means[i], means[j]) for i in range(3) for j in range(3) if i != j]
    found = value(ClassRepulsion(), batch, out, COSINE, DistanceEnhancement())
    same_gradient(found, torch.stack(pairs).sum() / 4, out.z)


@pytest.mark.parametrize("label", [[-1, -1, -1], [2, 2, 2]])
def test_without_two_classes_no_means_are_pushed_apart(label: list[int]) -> None:
    batch, out = stacked(3, 2, label=label)
    found = value(ClassRepulsion(), batch, out, COSINE, DistanceEnhancement())
    found.backward()
    assert found.item() == 0
    assert out.z.grad is not None
    assert bool((out.z.grad == 0).all())


@pytest.mark.parametrize("source", [Positives(), Features()], ids=lambda s: type(s).__name__)
def test_a_pair_of_views_is_asked_for(source: Positives | Features) -> None:
    batch, out = stacked(4, 1, small=1)
    with pytest.raises(InputError, match="num_views is 1: this method compares two views of a picture, give 2"):
        source.relations(batch, out, 0.0)


def test_labels_are_asked_for() -> None:
    batch, out = stacked()
    with pytest.raises(InputError, match="reads labels and the pictures have none"):
        ClassRepulsion().relations(batch, out, 0.0)
