"""Small data sets that come with scikit-learn and networkx: nothing is downloaded."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch

from graphurl.data.catalogue import Card
from graphurl.data.samples import Samples
from graphurl.data.splits import random_split
from graphurl.data.undirected import undirected


def read_digits(card: Card, files: Mapping[str, Path]) -> Samples:
    """Reads the 8 x 8 digits of scikit-learn, scaled to [0, 1], with a fixed stratified split."""
    from sklearn.datasets import load_digits

    bunch = load_digits()
    y = torch.from_numpy(bunch.target.astype(np.int64))
    return Samples(
        name=card.name,
        x=torch.from_numpy((bunch.data / 16.0).astype(np.float32)),
        y=y,
        classes=card.classes or None,
        splits=random_split(y, stratified=True, generator=torch.Generator().manual_seed(0)),
        shape=(1, 8, 8),
        provenance={
            "source": "sklearn.datasets.load_digits",
            "licence": card.licence,
            "split": "stratified, seed 0",
        },
    )


def read_karate(card: Card, files: Mapping[str, Path]) -> Samples:
    """Reads Zachary's karate club from networkx: a graph without features, two clubs as classes."""
    import networkx

    club = networkx.karate_club_graph()
    nodes = sorted(club)
    ends = torch.tensor(list(club.edges()), dtype=torch.int64)
    y = torch.tensor([card.classes.index(club.nodes[node]["club"]) for node in nodes], dtype=torch.int64)
    return Samples(
        name=card.name,
        graph=undirected(ends[:, 0], ends[:, 1], len(nodes), source=card.name),
        y=y,
        ids=tuple(str(node) for node in nodes),
        classes=card.classes,
        provenance={"source": "networkx.karate_club_graph", "licence": card.licence},
    )
