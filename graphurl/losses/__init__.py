"""Losses between prescribed and embedded similarity: pure functions, and classes that carry settings."""

from __future__ import annotations

from graphurl.losses.alignment import Alignment, alignment
from graphurl.losses.base import Loss, PairLoss
from graphurl.losses.bce import BCE, bce
from graphurl.losses.cosine import CrossCorrelation, DistanceEnhancement, cross_correlation, distance_enhancement
from graphurl.losses.gkl import GKL, gkl
from graphurl.losses.infonce import InfoNCE, infonce
from graphurl.losses.kl import KL, kl
from graphurl.losses.matching import PKT, RKD, SP, Matching
from graphurl.losses.mse import MSE, mse
from graphurl.losses.nce import NCE

__all__ = [
    "BCE",
    "GKL",
    "KL",
    "MSE",
    "NCE",
    "PKT",
    "RKD",
    "SP",
    "Alignment",
    "CrossCorrelation",
    "DistanceEnhancement",
    "InfoNCE",
    "Loss",
    "Matching",
    "PairLoss",
    "alignment",
    "bce",
    "cross_correlation",
    "distance_enhancement",
    "gkl",
    "infonce",
    "kl",
    "mse",
]
