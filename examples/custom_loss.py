"""A loss of your own in ten lines, beside the built-in ones on equal terms: same graph, encoder, batches, seed."""

from __future__ import annotations

import argparse
from dataclasses import dataclass

from torch import Tensor

from graphurl import assembly
from graphurl.data import load
from graphurl.evaluation.report import evaluate
from graphurl.losses import BCE, GKL, MSE, Loss, PairLoss
from graphurl.recipes.maps import DIRECT
from graphurl.training import Settings, Trainer


@dataclass(frozen=True)
class Hellinger(PairLoss):
    """Σ (√p - √q)²; minimiser q* = p."""

    def pairwise(self, p: Tensor, log_q: Tensor) -> Tensor:
        """(√p - √q)² of each pair; √p has no gradient to break, √q = exp(log q / 2)."""
        return (p.sqrt() - (log_q / 2).exp()) ** 2

    def minimiser(self, p: Tensor) -> Tensor:
        """q* = p."""
        return p


def main() -> None:
    """Trains one map for each loss."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fast", action="store_true", help="a few epochs only")
    arguments = parser.parse_args()

    samples = load("digits")
    recipe = DIRECT.but(loss="bce", epochs=3 if arguments.fast else 60, seed=0)  # kernel and far pairs of sums
    losses: list[Loss] = [Hellinger(), MSE(), BCE(), GKL()]
    for loss in losses:
        parts = assembly.assemble(samples, recipe)
        parts.objective.terms[0].loss = loss
        Trainer(Settings(epochs=recipe.epochs, lr=recipe.lr)).fit(parts.objective)
        z = parts.objective.encoder(parts.everything).z.detach()
        report = evaluate(z, x=samples.x, y=samples.y, metrics=["trustworthiness", "knn_accuracy"])
        print(f"{type(loss).__name__:10}", *(f"{k} {v['value']:.3f}" for k, v in report.to_dict()["metrics"].items()))


if __name__ == "__main__":
    main()
