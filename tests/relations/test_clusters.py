"""Groups found in the other view (CLD), and classes by label."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from graphurl.encoders.base import Encoded
from graphurl.errors import InputError
from graphurl.losses import BCE, InfoNCE, Loss
from graphurl.relations import Batch
from graphurl.relations.clusters import Classes, Clusters
from tests.relations.stacked import COSINE, contrast, mean, same_gradient, stacked, value


def two_heaps() -> tuple[Batch, Encoded, list[list[int]]]:
    """Two views of 8 pictures around two directions, other pictures together in each view."""
    batch, noise = stacked(8, 2, 3)
    heaps = [[0, 1, 1, 0, 0, 1, 1, 0], [0, 1, 1, 0, 1, 1, 0, 0]]
    direction = torch.tensor([[1.0, 0.2, 0], [0, 0.3, 1.0]]).double()
    z = torch.cat([direction[heap] for heap in heaps]) + 0.02 * noise.z.detach()
    return batch, Encoded(z.requires_grad_()), heaps


def centroid(rows: list[Tensor]) -> Tensor:
    """The direction of the sum of unit rows."""
    total = torch.stack([row / row.norm() for row in rows]).sum(dim=0)
    return total / total.norm()


@pytest.mark.parametrize("detached", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_cld_contrasts_both_views_with_the_groups_of_the_other(detached: bool, seed: int) -> None:
    """½ mean C(f(x'_i), M_Γ(i), M_≠Γ(i); T_G) + ½ mean C(f(x_i), M'_Γ'(i), M'_≠Γ'(i); T_G), Eq. 3."""
    batch, out, heaps = two_heaps()
    z = out.z
    parts = []
    for rows, other in ((0, 1), (1, 0)):
        there = z.detach() if detached else z
        members = [[there[8 * other + i] for i in range(8) if heaps[other][i] == heap] for heap in (0, 1)]
        m = [centroid(rows_of) for rows_of in members]
        group = heaps[other]
        parts.append(
            mean(8, lambda i, rows=rows, m=m, g=group: contrast(z[8 * rows + i], m[g[i]], [m[1 - g[i]]], 0.2))
        )
    torch.manual_seed(seed)
    found = value(Clusters(2, detached=detached), batch, out, COSINE, InfoNCE(temperature=0.2))
    same_gradient(found, (parts[0] + parts[1]) / 2, z)


def test_as_many_groups_as_pictures_are_the_pictures_themselves() -> None:
    """Also where more are asked for; mixtures and small crops take no part."""
    batch, out = stacked(5, 2, mixed=True, small=1)
    z = out.z

    def of(i: int) -> Tensor:
        other = z[5:10] if i < 5 else z[:5]
        return contrast(z[i], other[i % 5], [other[j] for j in range(5) if j != i % 5], 0.4)

    for groups in (5, 100):
        found = value(Clusters(groups), batch, out, COSINE, InfoNCE(temperature=0.4))
        same_gradient(found, mean(10, of), z)


def test_three_views_give_a_relation_for_each_ordered_pair() -> None:
    batch, out = stacked(6, 3)
    assert len(Clusters(2).relations(batch, out, 0.0)) == 6


def test_starting_rows_come_from_the_runs_randomness() -> None:
    batch, out = stacked(12, 2)
    draws = []
    for seed in (1, 1, 2, 3, 4):
        torch.manual_seed(seed)
        draws.append(Clusters(4, rounds=1).relations(batch, out, 0.0)[0].cols.detach())
    assert torch.equal(draws[0], draws[1])
    assert not all(torch.equal(draws[0], other) for other in draws[2:])
    torch.manual_seed(1)
    first, second = (Clusters(4, rounds=1).relations(batch, out, 0.0)[0].cols for _ in range(2))
    assert not torch.equal(first, second), "not the same start in each step"


def test_groups_need_a_pair_of_views() -> None:
    batch, out = stacked(4, 1)
    with pytest.raises(InputError, match="num_views is 1"):
        Clusters(2).relations(batch, out, 0.0)


@pytest.mark.parametrize("views", [1, 2])
def test_classes_are_a_cosine_softmax_over_labelled_pictures(views: int) -> None:
    batch, out = stacked(5, views, label=[2, -1, 0, 2, -1], mixed=True)
    source = Classes(3, 4, generator=torch.Generator().manual_seed(0)).double()
    w = source.directions
    known = [(5 * v + i, c) for v in range(views) for i, c in ((0, 2), (2, 0), (3, 2))]

    def of(k: int) -> Tensor:
        row, label = known[k]
        return contrast(out.z[row], w[label], [w[c] for c in range(3) if c != label], 0.1)

    found = value(source, batch, out, COSINE, InfoNCE(temperature=0.1))
    same_gradient(found, mean(len(known), of), out.z, w)


@pytest.mark.parametrize("loss", [InfoNCE(), BCE()], ids=repr)
def test_a_batch_without_any_label_counts_for_nothing(loss: Loss) -> None:
    batch, out = stacked(4, 2, label=[-1] * 4)
    source = Classes(3, 4).double()
    found = value(source, batch, out, COSINE, loss)
    found.backward()
    assert found.item() == 0
    for leaf in (out.z, source.directions):
        assert leaf.grad is not None
        assert bool((leaf.grad == 0).all())


def test_classes_start_from_the_generator_and_need_labels() -> None:
    first, again = (Classes(3, 4, generator=torch.Generator().manual_seed(5)) for _ in range(2))
    assert torch.equal(first.directions, again.directions)
    batch, out = stacked(4, 1)
    with pytest.raises(InputError, match="reads labels and the pictures have none"):
        first.relations(batch, out, 0.0)
