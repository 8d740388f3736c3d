"""CCA-SSG: two views whose embeddings agree, while the dimensions of each are uncorrelated.

Section 3 of the paper: edges dropped and columns masked at random, a GCN without a head, and an objective on the
standardised columns. Settings are the paper's for each data set; Adam at 0.001 throughout.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch_geometric.nn import GCNConv

from benchmarks.peers.seeding import seeded
from benchmarks.peers.views import compressed, drop_edges, mask_features, unit_sums

NAME = "CCA-SSG"
PAPER = "Zhang et al., NeurIPS 2021, arXiv:2106.12484"
PUBLISHED = {"cora": 84.2, "citeseer": 73.1, "pubmed": 81.6}


@dataclass(frozen=True)
class Settings:
    """What the paper tunes: layers, λ, epochs, and the shares of edges and columns that a view lacks."""

    layers: int = 2
    trade_off: float = 1e-3
    epochs: int = 50
    edges: float = 0.4
    columns: float = 0.1


SETTINGS = {
    "cora": Settings(),
    "citeseer": Settings(layers=1, trade_off=5e-4, epochs=20, columns=0.0),
    "pubmed": Settings(epochs=100, edges=0.5, columns=0.3),
}
DIM, LEARNING_RATE = 512, 1e-3


class GCN(nn.Module):
    """Layers of Â H W with ReLU between them, none after the last."""

    def __init__(self, features: int, dim: int, layers: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(GCNConv(dim if i else features, dim) for i in range(layers))

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        for i, layer in enumerate(self.layers):
            x = layer(x.relu() if i else x, edge_index)
        return x


def standardised(z: Tensor) -> Tensor:
    """Columns of mean 0 and length 1, equation 4: (z - μ(z)) / (σ(z) √N)."""
    return (z - z.mean(0)) / (z.std(0, correction=0) * len(z) ** 0.5)


def cca_loss(a: Tensor, b: Tensor, trade_off: float) -> Tensor:
    """Invariance and decorrelation, equation 5, the first term halved.

    ½ ‖Z_A - Z_B‖² + λ (‖Z_Aᵀ Z_A - I‖² + ‖Z_Bᵀ Z_B - I‖²) on standardised columns. With columns of length 1 the first
    term is d - tr(Z_Aᵀ Z_B); the settings above count λ against that trace.

    Args:
        a: Embeddings of one view, (N, d).
        b: Embeddings of the other.
        trade_off: λ.
    """
    a, b = standardised(a), standardised(b)
    identity = torch.eye(a.shape[1], dtype=a.dtype, device=a.device)
    invariance = (a - b).square().sum() / 2
    decorrelation = (a.T @ a - identity).square().sum() + (b.T @ b - identity).square().sum()
    return invariance + trade_off * decorrelation


def embed(x: Tensor, edge_index: Tensor, *, seed: int, data: str = "", epochs: int | None = None) -> Tensor:
    """The encoder's output on the whole graph, N x 512."""
    s = SETTINGS.get(data, Settings())
    x = compressed(unit_sums(x))
    with seeded(seed):
        encoder = GCN(x.shape[1], DIM, s.layers).to(x.device)
        optimiser = torch.optim.Adam(encoder.parameters(), LEARNING_RATE)
        for _ in range(s.epochs if epochs is None else epochs):
            optimiser.zero_grad()
            a, b = (encoder(mask_features(x, s.columns), drop_edges(edge_index, s.edges)) for _ in range(2))
            cca_loss(a, b, s.trade_off).backward()
            optimiser.step()
    with torch.no_grad():
        return encoder(x, edge_index)
