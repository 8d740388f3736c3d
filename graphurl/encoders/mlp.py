"""Multi-layer perceptron, the paper's encoder for rows of numbers and for nodes without edges."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

import torch
from torch import nn

from graphurl.encoders.base import Encoded, Encoder, Inputs
from graphurl.errors import InputError


class MLP(Encoder):
    """Linear layers with LeakyReLU between them (GenURL: 3 layers for maps, 5 for nodes).

    Args:
        in_dim: Number of features.
        out_dim: Dimension of the embedding.
        hidden: Width of the hidden layers.
        depth: Number of linear layers, at least 1.
        slope: Slope of LeakyReLU below zero.
        dropout: Share of hidden units dropped while training.
    """

    def __init__(
        self,
        in_dim: int,
        out_dim: int,
        *,
        hidden: int = 512,
        depth: int = 3,
        slope: float = 0.01,
        dropout: float = 0.0,
    ) -> None:
        """Builds the layers with PyTorch's default initialisation."""
        super().__init__()
        if depth < 1:
            raise InputError(f"depth is {depth}: an MLP has at least 1 layer")
        widths = [in_dim, *[hidden] * (depth - 1), out_dim]
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(widths))
        self.activation = nn.LeakyReLU(slope)
        self.dropout = nn.Dropout(dropout)
        self._config = {
            "in_dim": in_dim, "out_dim": out_dim, "hidden": hidden, "depth": depth,
            "slope": slope, "dropout": dropout,
        }  # fmt: skip

    def forward(self, inputs: Inputs) -> Encoded:
        """Embeds feature rows; sparse rows are made dense batch by batch."""
        x = inputs.x.to_dense() if inputs.x.layout != torch.strided else inputs.x
        hidden: list[torch.Tensor] = []
        for layer in list(self.layers)[:-1]:
            x = self.dropout(self.activation(layer(x)))
            hidden.append(inputs.pick(x))
        return Encoded(inputs.pick(self.layers[-1](x)), tuple(hidden))

    def config(self) -> Mapping[str, object]:
        """All constructor arguments."""
        return self._config
