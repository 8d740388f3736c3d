"""AnnData: the embedding beside names, labels and the similarity graph, as single-cell tools read them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from graphurl.data.annotated import KEY
from graphurl.errors import InputError
from graphurl.exports.rows import row_ids, scratch
from graphurl.graphs.convert import to_scipy
from graphurl.graphs.graph import Graph

#: What the graph is called in `obsp`.
GRAPH_KEY = "graphurl_connectivities"


def annotated(
    z: np.ndarray,
    ids: Sequence[str] | None = None,
    labels: Sequence[str | None] | None = None,
    graph: Graph | None = None,
    key: str = KEY,
) -> Any:
    """Makes an AnnData without X: obsm[key], obs_names, obs["label"] and obsp["graphurl_connectivities"].

    Args:
        z: The embedding, (N, d).
        ids: Name of each row; absent means its number.
        labels: Label of each row, None where unknown.
        graph: The similarity graph of the rows; its weights are taken.
        key: Name of the embedding in obsm.

    Returns:
        The AnnData.

    Raises:
        InputError: Without anndata, or for names, labels or a graph that do not fit.
    """
    try:
        import anndata
        import pandas
    except ImportError as error:
        raise InputError("AnnData needs anndata: pip install 'graphurl[anndata]', or take --parquet") from error
    sizes = {"names": None if ids is None else len(ids), "labels": None if labels is None else len(labels),
             "nodes": None if graph is None else graph.num_nodes}  # fmt: skip
    for what, size in sizes.items():
        if size is not None and size != len(z):
            raise InputError(f"{size} {what} for {len(z)} rows: give one per row")
    obs = pandas.DataFrame(index=pandas.Index(row_ids(len(z), ids), dtype=object))
    if labels is not None:
        # As plain objects: anndata writes no strings of Arrow.
        names = sorted({label for label in labels if label is not None})
        codes = [-1 if label is None else names.index(label) for label in labels]
        obs["label"] = pandas.Categorical.from_codes(codes, pandas.Index(names, dtype=object))
    none = pandas.DataFrame(index=pandas.Index([], dtype=object))
    made = anndata.AnnData(obs=obs, var=none, obsm={key: z})
    if graph is not None:
        made.obsp[GRAPH_KEY] = to_scipy(graph)
    return made


def write_annotated(
    z: np.ndarray,
    path: str | Path,
    ids: Sequence[str] | None = None,
    labels: Sequence[str | None] | None = None,
    graph: Graph | None = None,
) -> Path:
    """Writes an AnnData as .h5ad, see `annotated`.

    Args:
        z: The embedding, (N, d).
        path: Where to.
        ids: Name of each row.
        labels: Label of each row.
        graph: The similarity graph.

    Returns:
        The path.
    """
    path = Path(path)
    made = annotated(z, ids, labels, graph)
    with scratch(path) as beside:
        made.write_h5ad(beside)
    return path
