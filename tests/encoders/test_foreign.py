"""Encoders of other libraries: stand-ins for torchvision and timm, and the latter itself where it is installed."""

from __future__ import annotations

import importlib
import sys
import types
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from graphurl.encoders import Inputs
from graphurl.encoders.foreign import Named
from graphurl.errors import InputError
from tests.encoders.test_pictures import drawn, views


class Net(nn.Module):
    """A network with a classifier under a name of choice; the classifier may do the pooling."""

    def __init__(self, classifier: str, channels: int = 3, *, pools: bool = True, side: int | None = None) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, 7, 3)
        self.norm = nn.BatchNorm2d(7)
        self.drop = nn.Dropout(0.5)
        setattr(self, classifier, nn.Linear(7, 10))
        self.classifier_name, self.pools, self.side = classifier, pools, side

    def forward(self, x: Tensor) -> Any:
        if self.side is not None and x.shape[2] != self.side:
            raise RuntimeError(f"expected {self.side}")
        torch.rand(1)  # some layers draw in evaluation too
        x = self.drop(self.norm(self.conv(x)))
        out = getattr(self, self.classifier_name)(x.mean((2, 3)) if self.pools else x)
        return (out, "auxiliary") if self.training and self.side is not None else out


class Unpooled(nn.Module):
    """A network that returns rows of tokens."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        return x.flatten(2)


@pytest.fixture
def torchvision(monkeypatch: pytest.MonkeyPatch) -> None:
    made: dict[str, Any] = {
        "net18": lambda: Net("fc"),
        "net50": lambda: Net("classifier"),
        "wide_net": lambda: Net("head", pools=False),
        "picky": lambda: Net("heads", side=12),
        "tokens": Unpooled,
        "bare": lambda: nn.Conv2d(3, 4, 1),
    }
    models = types.ModuleType("torchvision.models")
    models.list_models = lambda module: list(made) if module is models else []  # type: ignore[attr-defined]
    models.get_model = lambda name, weights: made[name]() if weights is None else None  # type: ignore[attr-defined]
    package = types.ModuleType("torchvision")
    package.models = models  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "torchvision", package)


@pytest.fixture
def timm(monkeypatch: pytest.MonkeyPatch) -> None:
    class Created(Net):
        def __init__(self, channels: int) -> None:
            super().__init__("fc", channels)
            self.fc = nn.Identity()

    def create_model(name: str, *, pretrained: bool, num_classes: int, in_chans: int) -> nn.Module:
        assert (name, pretrained, num_classes) == ("atto", False, 0)
        return Created(in_chans)

    package = types.ModuleType("timm")
    package.is_model = lambda name: name == "atto"  # type: ignore[attr-defined]
    package.list_models = lambda: ["atto", "femto"]  # type: ignore[attr-defined]
    package.create_model = create_model  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "timm", package)


@pytest.mark.usefixtures("torchvision")
@pytest.mark.parametrize("name", ["net18", "net50", "wide_net"])
def test_the_classifier_is_gone_and_the_width_is_found(name: str) -> None:
    model = drawn(Named, f"torchvision:{name}").eval()
    assert model.width == 7
    x = views(3)
    inner: Any = model.model
    torch.testing.assert_close(model(Inputs(x)).z, inner.norm(inner.conv(x)).mean((2, 3)))


@pytest.mark.usefixtures("torchvision")
def test_finding_the_width_leaves_statistics_mode_and_random_state_alone() -> None:
    with torch.random.fork_rng():
        torch.manual_seed(3)
        Net("fc")
        expected = torch.random.get_rng_state()
        torch.manual_seed(3)
        model = Named("torchvision:net18")
        assert torch.equal(torch.random.get_rng_state(), expected)
    assert model.training and model.model.training
    norm: Any = model.model.norm
    assert norm.num_batches_tracked == 0
    assert model.width == 7


@pytest.mark.usefixtures("torchvision")
def test_torchvision_reads_one_channel_three_times_and_no_other_number() -> None:
    model, x = drawn(Named, "torchvision:net18", 1).eval(), views(2, 1)
    three = drawn(Named, "torchvision:net18").eval()
    three.load_state_dict(model.state_dict())
    torch.testing.assert_close(model(Inputs(x)).z, three(Inputs(x.repeat(1, 3, 1, 1))).z)
    with pytest.raises(InputError, match="channels is 2: models of torchvision read 3"):
        Named("torchvision:net18", 2)


@pytest.mark.usefixtures("torchvision")
def test_a_model_for_one_size_asks_for_its_side() -> None:
    with pytest.raises(InputError, match=r"torchvision:picky cannot read .* 224 × 224 pixels \(expected 12\)"):
        Named("torchvision:picky")
    model = Named("torchvision:picky", side=12)
    assert model.training
    assert model(Inputs(views(2, side=12))).z.shape == (2, 7)  # the auxiliary output is left out


@pytest.mark.usefixtures("torchvision")
def test_models_without_a_classifier_or_a_row_a_picture_are_refused() -> None:
    with pytest.raises(InputError, match="torchvision:bare has no classifier"):
        Named("torchvision:bare")
    with pytest.raises(InputError, match=r"torchvision:tokens returns shape \(1, 3, 144\)"):
        Named("torchvision:tokens", side=12)


@pytest.mark.usefixtures("timm")
@pytest.mark.parametrize("channels", [1, 2, 3])
def test_timm_reads_any_number_of_channels(channels: int) -> None:
    model = drawn(Named, "timm:atto", channels, side=16)
    assert model(Inputs(views(2, channels))).z.shape == (2, 7)
    again = Named(**model.config())
    again.load_state_dict(model.state_dict())
    x = Inputs(views(2, channels))
    assert torch.equal(again.eval()(x).z, model.eval()(x).z)
    assert again.config() == {"name": "timm:atto", "channels": channels, "side": 16}


@pytest.mark.usefixtures("torchvision", "timm")
def test_unknown_names_offer_the_nearest() -> None:
    with pytest.raises(InputError, match="torchvision has no model 'net51': the nearest are net50, net18"):
        Named("torchvision:net51")
    with pytest.raises(InputError, match="timm has no model 'xxxxxxxx': the nearest are atto, femto"):
        Named("timm:xxxxxxxx")
    with pytest.raises(InputError, match="unknown library of encoders 'torchvison': did you mean 'torchvision'"):
        Named("torchvison:net18")


@pytest.mark.parametrize("library", ["timm", "torchvision"])
def test_a_missing_library_says_what_to_install(library: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(InputError, match=f"{library} cannot be imported .*pip install {library}.*such as resnet18"):
        Named(f"{library}:resnet18")


@pytest.mark.parametrize(("name", "width"), [("timm:resnet10t", 512), ("timm:convnext_atto", 320)])
def test_timm_itself_where_it_is_installed(name: str, width: int) -> None:
    try:
        importlib.import_module("timm")
    except (ImportError, RuntimeError):
        pytest.skip("timm is not installed")
    model = drawn(Named, name, 1, side=64)
    assert model.width == width
    assert model(Inputs(views(2, 1, 64))).z.shape == (2, width)
