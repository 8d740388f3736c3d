"""A linear map of propagated features: the simplest encoder that reads a citation graph well."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn

from graphurl.encoders.base import Encoded, Encoder, Inputs, Needs
from graphurl.errors import InputError, unknown
from graphurl.functional.mapped import by_columns, is_mapped, row_blocks
from graphurl.functional.projection import leading_directions
from graphurl.functional.sparse import csr_matrix

#: a, the share of a node's own features.
RESIDUAL = 0.05
FILTERS = ("s2gc", "sgc")
#: Filtered rows are held dense up to so many numbers, 2 GiB in float32.
DENSE_NUMBERS = 2**29


class PropagatedLinear(Encoder):
    """z = H x W with the filter H = 1/K Σ_{k=1..K} S^k + a I and S = D^-½ (A + I) D^-½ (S2GC, Zhu and Koniusz 2021).

    Or H = S^K (SGC, Wu et al. 2019), which keeps less of the noise that few hops leave in.

    There is no bias and no activation, so it commutes with the filter and can start from the leading right singular
    vectors of H x: at step 0 the embedding is the best linear compression of the smoothed features, and
    training only has to improve on it. A bias would give rows without features one common direction, on
    which a cosine distance has an exploding gradient.

    Args:
        in_dim: Number of features.
        out_dim: Dimension of the embedding.
        hops: K, the number of propagation steps; 0 is a plain linear map.
        residual: a, the share of a node's own features.
        filter: s2gc, or sgc, which has no a.
    """

    needs: ClassVar[Needs] = "graph"

    def __init__(
        self, in_dim: int, out_dim: int, *, hops: int = 4, residual: float = RESIDUAL, filter: str = "s2gc"
    ) -> None:
        """Builds the map with PyTorch's default initialisation."""
        super().__init__()
        if hops < 0:
            raise InputError(f"hops is {hops}: the number of propagation steps is 0 or more")
        if filter not in FILTERS:
            raise unknown("filter", filter, FILTERS)
        self.hops, self.residual, self.filter = hops, residual, filter
        self.linear = nn.Linear(in_dim, out_dim, bias=False)

    def ahead(self, inputs: Inputs) -> Inputs:
        """H x of all rows, which no weight enters: a step then reads the rows of its batch and no edges.

        Of rows in a file H x goes to a scratch file. Rows in memory too many to be held dense a second time are
        left as they are, and W x is propagated in every step.
        """
        too_many = len(inputs.x) * self.linear.in_features > DENSE_NUMBERS and not is_mapped(inputs.x)
        if inputs.ahead or too_many:
            return inputs
        x = inputs.x.to_dense() if inputs.x.layout != torch.strided else inputs.x
        return Inputs(self._filter(x, inputs), ahead=True)

    def forward(self, inputs: Inputs) -> Encoded:
        """Embeds the wanted rows; the narrower side of W is propagated."""
        if inputs.ahead:
            return Encoded(inputs.pick(self.linear(inputs.x)))
        x = inputs.x.to_dense() if inputs.x.layout != torch.strided else inputs.x
        if self.linear.in_features <= self.linear.out_features:
            return Encoded(inputs.pick(self.linear(self._filter(x, inputs))))
        return Encoded(inputs.pick(self._filter(self.linear(x), inputs)))

    def start(self, inputs: Inputs, generator: torch.Generator) -> None:
        """W = leading right singular vectors of the row-normalised filtered features, spectrum kept.

        Many hops leave little but one direction that all rows share; it is shrunk to the size of the rest, so that what
        tells rows apart is not lost beside it.
        """
        with torch.no_grad():
            x = inputs.x.to_dense() if inputs.x.layout != torch.strided else inputs.x
            smooth = x if inputs.ahead else self._filter(x, inputs)
            shared, kept = excess(smooth)

            def shrunk(rows: Tensor) -> Tensor:
                return without_excess(nn.functional.normalize(rows, dim=1), shared, kept)

            top = leading_directions(smooth, self.linear.out_features, generator, shrunk)
            top = without_excess(top, shared, kept)
            self.linear.weight.zero_()
            self.linear.weight[: len(top)] = top.to(self.linear.weight)

    def config(self) -> Mapping[str, object]:
        """All constructor arguments."""
        return {
            "in_dim": self.linear.in_features, "out_dim": self.linear.out_features,
            "hops": self.hops, "residual": self.residual, "filter": self.filter,
        }  # fmt: skip

    def _filter(self, x: Tensor, inputs: Inputs) -> Tensor:
        if inputs.edge_index is None:
            raise InputError("the linear encoder got rows without edges: hand over a graph, or use mlp")
        if self.hops == 0:
            return x
        # Sparse products exist in full precision only, and sums over many neighbours want it.
        with torch.autocast(x.device.type, enabled=False):
            x = x if x.dtype == torch.float64 else x.float()
            s = normalised_adjacency(inputs.edge_index, inputs.edge_weight, len(x)).to(x.dtype)
            return propagate(x, s, self.hops, self.residual, self.filter)


