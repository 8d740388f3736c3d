"""Recipes for students of a teacher: GenURL's distillation and its peers, a few values each."""

from __future__ import annotations

import math
from collections.abc import Container
from typing import Any

from graphurl import registry
from graphurl.recipes.distill import DistillRecipe

#: GenURL's distillation (§IV-C): static similarities on the unit sphere, ν = 100 and σ = 1 on both sides, BCE, and a
#: large batch. The student of rows is an MLP whose output is the embedding.
DISTILL = DistillRecipe(
    loss="bce", nu_z=100.0, sigma_z=1.0, encoder="corrected", head="none", dim=16, hidden=256, depth=3, batch_size=2048,
    epochs=50, lr=2e-3, optimiser="adam", weight_decay=0.0, num_views=1, precision="float32",
)  # fmt: skip
#: With GKL, a small batch and a memory, as the paper finds best where the batch has to be small.
DISTILL_GKL = DISTILL.but(loss="gkl", batch_size=256, memory=2048)
#: GenURL †: a slow copy of the student fills the memory, as in MoCo.
DISTILL_SLOW = DISTILL.but(memory=4096, memory_ema=0.99)
#: BCE against the teacher's own vectors: a head brings the student to the teacher's dimension, and each sample's vector
#: is a target of its own (p = 1) beside the similarities to the others. For networks that start anew; the kernel is
#: narrower, as few pairs are that near.
DISTILL_ANCHORED = DISTILL.but(relation="anchors", sigma=0.2, sigma_z=0.2, batch_size=256)
#: Neighbours kept: each row's distribution over the batch, half of which are the teacher's neighbours of the rest, at a
#: temperature of 0.01 (σ = 0.1) on both sides. For vectors made shorter (results).
DISTILL_KL = DISTILL.but(
    loss="kl", over="rows", nu_x=math.inf, nu_z=math.inf, sigma=0.1, sigma_z=0.1, near=0.5, batch_size=512, epochs=10,
    lr=5e-4,
)  # fmt: skip
#: RKD (Park et al. 2019): distances and angles. All triplets of a batch are compared, so it is small.
DISTILL_RKD = DISTILL.but(loss="rkd", metric_z="euclidean", batch_size=64)
#: PKT (Passalis and Tefas 2018): distributions over the batch, with the kernel (1 + cos) / 2.
DISTILL_PKT = DISTILL.but(loss="pkt", batch_size=256)
#: SP (Tung and Mori 2019): inner products of the batch, row by row.
DISTILL_SP = DISTILL.but(loss="sp", metric_z="euclidean", batch_size=256)
#: SSKD (Xu et al. 2020) without labels: the softmax of cosines over the batch, temperature 0.5 on both sides.
DISTILL_SSKD = DISTILL.but(
    loss="kl", over="rows", nu_x=math.inf, nu_z=math.inf, sigma=math.sqrt(0.5), sigma_z=math.sqrt(0.5), batch_size=256
)
#: SEED (Fang et al. 2021): the student, brought to the teacher's dimension, against the teacher's vectors of its own
#: sample and of those before; temperatures 0.01 (σ² of the teacher's similarity) and 0.2.
DISTILL_SEED = DISTILL.but(
    relation="anchors", loss="infonce", temperature=0.2, nu_x=math.inf, nu_z=math.inf, sigma=0.1, batch_size=256,
    memory=8192,
)  # fmt: skip
#: CRD (Tian et al. 2020): is this the teacher's vector of the same sample, or of another?
DISTILL_CRD = DISTILL.but(
    relation="anchors", loss="nce", temperature=0.07, nu_z=math.inf, batch_size=256, memory=4096, anchor_dim=128
)

#: What students of pictures have instead: a network, one MLP layer that is left away, and a teacher that is a network,
#: whose features all point the same way until their mean is taken off. Views are flips and shifts: the teacher's answer
#: was given for the whole picture, and holds for little else. The learning rate is four times that of methods without a
#: teacher, whose targets do not stand still (lab book).
PICTURES = {
    "reads": "pictures", "encoder": "mobilenet", "head": "mlp", "dim": 128, "batch_size": 256, "optimiser": "adamw",
    "lr": 8e-3, "weight_decay": 5e-4, "precision": "auto", "centre": True, "views": "weak",
}  # fmt: skip
#: Recipe of each loss that `distill` offers.
BY_LOSS = {
    "bce": "distill", "anchored": "distill-anchored", "gkl": "distill-gkl", "kl": "distill-kl", "rkd": "distill-rkd",
    "pkt": "distill-pkt", "sp": "distill-sp", "sskd": "distill-sskd", "seed": "distill-seed", "crd": "distill-crd",
}  # fmt: skip


#: Students as papers call them.
ALIASES = {"mobilenet_v2": "mobilenet", "shufflenet_v1": "shufflenet"}


def reads_pictures(student: Any) -> bool:
    """Whether a student can only read pictures; a module of the user's own reads what it is given."""
    if not isinstance(student, str):
        return getattr(student, "needs", "") == "pictures"
    return ":" in student or bool(registry.resolve("encoders", student).needs == "pictures")


def seen_twice(recipe: DistillRecipe, asked: Container[str]) -> DistillRecipe:
    """Two views of a picture that differ, where something is added that compares them and nobody said how many.

    Args:
        recipe: The choices, of a run to which something is added.
        asked: Names of the settings that the user gave.
    """
    if not recipe.pictures:
        return recipe
    decided = "views" in asked or recipe.views != PICTURES["views"]
    views = recipe.views if decided else "weak-cifar"
    count = recipe.num_views if "num_views" in asked else max(2, recipe.num_views)
    return recipe.but(num_views=count, views=views)


def of_pictures(recipe: DistillRecipe) -> DistillRecipe:
    """The same comparison for a student that reads pictures; a small batch stays as small.

    A memory of the student's own past is left out: the weights of a network that starts anew run away from it.
    """
    lasting = recipe.relation == "anchors" or recipe.memory_ema > 0
    small = {"batch_size": min(recipe.batch_size, 256), "near": 0.0, "memory": recipe.memory if lasting else 0}
    return recipe.but(**{**PICTURES, **small})
