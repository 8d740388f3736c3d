"""What a linear classifier in closed form reads off an embedding: from all labels, and from few."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from graphurl.errors import InputError
from graphurl.evaluation.intervals import Outcomes
from graphurl.evaluation.parts import Parts, parts_of

#: Candidates of the penalty, as shares of the number of training rows.
PENALTIES = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)
SHARES, DRAWS = (0.01, 0.1), 5


def ridge_probe(
    z: Any, y: Any, splits: Mapping[str, Any] | None = None, *, grid: Sequence[float] = PENALTIES, seed: int = 0
) -> dict[str, Any]:
    """Accuracy of least squares on the classes with a penalty, a linear probe in closed form.

    Standardised columns, targets 1 and 0, W = (XᵀX + λ N I)⁻¹ XᵀY; λ is the one of the smallest leave-one-out error of
    the training rows, which is exact and costs no further fit; validation rows take no part. No step size, no schedule,
    no doubt about convergence: two embeddings differ by this number because they differ. Least squares punishes rows
    that are on the right side but far away, so it is often a point or two below logistic regression (`linear_probe`),
    and with many classes on one line (a map!) a class in the middle is hidden by its neighbours.

    Args:
        z: Embeddings, (N, d).
        y: Class of every row, -1 where unknown; such rows are left out.
        splits: Masks (N,) or row numbers, "train" and "test"; without them 6/7 and 1/7 are drawn.
        grid: Candidates of λ.
        seed: Draws the split that is not given.

    Returns:
        accuracy (test), penalty (λ), train, test (row counts) and protocol.

    Raises:
        InputError: An empty grid, or as in `linear_probe`.
    """
    parts = parts_of(z, y, splits, seed)
    hits, penalty = _fitted(parts, parts.train, grid)
    return {
        "accuracy": float(hits.mean()),
        "outcomes": Outcomes({"accuracy": hits.numpy()}),
        "penalty": penalty,
        "train": len(parts.train),
        "test": len(parts.test),
        "protocol": f"least squares, standardised columns, penalty {penalty:g} N (leave one out), {parts.origin(seed)}",
    }


def few_labels(
    z: Any,
    y: Any,
    splits: Mapping[str, Any] | None = None,
    *,
    grid: Sequence[float] = PENALTIES,
    draws: int = DRAWS,
    seed: int = 0,
) -> dict[str, Any]:
    """Accuracy of `ridge_probe` when 1 % or 10 % of the training labels are known, mean over five draws.

    Each class gives its share, at least one row. The embedding stays as it is: this asks how few labels its classes
    need, not what an encoder could learn from them (for that see `graphurl evaluate --finetune`). At 1 % of a small
    data set it is about one row a class, and chance is in the draw: read the deviation.

    Args:
        z: Embeddings, (N, d).
        y: Class of every row, -1 where unknown; such rows are left out.
        splits: As in `ridge_probe`.
        grid: Candidates of λ.
        draws: How often the labelled rows are drawn.
        seed: Draws them.

    Returns:
        labels_1_percent, labels_10_percent, stds (over draws, by share), rows (labelled, by share) and protocol.

    Raises:
        InputError: As in `ridge_probe`.
    """
    parts = parts_of(z, y, splits, seed)
    values, outcomes, stds, rows = {}, {}, {}, {}
    for share in SHARES:
        name, found = f"labels_{share:.0%}".replace("%", "_percent"), []
        for number in range(draws):
            known = labelled(parts, share, seed * draws + number)
            found.append(_fitted(parts, known, grid)[0])
            rows[f"{share:.0%}"] = len(known)
        hits = torch.stack(found)
        values[name], outcomes[name] = float(hits.mean()), hits.mean(0).numpy()
        stds[f"{share:.0%}"] = float(hits.mean(1).std(correction=0))
    counts = " and ".join(f"{count:,}" for count in rows.values())
    return {
        **values,
        "outcomes": Outcomes(outcomes),
        "stds": stds,
        "rows": rows,
        "protocol": f"least squares on {counts} labelled rows, mean of {draws} draws, "
        f"test {len(parts.test):,}, seed {seed}",
    }


def labelled(parts: Parts, share: float, seed: int) -> Tensor:
    """Training rows whose label is known: a share of every class, at least one.

    Args:
        parts: Rows and classes.
        share: Share of every class.
        seed: Draws the rows.

    Returns:
        Row numbers.
    """
    generator = torch.Generator().manual_seed(seed)
    order = parts.train[torch.randperm(len(parts.train), generator=generator)]
    groups = [order[parts.y[order] == label] for label in range(parts.classes)]
    return torch.cat([rows[: max(1, round(share * len(rows)))] for rows in groups])


def _fitted(parts: Parts, train: Tensor, grid: Sequence[float]) -> tuple[Tensor, float]:
    """Hits on the test rows (1 or 0), and the penalty with the smallest leave-one-out error."""
    if not grid or not min(grid) > 0:
        raise InputError(f"the grid of penalties is {tuple(grid)}: give at least one number, each above 0")
    deviation, mean = torch.std_mean(parts.z[train].double(), 0, correction=0)
    scale = torch.where(deviation > 0, deviation, 1.0)
    x, test = ((parts.z[rows].double() - mean) / scale for rows in (train, parts.test))
    targets = torch.nn.functional.one_hot(parts.y[train], parts.classes).double()
    centre, n = targets.mean(0), len(train)
    targets = targets - centre
    u, s, v = _thin(x)
    projected, best = u.T @ targets, (torch.inf, 0.0)
    for penalty in sorted(grid):
        shrink = s**2 / (s**2 + penalty * n)
        # The error of a row by the model of all others is its residual over 1 - its leverage; 1/n is the offset's.
        leverage = 1 / n + (u.square() @ shrink)
        residual = targets - u @ (shrink[:, None] * projected)
        error = float((residual / (1 - leverage).clamp_min(1e-9)[:, None]).square().sum())
        best = min(best, (error, penalty))
    penalty = float(best[1])
    weight = v @ ((s / (s**2 + penalty * n))[:, None] * projected)
    guess = (test @ weight + centre).argmax(1)
    return (guess == parts.y[parts.test]).double(), penalty


def _thin(x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """U, s, V of the thin singular value decomposition without its zeros, by the smaller Gram matrix."""
    tall = x.shape[0] >= x.shape[1]
    power, side = torch.linalg.eigh(x.T @ x if tall else x @ x.T)
    kept = power > power.amax().clamp_min(1e-300) * 1e-12
    s, side = power[kept].sqrt(), side[:, kept]
    other = (x @ side if tall else x.T @ side) / s
    return (other, s, side) if tall else (side, s, other)
