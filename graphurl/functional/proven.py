"""Exact nearest neighbours by a quick search, with a proof for each row that none was missed.

Rows of few columns are searched in a k-d tree (Bentley 1975), wider ones by products in float32.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from graphurl.functional.distance import ANGULAR, DIFFERENCES_UP_TO, Metric, rows_in_budget
from graphurl.functional.mapped import all_finite
from graphurl.functional.products import centre, comparable, measured

#: Candidates beyond the k nearest: the farther the last of them lies, the easier is the proof.
_SPARE = 8
#: Fewer rows are compared as fast without candidates.
_WORTH_FROM = 500
#: Rows that are looked at for whether most are copies of each other, which no tree tells apart.
_LOOKED_AT = 1000

#: The squared distance of the last of so many candidates (of directions, its cosine), and the candidates.
_Search = Callable[[Tensor, int], tuple[Tensor, Tensor]]


def worth_it(y: Tensor, k: int, metric: Metric) -> bool:
    """Whether candidates pay: dense rows on a CPU, many of them, under a metric of products."""
    enough = len(y) >= max(_WORTH_FROM, 8 * (k + _SPARE)) and y.layout == torch.strided and y.device.type == "cpu"
    wide = metric in ("euclidean", *ANGULAR) and y.shape[1] > DIFFERENCES_UP_TO
    return enough and (wide or grows_a_tree(y, metric))


def grows_a_tree(y: Tensor, metric: Metric) -> bool:
    """Whether rows are searched in a tree: they are of few columns, finite, and most of them are different."""
    if y.layout != torch.strided or y.is_cuda or metric != "euclidean" or not 0 < y.shape[1] <= DIFFERENCES_UP_TO:
        return False
    few = y[:: max(1, len(y) // _LOOKED_AT)]
    return 2 * len(torch.unique(few, dim=0)) > len(few) and all_finite(y)


def nearest(x: Tensor, y: Tensor, k: int, metric: str, itself: bool) -> tuple[Tensor, Tensor, Tensor]:
    r"""Finds neighbours, and says for which rows they are proven.

    A quick search gives k + 9 candidates, the last at $\tilde d^2$. Rounding moves a squared distance by at most
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
    tree = grows_a_tree(y, metric)
    shift = torch.zeros((), dtype=torch.float64) if tree else centre(y, metric)
    base = comparable(y.double(), metric, shift)
    search = _tree(base) if tree else _products(base, angular)
    fetch = min(k + _SPARE + itself, len(y))
    epsilon = 3 * (y.shape[1] + 8) * torch.finfo(torch.float64 if tree else torch.float32).eps / 2
    parts = []
    for start in range(0, len(x), size := rows_in_budget(fetch * x.shape[1], 4 * 8)):
        rows = comparable(x[start : start + size].double(), metric, shift)
        far, found = search(rows, fetch)
        found = found.sort(1).values
        d2 = measured(base[found], rows[:, None], angular)
        if itself:
            d2.masked_fill_(found == torch.arange(start, start + len(rows))[:, None], torch.inf)
        # Ties are ties in the precision of the rows.
        d2, order = torch.sort(d2.to(x.dtype), stable=True, dim=1)
        last, reach = d2[:, k - 1].double(), rows.norm(dim=1)
        slack = epsilon * (reach.square() + (reach + last.sqrt()).square())
        proven = (2 - 2 * far if angular else far) - slack > last * (1 + 1e-6)
        parts.append((found.gather(1, order)[:, :k], d2[:, :k].sqrt(), proven))
    indices, distances, complete = (torch.cat(part) for part in zip(*parts, strict=True))
    return indices, distances, complete


def _products(base: Tensor, angular: bool) -> _Search:
    """All rows in float32."""
    import faiss

    index = faiss.IndexFlatIP(base.shape[1]) if angular else faiss.IndexFlatL2(base.shape[1])
    index.add(base.float().numpy())

    def search(rows: Tensor, count: int) -> tuple[Tensor, Tensor]:
        near, found = index.search(rows.float().numpy(), count)
        return torch.from_numpy(near[:, -1]).double(), torch.from_numpy(found).clamp_min(0)

    return search


def _tree(base: Tensor) -> _Search:
    from scipy.spatial import KDTree

    tree = KDTree(base.numpy())

    def search(rows: Tensor, count: int) -> tuple[Tensor, Tensor]:
        near, found = tree.query(rows.numpy(), count)
        return torch.from_numpy(near[:, -1]).square(), torch.from_numpy(found)

    return search
