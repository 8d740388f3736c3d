"""The table of methods on pictures: the same encoder, views, pictures and steps for all, paired seeds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from graphurl import registry
from graphurl.recipes import DistillRecipe, PictureRecipe
from graphurl.recipes.students import of_pictures


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Attributes:
        name: What it is called.
        method: Name of a recipe.
        changes: Settings that differ from the recipe.
        variant: Which pictures are trained on, beside the protocol's own subset.
        against: Name of the row that the method's claim is measured against.
        claim: What its paper says, in a few words.
        part: Share of the protocol's steps, for networks that take long.
    """

    name: str
    method: str
    changes: Mapping[str, Any] = field(default_factory=dict)
    variant: str = ""
    against: str = ""
    claim: str = ""
    part: float = 1.0


@dataclass(frozen=True)
class Protocol:
    """What all rows share.

    Attributes:
        data: Name of a data set of pictures with training and test pictures.
        subset: Training pictures of each class.
        shared: Settings of every run.
        steps: Steps of every run; pictures and batch give the epochs.
        teacher: The row whose features the rows of distillation are taught.
    """

    data: str = "cifar-10"
    subset: int = 500
    steps: int = 950
    shared: Mapping[str, Any] = field(default_factory=dict)
    teacher: Row | None = None

    def recipe(self, row: Row, seed: int, pictures: int) -> PictureRecipe:
        """The recipe of a row, in as many epochs as its pictures need for the protocol's steps."""
        changed = self.values(row, seed)
        if "epochs" in row.changes:
            return changed
        in_epoch = pictures // min(changed.batch_size, pictures)
        return changed.but(epochs=max(1, round(self.steps_of(row) / in_epoch)))

    def steps_of(self, row: Row) -> int:
        """Steps of a row's training."""
        return round(self.steps * row.part)

    def values(self, row: Row, seed: int) -> PictureRecipe:
        """A row's values but for its epochs: its method, the protocol over it, its own changes over both."""
        found: PictureRecipe = registry.resolve("recipes", row.method)
        if isinstance(found, DistillRecipe):
            found = of_pictures(found)
        return found.but(**{**self.shared, **row.changes, "seed": seed})


#: An exploration of this protocol fixed its values: 950 steps on 5,000 pictures, four convolutions, 24 × 24.
FULL = Protocol(shared={"side": 24, "batch_size": 256, "encoder": "convnet"})
#: The same in a quarter of the steps.
FAST = Protocol(steps=240, shared=FULL.shared)
#: For a GPU: all pictures, ResNet-18, 200 epochs of 195 steps.
LARGE = Protocol(
    subset=0, steps=39_000,
    shared={"side": 32, "batch_size": 256, "encoder": "resnet18", "optimiser": "sgd", "lr": 0.06, "hidden": 512},
)  # fmt: skip

_LOOSE = {"temperature": 0.5}
_FLAT = {"dim": 2}
_LOW = {"dim": 8}
_MANY_GROUPS = {"cld_groups": 128, "cld_weight": 1.0}
_CLASS_DE = {"add": "class-de", "de_weight": 1.0}
_CLD = {"add": "cld"}
_STATIC = {"dynamic": False}
_TAIL, _COPIES = "long-tailed:50", "correlated:100x50"

ROWS: tuple[Row, ...] = (
    Row("random weights", "simclr", {"epochs": 0}),
    Row("simclr", "simclr", against="random weights"),
    Row("simclr T=.5", "simclr", _LOOSE, against="simclr"),
    Row("t-simclr", "t-simclr", against="simclr"),
    Row("sne-views", "sne-views", against="simclr"),
    Row("tsne-views", "tsne-views", against="simclr"),
    Row("simclr d=8", "simclr", _LOW),
    Row("t-simclr d=8", "t-simclr", _LOW, against="simclr d=8", claim="t-kernel wins in few dimensions"),
    Row("simclr d=2", "simclr", _FLAT),
    Row("t-simclr d=2", "t-simclr", _FLAT, against="simclr d=2", claim="t-kernel wins in few dimensions"),
    Row("genurl-gkl static", "genurl-gkl", _STATIC, against="simclr"),
    Row("genurl-gkl dynamic", "genurl-gkl", against="simclr", claim="GKL + dynamic beats SimCLR"),
    Row("genurl-gkl dynamic, as printed", "genurl-gkl", {"handover": "added"}, against="genurl-gkl dynamic"),
    Row("genurl-bce static", "genurl-bce", _STATIC, against="simclr"),
    Row("genurl-bce dynamic", "genurl-bce", against="genurl-bce static", claim="dynamic helps"),
    Row("genurl-mse static", "genurl-mse", _STATIC, against="simclr"),
    Row("genurl-mse dynamic", "genurl-mse", against="genurl-mse static", claim="dynamic helps"),
    Row("moco", "moco", against="simclr"),
    Row("moco + cld", "moco", _CLD, against="moco", claim="CLD helps"),
    Row("t-moco", "t-moco", against="moco"),
    Row("npid", "npid", against="simclr"),
    Row("iraug", "iraug", against="npid"),
    Row("iraug + cld", "iraug", {"add": "cld", **_MANY_GROUPS}, against="iraug", claim="CLD helps"),
    Row("iraug, 3 views", "iraug", {"num_views": 3}, against="iraug"),
    Row("iraug + intra", "iraug", {"add": "intra"}, against="iraug", claim="EIR intra helps"),
    Row("iraug + inter", "iraug", {"add": "inter"}, against="iraug, 3 views", claim="EIR inter beats equal pictures"),
    Row("iraug + eir", "iraug", {"add": "eir"}, against="iraug, 3 views", claim="EIR beats equal pictures"),
    Row("byol", "byol", against="simclr"),
    Row("byol + de", "byol", {"add": "de"}, against="byol", claim="DE lowers NLAD"),
    Row("simsiam", "simsiam", against="simclr"),
    Row("barlow", "barlow", against="simclr"),
    Row("simclr + cld", "simclr", _CLD, against="simclr", claim="CLD helps"),
    Row("simclr + de", "simclr", {"add": "de"}, against="simclr", claim="DE lowers NLAD"),
    Row("simclr T=.5 + de", "simclr", {**_LOOSE, "add": "de"}, against="simclr T=.5", claim="DE lowers NLAD"),
    Row("supervised", "supervised", against="simclr"),
    Row("supervised + de", "supervised", _CLASS_DE, against="supervised", claim="DE lowers NLAD"),
    Row("iraug, long tail", "iraug", {}, _TAIL),
    Row("iraug + cld, long tail", "iraug", _CLD, _TAIL, "iraug, long tail", "CLD helps in a long tail"),
    Row("simclr, near-copies", "simclr", {}, _COPIES),
    Row("simclr + cld, near-copies", "simclr", _CLD, _COPIES, "simclr, near-copies", "CLD helps on near-copies"),
    Row("iraug, near-copies", "iraug", {}, _COPIES),
    Row("iraug + cld, near-copies", "iraug", _CLD, _COPIES, "iraug, near-copies", "CLD helps on near-copies"),
)
