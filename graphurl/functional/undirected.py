"""Undirected edges: each pair once, laid out so that what it gives to both ends is a product with a sparse matrix."""

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
        starts: Where the pairs that each node is an end of begin in `meeting`, (N + 1,).
        meeting: Those pairs, (2 E,).
        sign: 1 where the node is the smaller end, -1 where it is the larger one.
    """

    row: Tensor
    col: Tensor
    value: Tensor
    starts: Tensor
    meeting: Tensor
    sign: Tensor

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
        if self.value.dtype == dtype:
            return self
        return replace(self, value=self.value.to(dtype), sign=self.sign.to(dtype))

    def differences(self, pull: Tensor) -> Tensor:
        """What each node gets: Σ of the rows of the pairs whose smaller end it is, less those whose larger end it is.

        Args:
            pull: A row for each pair, (E, d).
        """
        shape = (len(self.starts) - 1, len(self.row))
        found: Tensor = csr_matrix(self.starts, self.meeting, self.sign.to(pull), shape) @ pull
        return found

    def to(self, device: torch.device | str) -> Pairs:
        """The same pairs on another device; themselves where they are there, with what they have added up."""
        if self.row.device == torch.empty(0, device=device).device:
            return self
        parts = (self.row, self.col, self.value, self.starts, self.meeting, self.sign)
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
    kind = torch.int32 if max(n, 2 * count) < 2**31 else torch.int64
    # A node meets its pairs in the order of its entries.
    meeting = torch.empty_like(col)
    meeting[lower], meeting[upper] = back, torch.arange(count, device=row.device)
    sign = torch.where(upper, 1, -1).to(value.dtype)
    first, last, starts, meeting = (part.to(kind) for part in (row[upper], col[upper], crow, meeting))
    return Pairs(first, last, value[upper], starts, meeting, sign)
