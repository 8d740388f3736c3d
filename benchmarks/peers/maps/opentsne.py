"""t-SNE by openTSNE (Poličar et al., 2019, bioRxiv 731877); it makes one or two dimensions."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

NAME = "openTSNE"
PACKAGES = ("openTSNE",)


def embed(x: np.ndarray, *, seed: int, threads: int, dim: int) -> tuple[np.ndarray, Callable[[np.ndarray], np.ndarray]]:
    from openTSNE import TSNE

    if dim > 2:
        raise ValueError(f"it makes maps of one or two dimensions, not of {dim}")
    found = TSNE(n_components=dim, n_jobs=threads, random_state=seed).fit(x)
    return np.asarray(found), lambda new: np.asarray(found.transform(new))
