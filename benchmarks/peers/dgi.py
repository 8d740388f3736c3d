"""DGI, Deep Graph Infomax: tells true patches from those of shuffled features, given a summary of the graph.

The paper's transductive set-up (section 4.2): rows of unit sum, one GCN layer of 512 units with PReLU, the mean as
readout, a bilinear discriminator, Adam at 0.001, and a stop once the training loss has not fallen for 20 epochs. The
model is PyTorch Geometric's.
"""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn
from torch_geometric.nn import DeepGraphInfomax, GCNConv

from benchmarks.peers.seeding import seeded
from benchmarks.peers.views import compressed, shuffled_rows, unit_sums

NAME = "DGI"
PAPER = "Veličković et al., ICLR 2019, arXiv:1809.10341"
PUBLISHED = {"cora": 82.3, "citeseer": 71.8, "pubmed": 76.8}

DIM, LEARNING_RATE, PATIENCE, EPOCHS = 512, 1e-3, 20, 10_000


class Patches(nn.Module):
    """One GCN layer with PReLU, equation 3: PReLU(D̂^-1/2 Â D̂^-1/2 X Θ)."""

    def __init__(self, features: int, dim: int) -> None:
        super().__init__()
        self.layer, self.activation = GCNConv(features, dim), nn.PReLU(dim)

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        return self.activation(self.layer(x, edge_index))


def shuffled(x: Tensor, edge_index: Tensor) -> tuple[Tensor, Tensor]:
    """The corruption C: the same graph, with the rows of the features in another order."""
    return shuffled_rows(x), edge_index


def summary(patches: Tensor, *_: Tensor) -> Tensor:
    """The readout R, equation 5: the logistic function of the mean patch."""
    return torch.sigmoid(patches.mean(0))


def embed(x: Tensor, edge_index: Tensor, *, seed: int, data: str = "", epochs: int | None = None) -> Tensor:
    """Patch representations of the epoch with the lowest training loss, N x 512."""
    x = compressed(unit_sums(x))
    with seeded(seed):
        model = DeepGraphInfomax(DIM, Patches(x.shape[1], DIM), summary, shuffled).to(x.device)
        optimiser = torch.optim.Adam(model.parameters(), LEARNING_RATE)
        best, best_state, since = float("inf"), copy.deepcopy(model.state_dict()), 0
        for _ in range(EPOCHS if epochs is None else epochs):
            optimiser.zero_grad()
            loss = model.loss(*model(x, edge_index))
            since += 1
            if loss.item() < best:
                # The weights that this loss belongs to are those before the step.
                best, best_state, since = loss.item(), copy.deepcopy(model.state_dict()), 0
            if since == PATIENCE:
                break
            loss.backward()
            optimiser.step()
    model.load_state_dict(best_state)
    with torch.no_grad():
        return model.encoder(x, edge_index)
