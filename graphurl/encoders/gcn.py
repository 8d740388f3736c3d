"""Message-passing encoders from PyTorch Geometric's layers."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch_geometric.nn import GATConv, GCNConv, SAGEConv
from torch_geometric.utils import softmax

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
        out: Tensor = layer(x, inputs.edge_index, inputs.edge_weight)
        return out

    def config(self) -> Mapping[str, object]:
        """All constructor arguments."""
        return self._config


class SAGE(GCN):
    """GraphSAGE layers with mean aggregation (Hamilton et al. 2017): h' = W h + V Σ_u w_uv h_u / Σ_u w_uv + b."""

    layer: ClassVar[type[nn.Module]] = SAGEConv

    def _convolve(self, layer: nn.Module, x: Tensor, inputs: Inputs) -> Tensor:
        """The layer itself without weights; it takes none, so the weighted mean is formed before it."""
        assert isinstance(layer, SAGEConv)
        assert inputs.edge_index is not None
        if inputs.edge_weight is None:
            plain: Tensor = layer(x, inputs.edge_index)
            return plain
        source, target = inputs.edge_index
        weight = inputs.edge_weight.float()
        total = weight.new_zeros(len(x)).index_add(0, target, weight)
        share = weight / total.clamp_min(torch.finfo(weight.dtype).tiny)[target]
        mean = torch.zeros_like(x).index_add(0, target, share[:, None].to(x.dtype) * x[source])
        out: Tensor = layer.lin_l(mean) + layer.lin_r(x)
        return out


class _Attention(GATConv):  # type: ignore[misc]  # PyTorch Geometric has no types
    """GATConv in which the weight of an edge multiplies its share of the attention; self-loops weigh 1."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(in_channels, out_channels, fill_value=1.0)

    def edge_update(
        self, alpha_j: Tensor, alpha_i: Tensor, edge_attr: Tensor | None, index: Tensor, ptr: Tensor | None,
        dim_size: int | None,
    ) -> Tensor:  # fmt: skip
        logit = nn.functional.leaky_relu(alpha_j + alpha_i, self.negative_slope)
        if edge_attr is not None:
            logit = logit + edge_attr.log()[:, None]
        share: Tensor = softmax(logit, index, ptr, dim_size)
        return share


class GAT(GCN):
    """Graph attention layers with one head (Veličković et al. 2018): α_uv ∝ w_uv exp(LeakyReLU(a_s·h_u + a_t·h_v))."""

    layer: ClassVar[type[nn.Module]] = _Attention
