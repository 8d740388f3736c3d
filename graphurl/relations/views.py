"""Relations among the views of pictures: positives (SimCLR, GenURL, t-SNE on views) and features (Barlow Twins)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from graphurl.encoders.base import Encoded
from graphurl.errors import InputError
from graphurl.functional.sparse import indicator
from graphurl.relations.relation import Batch, Relation, Source


@dataclass(frozen=True)
class Views:
    """The rows of an encoded batch, sorted by what they are.

    Attributes:
        full: Full-size views, V × n × d.
        small: Small crops, S × n × d.
        mixed: Mixtures of two pictures, n × d, where the batch has them.
    """

    full: Tensor
    small: Tensor
    mixed: Tensor | None

    @classmethod
    def of(cls, batch: Batch, z: Tensor) -> Views:
        """Takes apart what the encoder stacked: full views, mixtures, small crops."""
        n, dim = len(batch.nodes), z.shape[1]
        full, rest = z[: batch.views * n], z[batch.views * n :]
        mixed = None
        if "ratio" in batch.notes:
            mixed, rest = rest[:n], rest[n:]
        return cls(full.view(batch.views, n, dim), rest.view(-1, n, dim), mixed)

    @property
    def all(self) -> Tensor:
        """Full views and small crops, (V + S) × n × d."""
        return torch.cat([self.full, self.small]) if len(self.small) else self.full

    def pairs(self) -> list[tuple[int, int]]:
        """Which view is compared with which full-size view: never one with itself."""
        total = len(self.full) + len(self.small)
        return [(a, b) for a in range(total) for b in range(len(self.full)) if a != b]


def require_two(views: Views) -> None:
    """Refuses a batch with one view where a pair is needed."""
    if len(views.full) < 2:
        raise InputError(f"num_views is {len(views.full)}: this method compares two views of a picture, give 2")


class Positives(Source):
    """All views against all views; p = 1 for two views of one picture, else 0 (method SSL of GenURL, SimCLR).

    Args:
        far_weight: Weight of pairs of different pictures.
    """

    def __init__(self, far_weight: float = 1.0) -> None:
        """Keeps the weight; there is no state."""
        super().__init__()
        self.far_weight = far_weight

    def relate(self, batch: Batch, out: Encoded, progress: float) -> Relation:
        """2n × 2n; sums over pairs are divided by the number of rows."""
        views = Views.of(batch, out.z)
        require_two(views)
        rows = self.compared(batch, out.z)
        count, n, _ = views.all.shape
        picture = torch.arange(n, device=rows.device)
        others = [[b for b in range(count) if b != a] for a in range(count)]
        col = torch.cat([torch.stack([b * n + picture for b in rest], dim=1) for rest in others])
        p = indicator(col, count * n)
        return Relation(rows, rows, p, far_weight=self.far_weight, same=True, total=float(count * n))

    def compared(self, batch: Batch, encoded: Tensor) -> Tensor:
        """All views, without mixtures."""
        return Views.of(batch, encoded).all.flatten(0, 1)


class Features(Source):
    """The features of one view against those of another, centred over the batch (Barlow Twins).

    The cosine of two centred columns is their correlation; p is the identity.

    Args:
        redundancy: λ, the weight of pairs of different features.
    """

    def __init__(self, redundancy: float = 5e-3) -> None:
        """Keeps the weight; there is no state."""
        super().__init__()
        self.redundancy = redundancy

    def relations(self, batch: Batch, out: Encoded, progress: float) -> tuple[Relation, ...]:
        """One relation, d × d, for each pair of views, one way: the transpose has the same loss."""
        views = Views.of(batch, out.z)
        require_two(views)
        columns = [(z - z.mean(dim=0)).T for z in views.all]
        p = indicator(torch.arange(len(columns[0]), device=out.z.device), len(columns[0]))
        return tuple(
            Relation(columns[a], columns[b], p, far_weight=self.redundancy, total=1.0)
            for a, b in views.pairs()
            if a > b
        )


class Repulsion(Source):
    """Nothing is similar: the rows of each view against each other (DE, Eq. 2).

    With the sum divided by (n - 1)², as printed; the mean over the n (n - 1) pairs is smaller by (n - 1)/n.
    """

    def relations(self, batch: Batch, out: Encoded, progress: float) -> tuple[Relation, ...]:
        """One relation, n × n, for each full-size view."""
        return tuple(apart(z) for z in Views.of(batch, out.z).full)


class ClassRepulsion(Source):
    """Nothing is similar among the means of the classes in the batch (DE, Eq. 4, for labelled pictures)."""

    def relate(self, batch: Batch, out: Encoded, progress: float) -> Relation:
        """C × C, of the classes that occur."""
        views = Views.of(batch, out.z).full
        label = labels_of(batch)
        known = label >= 0
        _, place = torch.unique(label[known], return_inverse=True)
        classes = int(place.max()) + 1 if len(place) else 1  # no class is as one: there is no pair
        rows = views.mean(dim=0)[known]
        sums = rows.new_zeros(classes, rows.shape[1]).index_add(0, place, rows)
        count = torch.bincount(place, minlength=classes).clamp_min(1)
        return apart(sums / count[:, None])


def apart(rows: Tensor) -> Relation:
    """Rows against themselves, p = 0 throughout, divided by (n - 1)²."""
    n = len(rows)
    p = indicator(torch.empty(n, 0, dtype=torch.int64, device=rows.device), n)
    return Relation(rows, rows, p, same=True, total=float(max(1, n - 1) ** 2))


def labels_of(batch: Batch) -> Tensor:
    """The labels that the draw noted."""
    if "label" not in batch.notes:
        raise InputError("this method reads labels and the pictures have none: give class folders or --labels FILE")
    return batch.notes["label"]
