"""Does Gaussian noise as augmentation rank pairs of pictures as ℓ2 does? (Prop. 3.2 of SNE↔SSL)

Two measurements on the digits (1,797 pictures of 8 × 8):

1. The similarity that noise views induce, p(i, j) = E_v[N(v; x_j, s²)] over views v of picture i: how likely a view
   of i is one of j. In closed form it falls with ‖x_i - x_j‖² alone; here it is estimated from drawn views.
2. An encoder trained by SimCLR on views of one plan: the rank correlation of its distances with ℓ2, for noise and
   for crops.
"""

from __future__ import annotations

import argparse
import json
from typing import Any

import torch
from scipy.stats import spearmanr
from torch import Tensor

import graphurl
from graphurl import registry
from graphurl.augment.policy import Plan, Policy
from graphurl.augment.views import make_views
from graphurl.data.stacks import as_pictures
from graphurl.functional.distance import squared_distances


def induced(pictures: Tensor, noise: float, views: int, seed: int) -> Tensor:
    """log p(i, j) from so many views of each picture, up to a constant."""
    side, generator = pictures.shape[-1], torch.Generator().manual_seed(seed)
    plan = Plan((Policy(noise=noise),))
    drawn, _ = make_views(pictures, plan, views, side, generator, mean=[0.0], std=[1.0])
    x = pictures.float().div(255).flatten(1)
    logs = torch.stack([-squared_distances(view.flatten(1), x) / (2 * noise**2) for view in drawn])
    return logs.logsumexp(dim=0)


def ranks(a: Tensor, b: Tensor) -> float:
    """Spearman correlation over all pairs above the diagonal."""
    above = torch.triu_indices(len(a), len(a), offset=1)
    return float(spearmanr(a[above[0], above[1]], b[above[0], above[1]]).statistic)


def trained(samples: Any, plan: str, x: Tensor, epochs: int, seed: int) -> dict[str, float]:
    """Rank correlation with ℓ2, and accuracy, of an encoder trained on views of a plan."""
    embedder = graphurl.ImageEmbedder(
        method="simclr", encoder=torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 256), torch.nn.ReLU(),
        torch.nn.Linear(256, 64)), views=plan, n_epochs=epochs, random_state=seed, settings={"side": 8},
    ).fit(samples)  # fmt: skip
    z = torch.from_numpy(embedder.embedding_)
    return {"spearman": ranks(squared_distances(z), x), "knn": embedder.report()["weighted_knn_20"]}


def main() -> None:
    """Prints both measurements as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fast", action="store_true", help="fewer pictures, views and epochs")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    samples = as_pictures(graphurl.data.load("digits"))
    assert samples.images is not None
    count, views, epochs = (100, 8, 2) if options.fast else (600, 64, 30)
    pictures = samples.images.take(torch.arange(count))
    near = squared_distances(pictures.float().div(255).flatten(1))
    everything = samples.images.take(torch.arange(len(samples))).float().div(255).flatten(1)
    found: dict[str, Any] = {}
    for noise in (0.1, 0.3, 1.0):
        found[f"induced, noise {noise}"] = -ranks(induced(pictures, noise, views, options.seed), near)
    for plan in ("noise", "weak", "cifar"):
        assert plan in registry.names("views")
        found[f"trained on {plan}"] = trained(samples, plan, squared_distances(everything), epochs, options.seed)
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
