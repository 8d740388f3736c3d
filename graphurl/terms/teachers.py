"""Terms of a student: what a teacher prescribes, and methods for pictures beside it."""

from __future__ import annotations

import math
from dataclasses import replace

from torch import nn

from graphurl import registry
from graphurl.encoders.heads import build_head
from graphurl.errors import InputError
from graphurl.functional.calibration import log2k_sigma_csr, nearest_distance_csr
from graphurl.graphs import knn
from graphurl.losses.kl import KL
from graphurl.losses.matching import Matching
from graphurl.losses.nce import NCE
from graphurl.recipes.distill import DistillRecipe
from graphurl.relations.knowledge import Knowledge
from graphurl.relations.momentum import Momentum
from graphurl.relations.objective import Term
from graphurl.relations.taught import Anchors, Measured, Taught
from graphurl.similarity import Similarity
from graphurl.terms.context import Context


def teacher(context: Context) -> Term:
    """The batch among itself as the teacher sees it (GenURL, SSKD; RKD, PKT and SP by whole matrices)."""
    recipe, knowledge, loss = *_taught(context, "teacher"), context.loss
    if isinstance(loss, Matching):
        if recipe.memory:
            raise InputError(f"memory is {recipe.memory}: {recipe.loss} compares a batch with itself, give 0")
        source = Measured(knowledge, loss.measure)
        return Term("teacher", source, loss.measure, loss, recipe.teacher_weight, context.head)
    slow = None
    if recipe.memory_ema > 0:
        narrow = recipe.precision == "bfloat16"
        slow = Momentum(context.encoder, context.head, recipe.memory_ema, narrow=narrow)
    taught = Taught(
        knowledge, teachers_similarity(knowledge, recipe), memory=recipe.memory, dim=context.dim, slow=slow,
        conditional=isinstance(loss, KL) and loss.over == "rows",
    )  # fmt: skip
    return Term("teacher", taught, context.similarity, loss, recipe.teacher_weight, context.head)


def anchors(context: Context) -> Term:
    """The student against the teacher's vectors of its own sample and of others (SEED, CRD)."""
    recipe, knowledge = _taught(context, "anchors")
    loss, project, dim = context.loss, None, recipe.anchor_dim or knowledge.dim
    kind = "linear" if recipe.head == "none" else recipe.head
    head = build_head(kind, context.width, dim, hidden=recipe.hidden, generator=context.generator)
    similarity: Similarity | None = None
    if recipe.anchor_dim:
        project = build_head("linear", knowledge.dim, dim, generator=context.generator)
    if isinstance(loss, NCE):
        negatives = recipe.memory or max(1, min(recipe.batch_size or context.pictures, context.pictures) - 1)
        # Eq. 19 asks for e^{s/T} / Z over the M samples; as in its authors' code Z stands still. For directions at
        # random Z = M exp(1 / (2 d T²)), so that c = N/M · Z, and at first every pair is taken for noise.
        loss = replace(loss, noise=negatives * math.exp(0.5 / (dim * loss.temperature**2)))
    else:
        similarity = teachers_similarity(knowledge, recipe)
    source = Anchors(knowledge, similarity, memory=recipe.memory, project=project or nn.Identity())
    return Term("anchors", source, context.similarity, loss, recipe.teacher_weight, head)


def method(context: Context, name: str) -> Term:
    """The own term of a method for pictures, with the method's loss and similarity, on the student's head."""
    own, found = context.recipe, registry.resolve("recipes", name)
    kept = {key: getattr(own, key) for key in ("dim", "hidden", "num_views", "batch_size", "head", "precision", "seed")}
    other = replace(context, recipe=found.but(**kept))
    built: Term = registry.resolve("terms", found.relation)(other)
    return replace(built, name=name)


def teachers_similarity(knowledge: Knowledge, recipe: DistillRecipe) -> Similarity:
    """κ on the teacher's cosine distances; what is auto is calibrated over all samples, as p_X is."""
    sigma, mu = recipe.sigma, recipe.mu_x
    if "auto" in (sigma, mu) and knowledge.vectors is not None:
        vectors = knowledge.vectors if knowledge.numbers is None else knowledge.vectors[knowledge.numbers]
        k = min(recipe.n_neighbors, len(vectors) - 1)
        graph = knn(vectors, k, metric="cosine", seed=recipe.seed)
        assert graph.length is not None
        offset = nearest_distance_csr(graph.crow, graph.length)
        mu = float(offset.mean()) if mu == "auto" else mu
        if sigma == "auto":
            sigma = float(log2k_sigma_csr(graph.crow, graph.length, offset.new_full(offset.shape, float(mu))).mean())
    if knowledge.graph is not None:
        sigma, mu = 1.0, 0.0  # its weights are similarities already
    return Similarity(nu=recipe.nu_x, sigma=float(sigma), mu=float(mu), metric="cosine")


def _taught(context: Context, name: str) -> tuple[DistillRecipe, Knowledge]:
    """The recipe and the teacher of a student."""
    if not isinstance(context.recipe, DistillRecipe) or context.teacher is None:
        raise InputError(f"the term {name!r} needs a teacher: use graphurl.Distiller or graphurl distill")
    return context.recipe, context.teacher
