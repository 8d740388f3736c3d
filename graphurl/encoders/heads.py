"""Heads: what lies between the features of an encoder and the space in which a loss compares them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from graphurl.errors import InputError, unknown


class Head(nn.Module):
    """Maps n × width features to n × dim projections.

    Args:
        width: Dimension of the features.
        dim: Dimension of the projections.
    """

    #: The name that `build_head` knows it by; empty for heads that are built by their class.
    kind: ClassVar[str] = ""
    #: Whether the head has a hidden layer whose width can be chosen.
    layered: ClassVar[bool] = False

    def __init__(self, width: int, dim: int) -> None:
        """Keeps both dimensions."""
        super().__init__()
        if min(width, dim) < 1:
            raise InputError(f"a head maps {width} to {dim} dimensions: give 1 or more of each")
        self.width, self.dim = width, dim

    def config(self) -> Mapping[str, object]:
        """Arguments that rebuild the same shapes: those of `build_head`, or of the class where it has no name."""
        named = {"kind": self.kind} if self.kind else {}
        return {**named, "width": self.width, "dim": self.dim}


class BatchNorm(nn.BatchNorm1d):
    """Batch normalisation of rows that says what is wrong with a batch of one."""

    def forward(self, input: Tensor) -> Tensor:
        """Normalises each column; while training over the batch."""
        if self.training and len(input) < 2:
            raise InputError(
                "a training batch of one row has no spread to normalise by: give batches of 2 rows or more"
            )
        return super().forward(input)


class Bare(Head):
    """No head: the features themselves.

    Args:
        width: Dimension of the features.
        dim: The same, or nothing.
    """

    kind = "none"

    def __init__(self, width: int, dim: int | None = None) -> None:
        """Has no weights."""
        super().__init__(width, width if dim is None else dim)
        if self.dim != width:
            raise InputError(f"without a head {width} features stay {width} and cannot become {dim}: choose a head")

    def forward(self, features: Tensor) -> Tensor:
        """The features."""
        return features


class Linear(Head):
    """One linear layer, f W' + b."""

    kind = "linear"

    def __init__(self, width: int, dim: int) -> None:
        """Builds the layer."""
        super().__init__(width, dim)
        self.layer = nn.Linear(width, dim)

    def forward(self, features: Tensor) -> Tensor:
        """Projects the rows."""
        out: Tensor = self.layer(features)
        return out


class NormLinear(Head):
    """Cosines with the rows of W: N_t(x) = ⟨W_t / ‖W_t‖, f(x) / ‖f(x)‖⟩ (CLD, Wang et al. 2021, Eq. 3)."""

    kind = "norm-linear"

    def __init__(self, width: int, dim: int) -> None:
        """Builds W, dim × width."""
        super().__init__(width, dim)
        self.layer = nn.Linear(width, dim, bias=False)

    def forward(self, features: Tensor) -> Tensor:
        """The cosine of each row with each W_t, in [-1, 1]."""
        return F.linear(F.normalize(features, dim=1), F.normalize(self.layer.weight, dim=1))


class MLP(Head):
    """Linear layers with batch normalisation and ReLU between (SimCLR, Chen et al. 2020; BYOL; Barlow Twins).

    Args:
        width: Dimension of the features.
        dim: Dimension of the projections.
        hidden: Width of the hidden layers; width by default.
        depth: Number of linear layers, 2 or 3.
        output_norm: Whether to normalise the output over the batch, without scale and shift (SimSiam).
    """

    kind = "mlp"
    layered = True

    def __init__(
        self, width: int, dim: int, *, hidden: int | None = None, depth: int = 2, output_norm: bool = False
    ) -> None:
        """Builds the layers."""
        super().__init__(width, dim)
        if depth not in (2, 3):
            raise InputError(f"depth is {depth}: an MLP head has 2 or 3 linear layers")
        self.hidden = width if hidden is None else hidden
        self.depth, self.output_norm = depth, output_norm
        steps = [*_hidden_step(width, self.hidden)]
        if depth == 3:
            steps += _hidden_step(self.hidden, self.hidden)
        steps.append(nn.Linear(self.hidden, dim, bias=not output_norm))
        if output_norm:
            steps.append(BatchNorm(dim, affine=False))
        self.steps = nn.Sequential(*steps)

    def forward(self, features: Tensor) -> Tensor:
        """Projects the rows."""
        out: Tensor = self.steps(features)
        return out

    def config(self) -> Mapping[str, object]:
        """All constructor arguments."""
        return {**super().config(), "hidden": self.hidden, "depth": self.depth, "output_norm": self.output_norm}


