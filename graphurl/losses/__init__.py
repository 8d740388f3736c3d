"""Losses between prescribed and embedded similarity: pure functions, and classes that carry settings."""

from __future__ import annotations

from graphurl.losses.base import Loss, PairLoss
from graphurl.losses.bce import BCE, bce
from graphurl.losses.gkl import GKL, gkl
from graphurl.losses.infonce import InfoNCE, infonce
from graphurl.losses.kl import KL, kl
from graphurl.losses.mse import MSE, mse

__all__ = ["BCE", "GKL", "KL", "MSE", "InfoNCE", "Loss", "PairLoss", "bce", "gkl", "infonce", "kl", "mse"]
