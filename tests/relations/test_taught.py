"""What a teacher prescribes: pairs of the batch and of the memory, whole matrices, the teacher's own vectors."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from graphurl import registry
from graphurl.encoders.base import Encoded, Inputs, Plain
from graphurl.errors import InputError
from graphurl.graphs import from_edges
from graphurl.losses import BCE, KL, NCE, RKD, InfoNCE
from graphurl.relations import Batch, evaluate
from graphurl.relations.knowledge import Knowledge
from graphurl.relations.momentum import Momentum
from graphurl.relations.taught import Anchors, Measured, Taught
from graphurl.similarity import Similarity

KERNEL = Similarity(nu=100.0, metric="cosine")


def rows(n: int, dim: int, seed: int = 0) -> Tensor:
    return torch.randn(n, dim, generator=torch.Generator().manual_seed(seed))


def batch(*nodes: int, seed: int = 1, views: int = 1) -> tuple[Batch, Encoded]:
    z = rows(views * len(nodes), 3, seed)
    return Batch(torch.tensor(nodes), Inputs(z), views=views), Encoded(z)


def kappa(a: Tensor, b: Tensor, nu: float = 100.0) -> float:
    d2 = 2 - 2 * float(torch.cosine_similarity(a, b, dim=0))
    return float((1 + d2 / nu) ** (-(nu + 1) / 2))


def test_p_is_the_teachers_similarity_of_the_same_samples() -> None:
    vectors = rows(9, 7)
    source = Taught(Knowledge(vectors), KERNEL, memory=4, dim=3)
    first, out = batch(7, 0, 3)
    source.relate(first, out, 0.0)
    source.after_step(first, out)
    second, then = batch(3, 5, seed=2)
    relation = source.relate(second, then, 0.0)
    own, columns = [3, 5], [3, 5, 7, 0, 3]
    torch.testing.assert_close(relation.cols, torch.cat([then.z, out.z]))
    expected = torch.tensor([[kappa(vectors[i], vectors[j]) for j in columns] for i in own])
    torch.testing.assert_close(relation.p, expected, rtol=1e-4, atol=1e-5)
    assert relation.left_out is not None
    assert relation.left_out.tolist() == [[True, False, False, False, True], [False, True, False, False, False]]
    value, _ = evaluate(relation, KERNEL, BCE())
    total = count = 0.0
    for i in range(2):
        for j in range(5):
            if not relation.left_out[i, j]:
                p, q = float(expected[i, j]), kappa(then.z[i], relation.cols[j])
                total, count = total - p * math.log(q) - (1 - p) * math.log(1 - q), count + 1
    assert float(value) == pytest.approx(total / count, rel=1e-4)


def test_the_memory_is_a_ring_and_holds_the_last() -> None:
    source = Taught(Knowledge(rows(20, 4)), KERNEL, memory=5, dim=3)
    seen = []
    for start in (0, 3, 6):
        here, out = batch(start, start + 1, start + 2, seed=start)
        source.relate(here, out, 0.0)
        source.after_step(here, out)
        seen += list(zip(here.nodes.tolist(), out.z, strict=True))
    held = dict(zip(source.numbers.tolist(), source.past, strict=True))
    assert sorted(held) == [4, 5, 6, 7, 8]
    assert all(torch.equal(held[number], z) for number, z in seen[-5:])
    tall, out = batch(*range(9), seed=9)
    source.relate(tall, out, 0.0)
    source.after_step(tall, out)
    assert sorted(source.numbers.tolist()) == [4, 5, 6, 7, 8], "of a batch larger than the memory its end"
    assert set(source.state_dict()) == {"seen", "written", "past"}, "the teacher is in no checkpoint"


def test_rows_that_are_normalised_do_not_underflow() -> None:
    vectors = rows(6, 7)
    sharp = Similarity(sigma=0.02, metric="cosine")
    here, out = batch(0, 2, 4)
    z = out.z.clone().requires_grad_()
    relation = Taught(Knowledge(vectors), sharp, dim=3, conditional=True).relate(here, Encoded(z), 0.0)
    exact = sharp.of(vectors[here.nodes].double()).fill_diagonal_(-torch.inf)
    assert float(exact.max()) < -110, "p itself is 0 in float32"
    share = relation.p.fill_diagonal_(0)
    torch.testing.assert_close(share / share.sum(1, True), exact.softmax(dim=1).float(), rtol=1e-3, atol=1e-6)
    evaluate(relation, KERNEL, KL(over="rows"))[0].backward()
    assert z.grad is not None and bool(z.grad.isfinite().all()) and float(z.grad.abs().max()) > 0


def test_a_slow_copy_fills_the_memory_and_follows() -> None:
    student = Plain(nn.Linear(3, 3))
    slow = Momentum(student, nn.Identity(), 0.5)
    source = Taught(Knowledge(rows(9, 4)), KERNEL, memory=4, dim=3, slow=slow)
    here, _ = batch(0, 1)
    at_first = student(here.inputs).z.detach()
    with torch.no_grad():
        student.module.weight.add_(1.0)
    out = student(here.inputs)
    source.relate(here, out, 0.0)
    source.after_step(here, out)
    torch.testing.assert_close(source.past[:2], at_first)
    torch.testing.assert_close(slow.encoder.module.weight, student.module.weight - 0.5)


def test_views_of_one_sample_are_similar_to_each_other() -> None:
    here, out = batch(4, 2, views=2)
    relation = Taught(Knowledge(rows(9, 4)), KERNEL, dim=3).relate(here, out, 0.0)
    assert relation.p.shape == (4, 4)
    torch.testing.assert_close(relation.p[0, 2], torch.tensor(1.0))
    assert relation.left_out is not None
    assert torch.equal(relation.left_out, torch.eye(4, dtype=torch.bool))


def test_whole_matrices_are_measured_alike_on_both_sides() -> None:
    vectors = rows(9, 7)
    here, out = batch(7, 0, 3)
    relation = Measured(Knowledge(vectors), RKD.measure).relate(here, out, 0.0)
    d2 = torch.cdist(vectors[here.nodes], vectors[here.nodes]).square()
    torch.testing.assert_close(relation.p, -d2 / 2, rtol=1e-4, atol=1e-4)
    value, _ = evaluate(relation, RKD.measure, RKD())
    twin, _ = evaluate(
        Measured(Knowledge(vectors), RKD.measure).relate(here, Encoded(vectors[here.nodes]), 0.0), RKD.measure, RKD()
    )
    assert float(value) > 1e-3 > 1e-5 > float(twin)


def test_seed_compares_with_the_teachers_own_vectors() -> None:
    """-Σ_j softmax(t_i·D/0.01)_j log softmax(z_i·D/0.2)_j over the sample's own vector and those before."""
    # Near one another: at a temperature of 0.01 the teacher is the identity on vectors drawn all around.
    vectors = torch.nn.functional.normalize(torch.ones(3) + 0.1 * rows(9, 3), dim=1)
    source = Anchors(Knowledge(vectors), Similarity(sigma=0.1, metric="cosine"), memory=3)
    before, out = batch(8, 1, 6)
    source.after_step(before, out)
    here, out = batch(2, 5, seed=3)
    found, _ = evaluate(source.relate(here, out, 0.0), Similarity(metric="cosine"), InfoNCE(temperature=0.2))
    z = torch.nn.functional.normalize(out.z, dim=1)
    total = 0.0
    for i, number in enumerate((2, 5)):
        bank = vectors[[number, 8, 1, 6]]
        teacher, student = (vectors[number] @ bank.T / 0.01).softmax(0), (z[i] @ bank.T / 0.2).log_softmax(0)
        assert float(teacher[0]) < 0.9
        total -= float((teacher * student).sum())
    assert float(found) == pytest.approx(total / 2, rel=1e-4)


