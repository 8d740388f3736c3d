"""From graph distance to prescribed similarity p_X (GenURL, Eq. 4)."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from graphurl.errors import InputError, unknown
from graphurl.functional.calibration import log2k_sigma_csr, nearest_distance_csr, perplexity_sigma_csr
from graphurl.functional.symmetry import row_normalise
from graphurl.graphs import structure
from graphurl.similarity import Similarity

if TYPE_CHECKING:
    from graphurl.graphs.graph import Graph

SIGMA = ("auto", "local")
MU = ("auto", "nearest")


def similarity(
    graph: Graph,
    *,
    nu: float = math.inf,
    sigma: str | float = "auto",
    mu: str | float = "auto",
    symmetrise: str = "tconorm",
    normalised: bool = True,
    target: float | None = None,
    perplexity: float | None = None,
    conditional: bool = False,
) -> Graph:
    r"""Prescribed similarity p_X of a graph, its edges' lengths turned into weights in [0, 1].

    $$\tilde p_X(i, j) = \mathrm{clip}_{[0, 1]}\; w_{ij}\, \kappa\big((d_{ij} - \mu_i)_+ / \sigma, \nu\big)$$

    then symmetrised, since \mu_i makes it directed. Self-loops are dropped first: they would be every node's
    nearest neighbour. A graph without lengths is a similarity already: its weights (1 where it has none) are
    clipped, and symmetrised only where they are not symmetric. So applying this twice is applying it once.

    Args:
        graph: A graph; w is its weight, 1 where it has none.
        nu: Degrees of freedom ν_X; infinity is the Gaussian.
        sigma: ``auto``: the mean over the nodes of σ_i (GenURL); ``local``: σ_i of each node (UMAP); or a
            number.
        mu: ``nearest`` (also ``auto``): μ_i, the distance to the nearest neighbour; or a number.
        symmetrise: max, mean, tconorm (a + b - ab, UMAP), or none.
        normalised: Divide by κ(0, ν), so that distance μ_i has similarity 1.
        target: Total similarity of a node's neighbours that fixes σ_i, instead of log2 of their number.
        perplexity: Fix σ_i by the perplexity of the node's neighbours (SNE) instead.
        conditional: Divide each row by its sum before it is symmetrised (SNE's p_{j|i}): every node has the same say,
            however close its neighbours are.

    Returns:
        A graph without self-loops and lengths, weights in [0, 1].

    Raises:
        InputError: For an unknown or impossible setting.
    """
    settings = _settings(nu, sigma, mu, symmetrise, normalised, target, perplexity)
    settings |= {"conditional": True} if conditional else {}
    graph = structure.without_self_loops(graph)
    directed = graph.length is not None
    p = torch.ones(graph.num_edges, device=graph.device) if graph.weight is None else graph.weight
    if graph.length is not None:
        offset = _offset(graph.crow, graph.length, mu)
        width = _width(graph.crow, graph.length, offset, nu, sigma, target, perplexity)
        kernel = Similarity(
            nu, _on_edges(width, graph.rows), _on_edges(offset, graph.rows), normalised=normalised
        )
        log_kernel = kernel.log(graph.length.square())
        if conditional:  # a factor of a row cancels, so none of its entries need underflow
            highest = torch.segment_reduce(log_kernel, "max", offsets=graph.crow, axis=0, initial=-math.inf)
            log_kernel = log_kernel - highest[graph.rows]
        p = p * log_kernel.exp()
        if conditional:
            p = row_normalise(graph.crow, p)
    result = replace(graph, length=None, weight=p.clamp(0, 1))
    if directed or not structure.is_symmetric(result):
        result = structure.symmetrise(result, symmetrise)
    return replace(result, provenance={"op": "similarity", **settings, "of": [graph.provenance]})


def _offset(crow: Tensor, length: Tensor, mu: str | float) -> Tensor | float:
    """μ: one per row, or the number given."""
    return nearest_distance_csr(crow, length) if isinstance(mu, str) else float(mu)


def _width(
    crow: Tensor,
    length: Tensor,
    mu: Tensor | float,
    nu: float,
    sigma: str | float,
    target: float | None,
    perplexity: float | None,
) -> Tensor | float:
    """σ: the mean over rows with neighbours, one per row, or the number given."""
    if not isinstance(sigma, str):
        return float(sigma)
    has_edges = crow.diff() > 0
    if not bool(has_edges.any()):
        return 1.0
    if perplexity is not None:
        local = perplexity_sigma_csr(crow, length, perplexity)
    else:
        per_row = mu if isinstance(mu, Tensor) else length.new_full((len(crow) - 1,), mu)
        local = log2k_sigma_csr(crow, length, per_row, nu, target)
    return local if sigma == "local" else float(local[has_edges].double().mean())


def _on_edges(value: Tensor | float, rows: Tensor) -> Tensor | float:
    return value[rows] if isinstance(value, Tensor) else value


def _settings(
    nu: float,
    sigma: str | float,
    mu: str | float,
    symmetrise: str,
    normalised: bool,
    target: float | None,
    perplexity: float | None,
) -> dict[str, object]:
    """The settings as JSON values, once they make sense."""
    if isinstance(sigma, str) and sigma not in SIGMA:
        raise unknown("sigma", sigma, SIGMA)
    if isinstance(mu, str) and mu not in MU:
        raise unknown("mu", mu, MU)
    if target is not None and perplexity is not None:
        raise InputError("target and perplexity both fix sigma: give one of them")
    if not isinstance(sigma, str) and (target is not None or perplexity is not None):
        raise InputError(
            f"sigma is {sigma}, so target and perplexity have nothing to fix: use sigma='auto' or 'local'"
        )
    made: dict[str, object] = {"nu": nu if math.isfinite(nu) else str(nu), "sigma": sigma, "mu": mu}
    made |= {"symmetrise": symmetrise, "normalised": normalised}
    extra = {"target": target, "perplexity": perplexity}
    return made | {name: value for name, value in extra.items() if value is not None}
