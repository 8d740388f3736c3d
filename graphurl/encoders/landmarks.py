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
        in_dim: Number of features; 0 until `remember` is called.
        entries: Numbers of sparse features that are not 0; None means dense rows.
        metric: Distance between feature rows: a name, a function, or given, which is a function that was not saved.
        generator: Source of the start.
    """

    inductive = True
    features: Tensor
    starts: Tensor
    columns: Tensor
    values: Tensor

    def __init__(
        self,
        num_rows: int,
        out_dim: int,
        *,
        in_dim: int = 0,
        entries: int | None = None,
        metric: Metric = "euclidean",
        generator: torch.Generator | None = None,
    ) -> None:
        """Starts as a table that knows no features yet."""
        super().__init__(num_rows, out_dim, generator=generator)
        self.metric, self.in_dim = metric, in_dim
        self._search: Search | None = None
        self.groups: Tensor | None = None
        if entries is None:
            self.register_buffer("features", torch.zeros(num_rows, in_dim))
            return
        for name, size in zip(_SPARSE, (num_rows + 1, entries, entries), strict=True):
            self.register_buffer(name, torch.zeros(size, dtype=torch.float32 if name == "values" else torch.int64))

    def remember(self, x: Tensor, metric: Metric) -> None:
        """Keeps the prepared rows that belong to the coordinates, in their order."""
        self.metric, self.in_dim, self._search = metric, x.shape[1], None
        self.groups = equal_rows(x, scaled=metric in ANGULAR)
        if x.layout == torch.strided:
            self.register_buffer("features", x.detach().float())
            return
        del self.features
        parts = (x.crow_indices(), x.col_indices(), x.values())
        for name, part in zip(_SPARSE, parts, strict=True):
            self.register_buffer(name, part)

    @property
    def known(self) -> Tensor:
        """The fitted rows, dense or sparse CSR."""
        if "features" in self._buffers:
            return self.features
        return csr_matrix(self.starts, self.columns, self.values, (len(self.rows), self.in_dim))

    def forward(self, inputs: Inputs) -> Encoded:
        """Looks row numbers up, and places rows of features."""
        x = inputs.x
        if x.layout == torch.strided and not x.is_floating_point():
            return Encoded(inputs.pick(self._places()[x]))
        return Encoded(inputs.pick(self._pulled(x)))

    def _places(self) -> Tensor:
        """The coordinates; equal rows are in one place, the mean of theirs."""
        if self.groups is None:
            return self.rows
        count = torch.bincount(self.groups)
        total = self.rows.new_zeros(len(count), self.rows.shape[1]).index_add(0, self.groups, self.rows)
        return (total / count[:, None])[self.groups]

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
        near = self._search(x, min(NEIGHBOURS, len(self.rows)))
        return most_likely_place(near.distances.to(self.rows), self._places()[near.indices.to(self.rows.device)])

    def config(self) -> Mapping[str, object]:
        """Number of rows, dimension, and what is remembered."""
        entries = None if "features" in self._buffers else len(self.values)
        metric = self.metric if isinstance(self.metric, str) else GIVEN
        return {**super().config(), "in_dim": self.in_dim, "entries": entries, "metric": metric}

    def _load_from_state_dict(self, *given: object, **more: object) -> None:
        """Equal rows are found again."""
        super()._load_from_state_dict(*given, **more)
        self._search = None
        self.groups = equal_rows(self.known, scaled=self.metric in ANGULAR) if self.in_dim else None
