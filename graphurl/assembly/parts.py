"""What a run is made of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from torch import nn

from graphurl.data.pixels import Pixels
from graphurl.data.preparation import Preparation
from graphurl.encoders.base import Inputs
from graphurl.graphs.graph import Graph
from graphurl.model import Model
from graphurl.relations.objective import Objective


@dataclass(frozen=True)
class Parts:
    """What a run is made of, once all names are resolved.

    Attributes:
        objective: What the trainer trains.
        graph: p_X, where it is known before training; among views it is made batch by batch.
        preparation: What is done to feature rows or pictures.
        everything: Inputs that embed all samples in order, at once or some at a time.
        encoder_name: Registry name of the encoder, or custom.
        head: What is put on the encoder for good, where the projection is the embedding.
        found: What settings that are auto came to.
    """

    objective: Objective
    graph: Graph | None
    preparation: Preparation | Pixels | None
    everything: Inputs | Iterable[Inputs]
    encoder_name: str
    head: nn.Module | None = None
    found: Mapping[str, Any] = field(default_factory=dict)

    def whole(self) -> np.ndarray:
        """All rows as the encoder places them now."""
        model = Model(self.encoder_name, self.objective.encoder, self.preparation, head=self.head)
        return model.place(self.everything).numpy().copy()
