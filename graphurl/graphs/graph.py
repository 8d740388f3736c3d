"""Graph: which samples are related, how far apart they are, and how similar they shall be."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from graphurl.errors import InputError
from graphurl.functional.mapped import row_blocks
from graphurl.functional.sparse import entry_blocks
from graphurl.functional.symmetry import coalesce, to_csr
from graphurl.graphs import algebra, prescribed, reach, structure, summary
from graphurl.graphs.checks import check_ends, check_ids, check_rows, check_values, float_tensor, index_tensor


@dataclass(frozen=True, eq=False, repr=False)
class Graph:
    """A frozen sparse graph in compressed rows; every operation gives a new one.

    An edge may carry a *length* (a distance, GenURL's d_t) or a *weight* (a prescribed similarity, p_X), or
    both: then the weight multiplies the similarity that comes from the length. `similarity()` turns lengths
    into weights and drops them. Edges are directed as stored; an undirected graph holds both directions.

    `0.7 * a + 0.3 * b`, `a | b` and `a & b` work on weights; an operand that has none gets them from
    `similarity()` first, or 1 per edge where it has no lengths either. Equal content is equal: `a == b`
    compares hashes.

    Attributes:
        crow: Row starts, (N + 1,) int64.
        col: Targets, (E,) int64, ascending and unique in every row.
        length: Distances, (E,) float32, finite and at least 0; None means 1 for each.
        weight: Similarities, (E,) float32, finite and at least 0; None where they are not prescribed.
        ids: The user's name of every node, or None.
        provenance: How the graph came about, as JSON values; no part of its content.
    """

    crow: Tensor
    col: Tensor
    length: Tensor | None = None
    weight: Tensor | None = None
    ids: tuple[str, ...] | None = None
    provenance: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Brings types in order and refuses what is no graph."""
        self._settle("crow", index_tensor(self.crow, "crow"))
        self._settle("col", index_tensor(self.col, "col"))
        for kind in ("length", "weight"):
            if getattr(self, kind) is not None:
                self._settle(kind, float_tensor(getattr(self, kind)))
        self._settle("ids", None if self.ids is None else tuple(self.ids))
        self._check_rows()
        check_ids(self.ids, self.num_nodes)
        check_rows(self.crow, self.col, {"length": self.length, "weight": self.weight}, self.ids)

    def _settle(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)

    def _check_rows(self) -> None:
        if not len(self.crow):
            raise InputError("crow is empty: it has one entry more than there are nodes, at least [0]")
        if int(self.crow[0]) != 0 or int(self.crow[-1]) != len(self.col):
            raise InputError(
                f"crow runs from {int(self.crow[0])} to {int(self.crow[-1])} for {len(self.col)} edges: "
                "row starts begin with 0 and end with the number of edges"
            )
        if bool((self.crow.diff() < 0).any()):
            raise InputError("crow descends: row starts never do, build the graph with Graph.from_edges")

    @classmethod
    def from_edges(
        cls,
        rows: Any,
        cols: Any,
        num_nodes: int,
        length: Any = None,
        weight: Any = None,
        ids: Sequence[str] | None = None,
        provenance: Mapping[str, Any] | None = None,
    ) -> Graph:
        """Builds a graph from an edge list in any order.

        Edges that repeat become one, with the smallest of their lengths and the sum of their weights; how
        many went is kept in `provenance["merged_edges"]`.

        Args:
            rows: Source of every edge, (E,): tensor, array or list of node numbers.
            cols: Target of every edge, (E,).
            num_nodes: Number of nodes, those without edges included.
            length: Distance along every edge, (E,), or None.
            weight: Similarity on every edge, (E,), or None.
            ids: Name of every node, or None.
            provenance: How the graph came about.

        Raises:
            InputError: Naming the first edge that is none.
        """
        sources, targets = index_tensor(rows, "rows"), index_tensor(cols, "cols")
        names = None if ids is None else tuple(ids)
        check_ids(names, num_nodes)
        check_ends(sources, targets, num_nodes, names)
        values = {"length": length, "weight": weight}
        given = {k: float_tensor(v).to(sources.device) for k, v in values.items() if v is not None}
        for kind, value in given.items():
            check_values(kind, value, sources, targets, names)
        reduce = {"length": "min", "weight": "sum"}
        merged = {kind: coalesce(sources, targets, v, num_nodes, reduce[kind]) for kind, v in given.items()}
        row, col, _ = next(iter(merged.values()), None) or coalesce(
            sources, targets, sources, num_nodes, "min"
        )
        made = dict(provenance or {})
        if len(col) < len(sources):
            made["merged_edges"] = int(made.get("merged_edges", 0)) + len(sources) - len(col)
        parts = {kind: value for kind, (_, _, value) in merged.items()}
        return cls(to_csr(row, col, num_nodes).crow, col, **parts, ids=names, provenance=made)

    @property
    def num_nodes(self) -> int:
        """Number of nodes N."""
        return len(self.crow) - 1

    @property
    def num_edges(self) -> int:
        """Number of stored, directed edges E."""
        return len(self.col)

    @property
    def device(self) -> torch.device:
        """Where the tensors lie."""
        return self.col.device

    @cached_property
    def rows(self) -> Tensor:
        """Source of every edge, (E,)."""
        return torch.repeat_interleave(self.crow.diff())

    @property
    def degree(self) -> Tensor:
        """Number of edges that leave each node, (N,)."""
        return self.crow.diff()

    @property
    def num_isolated(self) -> int:
        """Number of nodes without an edge to or from another node."""
        touched = torch.zeros(self.num_nodes, dtype=torch.bool, device=self.device)
        for rows, edges in entry_blocks(self.crow):
            cols = self.col[edges]
            touched[rows[rows != cols]] = True
            touched[cols[rows != cols]] = True
        return int((~touched).sum())

    @cached_property
    def hash(self) -> str:
        """Sha256 of structure, lengths, weights and ids; the same in every process and on every device."""
        digest = hashlib.sha256()
        for name in ("crow", "col", "length", "weight"):
            values = getattr(self, name)
            digest.update(f"{name}:{'none' if values is None else len(values)};".encode())
            if values is not None:
                for part in row_blocks(values):
                    # + 0 turns -0.0 into 0.0, which is the same value with other bytes.
                    array = (values[part] + 0).cpu().numpy()
                    digest.update(array.astype(array.dtype.newbyteorder("<"), copy=False).data)
        digest.update(json.dumps(self.ids).encode())
        return digest.hexdigest()

    def __eq__(self, other: object) -> bool:
        """Whether structure, lengths, weights and ids are the same."""
        return self.hash == other.hash if isinstance(other, Graph) else NotImplemented

    def __hash__(self) -> int:
        """Hash of the content."""
        return int(self.hash[:15], 16)

    def __repr__(self) -> str:
        """Sizes, what the edges carry, and the first digits of the hash."""
        carried = " and ".join(kind for kind in ("length", "weight") if getattr(self, kind) is not None)
        sizes = f"{self.num_nodes} nodes, {self.num_edges} edges"
        return f"Graph({sizes} with {carried or 'no values'}, {self.hash[:8]})"

    def to(self, device: str | torch.device) -> Graph:
        """The same graph on another device."""
        length = None if self.length is None else self.length.to(device)
        weight = None if self.weight is None else self.weight.to(device)
        return replace(self, crow=self.crow.to(device), col=self.col.to(device), length=length, weight=weight)

    def __mul__(self, alpha: float) -> Graph:
        """Scales the weights by α ≥ 0."""
        return algebra.scale(self, alpha) if isinstance(alpha, int | float) else NotImplemented

    __rmul__ = __mul__

    def __add__(self, other: Graph) -> Graph:
        """Union of the edges, weights added."""
        return algebra.add(self, other) if isinstance(other, Graph) else NotImplemented

    def __or__(self, other: Graph) -> Graph:
        """Union of the edges, the larger weight."""
        return algebra.union(self, other) if isinstance(other, Graph) else NotImplemented

    def __and__(self, other: Graph) -> Graph:
        """Edges of both, the smaller weight."""
        return algebra.intersection(self, other) if isinstance(other, Graph) else NotImplemented

    def similarity(
        self,
        *,
        nu: float = math.inf,
        sigma: str | float = "auto",
        mu: str | float = "auto",
        symmetrise: str = "tconorm",
        normalised: bool = True,
        target: float | None = None,
        perplexity: float | None = None,
        conditional: bool = False,
    ) -> Graph:
        """Prescribed similarity p_X in [0, 1] without self-loops, see `prescribed.similarity`."""
        return prescribed.similarity(
            self,
            nu=nu,
            sigma=sigma,
            mu=mu,
            symmetrise=symmetrise,
            normalised=normalised,
            target=target,
            perplexity=perplexity,
            conditional=conditional,
        )

    def symmetrise(self, mode: str = "max") -> Graph:
        """Both directions of every edge, see `structure.symmetrise`."""
        return structure.symmetrise(self, mode)

    def transpose(self) -> Graph:
        """Every edge the other way round."""
        return structure.transpose(self)

    def prune(
        self,
        *,
        min_weight: float | None = None,
        max_length: float | None = None,
        top_k: int | None = None,
        max_degree: int | None = None,
    ) -> Graph:
        """Drops weak, long or too many edges, see `structure.prune`."""
        return structure.prune(
            self, min_weight=min_weight, max_length=max_length, top_k=top_k, max_degree=max_degree
        )

    def without_self_loops(self) -> Graph:
        """The same graph without edges from a node to itself."""
        return structure.without_self_loops(self)

    def subgraph(self, nodes: Any) -> Graph:
        """Some nodes and the edges among them, see `structure.subgraph`."""
        return structure.subgraph(self, nodes)

    def k_hop(self, k: int) -> Graph:
        """All pairs at most k edges apart, see `reach.k_hop`."""
        return reach.k_hop(self, k)

    def shortest_paths(self, *, max_hops: int | None = None, max_length: float | None = None) -> Graph:
        """All pairs within reach with the length of the path, see `reach.shortest_paths`."""
        return reach.shortest_paths(self, max_hops=max_hops, max_length=max_length)

    def diff(self, other: Graph) -> dict[str, Any]:
        """What two graphs share and what not, see `summary.diff`."""
        return summary.diff(self, other)

    def summary(self, labels: Any = None) -> dict[str, Any]:
        """Numbers that describe the graph, see `summary.summary`."""
        return summary.summary(self, labels)


from_edges = Graph.from_edges
