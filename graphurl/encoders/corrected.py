"""A linear map, and a network that corrects it: a student that starts where principal directions end."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from graphurl.encoders.base import Encoded, Encoder, Inputs
from graphurl.encoders.mlp import MLP
from graphurl.functional.mapped import row_blocks

#: Ridge of the linear map, relative to the mean square of a column.
RIDGE = 1e-6


class Corrected(Encoder):
    """z = x Wᵀ + b + f(x), f an MLP whose last layer starts at 0.

    `learn` sets W and b by least squares, so that training starts from the best linear map to given places and the
    network has only to find what no linear map can.

    Args:
        in_dim: Number of features.
        out_dim: Dimension of the embedding.
        hidden: Width of the network's hidden layers.
        depth: Number of its linear layers.
    """

    unit: Tensor

    def __init__(self, in_dim: int, out_dim: int, *, hidden: int = 256, depth: int = 3) -> None:
        """Builds both; without `learn` the linear map is drawn at random."""
        super().__init__()
        self.linear = nn.Linear(in_dim, out_dim)
        self.network = MLP(in_dim, out_dim, hidden=hidden, depth=depth)
        last = self.network.layers[-1]
        assert isinstance(last, nn.Linear)
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)
        self.register_buffer("unit", torch.ones(()))

    def forward(self, inputs: Inputs) -> Encoded:
        """Embeds feature rows; the network sees them with entries of deviation 1."""
        x = inputs.x.to_dense() if inputs.x.layout != torch.strided else inputs.x
        found = self.network(Inputs(x * self.unit))
        return Encoded(inputs.pick(self.linear(x) + found.z), tuple(inputs.pick(layer) for layer in found.hidden))

    def learn(self, inputs: Inputs, targets: Tensor, generator: torch.Generator) -> None:
        """The linear map of least squares to the targets, and the unit of the rows."""
        x, width = inputs.x, inputs.x.shape[1] + 1
        gram, cross = torch.zeros(width, width).double(), torch.zeros(width, targets.shape[1]).double()
        for block in row_blocks(x):
            rows = x[block].to_dense() if x.layout != torch.strided else x[block]
            rows = torch.nn.functional.pad(rows.double(), (0, 1), value=1.0)
            gram, cross = gram + rows.T @ rows, cross + rows.T @ targets[block].double()
        square = float(gram.diagonal()[:-1].mean())
        gram.diagonal()[:-1].add_(max(RIDGE * square, torch.finfo(torch.float32).tiny))
        solved = torch.linalg.solve(gram, cross).float()
        with torch.no_grad():
            self.linear.weight.copy_(solved[:-1].T)
            self.linear.bias.copy_(solved[-1])
            self.unit.fill_((square / len(x)) ** -0.5 if square > 0 else 1.0)

    def config(self) -> Mapping[str, object]:
        """All constructor arguments."""
        network = dict(self.network.config())
        return {key: network[key] for key in ("in_dim", "out_dim", "hidden", "depth")}
