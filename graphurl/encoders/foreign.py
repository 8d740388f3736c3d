"""Encoders by name from other people's collections: torchvision and timm."""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from graphurl.encoders.pictures import PictureEncoder, channels_last
from graphurl.errors import InputError, unknown

LIBRARIES = ("timm", "torchvision")
#: Where the models of torchvision keep their classifier.
_CLASSIFIERS = ("fc", "classifier", "head", "heads")


class Named(PictureEncoder):
    """A model of torchvision or timm without its classifier, with random weights.

    The library has to be installed. The models bring their own initialisation and layout, and most of them were
    made for pictures of 224 × 224 pixels.

    Args:
        name: Library and model, such as "torchvision:resnet18" or "timm:convnext_atto".
        channels: Number of colour channels; the models of torchvision read 3, and a single one is repeated for them.
        side: Height and width of the one picture that the width of the features is found with; models that
            accept a single size need theirs.
    """

    def __init__(self, name: str = "torchvision:resnet18", channels: int = 3, *, side: int = 224) -> None:
        """Builds the model and embeds one black picture."""
        super().__init__()
        library, _, model = name.partition(":")
        if library not in LIBRARIES:
            raise unknown("library of encoders", library, LIBRARIES)
        self.channels = channels
        self.model = _from_timm(model, channels) if library == "timm" else _from_torchvision(model, channels)
        self._repeats = library == "torchvision" and channels == 1
        self._config = {"name": name, "channels": channels, "side": side}
        self.width = self._found_width(name, side)

    def _found_width(self, name: str, side: int) -> int:
        training = self.training
        self.eval()
        try:
            with torch.random.fork_rng(devices=[]), torch.no_grad():
                z = self.pooled(torch.zeros(1, self.channels, side, side))
        except (RuntimeError, AssertionError, ValueError) as error:
            raise InputError(
                f"{name} cannot read pictures of {side} × {side} pixels ({error}): give the side that it was made for"
            ) from error
        finally:
            self.train(training)
        if z.dim() != 2:
            raise InputError(f"{name} returns shape {tuple(z.shape)}: choose a model that returns one row a picture")
        return z.shape[1]

    def pooled(self, x: Tensor) -> Tensor:
        """What the model returns."""
        if self._repeats:
            x = channels_last(x.expand(-1, 3, -1, -1))
        out = self.model(x)
        # Some models return the outputs of auxiliary classifiers as well while they are trained.
        features: Tensor = out if isinstance(out, Tensor) else out[0]
        return features

    def config(self) -> Mapping[str, object]:
        """All constructor arguments."""
        return self._config


def _from_timm(name: str, channels: int) -> nn.Module:
    timm = _library("timm")
    if not timm.is_model(name):
        raise _no_such_model("timm", name, timm.list_models())
    model: nn.Module = timm.create_model(name, pretrained=False, num_classes=0, in_chans=channels)
    return model


def _from_torchvision(name: str, channels: int) -> nn.Module:
    models = _library("torchvision").models
    if channels not in (1, 3):
        raise InputError(f"channels is {channels}: models of torchvision read 3, or 1 that is repeated")
    names = models.list_models(module=models)
    if name not in names:
        raise _no_such_model("torchvision", name, names)
    model: nn.Module = models.get_model(name, weights=None)
    classifier = next((attribute for attribute in _CLASSIFIERS if hasattr(model, attribute)), None)
    if classifier is None:
        raise InputError(f"torchvision:{name} has no classifier to take off: choose another model")
    setattr(model, classifier, _Flat())
    return model


def _library(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except (ImportError, RuntimeError) as error:  # the latter where it was built for another PyTorch
        raise InputError(
            f"{name} cannot be imported ({error}): install it with `pip install {name}`, "
            f"or use an encoder of graphurl such as resnet18"
        ) from error


def _no_such_model(library: str, name: str, names: list[str]) -> InputError:
    # There are a thousand of them: only the nearest are worth reading.
    near = difflib.get_close_matches(name, names, n=5, cutoff=0.3) or sorted(names)[:5]
    return InputError(f"{library} has no model {name!r}: the nearest are {', '.join(near)}")


class _Flat(nn.Module):
    """Stands where the classifier stood; some of those did the averaging over places themselves."""

    def forward(self, x: Tensor) -> Tensor:
        """The features, averaged over the places that are left."""
        return x.mean((2, 3)) if x.dim() == 4 else x
