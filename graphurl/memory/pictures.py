"""Memory of a run on pictures: what its encoder keeps of a view tells."""

from __future__ import annotations

import torch
from torch import Tensor

from graphurl import registry
from graphurl.data.pixels import Pixels
from graphurl.data.samples import Samples
from graphurl.encoders.base import Encoder, Inputs
from graphurl.memory.room import BASE, PAIR, require_free
from graphurl.recipes import Choices, DistillRecipe, PictureRecipe
from graphurl.relations.routes import DENSE_PAIRS


def estimate_memory_of_views(num_pictures: int, recipe: PictureRecipe, *, per_view: float, weights: int) -> int:
    """Peak memory of a run on pictures, on the CPU.

    Args:
        num_pictures: Number of pictures.
        recipe: The choices.
        per_view: Bytes that the encoder keeps of a view for its backward pass, as `kept_by` finds them.
        weights: Number of weights.

    Returns:
        Bytes. Pictures are decoded when they are needed and do not count.
    """
    batch = min(recipe.batch_size or num_pictures, num_pictures)
    plan = registry.resolve("views", recipe.views)
    rows = batch * (recipe.num_views + recipe.mixes)
    seen = rows + batch * plan.small_views * plan.small_share**2  # in views of the full size
    bank = 4 * recipe.dim * num_pictures * 2 if recipe.relation == "bank" else 0
    past = recipe.memory if isinstance(recipe, DistillRecipe) else 0
    # Weights, gradients, two moments of them, and copies in another order or type.
    return int(BASE + seen * per_view + 24 * weights + bank + min(rows * (rows + past), DENSE_PAIRS) * PAIR)


def kept_by(encoder: Encoder, row: Tensor, *, narrow: bool = False) -> float:
    """Bytes of a row that an encoder keeps for its backward pass.

    Args:
        encoder: The encoder; it is left as it was.
        row: One row as it reads it.
        narrow: The run is in bfloat16.
    """
    training = encoder.training
    encoder.eval()  # draws nothing, and no running mean moves
    try:
        # What does not grow with the rows, such as weights made narrow, cancels.
        few, more = (_saved(encoder, row.expand(n, *row.shape[1:]).clone(), narrow) for n in (1, 3))
    finally:
        encoder.train(training)
    return max(0, more - few) / 2


def _saved(encoder: Encoder, x: Tensor, narrow: bool) -> int:
    """Bytes that a pass keeps, beside weights."""
    own = {w.untyped_storage().data_ptr() for w in (*encoder.parameters(), *encoder.buffers())}
    kept: dict[int, int] = {}

    def note(saved: Tensor) -> Tensor:
        store = saved.untyped_storage()
        if store.data_ptr() not in own:
            kept[store.data_ptr()] = store.nbytes()
        return saved

    hooks = torch.autograd.graph.saved_tensors_hooks(note, lambda saved: saved)
    with torch.enable_grad(), hooks, torch.autocast(x.device.type, torch.bfloat16, enabled=narrow):
        z = encoder(Inputs(x)).z  # what is kept lives as long as the result
    return sum(kept.values()) if z.requires_grad else 0


def require_memory_of_views(samples: Samples, recipe: Choices, encoder: Encoder, pixels: object) -> int:
    """As `require_memory`, for a run on pictures whose encoder is there; 0 for any other.

    Args:
        samples: The pictures.
        recipe: The choices, with a precision that is no longer auto.
        encoder: What is trained.
        pixels: Preparation of the pictures.
    """
    if not (isinstance(recipe, PictureRecipe) and isinstance(pixels, Pixels)) or samples.images is None:
        return 0
    row = pixels.apply(samples.images.take(torch.arange(1)))
    per_view = kept_by(encoder, row, narrow=recipe.precision == "bfloat16")
    weights = sum(w.numel() for w in encoder.parameters())
    estimate = estimate_memory_of_views(len(samples), recipe, per_view=per_view, weights=weights)
    return require_free(estimate, "a smaller batch_size, side or encoder")
