"""What a teacher knows of the samples: a vector each, or a similarity graph among them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from graphurl.errors import InputError
from graphurl.functional.mapped import by_rows, row_blocks
from graphurl.functional.sparse import entries
from graphurl.graphs.graph import Graph
from graphurl.relations.batches import prescribed
from graphurl.similarity import Similarity


@dataclass(frozen=True)
class Knowledge:
    """A teacher's answer for each sample, made once: vectors, which may lie in a file, or edges.

    Attributes:
        vectors: The teacher's features, N × D, on the CPU; D has nothing to do with the student's dimension.
        graph: The teacher's similarity graph, in place of vectors.
        numbers: Which of these samples the run's samples 0, 1 … are; absent means all of them.
        record: Where it comes from, as plain values, with a checksum.
    """

    vectors: Tensor | None = None
    graph: Graph | None = None
    numbers: Tensor | None = None
    record: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuses a teacher without an answer, or without a direction for some sample."""
        if (self.vectors is None) == (self.graph is None):
            raise InputError("a teacher is vectors or a similarity graph: give one of the two")
        if self.vectors is None or self.numbers is not None:
            return
        for rows in row_blocks(self.vectors):
            empty = (self.vectors[rows] == 0).all(dim=1).nonzero()
            if len(empty):
                raise InputError(
                    f"the teacher's vector of row {rows.start + int(empty[0])} (counted from 0) is zero and has no "
                    "direction to compare: leave such samples out, or take another layer of the teacher"
                )

    def __len__(self) -> int:
        """Number of samples that the run can name."""
        if self.numbers is not None:
            return len(self.numbers)
        return len(self.vectors) if self.vectors is not None else self.graph.num_nodes  # type: ignore[union-attr]

    @property
    def dim(self) -> int:
        """Dimension of the vectors."""
        return self._needed().shape[1]

    def among(self, numbers: Tensor) -> Knowledge:
        """The same of some samples, which are counted from 0 from now on."""
        return replace(self, numbers=numbers if self.numbers is None else self.numbers[numbers])

    def centred(self) -> Knowledge:
        """The same with the mean of all vectors taken off; a graph says the same.

        Features that come out of a ReLU have no negative number, so all of them point the same way: 98 % of the cosines
        of a small network's lie between .47 and .90, and without the mean between -.41 and .75.
        """
        if self.vectors is None:
            return self
        total = sum((self.vectors[rows].double().sum(0) for rows in row_blocks(self.vectors)), torch.zeros(()))
        mean = (total / len(self.vectors)).float()
        return replace(self, vectors=by_rows(self.vectors, lambda rows: rows.float() - mean))

    def of(self, nodes: Tensor, device: torch.device | None = None) -> Tensor:
        """The vectors of some samples, as float32, on the device of the samples' numbers unless another is named."""
        return self._needed()[self._own(nodes)].float().to(device or nodes.device)

    def log_p(self, rows: Tensor, cols: Tensor, similarity: Similarity) -> Tensor:
        """The log-similarity of the vectors of two sets of samples."""
        return similarity.of(self.of(rows), self.of(cols))

    def p(self, rows: Tensor, cols: Tensor, similarity: Similarity) -> Tensor:
        """What is prescribed between two sets of samples; a graph says it as it is."""
        if self.graph is None:
            return self.log_p(rows, cols, similarity).exp()
        return self._block(self._own(rows), self._own(cols)).to(rows.device)

    def _block(self, rows: Tensor, cols: Tensor) -> Tensor:
        """Dense p of some rows and columns of the graph; a sample is similar to itself."""
        assert self.graph is not None
        matrix = prescribed(self.graph)
        row, entry = entries(matrix.crow_indices(), rows)
        whole = torch.zeros(len(rows), matrix.shape[1])
        whole[row, matrix.col_indices()[entry]] = matrix.values()[entry]
        whole[torch.arange(len(rows)), rows] = 1
        return whole[:, cols]

    def _own(self, nodes: Tensor) -> Tensor:
        """The teacher's numbers of samples."""
        nodes = nodes.cpu()
        return nodes if self.numbers is None else self.numbers[nodes]

    def _needed(self) -> Tensor:
        if self.vectors is None:
            raise InputError(
                "the teacher is a similarity graph and this compares its vectors: give features or a model"
            )
        return self.vectors
