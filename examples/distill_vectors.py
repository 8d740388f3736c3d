"""A teacher's 512 numbers made 16: neighbours that students keep, beside principal coordinates."""

from __future__ import annotations

import argparse
import time

import numpy as np

import graphurl


def features(n: int, seed: int) -> np.ndarray:
    """What a large model might say: 60 loose groups on a curved surface of 24 dimensions, in 512 numbers."""
    world, rng = np.random.default_rng(0), np.random.default_rng(seed)
    centres, first, second = world.normal(size=(60, 24)), world.normal(size=(24, 256)), world.normal(size=(256, 512))
    inner = centres[rng.integers(60, size=n)] + 0.4 * rng.normal(size=(n, 24))
    return np.tanh(np.tanh(0.5 * inner @ first) @ second / 8).astype(np.float32)


def unit(rows: np.ndarray) -> np.ndarray:
    """Rows of length 1: neighbours are those of the largest cosine."""
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def nearest(asked: np.ndarray, kept: np.ndarray) -> np.ndarray:
    """The ten nearest of the kept rows."""
    squares = np.square(kept).sum(axis=1) / 2
    return np.argpartition(squares - asked @ kept.T, 10, axis=1)[:, :10]


def main() -> None:
    """Distils, and judges rows that no method was fitted on."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fast", action="store_true", help="few rows, one epoch")
    fast = parser.parse_args().fast
    fitted, asked = features(600 if fast else 4000, 1), features(200 if fast else 1000, 2)
    truth = nearest(unit(asked), unit(fitted))

    def overlap(kept: np.ndarray, placed: np.ndarray) -> float:
        found = nearest(placed, kept)
        return float(np.mean([len(np.intersect1d(a, b)) for a, b in zip(found, truth, strict=True)])) / 10

    mean = unit(fitted).mean(axis=0)
    _, _, directions = np.linalg.svd(unit(fitted) - mean, full_matrices=False)
    for dim in (16, 32):
        kept, placed = ((unit(x) - mean) @ directions[:dim].T for x in (fitted, asked))
        print(f"principal coordinates, {dim} numbers: overlap@10 {overlap(kept, placed):.3f}")
    drawn = np.random.default_rng(0).normal(size=(512, 16)).astype(np.float32)
    print(f"random projection, 16 numbers: overlap@10 {overlap(unit(fitted) @ drawn, unit(asked) @ drawn):.3f}")
    for loss in ("kl", "bce", "seed"):
        began = time.perf_counter()
        # The teacher may also be a run, a file of features, a model; here its vectors are what the student reads.
        student = graphurl.Distiller(
            n_components=16, loss=loss, n_epochs=1 if fast else 5, batch_size=512, learning_rate=5e-4, random_state=0
        ).fit(fitted)
        kept, placed = unit(student.embedding_), unit(student.transform(asked))
        spent = time.perf_counter() - began
        print(f"student, {loss}, 16 numbers: overlap@10 {overlap(kept, placed):.3f}, {spent:.0f} s")
    print(f"a row takes {16 * 4} bytes in place of {512 * 4}")


if __name__ == "__main__":
    main()
