"""ImageEmbedder: pictures without labels to vectors, learnt from their views."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

from graphurl.data.samples import Samples
from graphurl.errors import InputError
from graphurl.estimators.base import GraphEmbedder, same_kind
from graphurl.recipes import PictureRecipe
from graphurl.source import load


class ImageEmbedder(GraphEmbedder):
    """Self-supervised embedding of pictures: every method is a relation among views (SimCLR, MoCo, BYOL …).

    A parameter that is None takes the value of the recipe.

    Args:
        n_components: Dimension of the projection that is compared; the embedding is the encoder's features.
        method: Name of a recipe (`graphurl list recipes`), or a `graphurl.recipes.PictureRecipe`.
        add: Further terms: names such as "cld", "eir", "de", or functions of a `graphurl.terms.Context`.
        encoder: convnet, resnet18, resnet50, mobilenet, shufflenet, torchvision:NAME, timm:NAME, or a module that
            maps pictures n×C×H×W to rows.
        loss: Name of a loss.
        views: Name of a plan of views.
        n_epochs: Passes over the pictures.
        batch_size: Pictures in a batch.
        learning_rate: Learning rate.
        temperature: Temperature of the method.
        random_state: A whole number makes runs repeatable.
        device: auto, cpu, cuda or mps.
        callbacks: Called with each epoch's moment; True ends the fit.
        verbose: 1 shows a progress bar on a terminal.
        settings: Any further field of `graphurl.recipes.PictureRecipe`.

    Attributes:
        embedding_: A row a picture, float32.
        encoder_: The trained module.
        history_: A record an epoch.
        result_: The `graphurl.Embedding`.
    """

    def __init__(
        self,
        n_components: int | None = None,
        *,
        method: Any = "simclr",
        add: Sequence[Any] = (),
        encoder: Any = None,
        loss: str | None = None,
        views: str | None = None,
        n_epochs: int | None = None,
        batch_size: int | None = None,
        learning_rate: float | None = None,
        temperature: float | None = None,
        random_state: Any = None,
        device: str = "auto",
        callbacks: Sequence[Any] = (),
        verbose: int = 0,
        settings: dict[str, Any] | None = None,
    ) -> None:
        """Only stores."""
        self.n_components = n_components
        self.method = method
        self.add = add
        self.encoder = encoder
        self.loss = loss
        self.views = views
        self.n_epochs = n_epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.temperature = temperature
        self.random_state = random_state
        self.device = device
        self.callbacks = callbacks
        self.verbose = verbose
        self.settings = settings

    def fit(self, images: Any, y: Any = None) -> Self:
        """Fits the encoder.

        Args:
            images: A folder, the name of a data set, `Samples`, or an array n×H×W, n×H×W×C or n×C×H×W of bytes, or of
                numbers from 0 to 1.
            y: Labels, read only by methods that ask for them; those of the data by default.

        Returns:
            The fitted estimator.
        """
        return self._embed(self._pictures(images, y), None)

    def fit_transform(self, images: Any, y: Any = None) -> Any:
        """Fits and returns the embedded pictures, a tensor where tensors came in."""
        return same_kind(self.fit(images, y).embedding_, images)

    def transform(self, images: Any) -> Any:
        """Embeds new pictures: whole, in evaluation mode."""
        self._check_fitted()
        return same_kind(self.result_.transform(images), images)

    def _pictures(self, images: Any, y: Any) -> Samples:
        samples = load(images, pictures=True).samples
        if y is None:
            return samples
        from graphurl.data import as_samples

        return as_samples(samples, y)

    def _recipe(self, samples: Samples) -> PictureRecipe:
        found = self.method if isinstance(self.method, PictureRecipe) else super()._recipe(samples)
        if not isinstance(found, PictureRecipe):
            raise InputError(f"method is {self.method!r}, no method for pictures: give simclr, moco, byol …")
        return found
