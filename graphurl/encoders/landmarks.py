"""Free coordinates that place new rows: where most of their nearest fitted rows lie."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from graphurl.encoders.base import Encoded, Inputs
from graphurl.encoders.table import Table
from graphurl.errors import InputError
from graphurl.functional.distance import ANGULAR, Metric
from graphurl.functional.interpolate import most_likely_place
from graphurl.functional.neighbors import Search
from graphurl.functional.sparse import csr_matrix, equal_rows

#: Fitted rows that place a new one.
NEIGHBOURS = 10
_SPARSE = ("starts", "columns", "values")
#: Name of a metric that is a function of the user's own, where the function itself is not at hand.
GIVEN = "given"


class Landmarks(Table):
    """z_i = W_i for fitted rows; a new row is pulled by its nearest fitted rows, which stay where they are.

    A new row is one more node of the graph, with edges to its neighbours, and the loss pulls it alone: its neighbours
    were pushed away from all far rows already. A fitted row is its own nearest one and gets its own place; equal rows
    share one, and so do multiples of a row where the metric does not see length. The fitted rows are kept with the
    model.

    Args:
        num_rows: Number of samples.
        out_dim: Dimension of the embedding.
        in_dim: Number of features that are to be restored; 0 for none yet.
        metric: Distance between feature rows: a name, a function, or given, which is a function that was not saved.
        generator: Source of the start.
    """

    inductive = True
    groups: Tensor | None
    counts: Tensor | None

    def __init__(
        self,
        num_rows: int,
        out_dim: int,
        *,
        in_dim: int = 0,
        metric: Metric = "euclidean",
        generator: torch.Generator | None = None,
    ) -> None:
        """Starts as a table that knows no features yet."""
        super().__init__(num_rows, out_dim, generator=generator)
        self.metric, self.in_dim = metric, in_dim
        self._kept: dict[str, Tensor] = {}
        self._search: Search | None = None
        for name in ("groups", "counts"):
            self.register_buffer(name, None, persistent=False)

    def remember(self, x: Tensor, metric: Metric) -> None:
        """Keeps the prepared rows that belong to the coordinates, in their order, and finds equal ones.

        They are no part of the state that a checkpoint holds: the data give them again. `saved` has them.
        """
        if x.layout == torch.strided:
            self._kept = {"features": x.detach().float()}
        else:
            self._kept = dict(zip(_SPARSE, (x.crow_indices(), x.col_indices(), x.values()), strict=True))
        self.metric, self.in_dim, self._search = metric, x.shape[1], None
        self.groups = equal_rows(x, scaled=metric in ANGULAR)
        self.counts = None if self.groups is None else torch.bincount(self.groups)[:, None]

    @property
    def known(self) -> Tensor:
        """The fitted rows, dense or sparse CSR."""
        if "features" in self._kept:
            return self._kept["features"]
        starts, columns, values = (self._kept[name] for name in _SPARSE)
        return csr_matrix(starts, columns, values, (len(self.rows), self.in_dim))

    def forward(self, inputs: Inputs) -> Encoded:
        """Looks row numbers up, and places rows of features."""
        x = inputs.x
        if x.layout == torch.strided and not x.is_floating_point():
            return Encoded(inputs.pick(self._places().index_select(0, x)))
        return Encoded(inputs.pick(self._pulled(x)))

    def _places(self) -> Tensor:
        """The coordinates; equal rows are in one place, the mean of theirs."""
        if self.groups is None or self.counts is None:
            return self.rows
        total = self.rows.new_zeros(len(self.counts), self.rows.shape[1]).index_add(0, self.groups, self.rows)
        return (total / self.counts)[self.groups]

    def _pulled(self, x: Tensor) -> Tensor:
        if x.shape[1] != self.in_dim:
            raise InputError(f"rows have {x.shape[1]} features and the fitted ones {self.in_dim}: prepare them alike")
        if self.metric == GIVEN:
            raise InputError(
                "the rows were compared by a function of your own, which a saved model does not hold: set the "
                "encoder's metric to it (embedding.model.encoder.metric), or fit with a metric that has a name"
            )
        if self._search is None or self._search.metric != self.metric:
            self._search = Search(self.known, metric=self.metric)
        near = self._search(x.cpu(), min(NEIGHBOURS, len(self.rows)))
        return most_likely_place(near.distances.to(self.rows), self._places()[near.indices.to(self.rows.device)])

    def config(self) -> Mapping[str, object]:
        """Number of rows, dimension, and what is remembered."""
        metric = self.metric if isinstance(self.metric, str) else GIVEN
        return {**super().config(), "in_dim": self.in_dim, "metric": metric}

    def saved(self) -> dict[str, Tensor]:
        """Coordinates and fitted rows, these dense or as the parts of a sparse matrix."""
        return {**super().saved(), **self._kept}

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        """Takes over coordinates and fitted rows."""
        self._kept = dict(tensors)
        super().restore({"rows": self._kept.pop("rows")})
        if self.in_dim:
            self.remember(self.known, self.metric)

    def __getstate__(self) -> dict[str, object]:
        """A copy builds a search of its own."""
        return {**self.__dict__, "_search": None}
