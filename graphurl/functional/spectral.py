"""Spectral layout: leading eigenvectors of the normalised Laplacian, part by part where a graph falls apart."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

#: Up to so many nodes all eigenvectors are computed at once.
DENSE = 400
#: Share of the radius of its circle that parts leave free between them.
_GAP = 0.3


def spectral_rows(
    crow: Tensor, col: Tensor, weight: Tensor, dim: int, spread: float, generator: torch.Generator
) -> Tensor:
    """Coordinates from a similarity graph: Laplacian eigenmaps (Belkin & Niyogi 2003).

    Solves L y = λ D y with L = D - W and takes the eigenvectors after the constant one, up to sign those of the
    normalised Laplacian D^-½ L D^-½ times D^-½; the entry of largest size is positive. In a graph of several parts
    the first eigenvectors only tell parts apart, so each part is laid out by itself and the parts are put on a circle
    (a line in 1-D), each with room by its size.

    Args:
        crow: Row starts of the CSR pattern, (N + 1,).
        col: Columns, (E,).
        weight: Similarities, (E,); both directions are averaged.
        dim: Number of coordinates.
        spread: Standard deviation of the widest coordinate.
        generator: Source of a little noise (a hundredth of the spread), without which equal rows never part.

    Returns:
        Centred rows, (N, dim), float32.
    """
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import connected_components

    n = len(crow) - 1
    pattern = (weight.double().cpu().numpy(), col.cpu().numpy(), crow.cpu().numpy())
    w = csr_array(pattern, shape=(n, n))
    w = ((w + w.T) / 2).tocsr()
    count, part = connected_components(w, directed=False)
    rows = np.zeros((n, dim))
    if count == 1:
        rows = eigenmap(w, dim)
    else:
        order = np.argsort(part, kind="stable")
        members = np.split(order, np.cumsum(np.bincount(part))[:-1])
        for nodes, centre, radius in zip(members, *_places([len(m) for m in members], dim), strict=True):
            own = eigenmap(w[nodes][:, nodes], dim)
            rows[nodes] = centre + radius * own / max(float(np.abs(own).max()), 1e-300)
    rows = rows - rows.mean(0)
    widest = float(rows.std(0).max())
    made = torch.from_numpy(rows * (spread / widest if widest > 0 else 0.0)).float()
    return made + 0.01 * spread * torch.randn(n, dim, generator=generator)


def eigenmap(w: Any, dim: int) -> np.ndarray:
    """The eigenvectors of L y = λ D y after the constant one, of a connected graph; zeros where it has too few.

    Args:
        w: Symmetric similarities, a scipy sparse array.
        dim: Number of eigenvectors.
    """
    n = w.shape[0]
    found = np.zeros((n, dim))
    kept = min(dim, n - 1)
    degree = np.asarray(w.sum(axis=1)).reshape(-1)
    if kept < 1 or not degree.min() > 0:
        return found
    root = 1 / np.sqrt(degree)
    a = w.multiply(root[:, None]).multiply(root[None, :]).tocsr()
    y = root[:, None] * _leading(a, kept + 1)[:, 1:]
    y = y / np.linalg.norm(y, axis=0)
    peak = np.abs(y).argmax(0)
    found[:, :kept] = y * np.sign(y[peak, np.arange(kept)])
    return found


def _leading(a: Any, k: int) -> np.ndarray:
    """Eigenvectors of the k largest eigenvalues of a symmetric matrix, largest first."""
    from scipy.sparse import eye_array
    from scipy.sparse.linalg import ArpackNoConvergence, eigsh, lobpcg

    n = a.shape[0]
    if n <= max(DENSE, 2 * k):
        return np.linalg.eigh(a.toarray())[1][:, ::-1][:, :k]
    # From the same start the same answer; D^½ 1, the first eigenvector itself, would end the search at once.
    draws = np.random.default_rng(0)
    shifted = a + eye_array(n)
    try:
        values, vectors = eigsh(
            shifted, k, which="LA", v0=draws.standard_normal(n), ncv=min(n, max(4 * k, 40)), tol=1e-5, maxiter=n
        )
    except ArpackNoConvergence:
        values, vectors = lobpcg(shifted, draws.standard_normal((n, k)), largest=True, tol=1e-4, maxiter=500)
    leading: np.ndarray = vectors[:, np.argsort(-values, kind="stable")]
    return leading


def _places(sizes: list[int], dim: int) -> tuple[list[np.ndarray], list[float]]:
    """Centre and radius of every part: its share of a circle, or of a line."""
    total, before = sum(sizes), 0
    centres, radii = [], []
    for size in sizes:
        share, middle = size / total, (before + size / 2) / total
        centre = np.zeros(dim)
        if dim == 1:
            centre[0] = middle
            radii.append((1 - _GAP) * share / 2)
        else:
            centre[:2] = math.cos(2 * math.pi * middle), math.sin(2 * math.pi * middle)
            radii.append((1 - _GAP) * min(1.0, math.pi * share))
        before += size
        centres.append(centre)
    return centres, radii
