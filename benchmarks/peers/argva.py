"""ARGVA, the adversarially regularised variational graph autoencoder: a VGAE whose codes shall look Gaussian.

The paper's settings but for the encoder's width (see `autoencoding`): 16 and 64 units in the discriminator, 200
iterations of Adam at 0.001; 5 steps of the discriminator in each. Features stay as they come: with rows of unit sum
so few and small steps lead nowhere. The paper predicts links and clusters only. The model is PyTorch Geometric's.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch_geometric.nn import ARGVA

from benchmarks.peers.autoencoding import DIM, TwoLayerGCN, random_pairs
from benchmarks.peers.seeding import seeded
from benchmarks.peers.views import compressed

NAME = "ARGVA"
PAPER = "Pan et al., IJCAI 2018, arXiv:1802.04407"
PUBLISHED: dict[str, float] = {}

LEARNING_RATE, EPOCHS, DISCRIMINATOR_STEPS = 1e-3, 200, 5


def discriminator(dim: int = DIM) -> nn.Sequential:
    """Tells codes from draws of the standard Gaussian; its last layer gives the logit."""
    return nn.Sequential(nn.Linear(dim, 16), nn.ReLU(), nn.Linear(16, 64), nn.ReLU(), nn.Linear(64, 1))


def embed(x: Tensor, edge_index: Tensor, *, seed: int, data: str = "", epochs: int | None = None) -> Tensor:
    """The means μ of the codes, N x 64."""
    x = compressed(x)
    with seeded(seed):
        model = ARGVA(TwoLayerGCN(x.shape[1], outputs=2), discriminator()).to(x.device)
        encoding = torch.optim.Adam(model.encoder.parameters(), LEARNING_RATE)
        judging = torch.optim.Adam(model.discriminator.parameters(), LEARNING_RATE)
        for _ in range(EPOCHS if epochs is None else epochs):
            z = model.encode(x, edge_index)
            for _ in range(DISCRIMINATOR_STEPS):
                judging.zero_grad()
                model.discriminator_loss(z).backward()
                judging.step()
            encoding.zero_grad()
            reconstruction = model.recon_loss(z, edge_index, random_pairs(edge_index, len(x)))
            loss = reconstruction + model.reg_loss(z) + model.kl_loss() / len(x)
            loss.backward()
            encoding.step()
    with torch.no_grad():
        # In evaluation mode the code is its mean.
        return model.eval().encode(x, edge_index)
