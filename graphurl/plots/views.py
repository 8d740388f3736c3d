"""What training sees of pictures: a sheet of random views."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from graphurl import registry
from graphurl.augment.views import make_views
from graphurl.data.stacks import Images
from graphurl.plots.canvas import Theme
from graphurl.plots.contact import contact_sheet
from graphurl.recipes import PictureRecipe

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: Pictures on a sheet, and views of each.
SHOWN, COLUMNS = 8, 8


def views(
    images: Images,
    recipe: PictureRecipe,
    ids: Sequence[str] | None = None,
    *,
    plan: str | None = None,
    title: str | None = None,
    path: str | Path | None = None,
    theme: str | Theme = "light",
) -> Figure:
    """Pictures beside random views of them, as the training of a run sees them.

    Args:
        images: The pictures.
        recipe: Size of the views, their plan, and the seed.
        ids: Name of every picture.
        plan: A plan of views in place of the recipe's.
        title: Above the sheet; the plan is added.
        path: Where to write it; the suffix names the format.
        theme: light or dark.

    Returns:
        The figure.
    """
    name = plan or recipe.views
    picked = torch.linspace(0, len(images) - 1, min(SHOWN, len(images))).long()
    pixels, channels = images.take(picked), images.shape[0]
    generator = torch.Generator().manual_seed(recipe.seed)
    unscaled = {"mean": [0.0] * channels, "std": [1.0] * channels}
    side = recipe.side_for(images.shape)
    full, small = make_views(pixels, registry.resolve("views", name), COLUMNS, side, generator, **unscaled)
    names = ids or tuple(map(str, range(len(images))))
    rows = [
        (Path(names[number]).name, [pixels[place].float() / 255, *(view[place] for view in (*full, *small))])
        for place, number in enumerate(picked.tolist())
    ]
    return contact_sheet(rows, path, title=f"{title or 'pictures'}, views of plan {name}", theme=theme)
