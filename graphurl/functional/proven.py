"""Exact nearest neighbours by a search in float32, with a proof for each row that none was missed."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from graphurl.functional.distance import ANGULAR, Metric, rows_in_budget
from graphurl.functional.products import ROUNDING, comparable

#: Candidates beyond the k nearest: the farther the last of them lies, the easier is the proof.
_SPARE = 8
#: Fewer rows are compared as fast without candidates.
_WORTH_FROM = 500


def worth_it(y: Tensor, k: int, metric: Metric) -> bool:
    """Whether candidates pay: dense rows on a CPU, many of them, of more than 4 columns, under a metric of products."""
    enough = len(y) >= max(_WORTH_FROM, 8 * (k + _SPARE)) and y.ndim == 2 and y.shape[1] > 4
    return enough and y.layout == torch.strided and y.device.type == "cpu" and metric in ("euclidean", *ANGULAR)


def nearest(x: Tensor, y: Tensor, k: int, metric: str, itself: bool) -> tuple[Tensor, Tensor, Tensor]:
    r"""Finds neighbours, and says for which rows they are proven.

    A search in float32 gives k + 9 candidates, the last at $\tilde d^2$. Rounding moves a squared distance by at most
    $\varepsilon (|x|^2 + |y|^2)$, so that a row which is no candidate is farther than the k-th candidate, at $d_k$
    measured in float64, if

    $$\tilde d^2 - \varepsilon\,(|x|^2 + (|x| + d_k)^2) > d_k^2;$$

    one with $|y| > |x| + d_k$ is farther anyhow.

    Args:
        x: Queries, (N, F).
        y: Rows to search, (M, F).
        k: Number of neighbours.
        metric: euclidean, cosine or correlation.
        itself: x is y, and a row is not its own neighbour.

    Returns:
        Indices (N, k), distances (N, k) in the type of x, ties by the smaller index, and which rows are proven (N,).
    """
    angular = metric in ANGULAR
    shift = torch.zeros((), dtype=torch.float64) if angular else y.double().mean(0)
    base, index = _searched(y, metric, shift)
    fetch = min(k + _SPARE + itself, len(y))
    epsilon = 3 * (y.shape[1] + 8) * torch.finfo(torch.float32).eps / 2
    parts = []
    for start in range(0, len(x), size := rows_in_budget(fetch * x.shape[1], 4 * 8)):
        rows = comparable(x[start : start + size].double(), metric, shift)
        limit, found = index.search(rows.float().numpy(), fetch)
        found = torch.from_numpy(found).clamp_min(0).sort(1).values
        d2 = _squared(rows, base[found], angular)
        if itself:
            d2.masked_fill_(found == torch.arange(start, start + len(rows))[:, None], torch.inf)
        # Ties are ties in the precision of the rows.
        d2, order = torch.sort(d2.to(x.dtype), stable=True, dim=1)
        last, reach = d2[:, k - 1].double(), rows.norm(dim=1)
        slack = epsilon * (reach.square() + (reach + last.sqrt()).square())
        far = torch.from_numpy(limit[:, -1]).double()
        proven = (2 - 2 * far if angular else far) - slack > last * (1 + 1e-6)
        parts.append((found.gather(1, order)[:, :k], d2[:, :k].sqrt(), proven))
    indices, distances, complete = (torch.cat(part) for part in zip(*parts, strict=True))
    return indices, distances, complete


def _searched(y: Tensor, metric: str, shift: Tensor) -> tuple[Tensor, Any]:
    """The rows in float64, and an index of them in float32."""
    import faiss

    base = comparable(y.double(), metric, shift)
    index = faiss.IndexFlatIP(y.shape[1]) if metric in ANGULAR else faiss.IndexFlatL2(y.shape[1])
    index.add(base.float().numpy())
    return base, index


def _squared(rows: Tensor, near: Tensor, angular: bool) -> Tensor:
    """Squared distances (N, C) of rows (N, F) to candidates (N, C, F); 2 - 2 cos also where a row is 0."""
    if not angular:
        return near.sub_(rows[:, None]).square_().sum(2)
    d2 = 2 - 2 * near.mul_(rows[:, None]).sum(2)
    return d2.masked_fill_(d2 <= 2 * ROUNDING, 0)
