"""Feeds: how sample numbers become what an encoder reads."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from graphurl.encoders.base import Inputs
from graphurl.functional.sparse import take_rows


@dataclass(frozen=True)
class RowFeed:
    """The samples' own feature rows, for encoders that look at nothing else; x may be sparse CSR."""

    x: Tensor

    def __call__(self, nodes: Tensor) -> Inputs:
        """Feature rows of the nodes, dense."""
        return Inputs(take_rows(self.x, nodes))


@dataclass(frozen=True)
class IndexFeed:
    """Row numbers, for a table."""

    def __call__(self, nodes: Tensor) -> Inputs:
        """The node numbers themselves."""
        return Inputs(nodes)


@dataclass(frozen=True)
class GraphFeed:
    """All rows and all message-passing edges; the batch only picks rows of the result.

    The whole graph is encoded in every step: right for a graph of a few ten thousand nodes.
    """

    x: Tensor
    edge_index: Tensor
    edge_weight: Tensor | None = None

    def __call__(self, nodes: Tensor) -> Inputs:
        """The graph, with the nodes as seeds."""
        return Inputs(self.x, self.edge_index, self.edge_weight, seeds=nodes)
