"""Augmentation: random views of pictures as tensor code on whole batches, and mixtures of pictures."""

from __future__ import annotations

from graphurl.augment.mix import cutmix, mixup
from graphurl.augment.policy import Plan, Policy
from graphurl.augment.views import make_views, whole

__all__ = ["Plan", "Policy", "cutmix", "make_views", "mixup", "whole"]
