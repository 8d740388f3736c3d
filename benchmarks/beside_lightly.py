"""SimCLR beside lightly's: pictures a CPU second end to end, views alone, accuracy after as many steps; prints JSON.

    python benchmarks/beside_lightly.py --fast
    GRAPHURL_DATA=DIR python benchmarks/beside_lightly.py > beside.json

Both sides train the same encoder with the same views, batch, temperature, optimiser and learning rates, on one
thread, from pictures that are decoded and lie in memory. lightly's side is what its tutorial shows: its transform
(torchvision's, on Pillow images), a DataLoader without workers, view after view through the encoder, its projection
head and loss, a plain loop. All contenders run in turn, piece by piece, so that a busy machine slows all of them.
Needs lightly, lightning-utilities and torchvision (pip install --no-deps); kornia's views are timed if installed.
Without CIFAR-10 in the data root the pictures are noise: the speeds are as good, the accuracies are chance.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import platform
import statistics
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from graphurl import registry
from graphurl.assembly.pictures import assemble_pictures
from graphurl.augment.plans import CIFAR
from graphurl.augment.views import make_views
from graphurl.data.archives import members
from graphurl.data.pictures import decode
from graphurl.data.pixels import Gallery, Pixels
from graphurl.data.samples import Samples
from graphurl.data.stacks import Stack
from graphurl.encoders.base import Encoder, Inputs
from graphurl.evaluation.probe import knn_accuracy
from graphurl.machine import fastest_precision
from graphurl.recipes.images import SIMCLR
from graphurl.recipes.pictures import PictureRecipe
from graphurl.training.schedule import Schedule, optimiser
from graphurl.training.trainer import Settings, Trainer

CLASSES = 10
KORNIA = importlib.util.find_spec("kornia") is not None
#: What every contender's views follow.
POLICY = CIFAR.policies[0]
PRECISIONS = tuple(dict.fromkeys(("float32", fastest_precision(torch.device("cpu")))))
#: The encoder that a contender trains, and what trains it for some epochs.
Side = tuple[Encoder, Callable[[int], None]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fast", action="store_true", help="under a minute: few pictures, rounds, steps, one seed")
    parser.add_argument("--rounds", type=int, help="timed pieces of each contender (default 7, fast 3)")
    parser.add_argument("--steps", type=int, help="training steps before accuracy (default 300, fast 8)")
    parser.add_argument("--seeds", type=int, help="runs for accuracy (default 3, fast 1)")
    parser.add_argument("--train", type=int, default=5_000, help="pictures to train on for accuracy")
    parser.add_argument("--test", type=int, default=2_000, help="test pictures")
    parser.add_argument("--only", choices=["speed", "views", "accuracy"])
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    prepare_lightly()
    fast = arguments.fast
    rounds = arguments.rounds or (3 if fast else 7)
    steps, seeds = arguments.steps or (8 if fast else 300), arguments.seeds or (1 if fast else 3)
    timed, train, test = (520, 1_030, 500) if fast else (2_000, arguments.train, arguments.test)
    names = ["graphurl", "torch", "lightly", "torchvision", "pillow", *["kornia"] * KORNIA]
    small = pictures(timed, CLASSES)
    result: dict[str, Any] = {
        "versions": {name: version(name) for name in names}, "machine": platform.machine(), "threads": 1,
        "data": small.name, "batch": SIMCLR.batch_size, "rounds": rounds,
    }  # fmt: skip
    if arguments.only in (None, "speed"):
        result["pictures_per_cpu_second"] = measure_speed(small, rounds)
    if arguments.only in (None, "views"):
        result["views_per_cpu_second"] = measure_views(small, rounds)
    if arguments.only in (None, "accuracy"):
        result["accuracy"] = measure_accuracy(pictures(train, test), steps, seeds)
    print(json.dumps(result, indent=2))


def prepare_lightly() -> None:
    """Makes torchvision importable beside any torch, as the tests do."""
    sys.path.append(str(Path(__file__).resolve().parent.parent))
    from tests.peers.torchvision_names import import_torchvision

    import_torchvision()


def pictures(train: int, test: int) -> Samples:
    """The first pictures of each class of CIFAR-10, as many of each; noise without the data."""
    root = os.environ.get("GRAPHURL_DATA")
    path = Path(root) / "cifar10" / "cifar10-images.tar.xz" if root else None
    wanted = {"train": train // CLASSES, "test": test // CLASSES}
    if path is None or not path.exists():
        return noise(train, test)
    taken: Counter[tuple[str, str]] = Counter()

    def first(name: str) -> bool:
        if not name.endswith(".jpg"):
            return False
        split, label = name.split("/")[-3:-1]
        taken[split, label] += 1
        return taken[split, label] <= wanted[split]

    found = [(*name.split("/")[-3:-1], decode(content, name, channels=3)) for name, content in members(path, first)]
    labels = sorted({label for _, label, _ in found})
    y = torch.tensor([labels.index(label) for _, label, _ in found])
    trained = torch.tensor([split == "train" for split, _, _ in found])
    stack = Stack(np.stack([pixels for _, _, pixels in found]))
    return Samples("cifar-10", images=stack, y=y, splits={"train": trained, "test": ~trained})


def noise(train: int, test: int) -> Samples:
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(256, (train + test, 3, 32, 32), generator=generator, dtype=torch.uint8)
    y, trained = torch.arange(train + test) % CLASSES, torch.arange(train + test) < train
    return Samples("noise", images=Stack(pixels), y=y, splits={"train": trained, "test": ~trained})


def graphurl_side(samples: Samples, recipe: PictureRecipe) -> Side:
    parts = assemble_pictures(samples, recipe)

    def run(epochs: int) -> None:
        Trainer(replace(Settings.of(recipe), epochs=epochs), threads=1).fit(parts.objective)

    return parts.objective.encoder, run


def lightly_side(samples: Samples, recipe: PictureRecipe) -> Side:
    from lightly.loss import NTXentLoss
    from lightly.models.modules import SimCLRProjectionHead

    torch.manual_seed(recipe.seed)
    pixels = fitted(samples)
    dataset = Transformed(pillow_pictures(samples), lightly_transform(pixels))
    loader = torch.utils.data.DataLoader(dataset, recipe.batch_size, shuffle=True, drop_last=True)
    encoder = registry.resolve("encoders", recipe.encoder)(channels=pixels.channels)
    head = SimCLRProjectionHead(encoder.width, recipe.hidden, recipe.dim)
    model = nn.ModuleDict({"encoder": encoder, "head": head})
    criterion = NTXentLoss(temperature=recipe.temperature)

    def run(epochs: int) -> None:
        model.train()
        stepper = optimiser(recipe.optimiser, model.parameters(), recipe.lr, recipe.weight_decay, recipe.momentum)
        schedule = Schedule(recipe.schedule, epochs * len(loader), recipe.warmup)
        for step, views in enumerate(batch for _ in range(epochs) for batch in loader):
            for group in stepper.param_groups:
                group["lr"] = recipe.lr * schedule.factor(step)
            with torch.autocast("cpu", torch.bfloat16, enabled=recipe.precision == "bfloat16"):
                first, second = (head(encoder(Inputs(view)).z) for view in views)
                loss = criterion(first, second)
            stepper.zero_grad()
            loss.backward()
            stepper.step()
        model.eval()

    return encoder, run


class Transformed(torch.utils.data.Dataset[Any]):
    """Pillow images, a transform away from views."""

    def __init__(self, rows: list[Any], transform: Callable[[Any], list[Tensor]]) -> None:
        self.rows, self.transform = rows, transform

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> list[Tensor]:
        return self.transform(self.rows[index])


SIDES: dict[str, Callable[[Samples, PictureRecipe], Side]] = {"graphurl": graphurl_side, "lightly": lightly_side}


def fitted(samples: Samples) -> Pixels:
    assert samples.images is not None
    return Pixels.fit(samples.images, samples.images.shape[1], training(samples))


def training(samples: Samples) -> Tensor:
    return samples.splits["train"].nonzero()[:, 0]


def pillow_pictures(samples: Samples) -> list[Any]:
    from PIL import Image

    assert samples.images is not None
    return [Image.fromarray(pixels.permute(1, 2, 0).numpy()) for pixels in samples.images.take(training(samples))]


def lightly_transform(pixels: Pixels) -> Callable[[Any], list[Tensor]]:
    from lightly.transforms import SimCLRTransform

    bright, contrast, saturation, hue = POLICY.jitter
    return SimCLRTransform(  # type: ignore[no-any-return]
        input_size=pixels.side, min_scale=POLICY.scale[0], hf_prob=POLICY.flip, cj_prob=POLICY.jitter_probability,
        cj_bright=bright, cj_contrast=contrast, cj_sat=saturation, cj_hue=hue, random_gray_scale=POLICY.gray,
        gaussian_blur=POLICY.blur, normalize={"mean": pixels.mean, "std": pixels.std},
    )  # fmt: skip


def kornia_transform(pixels: Pixels) -> Callable[[Tensor], Tensor]:
    from kornia import augmentation as kornia

    return nn.Sequential(
        kornia.RandomResizedCrop((pixels.side, pixels.side), scale=POLICY.scale, ratio=POLICY.ratio),
        kornia.RandomHorizontalFlip(p=POLICY.flip),
        kornia.ColorJitter(*POLICY.jitter, p=POLICY.jitter_probability), kornia.RandomGrayscale(p=POLICY.gray),
        kornia.Normalize(torch.tensor(pixels.mean), torch.tensor(pixels.std)),
    )  # fmt: skip


def measure_speed(samples: Samples, rounds: int) -> dict[str, Any]:
    """Pictures trained on (two views each) in a CPU second, all included."""
    calls: dict[str, Callable[[], Any]] = {}
    for name, make in SIDES.items():
        for precision in PRECISIONS:
            _, run = make(samples, SIMCLR.but(precision=precision))
            calls[f"{name}, {precision}"] = partial(run, 1)
    seen = len(training(samples)) // SIMCLR.batch_size * SIMCLR.batch_size
    return rates(calls, seen, rounds, "lightly, float32")


def measure_views(samples: Samples, rounds: int) -> dict[str, Any]:
    """Views made in a CPU second from one batch, two of each picture."""
    assert samples.images is not None
    pixels, plan = fitted(samples), registry.resolve("views", SIMCLR.views)
    batch = samples.images.take(training(samples)[: SIMCLR.batch_size])
    pillow, transform = pillow_pictures(samples)[: SIMCLR.batch_size], lightly_transform(pixels)
    generator = torch.Generator().manual_seed(0)
    calls: dict[str, Callable[[], Any]] = {
        "graphurl": lambda: make_views(batch, plan, 2, pixels.side, generator, mean=pixels.mean, std=pixels.std),
        "lightly": lambda: [transform(picture) for picture in pillow],
    }
    if KORNIA:
        chain = kornia_transform(pixels)
        calls["kornia"] = lambda: [chain(batch.float() / 255) for _ in range(2)]
    return rates(calls, 2 * len(batch), max(rounds, 5), "lightly")


def rates(calls: dict[str, Callable[[], Any]], count: int, rounds: int, base: str) -> dict[str, Any]:
    """Median rate of each call, and how many times that of the base; all run in turn, and first once to warm up."""
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds + 1):
        for name, call in calls.items():
            began = time.process_time()
            call()
            seconds[name].append(time.process_time() - began)
    found = {name: [count / each for each in timed[1:]] for name, timed in seconds.items()}
    median = {name: statistics.median(each) for name, each in found.items()}
    return {
        name: {
            "median": round(median[name]), "range": [round(min(each)), round(max(each))],
            "times": round(median[name] / median[base], 2),
        }
        for name, each in found.items()
    }  # fmt: skip


def measure_accuracy(samples: Samples, steps: int, seeds: int) -> dict[str, Any]:
    """Nearest-neighbour accuracy (k = 20, cosine) of the features, over seeds; beside the untrained encoder's."""
    epochs = max(1, round(steps / (len(training(samples)) // SIMCLR.batch_size)))
    contenders = [*(("graphurl", each) for each in PRECISIONS), ("lightly", "float32")]
    scores: dict[str, list[float]] = {"untrained": []}
    for seed in range(seeds):
        for name, precision in contenders:
            encoder, run = SIDES[name](samples, SIMCLR.but(seed=seed, precision=precision))
            if name == "lightly":
                scores["untrained"].append(nearest(encoder, samples))
            run(epochs)
            scores.setdefault(f"{name}, {precision}", []).append(nearest(encoder, samples))
    rows = {name: {"mean": round(statistics.mean(found), 4), "runs": found} for name, found in scores.items()}
    return {"epochs": epochs, "train": len(training(samples)), "test": int(samples.splits["test"].sum()), **rows}


def nearest(encoder: Encoder, samples: Samples) -> float:
    assert samples.images is not None
    encoder.eval()
    with torch.no_grad():
        z = torch.cat([encoder(inputs).z for inputs in Gallery(samples.images, fitted(samples))])
    return round(knn_accuracy(z, samples.y, 20, samples.splits, metric="cosine")["accuracy"], 4)


if __name__ == "__main__":
    main()
