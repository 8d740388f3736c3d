"""Link prediction: whether edges that were held out are more similar than pairs that are none."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from graphurl.errors import InputError
from graphurl.evaluation.arrays import as_rows, check_finite
from graphurl.graphs.links import Links

#: Held-out edges that are ranked, and absent pairs that each is ranked against.
RANKED, CANDIDATES = 10_000, 100
_CHUNK = 2**16


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
    return {
        "link_auc": float(roc_auc_score(truth, score)),
        "link_ap": float(average_precision_score(truth, score)),
        "link_mrr": float((1 / rank).mean()),
        "edges": len(source),
        "ranked": len(picked),
        "protocol": f"{len(source):,} edges held out, {metric}, absent pairs share their first end, "
        f"rank among {candidates}, seed {seed}",
    }


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
