"""A teacher's 512 numbers made 8 to 32: what is kept of its neighbours, by each loss and by linear projections.

    python benchmarks/distill_vectors.py --data-root DIR --out results.json
    python benchmarks/distill_vectors.py --vectors FILE.npy --losses kl --out results.json

The teacher is the second hidden layer (512 units) of an MLP trained on half of MNIST's training digits; students see
20,000 vectors of the other half, and are judged on 5,000 of the test digits: overlap@10 of their neighbours among the
20,000 with the teacher's, and the class of ten neighbours. Same network, start and batches for all losses. With
--vectors a file's rows take their place, a fifth of them drawn as those that ask.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

import graphurl
from graphurl import data, registry
from graphurl.recipes.students import BY_LOSS

FIT, ASKED = 20_000, 5_000
#: What `kl` has: batches of which half are neighbours of the rest, and a narrow kernel on both sides.
KL = registry.resolve("recipes", BY_LOSS["kl"])
NEAR = {name: getattr(KL, name) for name in ("batch_size", "near", "sigma", "sigma_z", "memory")}
#: Name → loss, and settings beside those of its recipe.
WAYS: dict[str, tuple[str, dict[str, Any]]] = {
    **{loss: (loss, {}) for loss in ("kl", "gkl", "rkd", "pkt", "sp", "sskd", "seed", "crd", "anchored")},
    "bce": ("bce", {"batch_size": 512}), "bce near": ("bce", NEAR), "gkl near": ("gkl", NEAR),
}  # fmt: skip
Placed = Callable[[np.ndarray], np.ndarray]


def teacher(root: str | None, seed: int) -> dict[str, np.ndarray]:
    """Features of rows that the teacher was not trained on."""
    samples = data.load("mnist", root)
    assert samples.x is not None
    assert samples.y is not None
    x, train, test = samples.x, samples.splits["train"], samples.splits["test"]
    x = x / max(1.0, float(x.max()))
    rows, labels = x[train], samples.y[train]
    generator = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        layers = [torch.nn.Linear(784, 512), torch.nn.ReLU(), torch.nn.Linear(512, 512), torch.nn.ReLU()]
        net = torch.nn.Sequential(*layers, torch.nn.Linear(512, 10))
    stepper = torch.optim.Adam(net.parameters(), 1e-3)
    for _ in range(3):
        for part in torch.randperm(30_000, generator=generator).split(128):
            stepper.zero_grad()
            torch.nn.functional.cross_entropy(net(rows[30_000 + part]), labels[30_000 + part]).backward()
            stepper.step()
    with torch.no_grad():
        fit, asked = net[:4](rows[:FIT]).numpy(), net[:4](x[test][:ASKED]).numpy()
    return {"fit": fit, "asked": asked, "y": labels[:FIT].numpy(), "y_asked": samples.y[test][:ASKED].numpy()}


def split(vectors: np.ndarray, seed: int) -> dict[str, np.ndarray]:
    """Rows of a file: those that are kept, and a fifth that asks."""
    order = np.random.default_rng(seed).permutation(len(vectors))
    kept = len(vectors) * 4 // 5
    return {"fit": vectors[order[:kept]], "asked": vectors[order[kept:]]}


def unit(rows: np.ndarray) -> np.ndarray:
    """Rows of length 1."""
    return rows / np.linalg.norm(rows, axis=1, keepdims=True).clip(1e-12)


def nearest(asked: np.ndarray, kept: np.ndarray) -> np.ndarray:
    """The ten nearest of the kept rows, by Euclidean distance."""
    found = [torch.cdist(part, torch.from_numpy(kept)).topk(10, largest=False).indices for part in
             torch.from_numpy(asked).split(1000)]  # fmt: skip
    return torch.cat(found).numpy()


def principal(rows: np.ndarray, dim: int) -> Placed:
    """Principal coordinates of unit rows."""
    mean = unit(rows).mean(axis=0)
    _, _, directions = np.linalg.svd(unit(rows) - mean, full_matrices=False)
    return lambda x: np.ascontiguousarray((unit(x) - mean) @ directions[:dim].T)


def projected(rows: np.ndarray, dim: int, seed: int) -> Placed:
    """A Gaussian random projection of unit rows."""
    drawn = np.random.default_rng(seed).normal(size=(rows.shape[1], dim)).astype(np.float32)
    return lambda x: unit(x) @ drawn


def student(rows: np.ndarray, dim: int, seed: int, way: str, epochs: int) -> Placed:
    """A student of the teacher's own vectors, compared by cosines."""
    loss, more = WAYS[way]
    made = graphurl.Distiller(n_components=dim, loss=loss, n_epochs=epochs, learning_rate=5e-4, random_state=seed,
                              device="cpu", settings=dict(more))  # fmt: skip
    made.fit(rows)
    return lambda x: unit(made.transform(x))


def judged(place: Placed, of: dict[str, np.ndarray], truth: np.ndarray) -> dict[str, float]:
    """Neighbours and classes kept, and milliseconds of one query among the kept rows, placing it included."""
    kept, asked = place(of["fit"]), place(of["asked"])
    found = nearest(asked, kept)
    overlap = np.mean([len(np.intersect1d(a, b)) for a, b in zip(found, truth, strict=True)]) / 10
    bank = torch.from_numpy(kept)
    half, began = bank.square().sum(dim=1) / 2, time.process_time()
    for row in of["asked"][:200]:
        torch.topk(bank @ torch.from_numpy(place(row[None]))[0] - half, 10)
    query = (time.process_time() - began) / 200 * 1e3
    result = {"overlap_10": float(overlap), "query_ms": query, "bytes": kept.shape[1] * 4}
    if "y" in of:
        votes = np.array([np.bincount(of["y"][row], minlength=10).argmax() for row in found])
        result["knn"] = float((votes == of["y_asked"]).mean())
    return result


def main() -> None:
    """Measures every method and writes a JSON object a line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data-root")
    parser.add_argument("--vectors", metavar="FILE.npy", help="the teacher's vectors, instead of those of digits")
    parser.add_argument("--out", required=True)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--losses", nargs="+", default=list(WAYS), choices=list(WAYS))
    options = parser.parse_args()
    torch.set_num_threads(1)
    of = teacher(options.data_root, 0) if options.vectors is None else split(np.load(options.vectors), 0)
    truth = nearest(unit(of["asked"]), unit(of["fit"]))
    fit = of["fit"]
    rows: list[tuple[str, int, int, Callable[[], Placed]]] = [("teacher", fit.shape[1], 0, lambda: unit)]
    for dim in (8, 16, 32, 64):
        rows += [("pca", dim, 0, lambda dim=dim: principal(fit, dim))]
    for seed in range(options.seeds):
        rows += [("random projection", 16, seed, lambda seed=seed: projected(fit, 16, seed))]
        for dim, loss in [(16, loss) for loss in options.losses] + [(8, "kl"), (32, "kl"), (64, "kl")]:
            rows += [(loss, dim, seed, lambda d=dim, s=seed, by=loss: student(fit, d, s, by, options.epochs))]
    with Path(options.out).open("a", encoding="utf-8") as out:
        for name, dim, seed, make in rows:
            began = time.process_time()
            place = make()
            seconds = time.process_time() - began
            record = {"method": name, "dim": dim, "seed": seed, "fit_s": seconds, **judged(place, of, truth)}
            out.write(json.dumps(record) + "\n")
            out.flush()


if __name__ == "__main__":
    main()
