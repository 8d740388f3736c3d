"""Row access to sparse CSR matrices, as plain tensor code."""

from __future__ import annotations

import torch
from torch import Tensor


def entries(crow: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
    """Positions of all entries of some rows.

    Args:
        crow: Compressed row pointer.
        rows: Row numbers, in any order, repeats allowed.

    Returns:
        For each entry, the place of its row in `rows` and its position in the column array.
    """
    counts = crow[rows + 1] - crow[rows]
    place = torch.repeat_interleave(torch.arange(len(rows), device=crow.device), counts)
    offset = torch.arange(len(place), device=crow.device) - (counts.cumsum(0) - counts)[place]
    return place, crow[rows][place] + offset


def take_rows(x: Tensor, rows: Tensor) -> Tensor:
    """Dense copies of some rows of a matrix, dense or sparse CSR."""
    if x.layout == torch.strided:
        return x[rows]
    place, entry = entries(x.crow_indices(), rows)
    dense = x.values().new_zeros(len(rows), x.shape[1])
    dense[place, x.col_indices()[entry]] = x.values()[entry]
    return dense