class MLP3(MLP):
    """Three linear layers with batch normalisation, the output's too (SimSiam, Chen and He 2021)."""

    kind = "mlp3"

    def __init__(
        self, width: int, dim: int, *, hidden: int | None = None, depth: int = 3, output_norm: bool = True
    ) -> None:
        """Builds the layers."""
        super().__init__(width, dim, hidden=hidden, depth=depth, output_norm=output_norm)


class NormMLP(Head):
    """An MLP of two layers whose last one is a `NormLinear` of the hidden layer (CLD, Section 3).

    Args:
        width: Dimension of the features.
        dim: Dimension of the projections.
        hidden: Width of the hidden layer; width by default.
    """

    kind = "norm-mlp"
    layered = True

    def __init__(self, width: int, dim: int, *, hidden: int | None = None) -> None:
        """Builds the layers."""
        super().__init__(width, dim)
        self.hidden = width if hidden is None else hidden
        self.steps = nn.Sequential(*_hidden_step(width, self.hidden), NormLinear(self.hidden, dim))

    def forward(self, features: Tensor) -> Tensor:
        """The cosines, in [-1, 1]."""
        out: Tensor = self.steps(features)
        return out

    def config(self) -> Mapping[str, object]:
        """All constructor arguments."""
        return {**super().config(), "hidden": self.hidden}


class TwoBranch(Head):
    """One hidden layer that two heads share: for instances and for groups (CLD, Figure 2).

    Args:
        width: Dimension of the features.
        dim: Dimension of the first branch.
        second: Dimension of the second branch; dim by default.
        hidden: Width of the shared layer; width by default.
        normalised: Whether the branches are `NormLinear` rather than `Linear`.
    """

    layered = True

    def __init__(
        self,
        width: int,
        dim: int,
        second: int | None = None,
        *,
        hidden: int | None = None,
        normalised: bool = False,
    ) -> None:
        """Builds the shared layer and both branches."""
        super().__init__(width, dim)
        self.second = dim if second is None else second
        self.hidden = width if hidden is None else hidden
        self.normalised = normalised
        kind = NormLinear if normalised else Linear
        self.shared = nn.Sequential(*_hidden_step(width, self.hidden))
        self.branches = nn.ModuleList([kind(self.hidden, dim), kind(self.hidden, self.second)])

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Both projections of the rows."""
        hidden = self.shared(features)
        first, second = (branch(hidden) for branch in self.branches)
        return first, second

    def config(self) -> Mapping[str, object]:
        """All constructor arguments."""
        own = {"second": self.second, "hidden": self.hidden, "normalised": self.normalised}
        return {**super().config(), **own}


class Predictor(MLP):
    """A bottleneck of two layers that guesses the other view's projection (BYOL, Grill et al. 2020; SimSiam).

    Args:
        dim: Dimension of the projections, which it keeps.
        hidden: Width of the bottleneck; a quarter of dim by default, as in SimSiam.
    """

    def __init__(self, dim: int, *, hidden: int | None = None) -> None:
        """Builds the layers."""
        super().__init__(dim, dim, hidden=max(1, dim // 4) if hidden is None else hidden)

    def config(self) -> Mapping[str, object]:
        """All constructor arguments."""
        return {"dim": self.dim, "hidden": self.hidden}


#: Heads that a recipe can name.
HEADS: Mapping[str, type[Head]] = {made.kind: made for made in (Bare, Linear, MLP, MLP3, NormLinear, NormMLP)}


def build_head(
    kind: str,
    width: int,
    dim: int,
    *,
    hidden: int | None = None,
    generator: torch.Generator | None = None,
    **options: Any,
) -> Head:
    """A head by its name; the global random state is left alone.

    Args:
        kind: One of none, linear, mlp, mlp3, norm-linear, norm-mlp.
        width: Dimension of the features.
        dim: Dimension of the projections; without a head it is the features' and not read.
        hidden: Width of hidden layers; width by default, and not read by heads without any.
        generator: Source of the weights; the same ones each time without it.
        **options: What else the head's class takes.

    Returns:
        The head with freshly drawn weights.
    """
    if kind not in HEADS:
        raise unknown("head", kind, HEADS)
    if kind == "none":
        return Bare(width)
    made = HEADS[kind]
    if made.layered:
        options["hidden"] = hidden
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0 if generator is None else int(torch.randint(2**31, (1,), generator=generator)))
        return made(width, dim, **options)


def _hidden_step(before: int, after: int) -> list[nn.Module]:
    """Linear, batch normalisation, ReLU; the shift of the normalisation stands for a bias."""
    if after < 1:
        raise InputError(f"hidden is {after}: a hidden layer has 1 or more units")
    return [nn.Linear(before, after, bias=False), BatchNorm(after), nn.ReLU(inplace=True)]
