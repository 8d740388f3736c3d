"""GRACE: a node's two views are alike among all nodes of both views.

Section 3 of the paper: edges dropped and columns masked with other shares in either view, a two-layer GCN, a
projection head of two layers with ELU, and InfoNCE whose negatives come from within and from across the views.
Settings are the paper's for each data set.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch_geometric.nn import GCNConv

from benchmarks.peers.seeding import seeded
from benchmarks.peers.views import compressed, drop_edges, mask_features, unit_sums

NAME = "GRACE"
PAPER = "Zhu et al., ICML workshop 2020, arXiv:2006.04131"
# The paper's 83.3 (Cora) and 72.1 (CiteSeer) are of random splits with a tenth of the nodes for training.
PUBLISHED: dict[str, float] = {}


@dataclass(frozen=True)
class Settings:
    """What the paper tunes: dimension, activation, τ, step, epochs, and what views A and B lack."""

    dim: int = 128
    activation: type[nn.Module] = nn.ReLU
    temperature: float = 0.4
    learning_rate: float = 5e-4
    epochs: int = 200
    edges: tuple[float, float] = (0.2, 0.4)
    columns: tuple[float, float] = (0.3, 0.4)


SETTINGS = {
    "cora": Settings(),
    "citeseer": Settings(256, nn.PReLU, 0.9, 1e-3, 200, (0.2, 0.0), (0.3, 0.2)),
    "pubmed": Settings(256, nn.ReLU, 0.7, 1e-3, 1500, (0.4, 0.1), (0.0, 0.2)),
}
WEIGHT_DECAY = 1e-5


class GCN(nn.Module):
    """σ(Â σ(Â X W_0) W_1), the hidden layer twice as wide as the embedding."""

    def __init__(self, features: int, dim: int, activation: type[nn.Module]) -> None:
        super().__init__()
        self.first, self.second = GCNConv(features, 2 * dim), GCNConv(2 * dim, dim)
        self.activation = activation()

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        hidden = self.activation(self.first(x, edge_index))
        return self.activation(self.second(hidden, edge_index))


def grace_loss(u: Tensor, v: Tensor, temperature: float) -> Tensor:
    """InfoNCE of both directions over all nodes, equations 1 and 2.

    ℓ(u_i, v_i) = -θ(u_i, v_i)/τ + log(Σ_k e^{θ(u_i, v_k)/τ} + Σ_{k≠i} e^{θ(u_i, u_k)/τ}), θ the cosine; the loss is the
    mean of ℓ(u_i, v_i) and ℓ(v_i, u_i) over i.

    Args:
        u: Projections of one view, (N, d).
        v: Projections of the other.
        temperature: τ.
    """
    u, v = F.normalize(u), F.normalize(v)
    # Cosines are at most 1, so no exponential is larger than e^{1/τ}: nothing has to be shifted.
    across = (u @ v.T / temperature).exp()

    def negatives(view: Tensor) -> Tensor:
        within = (view @ view.T / temperature).exp()
        return within.sum(1) - within.diagonal()

    normalisers = torch.stack((across.sum(1) + negatives(u), across.sum(0) + negatives(v)))
    return (normalisers.log() - across.diagonal().log()).mean()


def embed(x: Tensor, edge_index: Tensor, *, seed: int, data: str = "", epochs: int | None = None) -> Tensor:
    """The encoder's output on the whole graph, before the projection, N x 128 (CiteSeer and PubMed: 256)."""
    s = SETTINGS.get(data, Settings())
    x = compressed(unit_sums(x))
    with seeded(seed):
        encoder = GCN(x.shape[1], s.dim, s.activation).to(x.device)
        project = nn.Sequential(nn.Linear(s.dim, s.dim), nn.ELU(), nn.Linear(s.dim, s.dim)).to(x.device)
        weights = [*encoder.parameters(), *project.parameters()]
        optimiser = torch.optim.Adam(weights, s.learning_rate, weight_decay=WEIGHT_DECAY)
        for _ in range(s.epochs if epochs is None else epochs):
            optimiser.zero_grad()
            u, v = (
                project(encoder(mask_features(x, columns), drop_edges(edge_index, edges)))
                for edges, columns in zip(s.edges, s.columns, strict=True)
            )
            grace_loss(u, v, s.temperature).backward()
            optimiser.step()
    with torch.no_grad():
        return encoder(x, edge_index)