def propagate(x: Tensor, s: Tensor, hops: int, residual: float = RESIDUAL, filter: str = "s2gc") -> Tensor:
    """The filter: a x + 1/K Σ_{k=1..K} S^k x, or S^K x; rows as they are for K = 0, of a file by columns.

    Args:
        x: Rows.
        s: S, sparse.
        hops: K.
        residual: a.
        filter: s2gc or sgc.
    """

    def filtered(columns: Tensor) -> Tensor:
        return next(rows for _, rows in propagated(columns, s, [(filter, hops)], residual))

    return x if hops == 0 else by_columns(x, filtered)


def propagated(
    x: Tensor, s: Tensor, wanted: Sequence[tuple[str, int]], residual: float = RESIDUAL
) -> Iterator[tuple[tuple[str, int], Tensor]]:
    """Several filters in one pass over the powers of S.

    Args:
        x: Rows.
        s: S, sparse.
        wanted: Filters and numbers of hops.
        residual: a.

    Yields:
        Each of them with the filtered rows, by rising number of hops.
    """
    power, total = x, torch.zeros_like(x)
    for hops in range(max(number for _, number in wanted) + 1):
        if hops:
            power = torch.sparse.mm(s, power)
            total += power
        for filter, number in wanted:
            if number == hops:
                yield (filter, hops), (power if hops == 0 or filter == "sgc" else residual * x + total / hops)


def excess(rows: Tensor) -> tuple[Tensor, float]:
    """The direction m that all rows share, once they have length 1, and how far to shrink it.

    Args:
        rows: Rows.

    Returns:
        m, and β: the ratio of the median length across m to the mean length along it, 1 where that is larger. The
        median: a few nodes far from all others, such as those without edges, must not speak for all.
    """

    def unit(block: slice) -> Tensor:
        return nn.functional.normalize(rows[block], dim=1)

    blocks = list(row_blocks(rows))
    shared = nn.functional.normalize(torch.stack([unit(b).sum(0) for b in blocks]).sum(0), dim=0)
    along = torch.cat([unit(b) @ shared for b in blocks])
    across = torch.cat([without_excess(unit(b), shared, 0.0).norm(dim=1) for b in blocks])
    return shared, min(1.0, float(across.median() / along.mean().clamp_min(1e-12)))


def without_excess(rows: Tensor, shared: Tensor, kept: float) -> Tensor:
    """Rows with the shared direction shrunk: r - (1 - β) (r·m) m."""
    return rows if kept == 1 else rows - (1 - kept) * torch.outer(rows @ shared, shared)


def smooth_coordinates(
    x: Tensor, s: Tensor, hops: int, dim: int, generator: torch.Generator, filter: str = "s2gc"
) -> Tensor:
    """Leading principal coordinates of the filtered rows, which are brought to length 1 first: no weight is learnt."""
    smooth = propagate(x, s, hops, filter=filter)
    mean = torch.stack([nn.functional.normalize(smooth[b]).sum(0) for b in row_blocks(smooth)]).sum(0) / len(smooth)

    def centred(rows: Tensor) -> Tensor:
        return nn.functional.normalize(rows) - mean

    directions = leading_directions(smooth, dim, generator, centred).T
    return torch.cat([centred(smooth[b]) @ directions for b in row_blocks(smooth)])


def normalised_adjacency(edge_index: Tensor, edge_weight: Tensor | None, num_nodes: int) -> Tensor:
    """D^-½ (A + I) D^-½ as a sparse CSR matrix that gathers from sources to targets."""
    loop = torch.arange(num_nodes, device=edge_index.device)
    source = torch.cat([edge_index[0], loop])
    target = torch.cat([edge_index[1], loop])
    one = torch.ones(num_nodes, device=edge_index.device)
    value = torch.cat([one.new_ones(edge_index.shape[1]) if edge_weight is None else edge_weight.float(), one])
    degree = torch.zeros(num_nodes, device=value.device).index_add_(0, target, value)
    value = value * degree[source].rsqrt() * degree[target].rsqrt()
    order = torch.argsort(target, stable=True)
    crow = torch.zeros(num_nodes + 1, dtype=torch.int64, device=value.device)
    crow[1:] = torch.bincount(target, minlength=num_nodes).cumsum(0)
    return csr_matrix(crow, source[order], value[order], (num_nodes, num_nodes))
