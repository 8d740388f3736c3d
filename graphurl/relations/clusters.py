"""Relations to groups: centroids found in the other view (CLD), and classes (labels)."""

from __future__ import annotations

from itertools import permutations

import torch
from torch import Tensor, nn

from graphurl.encoders.base import Encoded
from graphurl.functional.clustering import spherical_kmeans
from graphurl.functional.sparse import indicator
from graphurl.relations.relation import Batch, Relation, Source
from graphurl.relations.views import Views, labels_of, require_two


class Clusters(Source):
    """Instances of one view against the centroids of another; p is the assignment found there (CLD, Eq. 3).

    The rows should be a head of their own, the group head: groups and instances pull at cross purposes.

    Args:
        groups: Number of clusters; at most one for each picture of the batch.
        rounds: Rounds of k-means.
        detached: Cut the gradient through the centroids. The paper's code lets it pass, and so does the default.
    """

    def __init__(self, groups: int, *, rounds: int = 5, detached: bool = False) -> None:
        """Keeps the settings; there is no state."""
        super().__init__()
        self.groups, self.rounds, self.detached = groups, rounds, detached

    def relations(self, batch: Batch, out: Encoded, progress: float) -> tuple[Relation, ...]:
        """One relation, n × k, for each ordered pair of full-size views."""
        views = Views.of(batch, out.z)
        require_two(views)
        groups = min(self.groups, views.full.shape[1])
        # The starting rows come from the run's private stream, which is checkpointed.
        generator = torch.Generator().manual_seed(int(torch.randint(2**31, ())))
        found = [spherical_kmeans(z, groups, n_iter=self.rounds, generator=generator) for z in views.full]
        made = []
        for a, b in permutations(range(len(views.full)), 2):
            centroids, assignment = found[b]
            columns = centroids.detach() if self.detached else centroids
            made.append(Relation(views.full[a], columns, indicator(assignment, groups)))
        return tuple(made)


class Classes(Source):
    """Views against one trained direction for each class; p is the label (supervised, cosine softmax).

    Args:
        classes: Number of classes.
        dim: Dimension of the embedding.
        generator: Source of the start.
    """

    def __init__(self, classes: int, dim: int, *, generator: torch.Generator | None = None) -> None:
        """Starts with random directions."""
        super().__init__()
        self.directions = nn.Parameter(torch.randn(classes, dim, generator=generator) * dim**-0.5)

    def relate(self, batch: Batch, out: Encoded, progress: float) -> Relation:
        """All views × classes; pictures without a label are left out."""
        views = Views.of(batch, out.z).all
        label: Tensor = labels_of(batch).repeat(len(views))
        p = indicator(label.clamp_min(0), len(self.directions))
        unknown = (label < 0)[:, None].expand(p.shape)
        return Relation(views.flatten(0, 1), self.directions, p, left_out=unknown)
