"""Linear maps side by side, each where it holds: an atlas of the rows, without any row in it."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from graphurl.encoders.base import Encoded, Encoder, Inputs
from graphurl.functional.charts import fitted_charts, nearest_charts, rows_at_once
from graphurl.functional.interpolate import most_likely_place


class Charts(Encoder):
    """A mixture of linear maps (Jacobs et al. 1991; charting, Brand 2002), found in closed form.

    Each chart says where a row would lie, z_m = a_m + B_m^T (x - c_m); the row goes where most of its nearest charts
    put it, as a new row goes to its neighbours (`most_likely_place`). The weights can be trained like any other, but
    `learn` finds them at once.

    Args:
        in_dim: Number of features.
        out_dim: Dimension of the embedding.
        hidden: Number of charts.
    """

    def __init__(self, in_dim: int, out_dim: int, *, hidden: int = 3072) -> None:
        """Draws centres, and maps that are nearly constant."""
        super().__init__()
        self.centres = nn.Parameter(torch.randn(hidden, in_dim))
        self.offsets = nn.Parameter(0.1 * torch.randn(hidden, out_dim))
        self.slopes = nn.Parameter(torch.zeros(hidden, in_dim, out_dim))

    def forward(self, inputs: Inputs) -> Encoded:
        """Places rows; sparse ones are made dense."""
        x = inputs.x.to_dense() if inputs.x.layout != torch.strided else inputs.x
        blocks = torch.split(x, rows_at_once(self.centres))
        return Encoded(inputs.pick(torch.cat([self._placed(rows) for rows in blocks])))

    def _placed(self, x: Tensor) -> Tensor:
        d2, near = nearest_charts(x, self.centres)
        away = x[:, None] - self.centres[near]
        said = self.offsets[near] + (away[:, :, None] @ self.slopes[near])[:, :, 0]
        return most_likely_place(d2, said)

    def learn(self, inputs: Inputs, targets: Tensor, generator: torch.Generator) -> None:
        """Finds centres, places and slopes; charts without rows are left out."""
        x = inputs.x.to_dense() if inputs.x.layout != torch.strided else inputs.x
        found = fitted_charts(x, targets, len(self.centres), generator)
        self.centres, self.offsets, self.slopes = (nn.Parameter(part.clone()) for part in found)

    def config(self) -> Mapping[str, object]:
        """All constructor arguments."""
        hidden, in_dim, out_dim = self.slopes.shape
        return {"in_dim": in_dim, "out_dim": out_dim, "hidden": hidden}
