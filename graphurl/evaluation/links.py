"""Link prediction: whether edges that were held out are more similar than pairs that are none."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from graphurl.errors import InputError
from graphurl.evaluation.arrays import as_rows, check_finite
from graphurl.evaluation.intervals import FEWER_DRAWS, Outcomes, resampled
from graphurl.graphs.links import Links

#: Held-out edges that are ranked, and absent pairs that each is ranked against.
RANKED, CANDIDATES = 10_000, 100
_CHUNK = 2**16
#: Numbers that are looked at for an interval.
_NUMBERS = 20_000_000


def link_scores(
    z: Any, links: Links, *, metric: str = "cosine", candidates: int = CANDIDATES, limit: int = RANKED, seed: int = 0
) -> dict[str, Any]:
    """How well the similarity of two vectors tells held-out edges from absent pairs; nothing is fitted.

    * AUC and average precision: all held-out edges against as many absent pairs, each an edge's first end with a
      random node that it has no edge to (held-out edges count as edges).
    * MRR: the mean of 1/rank of the held-out edge among `candidates` such pairs of its first end; ties count half.

    Popular nodes are not favoured as in a draw of two random nodes: the first ends are those of the edges, which makes
    the task harder and the numbers smaller than in protocols that draw both ends.

    Args:
        z: Embeddings, (N, d).
        links: What was held out, from `graphs.links.hold_out`.
        metric: cosine, euclidean (its negative square) or inner.
        candidates: Absent pairs that an edge is ranked against.
        limit: Largest number of edges that are ranked, drawn at random.
        seed: Draws the absent pairs.

    Returns:
        link_auc, link_ap, link_mrr, edges (number held out), ranked and protocol.

    Raises:
        InputError: Rows that are not finite or of another number than nodes, or an unknown metric.
    """
    from sklearn.metrics import average_precision_score, roc_auc_score

    rows = as_rows(z)
    check_finite(rows, "z")
    if len(rows) != links.known.num_nodes:
        raise InputError(f"z has {len(rows)} rows and the graph {links.known.num_nodes} nodes: give a row a node")
    x = _scaled(torch.from_numpy(np.array(rows)), metric)
    generator = torch.Generator().manual_seed(seed)
    source, target = links.held
    present = _similarity(x, source, target, metric)
    absent = _similarity(x, source, links.corrupted(source, generator), metric)
    truth = np.repeat([1, 0], [len(present), len(absent)])
    score = torch.cat([present, absent]).numpy()
    picked = torch.randperm(len(source), generator=generator)[:limit]
    others = links.corrupted(source[picked, None].expand(-1, candidates), generator)
    rivals = _similarity(x, source[picked].repeat_interleave(candidates), others.reshape(-1), metric)
    own, rivals = present[picked, None], rivals.view(len(picked), candidates)
    rank = 1 + (rivals > own).sum(1) + 0.5 * (rivals == own).sum(1)
    auc, ap = (float(measure(truth, score)) for measure in (roc_auc_score, average_precision_score))

    precision = _Precision(truth, score)

    def again(drawn: np.ndarray) -> dict[str, float]:
        return {"link_ap": precision(np.tile(drawn, 2))}  # an edge is drawn with its absent pair

    draws = min(FEWER_DRAWS, max(100, _NUMBERS // len(score)))
    return {
        "link_auc": auc,
        "link_ap": ap,
        "link_mrr": float((1 / rank).mean()),
        "outcomes": Outcomes({"link_auc": _shares(present, absent), "link_mrr": (1 / rank).numpy()}),
        "intervals": resampled(again, len(source), {"link_ap": ap}, seed, draws=draws),
        "edges": len(source),
        "ranked": len(picked),
        "protocol": f"{len(source):,} edges held out, {metric}, absent pairs share their first end, "
        f"rank among {candidates}, seed {seed}",
    }


class _Precision:
    """Average precision of weighted pairs, which are sorted once."""

    def __init__(self, truth: np.ndarray, score: np.ndarray) -> None:
        self.order = np.argsort(-score, kind="stable")
        self.hits, ordered = truth[self.order], score[self.order]
        #: The last of equal scores: nothing is told between them.
        self.last = np.flatnonzero(np.append(np.diff(ordered) != 0, True))

    def __call__(self, weight: np.ndarray) -> float:
        weight = weight[self.order]
        found = np.cumsum(weight * self.hits)[self.last]
        taken = np.cumsum(weight)[self.last]
        return float(np.diff(found, prepend=0) @ (found / np.maximum(taken, 1)) / found[-1])


def _shares(present: Tensor, absent: Tensor) -> np.ndarray:
    """What each edge and its absent pair contribute to the AUC, which is their mean (Hanley and McNeil 1982).

    Of all absent pairs the share below the edge, of all edges the share above the absent pair, ties half, less the AUC.
    """
    below, above = (
        (torch.searchsorted(others, own) + torch.searchsorted(others, own, right=True)) / (2 * len(others))
        for own, others in ((present, absent.sort().values), (-absent, (-present).sort().values))
    )
    found: np.ndarray = (below + above - below.mean()).numpy()
    return found


def _scaled(x: Tensor, metric: str) -> Tensor:
    if metric == "cosine":
        return torch.nn.functional.normalize(x.double(), dim=1)
    if metric not in ("euclidean", "inner"):
        raise InputError(f"metric is {metric!r}: give cosine, euclidean or inner")
    return x.double()


def _similarity(x: Tensor, rows: Tensor, cols: Tensor, metric: str) -> Tensor:
    """Similarity of listed pairs, some at a time."""
    found = [x.new_zeros(0)]
    for a, b in zip(torch.split(rows, _CHUNK), torch.split(cols, _CHUNK), strict=True):
        found.append(-(x[a] - x[b]).square().sum(1) if metric == "euclidean" else (x[a] * x[b]).sum(1))
    return torch.cat(found)
