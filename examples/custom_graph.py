"""A similarity graph of your own: views of the same rows, combined before training, so new rows can be placed."""

from __future__ import annotations

import argparse

import numpy as np
import torch

import graphurl
from graphurl.graphs import from_edge_index, knn


def main() -> None:
    """Runs the story."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fast", action="store_true", help="a few epochs only")
    arguments = parser.parse_args()

    # Customers: what they buy (20 columns) and what they read (5 columns), and a few who live together.
    rng = np.random.default_rng(0)
    kind = rng.integers(0, 4, 600)
    buys = rng.normal(size=(4, 20))[kind] + rng.normal(size=(600, 20))
    reads = rng.normal(size=(4, 5))[kind] + 0.5 * rng.normal(size=(600, 5))
    rows = torch.from_numpy(np.hstack([buys, reads])).float()
    pairs = torch.from_numpy(rng.integers(0, 600, (2, 200)))

    bought = knn(rows[:, :20], k=10).similarity()
    read = knn(rows[:, 20:], k=10, metric="cosine").similarity()
    households = from_edge_index(pairs, num_nodes=600).symmetrise("max")
    graph = (0.7 * bought + 0.3 * read) | 0.9 * households
    print(graph.summary())

    mapper = graphurl.Embedder(n_components=2, random_state=0, n_epochs=3 if arguments.fast else 60)
    z = mapper.fit_transform(rows, graph=graph)
    print("fitted rows:", z.shape, "· a new row lands at", mapper.transform(rows[:1].numpy() + 0.1).round(2))


if __name__ == "__main__":
    main()
