"""Are rows nearer to their own class than to the next one? The silhouette of the labels."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from graphurl.errors import InputError
from graphurl.evaluation.arrays import UNKNOWN, as_labels, as_rows, check_finite, subset_rows
from graphurl.evaluation.intervals import Outcomes
from graphurl.functional.distance import Metric, chunked_squared_distances


def silhouette(
    z: Any, y: Any, metric: Metric = "euclidean", *, subset: int | None = 5000, seed: int = 0
) -> dict[str, Any]:
    """Mean silhouette of the classes (Rousseeuw, 1987): (b - a) / max(a, b) of every row, -1 to 1.

    a is the mean distance to the other rows of the own class, b the mean distance to the rows of the nearest other
    class. 1: tight classes far apart; 0: as near to another class as to its own. It rewards round and equally wide
    classes: long or nested ones score low though they do not mix, and mean distances say little in many dimensions. A
    row that is alone in its class counts 0.

    Args:
        z: Embeddings, (N, d).
        y: Class of every row, -1 where unknown; such rows are left out.
        metric: Distance in z.
        subset: With more labelled rows than this, a random subset is taken; None for all.
        seed: Draws the subset.

    Returns:
        silhouette, classes and protocol.

    Raises:
        InputError: Fewer than two classes, or every row alone in its class.
    """
    rows = as_rows(z)
    check_finite(rows, "z")
    labels = as_labels(y, len(rows))
    known = np.flatnonzero(labels != UNKNOWN)
    taken = known[subset_rows(len(known), subset, seed)]
    codes = torch.from_numpy(np.unique(labels[taken], return_inverse=True)[1].astype(np.int64))
    counts = torch.bincount(codes).double()
    if len(counts) < 2 or len(counts) == len(taken):
        raise InputError(f"{len(counts)} classes of {len(taken)} rows: a silhouette needs two, and one of several rows")
    members = torch.nn.functional.one_hot(codes).double()
    x = torch.from_numpy(np.array(rows[taken], dtype=np.float64))
    found = []
    for start, d2 in chunked_squared_distances(x, None, metric):
        mean = d2.clamp(min=0).sqrt() @ members / counts
        own = codes[start : start + len(d2), None]
        size = counts[own]
        a = mean.gather(1, own) * size / (size - 1).clamp_min(1)
        b = mean.scatter(1, own, torch.inf).amin(1, keepdim=True)
        value = (b - a) / torch.maximum(a, b).clamp_min(1e-300)
        found.append(torch.where(size > 1, value, 0)[:, 0])
    values = torch.cat(found)
    part = f"{len(taken):,}-row subset, seed {seed}" if len(taken) < len(known) else f"all {len(taken):,} rows"
    return {
        "silhouette": float(values.mean()),
        "outcomes": Outcomes({"silhouette": values.numpy()}),
        "classes": len(counts),
        "protocol": f"{len(counts)} classes, {metric if isinstance(metric, str) else 'callable'}, {part}",
    }
