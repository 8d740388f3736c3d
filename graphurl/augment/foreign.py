"""Augmentations of kornia by name, made reproducible."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from graphurl.errors import InputError, unknown

# Settings of those that kornia gives no defaults: InfoMin's for RandAugment, moderate ones else.
_SETTINGS: dict[str, dict[str, Any]] = {
    "RandAugment": {"n": 2, "m": 10},
    "RandomAffine": {"degrees": 15.0, "translate": (0.125, 0.125)},
    "RandomGaussianBlur": {"kernel_size": (3, 3), "sigma": (0.1, 2.0)},
    "RandomRotation": {"degrees": 15.0},
}
# Loads a generative model of some gigabytes.
_LEFT_OUT = ("RandomDissolving",)


def known() -> tuple[str, ...]:
    """Names of the augmentations that need no further settings.

    Raises:
        InputError: Where kornia is not installed.
    """
    return tuple(sorted(_classes()))


def augment(x: Tensor, names: Sequence[str], seed: int) -> Tensor:
    """Applies augmentations of kornia one after the other.

    Their random numbers come from the seed, and the global random state is as before. Those that draw on the
    pixels' device (noise, for one) differ from device to device. Many read colours: grey pictures are three equal
    channels for them, of which the first is kept.

    Args:
        x: Pictures in [0, 1], n×C×H×W.
        names: From `known()`.
        seed: Of all that they draw.

    Returns:
        Pictures of the same shape, in [0, 1].

    Raises:
        InputError: Where kornia is not installed, has no such augmentation, or it does not take these pictures.
    """
    classes = _classes()
    for name in names:
        if name not in classes:
            raise unknown("augmentation of kornia", name, classes)
    device, channels = x.device, x.shape[1]
    x = x.expand(-1, 3, -1, -1) if channels == 1 else x
    with torch.no_grad(), torch.random.fork_rng([device] if device.type == "cuda" else []):
        torch.default_generator.manual_seed(seed)
        if device.type == "cuda":
            with torch.cuda.device(device):
                torch.cuda.manual_seed(seed)
        for name in names:
            try:
                x = classes[name](**_SETTINGS.get(name, {}))(x)
            except Exception as error:  # kornia has a dozen of its own, and raises torch's and Python's too
                reason = str(error).partition("\n")[0]
                raise InputError(
                    f"kornia's {name} does not take views of {tuple(x.shape[2:])} pixels: {reason}; "
                    "leave it out or change the side"
                ) from error
    return x[:, :channels].clamp(0, 1)


def _classes() -> dict[str, Any]:
    """Augmentations of pictures, one by one, that can be built without being told more."""
    try:
        from kornia import augmentation
        from kornia.augmentation import auto
    except ModuleNotFoundError as error:
        raise InputError('kornia is not installed: pip install "graphurl[vision]"') from error
    kinds = (augmentation.IntensityAugmentationBase2D, augmentation.GeometricAugmentationBase2D, auto.PolicyAugmentBase)
    found = {**vars(augmentation), **vars(auto)}
    return {
        name: value
        for name, value in found.items()
        if inspect.isclass(value) and issubclass(value, kinds) and value not in kinds and _buildable(name, value)
    }


def _buildable(name: str, kind: type) -> bool:
    settings = inspect.signature(kind).parameters.values()
    needed = {s.name for s in settings if s.default is s.empty and s.kind is s.POSITIONAL_OR_KEYWORD}
    return name not in _LEFT_OUT and needed <= set(_SETTINGS.get(name, {}))
