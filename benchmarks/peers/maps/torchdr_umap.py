"""UMAP by TorchDR (Van Assel et al., 2024, github.com/TorchDR/TorchDR), on the CPU."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

NAME = "TorchDR UMAP"
PACKAGES = ("torchdr",)


def embed(x: np.ndarray, *, seed: int, threads: int, dim: int) -> tuple[np.ndarray, Callable[[np.ndarray], np.ndarray]]:
    from torchdr import UMAP

    torch.set_num_threads(threads)
    model = UMAP(n_components=dim, device="cpu", random_state=seed)
    z = np.asarray(model.fit_transform(x))
    return z, lambda new: np.asarray(model.transform(new, X_train=x))