def test_bce_against_the_teachers_own_vectors() -> None:
    """-Σ_ij [p log q + (1 - p) log(1 - q)] a row, p of two vectors of the teacher, q of student and teacher."""
    recipe = registry.resolve("recipes", "distill-anchored")
    kernel = Similarity(nu=recipe.nu_x, sigma=recipe.sigma, metric="cosine")
    assert (recipe.nu_x, recipe.sigma) == (recipe.nu_z, recipe.sigma_z), "one kernel on both sides"
    vectors = torch.nn.functional.normalize(rows(9, 3), dim=1)
    here, out = batch(2, 5, 7, seed=3)
    found, _ = evaluate(Anchors(Knowledge(vectors), kernel).relate(here, out, 0.0), kernel, BCE())
    told, z = vectors[[2, 5, 7]].double(), torch.nn.functional.normalize(out.z, dim=1).double()

    def kappa(a: Tensor, b: Tensor) -> Tensor:
        return (1 + torch.cdist(a, b).square() / (recipe.sigma**2 * recipe.nu_x)) ** (-(recipe.nu_x + 1) / 2)

    p, q = kappa(told, told).fill_diagonal_(1.0), kappa(z, told)
    assert float(found) == pytest.approx(float(-(p * q.log() + (1 - p) * (1 - q).log()).sum() / 3), rel=1e-4)


