"""What every recipe has: one frozen set of plain values, checked, changed by name, read from text."""

from __future__ import annotations

import dataclasses
import math
import operator
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self, get_args, get_origin, get_type_hints

from graphurl.errors import InputError, unknown

Auto = float | str
AutoInt = int | str

#: Smallest value of a setting. A batch_size of 0 takes all samples, a patience or clip of 0 means never.
AT_LEAST: dict[str, float] = {
    "n_neighbors": 1, "max_hops": 1, "hidden": 1, "depth": 1, "hops": 0, "dim": 1, "epochs": 0,
    "batch_size": 0, "patience": 0, "alpha": 0, "negatives": 0, "far_weight": 0, "weight_decay": 0,
    "momentum": 0, "clip": 0, "dropout": 0, "edge_share": 0, "warmup": 0, "mu_x": 0, "mu_z": 0, "seed": 0,
    "num_views": 1, "side": 4, "ema": 0, "queue_size": 1, "bank_momentum": 0, "bank_negatives": 0,
    "redundancy": 0, "cld_weight": 0, "cld_groups": 1, "intra_weight": 0, "inter_weight": 0, "de_weight": 0,
    "rounds": 1, "memory": 0, "memory_ema": 0, "near": 0, "anchor_dim": 0, "teacher_weight": 0,
    "limit": 0, "early": 0, "perplexity": 0, "fanout": -1,
}  # fmt: skip
#: Values that are shares, and the largest seed that every generator takes.
AT_MOST: dict[str, float] = {"edge_share": 1, "ema": 1, "early": 1, "seed": 2**63 - 1}
BELOW: dict[str, float] = {"dropout": 1, "warmup": 1, "bank_momentum": 1, "memory_ema": 1, "near": 1}
#: Values that have to be larger than 0 (infinite only for the degrees of freedom).
ABOVE_ZERO = (
    "nu_x", "nu_z", "sigma", "sigma_z", "lr", "temperature", "gamma", "push", "early_push", "cld_temperature",
    "eir_temperature",
)  # fmt: skip
MAY_BE_INFINITE = ("nu_x", "nu_z")
CHOICES = {
    "init": ("auto", "random", "pca", "spectral", "encoder"),
    "mix": ("mixup", "cutmix"),
    "handover": ("added", "rising"),
    "output": ("features", "projection"),
    "teacher": ("none", "smooth", "layout"),
    "filter": ("auto", "s2gc", "sgc"),
    "reads": ("rows", "pictures"),
}


