"""Message-passing encoders from PyTorch Geometric's layers."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch_geometric.nn import GATConv, GCNConv, SAGEConv

from graphurl.encoders.base import Encoded, Encoder, Inputs, Needs
from graphurl.errors import InputError


class GCN(Encoder):
    """Graph convolutions with LeakyReLU between them (Kipf and Welling 2017): h' = D^-½ (A + I) D^-½ h W.

    Args:
        in_dim: Number of features.
        out_dim: Dimension of the embedding.
        hidden: Width of the hidden layers.
        depth: Number of layers, at least 1.
        slope: Slope of LeakyReLU below zero.
        dropout: Share of hidden units dropped while training.
    """

    needs: ClassVar[Needs] = "graph"
    layer: ClassVar[type[nn.Module]] = GCNConv
    weighted: ClassVar[bool] = True

    def __init__(
        self,
        in_dim: int,
        out_dim: int,
        *,
        hidden: int = 512,
        depth: int = 2,
        slope: float = 0.01,
        dropout: float = 0.0,
    ) -> None:
        """Builds the layers with their own default initialisation."""
        super().__init__()
        if depth < 1:
            raise InputError(f"depth is {depth}: a {type(self).__name__} has at least 1 layer")
        widths = [in_dim, *[hidden] * (depth - 1), out_dim]
        make: Any = self.layer
        self.layers = nn.ModuleList(make(a, b) for a, b in pairwise(widths))
        self.activation = nn.LeakyReLU(slope)
        self.dropout = nn.Dropout(dropout)
        self._config = {
            "in_dim": in_dim, "out_dim": out_dim, "hidden": hidden, "depth": depth,
            "slope": slope, "dropout": dropout,
        }  # fmt: skip

    @property
    def reach(self) -> int:
        """One edge a layer."""
        return len(self.layers)

    def forward(self, inputs: Inputs) -> Encoded:
        """Embeds the wanted rows from all rows and their edges."""
        x = inputs.x.to_dense() if inputs.x.layout != torch.strided else inputs.x
        if inputs.edge_index is None:
            raise InputError(f"{type(self).__name__} got rows without edges: hand over a graph, or use mlp")
        hidden: list[Tensor] = []
        for layer in list(self.layers)[:-1]:
            x = self.dropout(self.activation(self._convolve(layer, x, inputs)))
            hidden.append(inputs.pick(x))
        return Encoded(inputs.pick(self._convolve(self.layers[-1], x, inputs)), tuple(hidden))

    def _convolve(self, layer: nn.Module, x: Tensor, inputs: Inputs) -> Tensor:
        out: Tensor = (
            layer(x, inputs.edge_index, inputs.edge_weight) if self.weighted else layer(x, inputs.edge_index)
        )
        return out

    def config(self) -> Mapping[str, object]:
        """All constructor arguments."""
        return self._config


class SAGE(GCN):
    """GraphSAGE layers with mean aggregation (Hamilton et al. 2017); edge weights are not used."""

    layer: ClassVar[type[nn.Module]] = SAGEConv
    weighted: ClassVar[bool] = False


class GAT(GCN):
    """Graph attention layers with one head (Veličković et al. 2018); edge weights are not used."""

    layer: ClassVar[type[nn.Module]] = GATConv
    weighted: ClassVar[bool] = False
