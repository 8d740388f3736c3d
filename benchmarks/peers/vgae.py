"""VGAE, the variational graph autoencoder: a GAE whose code is a Gaussian held near the standard one.

The paper's settings but for the width (see `autoencoding`): 200 epochs of Adam at 0.01, all edges seen, the KL
divergence over N. The paper predicts links only. The model is PyTorch Geometric's.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch_geometric.nn import VGAE

from benchmarks.peers.autoencoding import TwoLayerGCN, random_pairs
from benchmarks.peers.seeding import seeded
from benchmarks.peers.views import compressed, unit_sums

NAME = "VGAE"
PAPER = "Kipf & Welling, NeurIPS workshop 2016, arXiv:1611.07308"
PUBLISHED: dict[str, float] = {}

LEARNING_RATE, EPOCHS = 0.01, 200


def embed(x: Tensor, edge_index: Tensor, *, seed: int, data: str = "", epochs: int | None = None) -> Tensor:
    """The means μ of the codes, N x 64."""
    x = compressed(unit_sums(x))
    with seeded(seed):
        model = VGAE(TwoLayerGCN(x.shape[1], outputs=2)).to(x.device)
        optimiser = torch.optim.Adam(model.parameters(), LEARNING_RATE)
        for _ in range(EPOCHS if epochs is None else epochs):
            optimiser.zero_grad()
            z = model.encode(x, edge_index)
            loss = model.recon_loss(z, edge_index, random_pairs(edge_index, len(x))) + model.kl_loss() / len(x)
            loss.backward()
            optimiser.step()
    with torch.no_grad():
        # In evaluation mode the code is its mean.
        return model.eval().encode(x, edge_index)
