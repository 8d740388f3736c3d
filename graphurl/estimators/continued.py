"""Training that goes on where a fit ended: the same encoder, on rows that it may not have seen."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch

from graphurl.assembly import similarity_graph
from graphurl.data.samples import Samples
from graphurl.embedding import Embedding
from graphurl.encoders.charts import Charts
from graphurl.encoders.table import Table
from graphurl.errors import InputError
from graphurl.estimators.inputs import without_preparation
from graphurl.functional.sparse import some_rows
from graphurl.graphs.graph import Graph
from graphurl.pipeline import embed
from graphurl.recipes import Recipe


def go_on(
    before: Embedding, samples: Samples, graph: Graph | None, recipe: Recipe, *, device: str,
    callbacks: Sequence[Any] = (), progress: bool = False,
) -> Embedding:  # fmt: skip
    """Trains the encoder of an earlier fit on; a network reads rows with the preparation that it was trained with.

    Only the weights go on: the optimiser begins anew, without an early phase of its own. Landmarks may have new rows
    behind the earlier ones, which start where they are placed among these; then all move.

    Args:
        before: The earlier fit; it stays as it is.
        samples: Rows to train on; free coordinates belong to the same ones as before, in their order.
        graph: Their similarity graph, or None for the recipe's.
        recipe: The choices.
        device: Where to train.
        callbacks: As in `embed`.
        progress: Show a progress bar.
    """
    model = before.model
    if before.z.shape[1] != recipe.dim:
        raise InputError(f"the fit has {before.z.shape[1]} components and now {recipe.dim} are asked for: fit anew")
    if model.name not in ("custom", recipe.encoder):
        raise InputError(f"the fit trained {model.name!r} and now {recipe.encoder!r} is asked for: fit anew")
    if isinstance(model.encoder, Charts):
        raise InputError("charts are found at once and do not go on: fit anew, or use encoder='mlp'")
    encoder = copy.deepcopy(model.encoder)
    # A layout that is to be learnt begins where the network has the rows: it would lie another way round else.
    run = recipe.but(early=0.0, init="encoder" if recipe.teacher == "layout" else "random")
    if isinstance(encoder, Table):
        new = len(samples) - len(before.z)
        if new < 0 or (new and not model.inductive):
            behind = ", with new ones behind them" if model.inductive else ""
            raise InputError(
                f"free coordinates of {len(before.z)} samples were fitted and {len(samples)} are given: "
                f"give the same ones{behind}, or use encoder='mlp'"
            )
        if new:
            assert samples.x is not None
            placed = model.transform(some_rows(samples.x, torch.arange(len(before.z), len(samples))))
            earlier, encoder = encoder.rows.detach(), type(encoder)(len(samples), recipe.dim)
            encoder.place(torch.cat([earlier, placed]))
        inner = samples
    else:
        assert samples.x is not None
        rows = samples.x if model.preparation is None else model.preparation.apply(samples.x)
        graph = similarity_graph(samples, rows, recipe, graph)
        inner, run = without_preparation(samples, rows), run.but(features="none")
    result = embed(
        inner, recipe=run, graph=graph, encoder=encoder, device=device, callbacks=callbacks, progress=progress
    )
    preparation = result.model.preparation if isinstance(encoder, Table) else model.preparation
    return replace(
        result, samples=samples, recipe=recipe,
        model=replace(result.model, preparation=preparation, name=model.name, about=model.about),
    )  # fmt: skip
