"""Undirected edges: each pair once, laid out so that what it gives to either end is a product of sparse matrices."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor

from graphurl.functional.sparse import csr_matrix


@dataclass(frozen=True)
class Pairs:
    """The pairs of a symmetric sparse matrix, one entry for both directions.

    Attributes:
        row: The smaller end of each pair, ascending, (E,).
        col: The larger end, ascending within a row.
        value: The entry.
        starts: Where the pairs of each smaller end begin, (N + 1,).
        back_starts: Where those of each larger end begin, once pairs are sorted by it.
        back: The pairs in that order.
        back_col: Their smaller ends.
    """

    row: Tensor
    col: Tensor
    value: Tensor
    starts: Tensor
    back_starts: Tensor
    back: Tensor
    back_col: Tensor

    @cached_property
    def mass(self) -> Tensor:
        """Σ p over the entries, both directions."""
        return 2 * self.value.sum()

    @cached_property
    def information(self) -> Tensor:
        """Σ p log p over the entries, both directions."""
        total: Tensor = 2 * torch.special.xlogy(self.value, self.value).sum()
        return total

    def of_type(self, dtype: torch.dtype) -> Pairs:
        """The same pairs with entries of another type."""
        return self if self.value.dtype == dtype else replace(self, value=self.value.to(dtype))

    def laplacian(self, weight: Tensor, z: Tensor) -> Tensor:
        """Σ_j w_ij (z_i - z_j) for each i, with one weight a pair."""
        n = len(z)
        rows = torch.cat([z, z.new_ones(n, 1)], dim=1)
        upper = csr_matrix(self.starts, self.col, weight, (n, n))
        lower = csr_matrix(self.back_starts, self.back_col, weight.index_select(0, self.back), (n, n))
        total = upper @ rows + lower @ rows
        return total[:, -1:] * z - total[:, :-1]

    def to(self, device: torch.device | str) -> Pairs:
        """The same pairs on another device; themselves where they are there, with what they have added up."""
        if self.row.device == torch.empty(0, device=device).device:
            return self
        parts = (self.row, self.col, self.value, self.starts, self.back_starts, self.back, self.back_col)
        return Pairs(*(part.to(device, non_blocking=True) for part in parts))


def pairs_of(matrix: Tensor) -> Pairs | None:
    """The pairs of a sparse CSR matrix with sorted columns; None where it is not symmetric or has a diagonal."""
    crow, col, value = matrix.crow_indices(), matrix.col_indices(), matrix.values()
    n = len(crow) - 1
    row = torch.repeat_interleave(torch.arange(n, device=crow.device), crow.diff())
    upper, lower = row < col, row > col
    count = int(upper.sum())
    if count != int(lower.sum()) or 2 * count != len(col):
        return None
    key, mirrored = (row * n + col)[upper], (col * n + row)[lower]
    back = torch.searchsorted(key, mirrored).clamp_(max=max(count - 1, 0))
    if not (torch.equal(key[back], mirrored) and torch.equal(value[upper][back], value[lower])):
        return None
    # The library behind products of sparse matrices counts in 32 bits, and copies wider numbers each time.
    kind = torch.int32 if max(n, count) < 2**31 else torch.int64
    parts = (row[upper], col[upper], row[lower], col[lower], back)
    row, col, back_row, back_col, back = (part.to(kind) for part in parts)
    return Pairs(row, col, value[upper], _starts(row, n), _starts(back_row, n), back, back_col)


def _starts(row: Tensor, n: int) -> Tensor:
    counts = torch.bincount(row, minlength=n)
    return torch.cat([counts.new_zeros(1), counts.cumsum(0)]).to(row.dtype)
