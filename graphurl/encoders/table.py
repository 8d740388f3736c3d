"""Free coordinates: one trainable row a sample."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor, nn

from graphurl.encoders.base import Encoded, Encoder, Inputs, Needs


class Table(Encoder):
    """z_i = W_i, the encoder of t-SNE, UMAP and node2vec. Places only the samples it was fitted on.

    Args:
        num_rows: Number of samples.
        out_dim: Dimension of the embedding.
        generator: Source of the start; small Gaussian noise.
    """

    needs: ClassVar[Needs] = "index"
    inductive: ClassVar[bool] = False

    def __init__(self, num_rows: int, out_dim: int, *, generator: torch.Generator | None = None) -> None:
        """Starts as noise of standard deviation 0.01."""
        super().__init__()
        self.rows = nn.Parameter(torch.randn(num_rows, out_dim, generator=generator) * 1e-2)

    def forward(self, inputs: Inputs) -> Encoded:
        """Looks the rows up; `inputs.x` holds row numbers."""
        return Encoded(inputs.pick(self.rows.index_select(0, inputs.x)))

    def place(self, rows: Tensor) -> None:
        """Starts from given coordinates."""
        with torch.no_grad():
            self.rows.copy_(rows)

    def config(self) -> Mapping[str, object]:
        """Number of rows and dimension."""
        return {"num_rows": self.rows.shape[0], "out_dim": self.rows.shape[1]}
