"""Terms beside a method's own: their settings, their heads, and what they read of each other."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from graphurl.encoders.heads import MLP, NormLinear
from graphurl.errors import InputError
from graphurl.losses import KL, MSE, DistanceEnhancement, InfoNCE
from graphurl.pipeline import prepare
from graphurl.relations import Batch, Term
from graphurl.relations.bank import Bank, Crossview, Interpolation
from graphurl.relations.clusters import Clusters
from graphurl.relations.views import ClassRepulsion, Repulsion, Views
from graphurl.similarity import Similarity
from graphurl.terms import Context
from tests.relations.stacked import contrast, cosine, mean, stacked, value
from tests.terms.tiny import parts_of, samples


def terms_of(name: str, add: str, **changes: Any) -> dict[str, Term]:
    return {term.name: term for term in parts_of(name, add=add, **changes).objective.terms}


def test_settings_reach_the_terms() -> None:
    terms = terms_of(
        "iraug", "cld+eir+de+class-de", cld_weight=0.5, cld_groups=7, cld_detach=True, cld_temperature=0.3,
        intra_weight=4.0, inter_weight=3.0, de_weight=0.25, eir_temperature=0.16,
    )  # fmt: skip
    assert list(terms) == ["bank", "cld", "intra", "inter", "de", "class-de"]
    assert [term.weight for term in terms.values()] == [1.0, 0.5, 4.0, 3.0, 0.25, 0.25]
    assert [name for name, term in terms.items() if term.rising] == ["intra"]
    assert not terms_of("iraug", "intra", intra_rising=False)["intra"].rising
    kinds = [Bank, Clusters, Crossview, Interpolation, Repulsion, ClassRepulsion]
    assert [type(term.source) for term in terms.values()] == kinds
    groups = terms["cld"].source
    assert isinstance(groups, Clusters)
    assert (groups.groups, groups.detached, groups.rounds) == (7, True, 5)
    assert (terms["cld"].loss, terms["inter"].loss) == (InfoNCE(temperature=0.3), InfoNCE(temperature=0.16))
    assert terms["intra"].loss == KL(over="rows")
    assert terms["intra"].similarity == Similarity(metric="cosine", sigma=0.4)
    assert terms["de"].loss == terms["class-de"].loss == DistanceEnhancement()
    assert all(terms[name].similarity == Similarity(metric="cosine") for name in ("cld", "inter", "de", "class-de"))


def test_groups_have_a_head_of_their_own_and_all_else_shares_one() -> None:
    terms = terms_of("simclr", "cld+eir+de", cld_head="norm-linear")
    shared = terms["views"].head
    assert isinstance(shared, MLP)
    assert all(terms[name].head is shared for name in ("intra", "inter", "de"))
    assert isinstance(terms["cld"].head, NormLinear)
    assert isinstance(terms_of("simclr", "cld", cld_head="mlp")["cld"].head, MLP)


@pytest.mark.parametrize(("name", "known"), [("iraug", True), ("simclr", False)])
def test_intra_reads_the_bank_where_there_is_one(name: str, known: bool) -> None:
    terms = terms_of(name, "intra")
    batch, out = stacked(5, 2, 8)
    relation = terms["intra"].source.relate(batch, out, 0.0)
    assert relation.cols.shape[0] == (40 if known else 5)
    if known:
        assert relation.cols is terms["bank"].source.remembered  # type: ignore[comparison-overlap]


def test_terms_of_the_recipe_are_those_of_the_papers() -> None:
    """CLD, both relations of EIR and DE over one stack of views, by loops, weighed as the recipe says."""
    terms = terms_of("simclr", "cld+eir+de", cld_groups=5, cld_temperature=0.2, eir_temperature=0.1)
    batch, out = stacked(5, 2, 8, mixed=True)
    z, r, partner = out.z, float(batch.notes["ratio"]), batch.notes["partner"].tolist()
    fixed = z.detach()

    def group(i: int) -> Tensor:  # as many groups as pictures: the pictures of the other view
        other = z[5:10] if i < 5 else z[:5]
        return contrast(z[i], other[i % 5], [other[j] for j in range(5) if j != i % 5], 0.2)

    def intra(i: int) -> Tensor:
        rest = [fixed[j] for j in range(5) if j != i]
        first, second = (torch.stack([(cosine(row, o) / 0.1).exp() for o in rest]) for row in (z[i], z[5 + i]))
        first, second = first / first.sum(), second / second.sum()
        return (first * (first / second).log()).sum()

    def inter(k: int) -> Tensor:
        a, b = z[k] / z[k].norm(), z[partner[k]] / z[partner[k]].norm()
        return contrast(r * a + (1 - r) * b, z[10 + k], [z[10 + j] for j in range(5) if j != k], 0.1)

    def apart(v: int) -> Tensor:
        rows = z[5 * v : 5 * v + 5]
        return torch.stack([cosine(rows[i], rows[j]) for i in range(5) for j in range(5) if i != j]).sum() / 16

    expected = {"cld": mean(10, group), "intra": mean(5, intra), "inter": mean(5, inter), "de": mean(2, apart)}
    for name, by_loops in expected.items():
        term = terms[name]
        torch.testing.assert_close(value(term.source, batch, out, term.similarity, term.loss), by_loops)
    assert [terms[name].weight for name in expected] == [0.25, 15.0, 2.0, 0.1]


@pytest.mark.parametrize("mix", ["mixup", "cutmix"])
def test_mixtures_are_made_only_where_they_are_read(mix: str) -> None:
    for add, mixed in (("none", False), ("cld+intra", False), ("inter", True), ("eir", True)):
        draw = parts_of("simclr", add=add, mix=mix).objective.draw
        assert draw.viewing.mix == (mix if mixed else "none")
        batch = draw(torch.Generator().manual_seed(0))
        assert (Views.of(batch, batch.inputs.x.flatten(1)).mixed is not None) == mixed


def test_inter_is_happy_with_one_view() -> None:
    (bank, inter) = terms_of("npid", "inter").values()
    batch, out = stacked(5, 1, 8, mixed=True)
    assert math.isfinite(value(inter.source, batch, out, inter.similarity, inter.loss).item())
    assert bank.name == "bank"


@pytest.mark.parametrize("add", ["cld", "intra"])
def test_a_second_view_is_asked_for_where_it_is_needed(add: str) -> None:
    with pytest.raises(InputError, match=f"num_views is 1: {add} compares two views of a picture, give 2"):
        parts_of("npid", add=add)


@pytest.mark.parametrize(
    ("add", "words"),
    [
        ("clt", "unknown term 'clt': did you mean 'cld'"), ("cld+", "unknown term ''"),
        ("cld+de+cld", r"add is 'cld\+de\+cld': 'cld' is named twice, give it once"),
        ("eir+intra", "'intra' is named twice"), ("views", "'views' is named twice"),
    ],
)  # fmt: skip
def test_names_are_checked(add: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        parts_of("simclr", add=add)


def test_spaces_around_names_are_allowed() -> None:
    assert list(terms_of("simclr", "cld + de")) == ["views", "cld", "de"]


def test_a_term_of_ones_own_sees_the_parts_and_is_weighed_with_the_rest() -> None:
    seen: list[Context] = []

    def own(context: Context) -> Term:
        seen.append(context)
        return Term("own", Repulsion(), Similarity(), MSE(), 3.0, context.new_head("linear"))

    parts = parts_of("simclr", add="de", more=[own])
    objective = parts.objective
    (context,) = seen
    assert [term.name for term in objective.terms] == ["views", "de", "own"]
    assert (context.width, context.dim, context.pictures, context.classes) == (12, 8, 40, 4)
    assert context.encoder is objective.encoder
    assert context.terms[0] is objective.terms[0]
    batch: Batch = objective.draw(torch.Generator())
    total, values = objective(batch, 0.0)
    assert set(values) == {"views", "de", "own"}
    assert total.item() == pytest.approx(values["views"] + 0.1 * values["de"] + 3 * values["own"], rel=1e-5)
    assert isinstance(objective.terms[2].head, nn.Module)
    assert objective.terms[2].head(torch.zeros(2, 12)).shape == (2, 8)


def test_class_means_need_labels() -> None:
    objective = parts_of("simclr", add="class-de", of=samples(y=None)).objective
    with pytest.raises(InputError, match="reads labels and the pictures have none"):
        objective(objective.draw(torch.Generator()), 0.0)


def test_terms_for_pictures_bring_the_usual_method_with_them() -> None:
    pictures = np.random.default_rng(0).integers(0, 256, (8, 6, 6, 3), dtype=np.uint8)
    ready = prepare(pictures, add="de", batch_size=4)
    assert ready.recipe.task == "ssl"
    assert [term.name for term in ready.parts.objective.terms] == ["views", "de"]
    with pytest.raises(InputError, match=r"pictures: shape \(20, 5\)"):
        prepare(np.random.default_rng(0).random((20, 5)), add=[lambda context: context.term("x")])
