"""BGRL, bootstrapped graph latents: one view's encoder predicts the other view's slow copy; nothing is pushed apart.

Section 3 of the paper: a two-layer encoder of 512 and 256 units with batch normalisation and PReLU, a predictor with
one hidden layer of 512, AdamW with a warm-up and then a cosine, and a momentum that rises from 0.99 to 1.

The paper has no citation graphs. The figures that are quoted for them, 82.7 on Cora and 71.1 on CiteSeer, come from
GraphMAE's paper, and its authors say how (THUDM/GraphMAE, issue 4): graph attention instead of the GCN, the shares,
steps and epochs below, and layers of 4096 and 1024 units, for CiteSeer 4096 and 8192. Here attention (of one head),
shares, steps and epochs are theirs and the widths the paper's, so that a run takes a minute. With the paper's GCN
Cora's validation accuracy was 77.2 instead of 81.2 (seed 0).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch_geometric.nn import GATConv

from benchmarks.peers.seeding import seeded
from benchmarks.peers.views import compressed, drop_edges, mask_features, unit_sums

NAME = "BGRL"
PAPER = "Thakoor et al., ICLR 2022, arXiv:2102.06514"
# The paper's own tables have no public Planetoid split.
PUBLISHED: dict[str, float] = {}


@dataclass(frozen=True)
class Settings:
    """What depends on the graph: step, epochs, and the shares of edges and columns that views A and B lack."""

    learning_rate: float = 1e-3
    epochs: int = 100
    edges: tuple[float, float] = (0.5, 0.3)
    columns: tuple[float, float] = (0.2, 0.5)


SETTINGS = {
    "cora": Settings(),
    "citeseer": Settings(5e-4, 50, (0.4, 0.4), (0.4, 0.1)),
}
HIDDEN, DIM, PREDICTOR = 512, 256, 512
WEIGHT_DECAY, MOMENTUM, WARM_UP = 1e-5, 0.99, 0.1


class Encoder(nn.Module):
    """Two layers of PReLU(BN(GAT(H)))."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.first, self.second = GATConv(features, HIDDEN), GATConv(HIDDEN, DIM)
        self.after_first = nn.Sequential(nn.BatchNorm1d(HIDDEN), nn.PReLU())
        self.after_second = nn.Sequential(nn.BatchNorm1d(DIM), nn.PReLU())

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        hidden = self.after_first(self.first(x, edge_index))
        return self.after_second(self.second(hidden, edge_index))


def bootstrap_loss(predicted: Tensor, target: Tensor) -> Tensor:
    """Two minus twice the mean cosine, equation 2 up to a constant; no gradient reaches the target.

    Args:
        predicted: Predictions of one view from the other, (N, d).
        target: That view's embeddings by the slow encoder.
    """
    return 2 - 2 * F.cosine_similarity(predicted, target.detach(), dim=1).mean()


@torch.no_grad()
def follow(target: nn.Module, online: nn.Module, momentum: float) -> None:
    """Moves the slow encoder, equation 3: φ <- τ φ + (1 - τ) θ.

    Args:
        target: The slow encoder, φ.
        online: The trained one, θ.
        momentum: τ.
    """
    for slow, fast in zip(target.parameters(), online.parameters(), strict=True):
        slow.mul_(momentum).add_(fast, alpha=1 - momentum)


def step_size(epoch: int, epochs: int) -> float:
    """The share of the learning rate at an epoch: a straight rise, then a cosine down to 0."""
    warm = max(1, round(WARM_UP * epochs))
    return epoch / warm if epoch < warm else (1 + math.cos(math.pi * (epoch - warm) / (epochs - warm + 1))) / 2


def momentum_at(epoch: int, epochs: int) -> float:
    """τ at an epoch: from 0.99 up to 1 along a cosine."""
    return 1 - (1 - MOMENTUM) * (1 + math.cos(math.pi * epoch / epochs)) / 2


def embed(x: Tensor, edge_index: Tensor, *, seed: int, data: str = "", epochs: int | None = None) -> Tensor:
    """The online encoder's output on the whole graph, N x 256."""
    s = SETTINGS.get(data, Settings())
    x, total = compressed(unit_sums(x)), s.epochs if epochs is None else epochs
    with seeded(seed):
        online, target = Encoder(x.shape[1]).to(x.device), Encoder(x.shape[1]).to(x.device)
        predict = nn.Sequential(nn.Linear(DIM, PREDICTOR), nn.PReLU(), nn.Linear(PREDICTOR, DIM)).to(x.device)
        weights = [*online.parameters(), *predict.parameters()]
        optimiser = torch.optim.AdamW(weights, s.learning_rate, weight_decay=WEIGHT_DECAY)
        for epoch in range(total):
            optimiser.param_groups[0]["lr"] = s.learning_rate * step_size(epoch + 1, total)
            a, b = (
                (mask_features(x, columns), drop_edges(edge_index, edges))
                for edges, columns in zip(s.edges, s.columns, strict=True)
            )
            with torch.no_grad():
                target_a, target_b = target(*a), target(*b)
            optimiser.zero_grad()
            loss = bootstrap_loss(predict(online(*a)), target_b) + bootstrap_loss(predict(online(*b)), target_a)
            loss.backward()
            optimiser.step()
            follow(target, online, momentum_at(epoch, total))
    with torch.no_grad():
        return online.eval()(x, edge_index)
