"""The first term of a method: what an image is compared with."""

from __future__ import annotations

from graphurl.encoders.heads import Predictor
from graphurl.errors import InputError
from graphurl.functional.randomness import drawn_from
from graphurl.relations.bank import Bank
from graphurl.relations.clusters import Classes
from graphurl.relations.momentum import Queue, Targets
from graphurl.relations.objective import Term
from graphurl.relations.relation import Source
from graphurl.relations.sources import Dynamic
from graphurl.relations.views import Features, Positives
from graphurl.similarity import Similarity
from graphurl.terms.context import Context


def views(context: Context) -> Term:
    """All views against all views of the batch (SimCLR, t-SimCLR, GenURL, SNE)."""
    context.require_two_views("views")
    recipe = context.recipe
    far = 1.0 if recipe.far_weight == "auto" else float(recipe.far_weight)
    source: Source = Positives(far)
    if recipe.dynamic:
        rising = recipe.handover == "rising"
        source = Dynamic(Similarity(nu=100.0), given=source, layer=recipe.layer, rising=rising)
    return context.term("views", source)


def queue(context: Context) -> Term:
    """Views against keys of a slow copy and a queue of earlier keys (MoCo, t-MoCo)."""
    context.require_two_views("queue")
    if not context.recipe.ema > 0:
        raise InputError("ema is 0: the keys of a queue come from a slow copy, give a momentum such as 0.99")
    return context.term("queue", Queue(context.slow_copy(), context.recipe.queue_size, context.dim))


def bank(context: Context) -> Term:
    """Views against a remembered row for each picture (NPID, IR, IRaug)."""
    recipe = context.recipe
    source = Bank(
        context.pictures, context.dim, momentum=recipe.bank_momentum, negatives=recipe.bank_negatives,
        generator=context.generator,
    )  # fmt: skip
    return context.term("bank", source)


def targets(context: Context) -> Term:
    """Predictions of one view against targets of the other, nothing pushed apart (BYOL, SimSiam)."""
    context.require_two_views("targets")
    slow = context.slow_copy() if context.recipe.ema > 0 else None
    with drawn_from(context.generator):
        predictor = Predictor(context.dim, hidden=max(8, context.recipe.hidden // 2))
    return context.term("targets", Targets(predictor, slow))


def features(context: Context) -> Term:
    """Features of one view against features of the other (Barlow Twins)."""
    context.require_two_views("features")
    return context.term("features", Features(context.recipe.redundancy))


def classes(context: Context) -> Term:
    """Views against one trained direction for each class (supervised)."""
    if context.classes < 2:
        raise InputError(f"{context.classes} class(es): supervised training reads labels of two classes or more")
    return context.term("classes", Classes(context.classes, context.dim, generator=context.generator))
