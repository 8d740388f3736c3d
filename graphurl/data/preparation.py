"""Preparation of feature rows: fitted once, kept with the model, applied to every new row."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor

from graphurl.errors import InputError, unknown
from graphurl.functional.mapped import by_rows, row_blocks
from graphurl.functional.projection import leading_directions
from graphurl.functional.sparse import csr_matrix

KINDS = ("none", "l2", "idf", "sqrt-idf", "standard", "scale", "pca-50", "pca-100")
# What each kind learns from the rows.
LEARNT = {
    "idf": {"factor"}, "sqrt-idf": {"factor"}, "standard": {"offset", "factor"}, "scale": {"offset", "factor"},
    "pca-50": {"offset", "directions"}, "pca-100": {"offset", "directions"},
}  # fmt: skip
#: Numbers that are made wider at a time: in blocks that stay in the cache it takes a third of the time.
IN_CACHE = 2**16
#: Kinds that keep the leading principal coordinates, and how many.
PRINCIPAL = {"pca-50": 50, "pca-100": 100}


@dataclass(frozen=True)
class Preparation:
    """A map of feature rows that treats new rows as it treated the fitted ones.

    Attributes:
        kind: none; l2 (unit rows); idf (words weighed by log(N / document frequency), then unit rows); sqrt-idf (by
            its root: rare words count more, but less so); standard (columns of mean 0 and deviation 1, constant
            columns to 0); scale (centred, one factor for all); pca-50 and pca-100 (so many leading principal
            coordinates, one factor for all: for neighbours of rows with many columns).
        num_features: Columns that a row must have.
        tensors: What was learnt: offset, and factor or directions.
    """

    kind: str
    num_features: int
    tensors: dict[str, Tensor] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuses an unknown kind, and one without what it has to have learnt."""
        if self.kind not in KINDS:
            raise unknown("preparation of features", self.kind, KINDS)
        if set(self.tensors) != LEARNT.get(self.kind, set()):
            raise InputError(f"preparation {self.kind!r} was never fitted: use Preparation.fit")

    @classmethod
    def fit(cls, kind: str, x: Tensor) -> Preparation:
        """Learns offset and factor from rows.

        Args:
            kind: One of `KINDS`.
            x: Feature rows, dense or sparse CSR.

        Returns:
            The fitted preparation.
        """
        if kind not in KINDS:
            raise unknown("preparation of features", kind, KINDS)
        learnt: dict[str, Tensor] = {}
        if kind in ("idf", "sqrt-idf"):
            frequency = _columns(x)
            if bool((frequency == len(x)).all()):
                raise InputError(
                    f"features is {kind!r} and no row has a zero, so every column weighs log(N / N) = 0: "
                    "use features='standard' or 'l2', idf is for counts of words"
                )
            weight = (len(x) / frequency.clamp_min(1)).log().float()
            learnt["factor"] = weight if kind == "idf" else weight.sqrt()
        elif kind in ("standard", "scale"):
            mean, deviation = _moments(x)
            learnt["offset"] = mean
            if kind == "scale":
                deviation = (deviation**2).mean().sqrt().expand_as(deviation)
            inverse = 1 / deviation.clamp_min(1e-12)
            learnt["factor"] = torch.where(deviation > 0, inverse, torch.zeros_like(deviation))
        elif kind in PRINCIPAL:
            mean, deviation = _moments(x)
            scale = (deviation**2).mean().sqrt().clamp_min(1e-12)
            dense = x.to_dense() if x.layout != torch.strided else x
            settled = torch.Generator().manual_seed(0)
            directions = leading_directions(dense, PRINCIPAL[kind], settled, lambda rows: rows - mean)
            learnt |= {"offset": mean, "directions": directions.T / scale}
        return cls(kind, x.shape[1], {key: value.contiguous().clone() for key, value in learnt.items()})

    def config(self) -> dict[str, object]:
        """What rebuilds this, beside the tensors."""
        return {"kind": self.kind, "num_features": self.num_features}

    def apply(self, x: Tensor) -> Tensor:
        """Prepares rows; sparse rows stay sparse where nothing is subtracted from them, mapped ones in a file."""
        if x.shape[1] != self.num_features:
            raise InputError(
                f"the rows have {x.shape[1]} features and the model was fitted on {self.num_features}: "
                "hand over the same columns"
            )
        if self.kind in PRINCIPAL:  # few columns come out, so that even those of a mapped table are held
            x = x.to_dense() if x.layout != torch.strided else x
            offset, directions = self.tensors["offset"].to(x), self.tensors["directions"].to(x)
            return torch.cat([(x[rows] - offset) @ directions for rows in row_blocks(x)])
        return x if self.kind == "none" else by_rows(x, self._rows)

    def _rows(self, x: Tensor) -> Tensor:
        if self.kind in ("l2", "idf", "sqrt-idf"):
            factor = None if self.kind == "l2" else self.tensors["factor"].to(x.device)
            return _unit_rows(x, factor)
        x = x.to_dense() if x.layout != torch.strided else x
        return (x - self.tensors["offset"].to(x)) * self.tensors["factor"].to(x)


def like_words(x: Tensor) -> bool:
    """Says whether rows look like counts of words, which idf is for: none negative, at least half of them 0."""
    values = x if x.layout == torch.strided else x.values()
    if values.numel() and float(values.amin()) < 0:
        return False
    return 2 * int(values.count_nonzero()) <= x.shape[0] * x.shape[1]


def _columns(x: Tensor) -> Tensor:
    """Number of rows in which each column is not zero."""
    if x.layout == torch.strided:
        return torch.stack([(x[rows] != 0).sum(dim=0) for rows in row_blocks(x)]).sum(dim=0)
    return torch.bincount(x.col_indices()[x.values() != 0], minlength=x.shape[1])


def _moments(x: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of the columns, in float64, without a second copy of x."""
    if x.layout != torch.strided:
        x = x.to_dense()
    mean = torch.zeros(x.shape[1], dtype=torch.float64, device=x.device)
    for rows in row_blocks(x, IN_CACHE):
        mean += x[rows].double().sum(dim=0)
    mean /= len(x)
    square = torch.zeros_like(mean)
    for rows in row_blocks(x, IN_CACHE):
        square += x[rows].double().sub_(mean).square_().sum(dim=0)
    return mean.float(), (square / len(x)).sqrt().float()


def _unit_rows(x: Tensor, factor: Tensor | None) -> Tensor:
    """Rows times a factor a column, divided by their length; a row of zeros stays zero."""
    if x.layout == torch.strided:
        x = x if factor is None else x * factor
        return torch.nn.functional.normalize(x, dim=1)
    crow, col, value = x.crow_indices(), x.col_indices(), x.values()
    value = value if factor is None else value * factor[col]
    row = torch.repeat_interleave(torch.arange(x.shape[0], device=x.device), crow.diff())
    length = value.new_zeros(x.shape[0]).index_add_(0, row, value**2).sqrt().clamp_min(1e-12)
    return csr_matrix(crow, col, value / length[row], (x.shape[0], x.shape[1]))
