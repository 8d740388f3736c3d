"""The recipe: every choice of a run as one frozen set of plain values."""

from __future__ import annotations

import dataclasses
import math
import operator
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, get_args, get_origin, get_type_hints

from graphurl.errors import InputError, unknown

Auto = float | str

#: Smallest value of a setting. A batch_size of 0 takes all samples, a patience or clip of 0 means never.
AT_LEAST: dict[str, float] = {
    "n_neighbors": 1, "max_hops": 1, "hidden": 1, "depth": 1, "hops": 0, "dim": 1, "epochs": 0,
    "batch_size": 0, "patience": 0, "alpha": 0, "negatives": 0, "far_weight": 0, "weight_decay": 0,
    "momentum": 0, "clip": 0, "dropout": 0, "edge_share": 0, "warmup": 0, "mu_x": 0, "mu_z": 0, "seed": 0,
}  # fmt: skip
#: Values that are shares, and the largest seed that every generator takes.
AT_MOST: dict[str, float] = {"edge_share": 1, "seed": 2**63 - 1}
BELOW: dict[str, float] = {"dropout": 1, "warmup": 1}
#: Values that have to be larger than 0 (infinite only for the degrees of freedom).
ABOVE_ZERO = ("nu_x", "nu_z", "sigma", "sigma_z", "lr", "temperature", "gamma")
MAY_BE_INFINITE = ("nu_x", "nu_z")
CHOICES = {"task": ("dr", "ge"), "init": ("auto", "random", "pca")}


@dataclass(frozen=True)
class Recipe:
    """Settings of a run. Unknown keys are errors; numbers that may be "auto" are found from the data.

    Attributes:
        task: dr (rows of numbers to a map) or ge (nodes of a graph to vectors); decides evaluation only.
        graph: Similarity graphs, joined by +: knn, citation, citation+knn, or given (handed over).
        message: Graphs along which a graph encoder passes messages, in the same notation.
        features: none, l2 (unit rows), idf (inverse document frequency, then unit rows), standard (columns of
            mean 0 and deviation 1) or scale (one factor for the whole table).
        n_neighbors: Neighbours in the kNN graph.
        metric: Distance between feature rows: euclidean, cosine or manhattan.
        alpha: Weight of the second graph.
        max_hops: Length of shortest paths that fill p_X beyond the edges; 1 keeps the edges only.
        nu_x: ν of the prescribed similarity.
        sigma: σ_X, or auto for the calibration to log2 k.
        mu_x: auto (nearest neighbour) or a number.
        symmetrise: tconorm, max, mean or none.
        dynamic: p' = β p_X + p_{Z,l} with β from 1 to 0.
        layer: The hidden layer l.
        encoder: Name of an encoder.
        hidden: Width of hidden layers.
        depth: Number of layers.
        hops: Propagation steps of the linear encoder.
        dropout: Share of hidden units dropped.
        dim: Dimension of the embedding.
        init: auto, random or pca: where a table or a map starts.
        loss: Name of a loss.
        gamma: γ of GKL.
        power: Exponent of GKL.
        over: Normalisation of KL.
        temperature: Temperature of InfoNCE.
        nu_z: ν of the embedded similarity; auto is 1 for normalised losses and 0.01 for sums over pairs.
        sigma_z: σ_Z, or auto for the calibration on the first batch.
        mu_z: μ_Z, or auto.
        metric_z: euclidean or cosine.
        normalised: Kernel with κ(0) = 1 on the embedded side.
        far_weight: Weight of a pair with p = 0; auto balances by `negatives`.
        negatives: Weight of all far pairs relative to the mass of p.
        batch_size: Samples in a batch; 0 takes all where they fit.
        edge_share: Share of a batch that is edge ends.
        epochs: Passes over the samples.
        lr: Learning rate.
        scale_lr: Multiply lr by batch/256.
        optimiser: adam, adamw or sgd.
        weight_decay: Weight decay.
        momentum: Momentum of sgd.
        schedule: constant, cosine, linear or step.
        warmup: Share of the run spent warming up.
        clip: Largest gradient norm, 0 for none.
        patience: Epochs without improvement before the run ends, 0 for never.
        precision: float32 or bfloat16.
        compile: Compile the encoder.
        seed: Of all randomness.
    """

    task: str = "dr"
    graph: str = "knn"
    message: str = "citation"
    features: str = "none"
    n_neighbors: int = 15
    metric: str = "euclidean"
    alpha: float = 0.1
    max_hops: int = 1
    nu_x: float = math.inf
    sigma: Auto = "auto"
    mu_x: Auto = "auto"
    symmetrise: str = "tconorm"
    dynamic: bool = False
    layer: int = -1
    encoder: str = "mlp"
    hidden: int = 512
    depth: int = 3
    hops: int = 4
    dropout: float = 0.0
    dim: int = 2
    init: str = "auto"
    loss: str = "bce"
    gamma: float = 1.0
    power: float = 1.0
    over: str = "all"
    temperature: float = 1.0
    nu_z: Auto = "auto"
    sigma_z: Auto = 1.0
    mu_z: Auto = 0.0
    metric_z: str = "euclidean"
    normalised: bool = True
    far_weight: Auto = "auto"
    negatives: float = 5.0
    batch_size: int = 1024
    edge_share: float = 0.75
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

    def __post_init__(self) -> None:
        """Refuses values out of range; names of parts are checked where the parts are."""
        for key, value in self.to_dict().items():
            if key in CHOICES and value not in CHOICES[key]:
                raise unknown(key, value, CHOICES[key])
            if isinstance(value, int | float):
                _check_range(key, value)

    def but(self, **changes: Any) -> Recipe:
        """The same recipe with some values changed; values are checked and brought to their type."""
        hints = get_type_hints(Recipe)
        clean = {}
        for key, value in changes.items():
            if key not in hints:
                raise unknown("setting", key, hints)
            clean[key] = _typed(key, value, hints[key])
        return dataclasses.replace(self, **clean)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, in the order of the fields."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Recipe:
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
        hint = float
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
