"""Vectors of pictures without labels: from a folder, with a model that places new pictures."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

import graphurl


def write_pictures(folder: Path, count: int) -> None:
    """Some pictures to start from: the embedded digits as PNG files, a folder for each class."""
    digits = graphurl.data.load("digits")
    assert digits.x is not None
    assert digits.y is not None
    levels = digits.x.numpy() / digits.x.max().item()
    for number in range(count):
        place = folder / str(int(digits.y[number]))
        place.mkdir(parents=True, exist_ok=True)
        square = (255 * levels[number].reshape(8, 8)).astype(np.uint8)
        Image.fromarray(square).resize((16, 16), Image.Resampling.BICUBIC).save(place / f"{number}.png")


def main() -> None:
    """Embeds a folder with SimCLR + CLD and places pictures that it has not seen."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fast", action="store_true", help="few pictures, a few epochs")
    fast = parser.parse_args().fast
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        write_pictures(folder / "known", 300 if fast else 1700)
        embedder = graphurl.ImageEmbedder(
            method="simclr", add=["cld"], views="weak", n_epochs=2 if fast else 30, batch_size=128, random_state=0
        )
        embedder.fit(folder / "known")
        report = embedder.report()
        print(f"the nearest picture is of the same class: {report['recall_1']:.3f}, kNN {report['knn_accuracy']:.3f}")
        write_pictures(folder / "new", 20)
        print("new pictures:", embedder.transform(folder / "new").shape)
        embedder.save(folder / "run")
        again = graphurl.Embedding.load(folder / "run").transform(folder / "new")
        print("the same from the saved model:", np.array_equal(again, embedder.transform(folder / "new")))


if __name__ == "__main__":
    main()
