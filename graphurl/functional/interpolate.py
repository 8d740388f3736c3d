"""Where a new point belongs among others whose places are known."""

from __future__ import annotations

import torch
from torch import Tensor

#: Times that the reach of the pull is halved.
_HALVINGS = 6


def most_likely_place(distances: Tensor, places: Tensor) -> Tensor:
    r"""The place that minimises the pull of some neighbours through a heavy-tailed kernel.

    With $w_j \propto \exp(-(d_j / d_1)^2)$ the place is

    $$\arg\min_z \sum_j w_j \log(1 + |z - y_j|^2 / s^2),$$

    the attraction of t-SNE with its own weights, which ignores neighbours that lie apart from the rest: their mean
    would fall between two clusters. Iteratively reweighted means find it, beginning at the mean; s is halved from the
    spread of the neighbours, so that they settle on one cluster step by step (graduated non-convexity, Blake and
    Zisserman 1987).

    Args:
        distances: From each new point to its neighbours in the space of the data, N × k, nearest first.
        places: Where the neighbours lie, N × k × d.

    Returns:
        Places, N × d. A point at distance 0 of a neighbour, and of no other, gets that neighbour's place.
    """
    nearest = distances[:, :1].clamp_min(torch.finfo(distances.dtype).tiny)
    # Distances that overflowed are equal as far as anybody can tell.
    weight = torch.exp(-((distances / nearest).nan_to_num(nan=1.0).clamp_max(1e3) ** 2))
    place = _mean(weight, places)
    spread = (weight * _squared(places, place)).sum(1).div(weight.sum(1)).detach().sqrt()
    for halving in range(_HALVINGS):
        reach = (spread * 0.5**halving).clamp_min(torch.finfo(places.dtype).tiny ** 0.5)
        pull = weight / (1 + _squared(places, place) / reach.square()[:, None])
        place = _mean(pull, places)
    return place


def _mean(weight: Tensor, values: Tensor) -> Tensor:
    total: Tensor = (weight[:, None] @ values)[:, 0]
    return total / weight.sum(1)[:, None]


def _squared(places: Tensor, place: Tensor) -> Tensor:
    apart = places - place[:, None]
    return torch.einsum("nkd,nkd->nk", apart, apart)
