"""What may happen to a picture: the settings of one random view, and the views of a method."""

from __future__ import annotations

import math
from dataclasses import dataclass

from graphurl.errors import InputError

Span = tuple[float, float]

_PROBABILITIES = ("flip", "jitter_probability", "gray", "blur", "solarise")


@dataclass(frozen=True)
class Policy:
    """Settings of one random view; the defaults leave the picture as it is.

    The steps come in this order: crop and flip, blur, colour, solarisation, noise, `extra`, normalisation.

    Attributes:
        scale: Least and largest area of the crop as a share of the picture; None takes the centre square.
        ratio: Least and largest width / height of the crop, drawn uniformly in its logarithm.
        shift: The crop may move by up to this share of its sides, beyond the border too, where the border pixels
            repeat.
        flip: Probability of left and right changing places.
        jitter: Strengths of brightness, contrast, saturation (factors from [1 - s, 1 + s], never below 0) and hue
            (a turn from [-s, s], in full turns).
        jitter_probability: Of the four together.
        gray: Probability of a picture without colour.
        blur: Probability of a Gaussian blur.
        sigma: Least and largest σ of the blur, in pixels of the view.
        solarise: Probability of turning x ≥ 1/2 into 1 - x.
        noise: Standard deviation of Gaussian noise, for pixels in [0, 1]; it is not clamped, so that it stays
            Gaussian (SNE and contrastive learning, Prop. 3.2).
        extra: Names of kornia augmentations, applied last; needs `pip install "graphurl[vision]"`.
        antialias: Whether shrinking averages all the pixels that fall together, as Pillow and torchvision do.
    """

    scale: Span | None = None
    ratio: Span = (3 / 4, 4 / 3)
    shift: float = 0.0
    flip: float = 0.0
    jitter: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)
    jitter_probability: float = 0.0
    gray: float = 0.0
    blur: float = 0.0
    sigma: Span = (0.1, 2.0)
    solarise: float = 0.0
    noise: float = 0.0
    extra: tuple[str, ...] = ()
    antialias: bool = True

    def __post_init__(self) -> None:
        """Refuses values out of range."""
        for name in _PROBABILITIES:
            _check(name, getattr(self, name), 0, 1, "a probability from 0 to 1")
        if self.scale is not None:
            _check_span("scale", self.scale, 1)
        _check_span("ratio", self.ratio, math.inf)
        _check_span("sigma", self.sigma, math.inf)
        _check("shift", self.shift, 0, 1, "a share from 0 to 1")
        _check("noise", self.noise, 0, math.inf, "a number from 0")
        if len(self.jitter) != 4:
            raise InputError(f"jitter is {self.jitter}: give brightness, contrast, saturation and hue")
        for name, strength in zip(("brightness", "contrast", "saturation"), self.jitter[:3], strict=True):
            _check(f"jitter of {name}", strength, 0, math.inf, "a strength from 0")
        _check("jitter of hue", self.jitter[3], 0, 0.5, "a turn from 0 to 0.5")

    @property
    def recolours(self) -> bool:
        """Whether a view may change its colours."""
        return self.gray > 0 or (self.jitter_probability > 0 and any(self.jitter))


@dataclass(frozen=True)
class Plan:
    """Which policy makes which view.

    Attributes:
        policies: View v of the full size follows policies[v % len(policies)].
        small: The policy of further, smaller crops (multi-crop); None where there are none.
        small_views: How many of them there are.
        small_share: Their side as a share of the full one.
    """

    policies: tuple[Policy, ...]
    small: Policy | None = None
    small_views: int = 0
    small_share: float = 0.5

    def __post_init__(self) -> None:
        """Refuses a plan without views, and small views without a policy."""
        if not self.policies:
            raise InputError("policies is empty: a plan needs a policy for its first view")
        if self.small_views < 0:
            raise InputError(f"small_views is {self.small_views}: give 0 or more")
        if (self.small is None) != (self.small_views == 0):
            raise InputError(f"small_views is {self.small_views} and small is {self.small}: give both or neither")
        if not 0 < self.small_share <= 1:
            raise InputError(f"small_share is {self.small_share}: give a share above 0 and up to 1")

    def small_side(self, side: int) -> int:
        """The side of the small views beside full ones.

        Args:
            side: The side of the full views.
        """
        return max(1, round(side * self.small_share))


def _check(name: str, value: float, low: float, high: float, allowed: str) -> None:
    # Written so that NaN fails.
    if not (low <= value <= high and math.isfinite(value)):
        raise InputError(f"{name} is {value}: give {allowed}")


def _check_span(name: str, span: Span, high: float) -> None:
    if len(span) != 2 or not (0 < span[0] <= span[1] <= high and math.isfinite(span[1])):
        bound = f" up to {high}" if math.isfinite(high) else ""
        raise InputError(f"{name} is {span}: give a least and a largest value above 0{bound}")
