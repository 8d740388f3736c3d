"""Where free coordinates start."""

from __future__ import annotations

import torch
from torch import Tensor

from graphurl.encoders.table import Table
from graphurl.errors import InputError
from graphurl.functional.projection import principal_rows
from graphurl.functional.spectral import spectral_rows
from graphurl.graphs.graph import Graph
from graphurl.recipes.recipe import Recipe

#: Standard deviation of the widest coordinate: small, so that a t-kernel starts where it pulls.
SPREAD = 1e-2


def place(table: Table, x: Tensor | None, graph: Graph, recipe: Recipe, generator: torch.Generator) -> None:
    """Puts the rows of a table where the recipe's init says; auto and random leave them as they were drawn."""
    if recipe.init == "pca":
        if x is None:
            raise InputError("init is 'pca' and the samples have no features: use init='spectral' or 'random'")
        dense = x.to_dense() if x.layout != torch.strided else x
        table.place(principal_rows(dense, recipe.dim, SPREAD, generator))
    elif recipe.init == "spectral":
        assert graph.weight is not None
        table.place(spectral_rows(graph.crow, graph.col, graph.weight, recipe.dim, SPREAD, generator))
