"""Anything a user holds in memory, or names, to `Samples`: the one place where arrays become tensors."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from graphurl.data.annotated import from_anndata, is_annotated
from graphurl.data.labels import class_labels
from graphurl.data.loaders import is_loader, read_rows
from graphurl.data.samples import Samples, check_finite, check_trainable, feature_matrix
from graphurl.data.splits import pick_column
from graphurl.data.tables import AUTO, frame_samples
from graphurl.errors import InputError
from graphurl.graphs.constructors import citation
from graphurl.graphs.convert import from_networkx
from graphurl.graphs.graph import Graph

_MASKS = {"train_mask": "train", "val_mask": "val", "test_mask": "test"}


def as_samples(
    source: object,
    y: object = None,
    *,
    root: str | Path | None = None,
    name: str = "data",
    ids: object = None,
    split: int = 0,
    trainable: bool = True,
) -> Samples:
    """Turns what a user hands in into samples.

    Args:
        source: Samples, the name of a data set, a path, a numpy array, a torch tensor (dense or sparse), a
            pandas or polars data frame, a scipy sparse matrix, a `Graph`, a networkx graph, a
            `torch_geometric.data.Data`, a `torch.utils.data` Dataset or DataLoader, or an AnnData.
        y: Labels of the samples; they replace any that the source has.
        root: Data root, for names of data sets.
        name: What to call data that has no name.
        ids: A name for each row.
        split: Which column of masks that have several.
        trainable: Refuses a single sample and constant features; switch it off for rows to transform.

    Returns:
        The samples. Memory is shared with the source where type and layout allow; nothing is changed in it.

    Raises:
        InputError: For anything that cannot be embedded, saying what to do.
    """
    samples = _adapt(source, root, name, split)
    if y is not None:
        labels, classes = class_labels(y, len(samples), f"{samples.name} labels")
        samples = replace(samples, y=labels, classes=classes)
    if ids is not None:
        samples = replace(samples, ids=tuple(str(item) for item in _listed(ids)))
    return check_trainable(samples) if trainable else samples


def _adapt(source: object, root: str | Path | None, name: str, split: int) -> Samples:
    if isinstance(source, Samples):
        return source
    if isinstance(source, str | Path):
        from graphurl.data import load

        return load(source, root=root)
    if isinstance(source, Graph):
        return Samples(name=name, graph=source, ids=source.ids, provenance={"source": "graph"})
    if isinstance(source, Tensor):
        x = feature_matrix(source, name) if source.layout == torch.strided else _sparse_tensor(source, name)
        return Samples(name=name, x=x, provenance={"source": "tensor"})
    kind = type(source).__module__.partition(".")[0]
    if kind == "scipy" and hasattr(source, "tocsr"):
        return Samples(name=name, x=from_scipy(source, name), provenance={"source": "scipy"})
    if kind == "networkx" and hasattr(source, "edges"):
        graph = from_networkx(source)
        return Samples(name=name, graph=graph, ids=graph.ids, provenance={"source": "networkx"})
    if hasattr(source, "edge_types"):
        raise InputError(
            f"{name}: a heterogeneous graph: similarity is among nodes of one kind. Call .to_homogeneous() where all "
            "kinds have the same features, or hand over one kind as a Graph of its meta-paths (a @ b of its matrices)"
        )
    if hasattr(source, "edge_index"):
        return from_pyg(source, name=name, split=split)
    if hasattr(source, "columns") and hasattr(source, "to_numpy"):
        return _from_frame(source, name)
    if is_annotated(source):
        return from_anndata(source)
    if is_loader(source):
        rows, classes = read_rows(source, name)
        return Samples(name=name, x=feature_matrix(rows, name), y=classes, provenance={"source": "loader"})
    if source is None or isinstance(source, Mapping | set | bytes):
        raise InputError(
            f"cannot read data of type {type(source).__name__}: give an array, a tensor, a data frame, a "
            "sparse matrix, torch_geometric Data, the name of a data set or a path"
        )
    try:
        values = np.asarray(source)
    except ValueError as error:  # rows of different length
        raise InputError(f"{name}: {' '.join(str(error).split())}: give rows of equal length") from error
    return Samples(name=name, x=feature_matrix(values, name), provenance={"source": "array"})


def from_scipy(matrix: Any, name: str = "data") -> Tensor:
    """Turns a scipy sparse matrix of any format into a float32 CSR tensor; the matrix is left as it is."""
    if matrix.dtype.kind not in "biuf":
        raise InputError(f"{name}: values of type {matrix.dtype}: give real numbers")
    if min(matrix.shape) == 0:
        raise InputError(f"{name}: empty, shape {matrix.shape}: give at least one row and one column")
    rows = matrix.tocsr(copy=True)
    rows.sum_duplicates()  # sorts the columns of each row, too
    with np.errstate(over="ignore"):
        values = torch.from_numpy(rows.data.astype(np.float32))
    crow, col = (torch.from_numpy(part.astype(np.int64)) for part in (rows.indptr, rows.indices))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Sparse CSR tensor support is in beta")
        x = torch.sparse_csr_tensor(crow, col, values, size=rows.shape, check_invariants=True)
    check_finite(x, name)
    return x


def _sparse_tensor(source: Tensor, name: str) -> Tensor:
    if source.dim() != 2 or source.is_complex() or 0 in source.shape:
        raise InputError(f"{name}: a sparse tensor of shape {tuple(source.shape)}: give real values (N, F)")
    # Through coordinates, because this is what sorts and merges the entries of every layout.
    ordered: Tensor = source.detach().to_sparse_coo().coalesce().float()  # type: ignore[no-untyped-call]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Sparse CSR tensor support is in beta")
        x = ordered.to_sparse_csr()
    check_finite(x, name)
    return x


def from_pyg(data: Any, *, name: str = "data", split: int = 0) -> Samples:
    """Reads a `torch_geometric.data.Data`, or anything with the same attributes.

    Args:
        data: Its x, y, train_mask, val_mask and test_mask are used, and what `graphs.citation` takes.
        name: What to call it.
        split: Which column of masks that have several.

    Returns:
        The samples; the graph has every edge in both directions.
    """
    x, labels = getattr(data, "x", None), getattr(data, "y", None)
    features = None if x is None else as_samples(x, name=name, trainable=False).x
    graph = None if getattr(data, "edge_index", None) is None else citation(data)
    if graph is None and features is None:
        raise InputError(f"{name}: the Data object has neither x nor edge_index: give at least one")
    n = graph.num_nodes if graph is not None else len(features) if features is not None else 0
    y, classes = (None, None) if labels is None else class_labels(labels, n, f"{name} labels")
    masks = {key: getattr(data, mask, None) for mask, key in _MASKS.items()}
    return Samples(
        name=name,
        x=features,
        graph=graph,
        y=y,
        classes=classes,
        ids=None if graph is None else graph.ids,
        splits={key: pick_column(mask.cpu(), split) for key, mask in masks.items() if mask is not None},
        provenance={"source": "torch_geometric"},
    )


def _from_frame(frame: Any, name: str) -> Samples:
    names = [str(column) for column in frame.columns]
    columns = [np.asarray(frame[column].to_numpy()) for column in frame.columns]
    index = getattr(frame, "index", None)
    # Only an index that somebody set says something about the rows.
    named = index is not None and type(index).__name__ != "RangeIndex"
    ids = [str(item) for item in index.tolist()] if named and index is not None else None
    return frame_samples(names, columns, name, label_column=AUTO, id_column=AUTO, ids=ids)


def _listed(ids: object) -> list[object]:
    return ids.tolist() if isinstance(ids, np.ndarray | Tensor) else list(ids)  # type: ignore[call-overload]
