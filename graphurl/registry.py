"""Every part that has a name: name → "module:Attribute", resolved when it is asked for.

Adding a part is one new file and one line here; the command line, saved models and the listing follow.
The table holds strings, so that reading the names (`graphurl --help`) imports nothing heavy.
"""

from __future__ import annotations

import importlib
import inspect
from typing import Any

from graphurl.errors import unknown

PARTS: dict[str, dict[str, str]] = {
    "losses": {
        "mse": "graphurl.losses.mse:MSE",
        "kl": "graphurl.losses.kl:KL",
        "bce": "graphurl.losses.bce:BCE",
        "gkl": "graphurl.losses.gkl:GKL",
        "infonce": "graphurl.losses.infonce:InfoNCE",
        "alignment": "graphurl.losses.alignment:Alignment",
        "enhancement": "graphurl.losses.cosine:DistanceEnhancement",
        "correlation": "graphurl.losses.cosine:CrossCorrelation",
        "nce": "graphurl.losses.nce:NCE",
        "rkd": "graphurl.losses.matching:RKD",
        "pkt": "graphurl.losses.matching:PKT",
        "sp": "graphurl.losses.matching:SP",
    },
    "encoders": {
        "table": "graphurl.encoders.table:Table",
        "landmarks": "graphurl.encoders.landmarks:Landmarks",
        "mlp": "graphurl.encoders.mlp:MLP",
        "corrected": "graphurl.encoders.corrected:Corrected",
        "charts": "graphurl.encoders.charts:Charts",
        "gcn": "graphurl.encoders.gcn:GCN",
        "sage": "graphurl.encoders.gcn:SAGE",
        "gat": "graphurl.encoders.gcn:GAT",
        "linear": "graphurl.encoders.sgc:PropagatedLinear",
        "convnet": "graphurl.encoders.convnet:ConvNet",
        "convnet-wide": "graphurl.encoders.convnet:WideConvNet",
        "resnet18": "graphurl.encoders.resnet:ResNet18",
        "resnet50": "graphurl.encoders.resnet:ResNet50",
        "mobilenet": "graphurl.encoders.mobilenet:MobileNetV2",
        "shufflenet": "graphurl.encoders.shufflenet:ShuffleNetV1",
    },
    "graphs": {
        "knn": "graphurl.graphs.constructors:knn",
        "citation": "graphurl.graphs.constructors:citation",
    },
    "heads": {
        "none": "graphurl.encoders.heads:Bare",
        "linear": "graphurl.encoders.heads:Linear",
        "mlp": "graphurl.encoders.heads:MLP",
        "mlp3": "graphurl.encoders.heads:MLP3",
        "norm-linear": "graphurl.encoders.heads:NormLinear",
        "norm-mlp": "graphurl.encoders.heads:NormMLP",
    },
    "views": {
        "cifar": "graphurl.augment.plans:CIFAR",
        "moco-v2": "graphurl.augment.plans:MOCO_V2",
        "simclr": "graphurl.augment.plans:SIMCLR",
        "simclr-cifar": "graphurl.augment.plans:SIMCLR_CIFAR",
        "byol": "graphurl.augment.plans:BYOL",
        "weak": "graphurl.augment.plans:WEAK",
        "weak-strong": "graphurl.augment.plans:WEAK_STRONG",
        "weak-cifar": "graphurl.augment.plans:WEAK_CIFAR",
        "strong": "graphurl.augment.plans:STRONG",
        "infomin": "graphurl.augment.plans:INFOMIN",
        "noise": "graphurl.augment.plans:NOISE",
        "multi-crop": "graphurl.augment.plans:MULTI_CROP",
        "none": "graphurl.augment.plans:NONE",
    },
    "terms": {
        "views": "graphurl.terms.methods:views",
        "queue": "graphurl.terms.methods:queue",
        "bank": "graphurl.terms.methods:bank",
        "targets": "graphurl.terms.methods:targets",
        "features": "graphurl.terms.methods:features",
        "classes": "graphurl.terms.methods:classes",
        "cld": "graphurl.terms.additions:cld",
        "intra": "graphurl.terms.additions:intra",
        "inter": "graphurl.terms.additions:inter",
        "de": "graphurl.terms.additions:de",
        "class-de": "graphurl.terms.additions:class_de",
        "teacher": "graphurl.terms.teachers:teacher",
        "anchors": "graphurl.terms.teachers:anchors",
    },
    "recipes": {
        "map": "graphurl.recipes.maps:MAP",
        "map-network": "graphurl.recipes.maps:NETWORK",
        "map-charts": "graphurl.recipes.maps:CHARTS",
        "map-direct": "graphurl.recipes.maps:DIRECT",
        "map-vectors": "graphurl.recipes.maps:VECTORS",
        "genurl-mnist": "graphurl.recipes.maps:GENURL_MNIST",
        "genurl-coil-20": "graphurl.recipes.maps:GENURL_COIL20",
        "nodes": "graphurl.recipes.nodes:NODES",
        "nodes-mlp": "graphurl.recipes.nodes:NODES_MLP",
        "nodes-only": "graphurl.recipes.nodes:NODES_ONLY",
        "genurl-nodes": "graphurl.recipes.nodes:GENURL_NODES",
        "simclr": "graphurl.recipes.images:SIMCLR",
        "t-simclr": "graphurl.recipes.images:T_SIMCLR",
        "moco": "graphurl.recipes.images:MOCO",
        "t-moco": "graphurl.recipes.images:T_MOCO",
        "npid": "graphurl.recipes.images:NPID",
        "iraug": "graphurl.recipes.images:IRAUG",
        "byol": "graphurl.recipes.images:BYOL",
        "simsiam": "graphurl.recipes.images:SIMSIAM",
        "barlow": "graphurl.recipes.images:BARLOW",
        "sne-views": "graphurl.recipes.images:SNE_VIEWS",
        "tsne-views": "graphurl.recipes.images:TSNE_VIEWS",
        "genurl-gkl": "graphurl.recipes.images:GENURL_GKL",
        "genurl-bce": "graphurl.recipes.images:GENURL_BCE",
        "genurl-mse": "graphurl.recipes.images:GENURL_MSE",
        "supervised": "graphurl.recipes.images:SUPERVISED",
        "distill": "graphurl.recipes.students:DISTILL",
        "distill-anchored": "graphurl.recipes.students:DISTILL_ANCHORED",
        "distill-gkl": "graphurl.recipes.students:DISTILL_GKL",
        "distill-kl": "graphurl.recipes.students:DISTILL_KL",
        "distill-slow": "graphurl.recipes.students:DISTILL_SLOW",
        "distill-rkd": "graphurl.recipes.students:DISTILL_RKD",
        "distill-pkt": "graphurl.recipes.students:DISTILL_PKT",
        "distill-sp": "graphurl.recipes.students:DISTILL_SP",
        "distill-sskd": "graphurl.recipes.students:DISTILL_SSKD",
        "distill-seed": "graphurl.recipes.students:DISTILL_SEED",
        "distill-crd": "graphurl.recipes.students:DISTILL_CRD",
    },
    "figures": {
        "map": "graphurl.plots.scatter:scatter",
        "curves": "graphurl.plots.curves:curves",
        "shepard": "graphurl.plots.shepard:shepard",
        "similarity": "graphurl.plots.matrices:similarity_map",
        "class-means": "graphurl.plots.matrices:class_means",
        "neighbors": "graphurl.plots.nearest:neighbors",
        "views": "graphurl.plots.views:views",
        "maps": "graphurl.plots.multiples:maps",
    },
}

