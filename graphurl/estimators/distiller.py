"""Distiller: a small student learns from a teacher which samples are similar."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

from graphurl.data import as_samples
from graphurl.data.samples import Samples
from graphurl.errors import InputError
from graphurl.estimators.base import GraphEmbedder, same_kind
from graphurl.functional.mapped import map_of
from graphurl.pipeline import default_recipe
from graphurl.recipes import Choices, DistillRecipe
from graphurl.recipes.students import ALIASES, BY_LOSS, reads_pictures, seen_twice
from graphurl.source import load


class Distiller(GraphEmbedder):
    """Knowledge distillation without labels: the student matches the teacher's similarities (GenURL).

    A parameter that is None takes the value of the recipe. Teacher and student may have any dimensions.

    Args:
        student: mlp for rows; mobilenet_v2, shufflenet_v1, resnet18, convnet … for pictures; or a module.
        n_components: Dimension of the student's embedding; for pictures, of the projection that is compared.
        loss: bce, gkl, mse, kl, infonce; anchored (bce against the teacher's own vectors); or a peer: rkd, pkt, sp,
            sskd, seed, crd; each with its own recipe.
        method: Name of a recipe, or a `graphurl.recipes.DistillRecipe`, in place of the one of the loss.
        add: Further terms for pictures: methods such as "simclr" and "moco", names such as "cld", or functions.
        memory: Past samples that are columns as well.
        sigma: Scale of the teacher's similarity, or "auto".
        n_epochs: Passes over the samples.
        batch_size: Samples in a batch.
        learning_rate: Learning rate.
        random_state: A whole number makes runs repeatable.
        device: auto, cpu, cuda or mps.
        callbacks: Called with each epoch's moment; True ends the fit.
        verbose: 1 shows a progress bar on a terminal.
        settings: Any further field of `graphurl.recipes.DistillRecipe`.

    Attributes:
        embedding_: A row a sample, float32.
        encoder_: The trained student.
        history_: A record an epoch.
        result_: The `graphurl.Embedding`.
    """

    def __init__(
        self,
        student: Any = None,
        *,
        n_components: int | None = None,
        loss: str | None = None,
        method: Any = None,
        add: Sequence[Any] = (),
        memory: int | None = None,
        sigma: Any = None,
        n_epochs: int | None = None,
        batch_size: int | None = None,
        learning_rate: float | None = None,
        random_state: Any = None,
        device: str = "auto",
        callbacks: Sequence[Any] = (),
        verbose: int = 0,
        settings: dict[str, Any] | None = None,
    ) -> None:
        """Only stores."""
        self.student = student
        self.n_components = n_components
        self.loss = loss
        self.method = method
        self.add = add
        self.memory = memory
        self.sigma = sigma
        self.n_epochs = n_epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.random_state = random_state
        self.device = device
        self.callbacks = callbacks
        self.verbose = verbose
        self.settings = settings

    @property
    def encoder(self) -> Any:
        """The student, as the other estimators call it."""
        return ALIASES.get(self.student, self.student) if isinstance(self.student, str) else self.student

    def fit(self, X: Any, y: Any = None, *, teacher: Any = None) -> Self:
        """Fits the student.

        Args:
            X: What the student reads: rows of numbers, or pictures (a folder, an array of bytes, `Samples`).
            y: Ignored; labels in the data serve the report only.
            teacher: The teacher's features, a row a sample in the same order (or `Samples` with ids, matched by them);
                a run folder, a file of features, a saved graph, module:callable; an `Embedding`, a `Graph`, or a module
                or function that answers. Absent means X itself: rows are made shorter.

        Returns:
            The fitted estimator.
        """
        samples = self._samples(X)
        if teacher is None:
            if samples.x is None:
                raise InputError("teacher is None and X are pictures: hand over a teacher's features, a model or a run")
            teacher = samples.x
        return self._embed(samples, None, teacher=teacher)

    def fit_transform(self, X: Any, y: Any = None, *, teacher: Any = None) -> Any:
        """Fits and returns the embedded samples, a tensor where tensors came in."""
        return same_kind(self.fit(X, y, teacher=teacher).embedding_, X)

    def transform(self, X: Any) -> Any:
        """Embeds new samples by the student alone."""
        self._check_fitted()
        return same_kind(self.result_.transform(X), X)

    def _samples(self, x: Any) -> Samples:
        """Pictures for a student that reads them, and wherever X can only be pictures; else rows."""
        folder = isinstance(x, str | Path) and Path(x).is_dir()
        deep = map_of(x) is None and len(getattr(x, "shape", ())) > 2
        if reads_pictures(self.encoder) or folder or deep or (isinstance(x, Samples) and x.x is None):
            return load(x, pictures=True).samples
        return as_samples(x)

    def _resolved(self) -> dict[str, Any]:
        """Settings that the user gave; a loss that has a recipe is chosen by it."""
        chosen = super()._resolved()
        if self.method is None and chosen.get("loss") in BY_LOSS:
            del chosen["loss"]
        return chosen

    def _chosen(self, samples: Samples) -> Choices:
        """With two views of a picture where something is added that compares them."""
        chosen = super()._chosen(samples)
        if isinstance(chosen, DistillRecipe) and len(self.add) > 0:
            return seen_twice(chosen, self.settings or {})
        return chosen

    def _recipe(self, samples: Samples) -> DistillRecipe:
        name = self.method or BY_LOSS.get(self.loss or "bce", "distill")
        found = name if isinstance(name, DistillRecipe) else default_recipe(samples, name)
        if not isinstance(found, DistillRecipe):
            raise InputError(
                f"method is {name!r}, no method of distillation: give one of {', '.join(BY_LOSS.values())}"
            )
        return found

    def _inductive(self) -> bool:
        return True
