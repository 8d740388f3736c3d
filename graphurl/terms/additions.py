"""Terms that are added to a method: groups, interpolated pictures, what one view says of the other, distance."""

from __future__ import annotations

import math

from graphurl.losses.cosine import DistanceEnhancement
from graphurl.losses.infonce import InfoNCE
from graphurl.losses.kl import KL
from graphurl.relations.bank import Bank, Crossview, Interpolation
from graphurl.relations.clusters import Clusters
from graphurl.relations.objective import Term
from graphurl.relations.views import ClassRepulsion, Repulsion
from graphurl.similarity import Similarity
from graphurl.terms.context import Context


def cld(context: Context) -> Term:
    """Instances of a view against groups found in the other view, with a head of its own (CLD)."""
    context.require_two_views("cld")
    recipe = context.recipe
    source = Clusters(recipe.cld_groups, detached=recipe.cld_detach)
    loss = InfoNCE(temperature=recipe.cld_temperature)
    head = context.new_head(recipe.cld_head)
    return Term("cld", source, Similarity(metric="cosine"), loss, recipe.cld_weight, head)


def intra(context: Context) -> Term:
    """The second view has to see the bank as the first one does (EIR)."""
    context.require_two_views("intra")
    recipe = context.recipe
    similarity = Similarity(metric="cosine", sigma=math.sqrt(recipe.eir_temperature))
    known = next((term.source for term in context.terms if isinstance(term.source, Bank)), None)
    source = Crossview(similarity, known)
    return Term("intra", source, similarity, KL(over="rows"), recipe.intra_weight, context.head, recipe.intra_rising)


def inter(context: Context) -> Term:
    """Mixed pictures lie between those they are mixed of (EIR)."""
    recipe = context.recipe
    loss = InfoNCE(temperature=recipe.eir_temperature)
    return Term("inter", Interpolation(), Similarity(metric="cosine"), loss, recipe.inter_weight, context.head)


def de(context: Context) -> Term:
    """Different pictures are pushed apart (DE)."""
    weight = context.recipe.de_weight
    return Term("de", Repulsion(), Similarity(metric="cosine"), DistanceEnhancement(), weight, context.head)


def class_de(context: Context) -> Term:
    """The means of different classes are pushed apart (DE, with labels)."""
    weight = context.recipe.de_weight
    return Term("class-de", ClassRepulsion(), Similarity(metric="cosine"), DistanceEnhancement(), weight, context.head)