@dataclass(frozen=True)
class Choices:
    """Settings of a run that all tasks have. Unknown keys are errors.

    Attributes:
        task: What the recipe is for; decides which kind of recipe a configuration file holds.
        encoder: Name of an encoder.
        dim: Dimension of the embedding.
        loss: Name of a loss.
        gamma: γ of GKL.
        power: Exponent of GKL.
        over: Normalisation of KL.
        push: Weight of KL's normaliser, 1/exaggeration.
        early_push: The same during the first part of the training.
        early: Share of the training that is its first part.
        temperature: Temperature of InfoNCE.
        nu_z: ν of the embedded similarity; auto is 1 for normalised losses and 0.01 for sums over pairs.
        sigma_z: σ_Z, or auto for the calibration on the first batch.
        mu_z: μ_Z, or auto.
        metric_z: euclidean or cosine.
        normalised: Kernel with κ(0) = 1 on the embedded side.
        far_weight: Weight of a pair with p = 0; auto is found from the data.
        dynamic: p' = β p_X + p_{Z,l} with β from 1 to 0.
        handover: added (as printed) or rising: p_{Z,l} is weighed by 1 - β, so that it counts when it knows something.
        layer: The hidden layer l.
        hidden: Width of hidden layers.
        depth: Number of layers.
        batch_size: Samples in a batch; 0 takes all where they fit.
        epochs: Passes over the samples.
        lr: Learning rate.
        scale_lr: Multiply lr by batch/256.
        optimiser: adam, adamw, sgd, or gains for free coordinates.
        weight_decay: Weight decay.
        momentum: Momentum of sgd.
        schedule: constant, cosine, linear or step.
        warmup: Share of the run spent warming up.
        clip: Largest gradient norm, 0 for none.
        patience: Epochs without improvement before the run ends, 0 for never.
        precision: float32, bfloat16, or auto: bfloat16 where the machine multiplies it in hardware.
        compile: Compile the encoder.
        seed: Of all randomness.
    """

    #: Values that `task` may have.
    tasks: ClassVar[tuple[str, ...]] = ()
    #: The command that runs such a recipe.
    verb: ClassVar[str] = "embed"

    task: str = ""
    encoder: str = "mlp"
    dim: int = 2
    loss: str = "bce"
    gamma: float = 1.0
    power: float = 1.0
    over: str = "all"
    push: float = 1.0
    early_push: float = 1.0
    early: float = 0.0
    temperature: float = 1.0
    nu_z: Auto = "auto"
    sigma_z: Auto = 1.0
    mu_z: Auto = 0.0
    metric_z: str = "euclidean"
    normalised: bool = True
    far_weight: Auto = "auto"
    dynamic: bool = False
    handover: str = "added"
    layer: int = -1
    hidden: int = 512
    depth: int = 3
    batch_size: int = 1024
    epochs: int = 100
    lr: float = 1e-3
    scale_lr: bool = False
    optimiser: str = "adam"
    weight_decay: float = 0.0
    momentum: float = 0.9
    schedule: str = "cosine"
    warmup: float = 0.05
    clip: float = 0.0
    patience: int = 0
    precision: str = "float32"
    compile: bool = False
    seed: int = 0

    @property
    def pictures(self) -> bool:
        """Whether the run reads pictures as pictures, not as rows of numbers."""
        return False

    def __post_init__(self) -> None:
        """Refuses values out of range; names of parts are checked where the parts are."""
        for key, value in self.to_dict().items():
            if key == "task" and value not in self.tasks:
                raise unknown(key, value, self.tasks)
            if key in CHOICES and value not in CHOICES[key]:
                raise unknown(key, value, CHOICES[key])
            if isinstance(value, int | float):
                _check_range(key, value)

    def but(self, **changes: Any) -> Self:
        """The same recipe with some values changed; values are checked and brought to their type."""
        types = get_type_hints(type(self))
        hints = {field.name: types[field.name] for field in dataclasses.fields(self)}
        clean = {}
        for key, value in changes.items():
            if key not in hints:
                raise unknown("setting", key, hints)
            clean[key] = _typed(key, value, hints[key])
        return dataclasses.replace(self, **clean)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, in the order of the fields."""
        return dataclasses.asdict(self)

    def chosen(self) -> dict[str, Any]:
        """The values that are not the defaults: they stay the same when a setting is added that a run does not use."""
        default = type(self)().to_dict()
        return {key: value for key, value in self.to_dict().items() if value != default[key]}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """A recipe from plain values; what is not named keeps its default."""
        return cls().but(**values)


def _check_range(key: str, value: float) -> None:
    """Refuses a number that the setting cannot be."""
    if not math.isfinite(value) and key not in MAY_BE_INFINITE:
        raise InputError(f"{key} is {value}: give a finite number")
    if key in ABOVE_ZERO and not value > 0:
        raise InputError(f"{key} is {value}: give a number above 0")
    if key in AT_LEAST and value < AT_LEAST[key]:
        raise InputError(f"{key} is {value}: give {AT_LEAST[key]} or more")
    if key in AT_MOST and value > AT_MOST[key]:
        raise InputError(f"{key} is {value}: give {AT_MOST[key]} or less")
    if key in BELOW and value >= BELOW[key]:
        raise InputError(f"{key} is {value}: give less than {BELOW[key]}")


def _typed(key: str, value: Any, hint: Any) -> Any:
    """Brings a value to the type of its field: text from a command line, numbers from a file."""
    allowed = get_args(hint) if get_origin(hint) is not None else ()
    if allowed:  # a number, or the word auto
        if value == "auto":
            return value
        hint = int if int in allowed else float
    try:
        if hint is bool:
            return _boolean(value)
        if hint is str:
            if not isinstance(value, str):
                raise ValueError
            return value
        if isinstance(value, bool):
            raise ValueError
        if hint is int:
            return _whole(value)
        number = float(value)
        if math.isnan(number):
            raise ValueError
        return number
    except (TypeError, ValueError, OverflowError):
        names = {bool: "true or false", int: "a whole number", float: "a number", str: "a name"}
        extra = " or auto" if allowed else ""
        raise InputError(f"{key} is {value!r}: give {names[hint]}{extra}") from None


def _whole(value: Any) -> int:
    try:
        # By way of a float, a seed above 2^53 would be rounded.
        return int(value) if isinstance(value, str) else operator.index(value)
    except (TypeError, ValueError):
        number = float(value)
        if number != int(number):
            raise ValueError from None
        return int(number)


def _boolean(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    words = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
    if str(value).lower() not in words:
        raise ValueError
    return words[str(value).lower()]
