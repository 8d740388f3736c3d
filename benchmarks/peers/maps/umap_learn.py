"""UMAP by its authors' package (McInnes et al., 2018, arXiv:1802.03426)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

NAME = "UMAP"
PACKAGES = ("umap-learn", "pynndescent", "numba")


def embed(x: np.ndarray, *, seed: int, threads: int, dim: int) -> tuple[np.ndarray, Callable[[np.ndarray], np.ndarray]]:
    from umap import UMAP

    model = UMAP(n_components=dim, n_jobs=threads, random_state=seed if threads == 1 else None)
    return model.fit_transform(x), model.transform
