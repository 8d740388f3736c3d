"""Features as the papers prepare them, and the random views of a graph: fewer edges, masked features."""

from __future__ import annotations

import torch
from torch import Tensor

#: Below this share of entries other than zero, features are kept as compressed rows: the same products, faster.
THIN = 0.1


def unit_sums(x: Tensor) -> Tensor:
    """Rows divided by their sums, x_ij / Σ_j x_ij; a row of zeros stays.

    Args:
        x: Dense features, (N, F), none negative in the papers' data sets.
    """
    return x / x.sum(1, keepdim=True).clamp(min=1e-12)


def compressed(x: Tensor) -> Tensor:
    """The same features as compressed sparse rows if they are thin enough for that to pay.

    Args:
        x: Dense features, (N, F).
    """
    return x.to_sparse_csr() if torch.count_nonzero(x) < THIN * x.numel() else x


def drop_edges(edge_index: Tensor, share: float) -> Tensor:
    """Leaves out every directed edge with probability `share`, by itself.

    Args:
        edge_index: Edges, (2, E).
        share: Probability in [0, 1).
    """
    return edge_index[:, torch.rand(edge_index.shape[1], device=edge_index.device) >= share]


def mask_features(x: Tensor, share: float) -> Tensor:
    """Sets every column to zero with probability `share`, in all rows alike.

    Args:
        x: Features, (N, F), dense or compressed rows.
        share: Probability in [0, 1).
    """
    kept = (torch.rand(x.shape[1], device=x.device) >= share).to(x.dtype)
    if x.layout == torch.strided:
        return x * kept
    columns = x.col_indices()
    return torch.sparse_csr_tensor(x.crow_indices(), columns, x.values() * kept[columns], x.shape)


def shuffled_rows(x: Tensor) -> Tensor:
    """The same rows in random order.

    Args:
        x: Features, (N, F), dense or compressed rows.
    """
    order = torch.randperm(x.shape[0], device=x.device)
    if x.layout == torch.strided:
        return x[order]
    starts = x.crow_indices()
    lengths = starts.diff()[order]
    moved = torch.cat((starts[:1], lengths.cumsum(0)))
    entries = (starts[order] - moved[:-1]).repeat_interleave(lengths) + torch.arange(len(x.values()), device=x.device)
    return torch.sparse_csr_tensor(moved, x.col_indices()[entries], x.values()[entries], x.shape)
