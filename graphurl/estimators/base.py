"""What both estimators share: parameters become a recipe, results get trailing underscores."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from sklearn.base import BaseEstimator
from torch import Tensor

from graphurl import registry
from graphurl.data.samples import Samples
from graphurl.embedding import Embedding
from graphurl.errors import InputError
from graphurl.graphs.graph import Graph
from graphurl.pipeline import default_recipe, embed
from graphurl.recipes import Choices

#: scikit-learn's name of a parameter → the recipe's.
RENAMED = {"n_components": "dim", "n_epochs": "epochs", "learning_rate": "lr"}
#: Parameters that are no settings of a recipe.
OWN = (
    "encoder", "random_state", "device", "verbose", "settings", "callbacks", "method", "add", "target_weight",
    "warm_start", "student",
)  # fmt: skip


class GraphEmbedder(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Base of the estimators. `__init__` only stores; `fit` resolves."""

    encoder: Any
    random_state: Any
    device: str
    verbose: int
    settings: dict[str, Any] | None
    callbacks: Sequence[Any]
    method: Any

    def _resolved(self) -> dict[str, Any]:
        """Settings that the user gave; None means the recipe's default."""
        given = {k: v for k, v in self.get_params(deep=False).items() if k not in OWN and v is not None}
        chosen = {RENAMED.get(key, key): value for key, value in given.items()}
        for key, value in (self.settings or {}).items():
            if key in chosen or key in ("encoder", "seed"):
                name = {"seed": "random_state", **{new: old for old, new in RENAMED.items()}}.get(key, key)
                raise InputError(f"{key!r} is given twice: leave it out of settings and use {name}=")
            chosen[key] = value
        chosen["seed"] = seed_of(self.random_state)
        return chosen

    def _chosen(self, samples: Samples) -> Choices:
        """The recipe with the user's settings, drawn once: a random state may be a generator."""
        chosen = self._recipe(samples).but(**self._resolved())
        return chosen.but(encoder=self.encoder) if isinstance(self.encoder, str) else chosen

    def _embed(
        self, samples: Samples, graph: Graph | None, recipe: Choices | None = None, encoder: Any = None,
        teacher: Any = None,
    ) -> Self:  # fmt: skip
        """Fits and keeps what was learnt."""
        encoder = self.encoder if encoder is None else encoder
        if isinstance(encoder, torch.nn.Module):
            import copy

            encoder = copy.deepcopy(encoder)  # a fit does not change its parameters
        # A recipe of its own: the name of a graph among the settings is not the graph that is handed over.
        result = embed(
            samples, recipe=recipe or self._chosen(samples), graph=graph, encoder=encoder,
            add=getattr(self, "add", ()), device=self.device, callbacks=tuple(self.callbacks),
            progress=self.verbose > 0, teacher=teacher,
        )  # fmt: skip
        return self._keep(result)

    def _keep(self, result: Embedding) -> Self:
        """Sets the attributes of a fit."""
        self.result_: Embedding = result
        self.embedding_ = result.z
        self.graph_ = result.graph
        self.encoder_ = result.model.encoder
        self.history_ = result.history
        self.n_iter_ = max(1, len(result.history))
        self._n_features_out = result.z.shape[1]
        return self

    def _recipe(self, samples: Samples) -> Choices:
        """The recipe of the method, or the one that fits the data."""
        asked = self._resolved() | {"encoder": self.encoder}
        return default_recipe(samples, self.method, asked)

    def report(self) -> Any:
        """Every metric that the fitted data allow."""
        self._check_fitted()
        return self.result_.report()

    def save(self, folder: str | Path) -> Path:
        """Writes embedding, settings and model into a folder; `graphurl.Embedding.load` reads it.

        The model of `landmarks` holds the fitted rows, which place new ones; other encoders hold none.
        """
        self._check_fitted()
        return self.result_.save(folder)

    def _check_fitted(self) -> None:
        from sklearn.utils.validation import check_is_fitted

        check_is_fitted(self, "embedding_")

    def _inductive(self) -> bool:
        """Whether new samples can be placed; `transform` exists only then."""
        if hasattr(self, "result_"):
            return self.result_.model.inductive
        encoder = getattr(self, "encoder", None)
        if encoder is None and self.method in registry.names("recipes"):
            encoder = registry.resolve("recipes", self.method).encoder
        return encoder != "table" and getattr(self, "metric", None) != "precomputed"

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Names of the coordinates: graphurl0, graphurl1 … in order."""
        self._check_fitted()
        return np.array([f"graphurl{i}" for i in range(self._n_features_out)], dtype=object)


def seed_of(random_state: Any) -> int:
    """A seed from what scikit-learn allows as random state; None is a fresh one."""
    if random_state is None:
        return int(np.random.default_rng().integers(2**31))
    if isinstance(random_state, bool) or not isinstance(random_state, int | np.integer):
        if isinstance(random_state, np.random.RandomState):
            return int(random_state.randint(2**31))
        if isinstance(random_state, np.random.Generator):
            return int(random_state.integers(2**31))
        raise InputError(f"random_state is {random_state!r}: give a whole number, a generator of NumPy, or None")
    return int(random_state)


def same_kind(z: np.ndarray, like: Any) -> Any:
    """Tensors for tensors, on the same device; arrays for everything else."""
    return torch.from_numpy(z).to(like.device) if isinstance(like, Tensor) else z