# How a kind is called in a sentence about one of its members.
_SINGULAR = {"losses": "loss", "views": "plan of views"}


def kinds() -> tuple[str, ...]:
    """Returns the kinds of parts there are, in the order of a listing."""
    return tuple(PARTS)


def names(kind: str) -> tuple[str, ...]:
    """Returns the names of one kind, in the order of the table.

    Args:
        kind: One of `kinds()`.

    Raises:
        InputError: If there is no such kind.
    """
    return tuple(_table(kind))


def resolve(kind: str, name: str) -> Any:
    """Imports the part that a name stands for.

    Args:
        kind: One of `kinds()`.
        name: One of `names(kind)`.

    Returns:
        The class, function or value itself.

    Raises:
        InputError: If there is no such kind or name; the message offers the nearest one.
    """
    table = _table(kind)
    if name not in table:
        raise unknown(_SINGULAR.get(kind, kind.removesuffix("s")), name, table)
    module, _, attribute = table[name].partition(":")
    return getattr(importlib.import_module(module), attribute)


def describe(kind: str) -> dict[str, str]:
    """Returns the first docstring line of every part of one kind; this imports them all.

    Args:
        kind: One of `kinds()`.
    """
    return {name: _first_line(resolve(kind, name)) for name in names(kind)}


def _table(kind: str) -> dict[str, str]:
    if kind not in PARTS:
        raise unknown("kind of part", kind, PARTS)
    return PARTS[kind]


def _first_line(part: object) -> str:
    return (inspect.getdoc(part) or "").partition("\n")[0]
