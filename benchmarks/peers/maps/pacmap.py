"""PaCMAP by its authors' package (Wang et al., JMLR 2021, arXiv:2012.04456)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

NAME = "PaCMAP"
PACKAGES = ("pacmap", "numba")


def embed(x: np.ndarray, *, seed: int, threads: int, dim: int) -> tuple[np.ndarray, Callable[[np.ndarray], np.ndarray]]:
    from pacmap import PaCMAP

    model = PaCMAP(n_components=dim, random_state=seed if threads == 1 else None)
    z = np.asarray(model.fit_transform(x))
    return z, lambda new: np.asarray(model.transform(new, basis=x))
