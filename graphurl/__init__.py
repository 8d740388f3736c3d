"""graphurl: embeddings of anything with a notion of similarity, by casting every task as a graph problem."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from graphurl import data, encoders, evaluation, functional, graphs, losses, plots, recipes, relations, training
    from graphurl.aligned import align
    from graphurl.data.annotated import from_anndata
    from graphurl.embedding import Embedding
    from graphurl.estimators.distiller import Distiller
    from graphurl.estimators.embedder import Embedder
    from graphurl.estimators.nodes import NodeEmbedder
    from graphurl.graphs.graph import Graph
    from graphurl.memory import estimate_memory
    from graphurl.pipeline import embed
    from graphurl.similarity import Similarity

__version__ = "0.1.0"

# Resolved on first use, so that `import graphurl` costs nothing and loads neither matplotlib, faiss nor PyG.
_NAMES = {
    "embed": "graphurl.pipeline:embed",
    "Embedding": "graphurl.embedding:Embedding",
    "Embedder": "graphurl.estimators.embedder:Embedder",
    "NodeEmbedder": "graphurl.estimators.nodes:NodeEmbedder",
    "ImageEmbedder": "graphurl.estimators.images:ImageEmbedder",
    "Distiller": "graphurl.estimators.distiller:Distiller",
    "Graph": "graphurl.graphs.graph:Graph",
    "align": "graphurl.aligned:align",
    "from_anndata": "graphurl.data.annotated:from_anndata",
    "estimate_memory": "graphurl.memory:estimate_memory",
    "Similarity": "graphurl.similarity:Similarity",
    "distributed": "graphurl.training.distributed:distributed",
}
_FOLDERS = (
    "augment", "data", "encoders", "evaluation", "functional", "graphs", "losses", "plots", "recipes", "relations",
    "terms", "training",
)  # fmt: skip

__all__ = [
    "Distiller",
    "Embedder",
    "Embedding",
    "Graph",
    "ImageEmbedder",
    "NodeEmbedder",
    "Similarity",
    "align",
    "augment",
    "data",
    "distributed",
    "embed",
    "encoders",
    "estimate_memory",
    "evaluation",
    "from_anndata",
    "functional",
    "graphs",
    "losses",
    "plots",
    "recipes",
    "relations",
    "terms",
    "training",
]


def __getattr__(name: str) -> Any:
    """Imports a public name when it is first used."""
    if name in _NAMES:
        module, _, attribute = _NAMES[name].partition(":")
        value = getattr(importlib.import_module(module), attribute)
        globals()[name] = value
        return value
    if name in _FOLDERS:
        return importlib.import_module(f"graphurl.{name}")
    raise AttributeError(f"module 'graphurl' has no attribute {name!r}")


def __dir__() -> list[str]:
    """The public names, the lazy ones included."""
    return sorted([*__all__, "__version__"])
