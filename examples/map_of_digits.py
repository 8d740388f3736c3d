"""Dimension reduction: fit a map of handwritten digits, place unseen ones, judge both, draw it."""

from __future__ import annotations

import argparse
from pathlib import Path

from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier

import graphurl
from graphurl.plots import scatter


def main() -> None:
    """Runs the story."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fast", action="store_true", help="a few epochs only")
    parser.add_argument("--out", type=Path, default=Path("map_of_digits.png"))
    arguments = parser.parse_args()

    x, y = load_digits(return_X_y=True)
    known, new, y_known, y_new = train_test_split(x, y, test_size=0.2, random_state=0, stratify=y)

    settings = {"n_epochs": 5} if arguments.fast else {}
    mapper = graphurl.Embedder(n_components=2, random_state=0, **settings).fit(known)
    print(mapper.report().table())

    placed = mapper.transform(new)  # one pass through the encoder, no optimisation
    vote = KNeighborsClassifier(10).fit(mapper.embedding_, y_known)
    print(f"kNN accuracy of {len(new)} unseen digits, voted by fitted ones: {vote.score(placed, y_new):.3f}")

    scatter(placed, y=y_new, title="digits the model never saw", path=arguments.out)
    print(f"picture: {arguments.out}")


if __name__ == "__main__":
    main()
