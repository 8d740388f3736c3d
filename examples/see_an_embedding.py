"""Every figure of a map, of vectors and of pictures, on light and dark paper; docs/plots.md shows what it draws."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

from PIL import Image

import graphurl
from graphurl.plots import maps


def main() -> None:
    """Runs the story."""
    parser = argparse.ArgumentParser(description=__doc__.partition(";")[0])
    parser.add_argument("--fast", action="store_true", help="a few epochs only")
    parser.add_argument("--out", type=Path, default=Path("figures"))
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    for path in draw(arguments.out, fast=arguments.fast):
        small(path)
        print(f"picture: {path}")


def draw(out: Path, *, fast: bool) -> Iterator[Path]:
    """Embeds and draws."""
    short = {"epochs": 5} if fast else {}
    map_of_digits = graphurl.embed("digits", seed=0, **short)
    for figure, theme in (("map", "dark"), ("shepard", "light"), ("similarity", "dark"), ("curves", "light")):
        yield written(map_of_digits, out, figure, theme)

    # Pictures in 128 dimensions: angles mean something, and so do the cosines of class means.
    settings = {"views": "weak", "epochs": 1 if fast else 20, "seed": 0}
    pictures = graphurl.embed("digits", method="simclr", add=["cld"], **settings)
    for figure, theme in (("class-means", "light"), ("neighbors", "light"), ("views", "dark")):
        yield written(pictures, out, figure, theme)

    # One map for each heaviness of the tail of the embedded similarity, in one picture.
    tails = {f"ν = {nu:g}": graphurl.embed("digits", nu_z=nu, seed=0, **short).z for nu in (0.2, 1.0, 5.0)}
    path = out / "maps.png"
    maps(tails, y=map_of_digits.samples.y, path=path)
    yield path

    map_of_digits.to_projector(out / "projector")  # tensorboard --logdir figures/projector


def written(embedding: graphurl.Embedding, out: Path, figure: str, theme: str) -> Path:
    """Draws a figure into the folder."""
    path = out / f"{figure}.png"
    embedding.plot(path, figure=figure, theme=theme)
    return path


def small(path: Path) -> None:
    """Shrinks a picture for a page: below 100 kB, and with as many colours as a figure needs."""
    with Image.open(path) as opened:
        picture = opened.convert("RGB")
    for width in (760, 620, 500):
        reduced = picture.resize((width, round(picture.height * width / picture.width)), Image.Resampling.LANCZOS)
        reduced.quantize(128, dither=Image.Dither.NONE).save(path, optimize=True)
        if path.stat().st_size < 100_000:
            break


if __name__ == "__main__":
    main()
