"""Node2Vec: skip-gram with negative samples on random walks; it sees edges alone, no features.

The paper's settings: 128 dimensions, 10 walks of length 80 from every node, windows of 10; p = q = 1, where the
paper searches both with labels. The model is PyTorch Geometric's and needs its compiled companion pyg-lib.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch_geometric.nn import Node2Vec
from torch_geometric.typing import WITH_PYG_LIB

from benchmarks.peers.seeding import seeded

NAME = "Node2Vec"
PAPER = "Grover & Leskovec, KDD 2016, arXiv:1607.00653"
PUBLISHED: dict[str, float] = {}

DIM, WALKS, LENGTH, WINDOW, BATCH, LEARNING_RATE, EPOCHS = 128, 10, 80, 10, 128, 0.01, 10


def embed(x: Tensor, edge_index: Tensor, *, seed: int, data: str = "", epochs: int | None = None) -> Tensor:
    """The embedding table, N x 128.

    Raises:
        ImportError: pyg-lib, which draws the walks, is not installed.
    """
    if not WITH_PYG_LIB:
        raise ImportError("Node2Vec of PyTorch Geometric draws its walks with pyg-lib, which is not installed")
    with seeded(seed):
        model = Node2Vec(edge_index, DIM, LENGTH, WINDOW, WALKS, num_nodes=len(x), sparse=True).to(x.device)
        optimiser = torch.optim.SparseAdam(list(model.parameters()), LEARNING_RATE)
        loader = model.loader(batch_size=BATCH, shuffle=True)
        for _ in range(EPOCHS if epochs is None else epochs):
            for walks, others in loader:
                optimiser.zero_grad()
                model.loss(walks.to(x.device), others.to(x.device)).backward()
                optimiser.step()
    return model().detach()
