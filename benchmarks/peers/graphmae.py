"""GraphMAE: reconstructs the features of masked nodes by a graph attention network on both sides of the code.

Section 3 of the paper: a share of the nodes shows a learnt token (a few of them another node's features), the encoder
is two layers of graph attention, the code of the masked nodes is set to zero again, one layer of graph attention
decodes, and the error is the scaled cosine error over the masked nodes alone. Settings are the paper's for each data
set; Adam with a step that falls along a cosine.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch_geometric.nn import GATConv
from torch_geometric.utils import add_self_loops, softmax

from benchmarks.peers.seeding import seeded
from benchmarks.peers.views import unit_sums

NAME = "GraphMAE"
PAPER = "Hou et al., KDD 2022, arXiv:2205.10803"
PUBLISHED = {"cora": 84.2, "citeseer": 73.4, "pubmed": 81.1}


@dataclass(frozen=True)
class Settings:
    """What the paper tunes: width, heads, γ of the error, epochs, decay, shares that are masked and replaced."""

    dim: int = 512
    heads: int = 4
    gamma: float = 3.0
    epochs: int = 1500
    weight_decay: float = 2e-4
    masked: float = 0.5
    replaced: float = 0.05


SETTINGS = {
    "cora": Settings(),
    "citeseer": Settings(heads=2, gamma=1.0, epochs=300, weight_decay=2e-5, replaced=0.1),
    "pubmed": Settings(dim=1024, epochs=1000, weight_decay=1e-5, masked=0.75, replaced=0.0),
}
LEARNING_RATE, FEATURE_DROPOUT, ATTENTION_DROPOUT = 1e-3, 0.2, 0.1


class MaskedAutoencoder(nn.Module):
    """Encoder f_E, token [M], map from code to decoder, decoder f_D."""

    def __init__(self, features: int, dim: int, heads: int) -> None:
        super().__init__()
        self.first = GATConv(features, dim // heads, heads, dropout=ATTENTION_DROPOUT)
        self.second = GATConv(dim, dim // heads, heads, dropout=ATTENTION_DROPOUT)
        self.activations = nn.ModuleList((nn.PReLU(), nn.PReLU()))
        self.token = nn.Parameter(torch.zeros(features))
        self.to_decoder = nn.Linear(dim, dim, bias=False)
        self.decoder = GATConv(dim, features, 1, dropout=ATTENTION_DROPOUT)
        for layer in (self.first, self.second, self.decoder):
            # As in the library that the authors use; with the smaller weights of this one Cora stays 3 points below.
            for weight in (layer.lin.weight, layer.att_src, layer.att_dst):
                nn.init.xavier_normal_(weight, nn.init.calculate_gain("relu"))

    def encode(self, x: Tensor, edge_index: Tensor) -> Tensor:
        """The code H = f_E(A, X)."""
        for layer, activation in zip((self.first, self.second), self.activations, strict=True):
            x = activation(layer(F.dropout(x, FEATURE_DROPOUT, self.training), edge_index))
        return x

    def reconstruct(self, x: Tensor, edge_index: Tensor, hidden: Tensor, replaced: float) -> Tensor:
        """The features that f_D finds for the masked nodes, whose own features and code it does not see.

        Args:
            x: Features, (N, F).
            edge_index: Edges, (2, E).
            hidden: Numbers of the masked nodes, in random order.
            replaced: The share of them that shows another node's features instead of the token.
        """
        strangers, veiled = hidden.split([int(replaced * len(hidden)), len(hidden) - int(replaced * len(hidden))])
        shown = x.clone()
        shown[strangers] = x[torch.randperm(len(x), device=x.device)[: len(strangers)]]
        shown[veiled] = self.token
        code = self.to_decoder(self.encode(shown, edge_index)).index_fill(0, hidden, 0.0)
        return attended(self.decoder, F.dropout(code, FEATURE_DROPOUT, self.training), edge_index, hidden)


def attended(layer: GATConv, h: Tensor, edge_index: Tensor, nodes: Tensor) -> Tensor:
    """Some rows of a graph attention layer with one head, z_i = W Σ_j α_ij h_j + b, faster than all of them.

    α_i is the softmax of LeakyReLU(a · W h_i + a' · W h_j) over the neighbours j and i itself. With W outside of the
    sum, the sum runs at the width of the code, which is much less than that of the features.

    Args:
        layer: The layer, with W, a, a', b.
        h: Its input, (N, d).
        edge_index: Edges without loops, (2, E).
        nodes: Which rows.
    """
    (source, target), weight = add_self_loops(edge_index, num_nodes=len(h))[0], layer.lin.weight
    from_source, from_target = (h @ (a.flatten() @ weight) for a in (layer.att_src, layer.att_dst))
    scores = F.leaky_relu(from_source[source] + from_target[target], layer.negative_slope)
    alpha = F.dropout(softmax(scores, target, num_nodes=len(h)), layer.dropout, layer.training)
    gathered = torch.zeros_like(h).index_add(0, target, alpha[:, None] * h[source])
    return F.linear(gathered[nodes], weight, layer.bias)


def scaled_cosine_error(x: Tensor, reconstructed: Tensor, gamma: float) -> Tensor:
    """Equation 2 of the paper: the mean of (1 - cos(x_i, z_i))^γ over the rows given, the masked ones.

    Args:
        x: True features of the masked nodes, (M, F).
        reconstructed: z, what the decoder found for them.
        gamma: γ >= 1; large errors count more the larger it is.
    """
    return (1 - F.cosine_similarity(x, reconstructed, dim=1)).pow(gamma).mean()


def embed(x: Tensor, edge_index: Tensor, *, seed: int, data: str = "", epochs: int | None = None) -> Tensor:
    """The code of the unmasked graph, N x 512 (PubMed: 1024)."""
    s = SETTINGS.get(data, Settings())
    x, total = unit_sums(x), s.epochs if epochs is None else epochs
    with seeded(seed):
        model = MaskedAutoencoder(x.shape[1], s.dim, s.heads).to(x.device)
        optimiser = torch.optim.Adam(model.parameters(), LEARNING_RATE, weight_decay=s.weight_decay)
        for epoch in range(total):
            optimiser.param_groups[0]["lr"] = LEARNING_RATE * (1 + math.cos(math.pi * epoch / total)) / 2
            hidden = torch.randperm(len(x), device=x.device)[: int(s.masked * len(x))]
            optimiser.zero_grad()
            found = model.reconstruct(x, edge_index, hidden, s.replaced)
            scaled_cosine_error(x[hidden], found, s.gamma).backward()
            optimiser.step()
    with torch.no_grad():
        return model.eval().encode(x, edge_index)
