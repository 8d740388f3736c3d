"""AnnData, the table of single-cell analysis: a representation of the cells, and the graph that scanpy made of them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from graphurl.data.samples import Samples, feature_matrix
from graphurl.errors import InputError, unknown
from graphurl.graphs.convert import from_scipy as graph_from_scipy
from graphurl.graphs.graph import Graph

#: What the embedding is called in `obsm`.
KEY = "X_graphurl"


def is_annotated(source: object) -> bool:
    """Whether this is an AnnData; the package is not imported to find out."""
    return type(source).__module__.partition(".")[0] == "anndata" and hasattr(source, "obsm")


def from_anndata(
    adata: Any, use_rep: str | None = None, graph: str | None = "connectivities", labels: str | None = None
) -> Samples:
    """Cells of an AnnData with their similarity graph; `embed` and `Embedder` take the samples, or the AnnData itself.

    Args:
        adata: The AnnData; it is not changed.
        use_rep: Name in `obsm`, or "X". Absent means X_pca where it is there, else X.
        graph: Name in `obsp` of a similarity graph, such as the one of `scanpy.pp.neighbors`. Where the default is
            not there, or for None, neighbours are searched in the representation.
        labels: Column of `obs` with a class for each cell, for reports.

    Returns:
        The samples; their ids are `obs_names`.
    """
    from graphurl.data.adapt import from_scipy
    from graphurl.data.labels import class_labels

    rep = use_rep or ("X_pca" if "X_pca" in adata.obsm else "X")
    if rep != "X" and rep not in adata.obsm:
        raise unknown("representation", rep, ["X", *adata.obsm])
    values = adata.X if rep == "X" else adata.obsm[rep]
    if values is None:
        raise InputError("the AnnData has no X: fill it, or name a representation with use_rep=")
    if hasattr(values, "to_numpy"):
        values = values.to_numpy()
    if graph is not None and graph not in adata.obsp and graph != "connectivities":
        raise unknown("graph in obsp", graph, list(adata.obsp))
    edges = adata.obsp[graph] if graph is not None and graph in adata.obsp else None
    names = tuple(map(str, adata.obs_names))
    if labels is not None and labels not in adata.obs:
        raise unknown("column of obs", labels, list(adata.obs))
    found = (None, None) if labels is None else class_labels(np.asarray(adata.obs[labels], object), len(names), labels)
    return Samples(
        name="anndata",
        x=from_scipy(values, rep) if hasattr(values, "tocsr") else feature_matrix(np.asarray(values), rep),
        graph=None if edges is None else graph_from_scipy(edges, ids=names),
        y=found[0],
        classes=found[1],
        ids=names,
        feature_names=tuple(map(str, adata.var_names)) if rep == "X" else None,
        provenance={"source": "anndata", "representation": rep},
    )


def parted(samples: Samples) -> tuple[Samples, Graph | None]:
    """Samples without the graph of an AnnData, which is a similarity, and that graph; other samples as they are."""
    if samples.provenance.get("source") != "anndata":
        return samples, None
    return replace(samples, graph=None), samples.graph


def write(z: np.ndarray, ids: tuple[str, ...] | None, adata: Any, key: str = KEY) -> None:
    """Puts an embedding into `obsm`, a row a cell.

    Args:
        z: The embedding.
        ids: Names of its rows; absent means those of the AnnData in its order.
        adata: Where it goes.
        key: Its name in `obsm`.
    """
    names = tuple(map(str, adata.obs_names))
    if len(names) != len(z):
        raise InputError(f"the embedding has {len(z)} rows and the AnnData {len(names)} cells: give the one embedded")
    if ids is not None and ids != names:
        i = next(i for i, pair in enumerate(zip(ids, names, strict=True)) if pair[0] != pair[1])
        raise InputError(f"row {i} is {ids[i]!r} and the cell there is {names[i]!r}: bring the AnnData in that order")
    adata.obsm[key] = z
