"""A method of your own for pictures: margins between views as one more relation, in under thirty lines."""

from __future__ import annotations

import argparse
from dataclasses import dataclass

import torch
from torch import Tensor

import graphurl
from graphurl.losses import PairLoss
from graphurl.relations import Term
from graphurl.relations.views import Positives
from graphurl.terms import Context


@dataclass(frozen=True)
class Hinge(PairLoss):
    """p (1 - cos) + (1 - p) (cos - margin)₊ with cos = 1 + log q."""

    margin: float = 0.3

    def pairwise(self, p: Tensor, log_q: Tensor) -> Tensor:
        """The hinge of each pair."""
        return -p * log_q + (1 - p) * (1 + log_q - self.margin).clamp_min(0)

    def minimiser(self, p: Tensor) -> Tensor:
        """Together where p = 1, anywhere below the margin where p = 0."""
        return torch.where(p > 0, 1.0, 0.0)


def hinge(context: Context) -> Term:
    """The term: which pairs, which similarity, which loss, on the method's own head."""
    similarity = graphurl.Similarity(metric="cosine")
    return Term("hinge", Positives(), similarity, Hinge(), weight=0.1, head=context.head)


def main() -> None:
    """Trains it beside SimCLR on the embedded digits, as pictures of 8 × 8."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fast", action="store_true", help="a few epochs only")
    epochs = 2 if parser.parse_args().fast else 30
    digits = graphurl.data.load("digits")
    for add in ([], [hinge]):
        embedder = graphurl.ImageEmbedder(
            method="simclr", add=add, views="weak", n_epochs=epochs, random_state=0, settings={"side": 16}
        )
        report = embedder.fit(digits).report()
        print(f"{len(add)} term(s) of our own: kNN {report['weighted_knn_20']:.3f}")


if __name__ == "__main__":
    main()