def test_crd_tells_the_teachers_vector_from_others() -> None:
    vectors, project = rows(9, 5), nn.Linear(5, 3)
    source = Anchors(Knowledge(vectors), memory=3, project=project)
    first, out = batch(2, 5, 7)
    relation = source.relate(first, out, 0.0)
    assert relation.left_out is not None and not bool(relation.left_out.any()), (
        "without a memory the batch is the noise"
    )
    assert torch.equal(relation.p, torch.eye(3))
    source.after_step(first, out)
    here, out = batch(0, 5, seed=4)
    relation = source.relate(here, out, 0.0)
    assert relation.left_out is not None
    assert relation.left_out.tolist() == [[False, True, False, False, False], [True, False, False, True, False]]
    value, _ = evaluate(relation, Similarity(metric="cosine"), NCE(0.07, 0.5))
    value.backward()
    assert project.weight.grad is not None
    odds = torch.cosine_similarity(out.z[:, None], project(vectors[[0, 5, 2, 5, 7]])[None], dim=2) / 0.07 - math.log(
        0.5
    )
    pairs = torch.where(relation.p > 0, nn.functional.softplus(-odds), nn.functional.softplus(odds))
    torch.testing.assert_close(value, (pairs * ~relation.left_out).sum() / 2)


def test_a_graph_teaches_its_weights_and_nothing_else() -> None:
    graph = from_edges(torch.tensor([0, 1]), torch.tensor([1, 0]), 4, weight=torch.tensor([0.3, 0.3]))
    knowledge = Knowledge(graph=graph)
    p = knowledge.p(torch.tensor([1, 2]), torch.tensor([0, 1, 3]), KERNEL)
    torch.testing.assert_close(p, torch.tensor([[0.3, 1.0, 0.0], [0.0, 0.0, 0.0]]))
    with pytest.raises(InputError, match="is a similarity graph and this compares its vectors"):
        knowledge.of(torch.tensor([0]))


def test_some_samples_of_a_teacher_are_counted_anew() -> None:
    vectors = rows(9, 4)
    some = Knowledge(vectors).among(torch.tensor([8, 3, 5]))
    assert len(some) == 3
    torch.testing.assert_close(some.of(torch.tensor([2, 0])), vectors[[5, 8]])
    torch.testing.assert_close(some.among(torch.tensor([1])).of(torch.tensor([0])), vectors[[3]])


def test_teachers_without_an_answer_are_refused() -> None:
    vectors = rows(9, 4)
    vectors[6] = 0
    with pytest.raises(InputError, match="vector of row 6 .* is zero"):
        Knowledge(vectors)
    with pytest.raises(InputError, match="give one of the two"):
        Knowledge()
