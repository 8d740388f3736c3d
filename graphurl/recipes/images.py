"""Recipes for pictures without labels: every method of the source papers, a few values each."""

from __future__ import annotations

import math

from graphurl.recipes.pictures import PictureRecipe

#: The method where pictures, or terms that read pictures, are given without one.
DEFAULT_METHOD = "simclr"

#: SimCLR (Chen et al. 2020): all views against all, InfoNCE on the cosine. log q = cos - 1, T divides it.
SIMCLR = PictureRecipe()

#: t-SimCLR (SNE↔SSL): Student's t on embeddings that are not normalised, over all pairs of views.
T_SIMCLR = SIMCLR.but(loss="kl", over="all", nu_z=5.0, metric_z="euclidean")

#: Stochastic neighbour embedding of the augmentation graph: Gaussian kernel, normalised over rows.
SNE_VIEWS = T_SIMCLR.but(over="rows", nu_z=math.inf)

#: t-SNE of the augmentation graph: Cauchy kernel, normalised over all pairs.
TSNE_VIEWS = T_SIMCLR.but(nu_z=1.0)

#: MoCo v2 (Chen et al. 2020): keys of a slow copy, and a queue of earlier ones.
MOCO = SIMCLR.but(relation="queue", queue_size=2048)

#: t-MoCo (SNE↔SSL): the same with Student's t, not normalised.
T_MOCO = MOCO.but(loss="kl", over="rows", nu_z=5.0, metric_z="euclidean")

#: NPID, in EIR's words IR (Wu et al. 2018): one view against a bank of all pictures. A slow bank and an MLP head are
#: this recipe's: after 300 steps the printed momentum of 0.5 and a linear layer are six points behind (lab book).
NPID = SIMCLR.but(relation="bank", num_views=1, bank_momentum=0.9)

#: IRaug (EIR): two views against the bank; also how CLD writes NPID.
IRAUG = NPID.but(num_views=2)

#: SimSiam (Chen and He 2021): a predictor, and the other view as target; nothing is pushed apart.
SIMSIAM = SIMCLR.but(relation="targets", loss="alignment", ema=0.0, head="mlp3")

#: BYOL (Grill et al. 2020): the same with a slow copy as target, a wider head, and SimSiam's normalised output, without
#: which it stays at the level of raw pixels for hundreds of steps (lab book).
BYOL = SIMSIAM.but(ema=0.99, ema_rising=True, hidden=512, dim=256)

#: Barlow Twins (Zbontar et al. 2021): features against features; it wants many of them.
BARLOW = SIMCLR.but(relation="features", loss="correlation", head="mlp3", dim=512, hidden=512)

#: GenURL-SSL: GKL with the paper's γ, similarity of the features takes over. σ_Z = 0.3, not the printed 0.1: on unit
#: rows with ν = 100 the kernel is exp((cos - 1)/σ²), so 0.1 is a temperature of 0.01; and the features' similarity
#: counts as it takes over, not in full from the start (lab book).
GENURL_GKL = SIMCLR.but(loss="gkl", gamma=0.1, nu_z=100.0, sigma_z=0.3, dynamic=True, handover="rising")
#: GenURL-SSL with BCE.
GENURL_BCE = GENURL_GKL.but(loss="bce")
#: GenURL-SSL with the squared difference.
GENURL_MSE = GENURL_GKL.but(loss="mse")

#: Pictures with labels: one trained direction for each class, cosine softmax. The upper end of every table.
SUPERVISED = SIMCLR.but(relation="classes", num_views=1, head="none")

#: Steps below which no method has learnt much.
LEAST_STEPS = 1000


def epochs_for(recipe: PictureRecipe, num_pictures: int) -> int:
    """Epochs of a recipe on so many pictures: its own, or more where pictures are few, for at least 1,000 steps."""
    in_epoch = max(1, num_pictures // max(1, min(recipe.batch_size or num_pictures, num_pictures)))
    return max(recipe.epochs, math.ceil(LEAST_STEPS / in_epoch))
