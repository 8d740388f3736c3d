"""What the graph autoencoders share: their two-layer GCN, and the pairs that a reconstruction is judged on."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch_geometric.nn import GCNConv

#: Four times the 32 and 16 of the papers, which only predict links: under a probe all three read more at this width.
HIDDEN, DIM = 128, 64


class TwoLayerGCN(nn.Module):
    """GCN(X, A) = Â ReLU(Â X W_0) W_1 for every output, with W_0 shared between them.

    One output is an embedding; of two, the first is μ and the second log σ (VGAE, section 2).
    """

    def __init__(self, features: int, hidden: int = HIDDEN, dim: int = DIM, outputs: int = 1) -> None:
        super().__init__()
        self.first = GCNConv(features, hidden)
        self.last = nn.ModuleList(GCNConv(hidden, dim) for _ in range(outputs))

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor | tuple[Tensor, ...]:
        hidden = self.first(x, edge_index).relu()
        found = tuple(layer(hidden, edge_index) for layer in self.last)
        return found if len(found) > 1 else found[0]


def random_pairs(edge_index: Tensor, nodes: int) -> Tensor:
    """As many pairs that are no edges as there are edges, uniformly drawn, (2, about E).

    The papers weight all N^2 pairs so that edges and other pairs count the same; a draw of as many of each is that
    sum's unbiased estimate. PyTorch Geometric's own sampler draws from Python's global random state, this one does not.

    Args:
        edge_index: Edges, (2, E).
        nodes: Number of nodes N.
    """
    pairs = torch.randint(nodes, edge_index.shape, device=edge_index.device)
    known = torch.isin(pairs[0] * nodes + pairs[1], edge_index[0] * nodes + edge_index[1])
    return pairs[:, ~known & (pairs[0] != pairs[1])]
