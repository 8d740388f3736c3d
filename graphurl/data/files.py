"""The user's own files to `Samples`, by suffix; nothing that could run code is loaded."""

from __future__ import annotations

import pickle
import re
import tokenize
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from numpy.lib.npyio import NpzFile

from graphurl.data.adapt import as_samples, from_scipy
from graphurl.data.archives import damaged
from graphurl.data.labels import class_labels
from graphurl.data.pictures import read_folder
from graphurl.data.samples import Samples, feature_matrix
from graphurl.data.tables import AUTO, frame_samples, read_text
from graphurl.errors import InputError
from graphurl.functional.mapped import wants_map
from graphurl.graphs.io import load as load_graph
from graphurl.graphs.tables import read_edges

_FEATURE_KEYS, _LABEL_KEYS, _ID_KEYS = (
    ("x", "X", "features", "data"),
    ("y", "label", "labels", "target"),
    ("ids", "id"),
)
_SPARSE_KEYS = {"indices", "indptr", "data", "shape", "format"}
# What numpy raises for a file that is not sound; the last two come from a damaged header, which it parses as Python.
_DAMAGED = (
    ValueError, EOFError, OSError, zipfile.BadZipFile, zlib.error, NotImplementedError, SyntaxError,
    tokenize.TokenError,
)  # fmt: skip


def read_file(
    path: str | Path,
    *,
    labels: str | Path | None = None,
    label_column: str | None = AUTO,
    id_column: str | None = AUTO,
    side: int | None = None,
) -> Samples:
    """Reads a file, or a folder of pictures.

    Args:
        path: .npy, .npz, .csv, .tsv, .txt, .parquet, .pt or a folder of pictures; a text table with columns
            source and target, or .edges or .edgelist, is a list of edges; .graph is a saved graph.
        labels: A file with one label per row (.npy, or text with a label per line), in place of those inside.
        label_column: Of tables: the column with labels; "auto" looks for label, labels, y and target.
        id_column: Of tables: the column with row names; "auto" looks for id, ids, index.
        side: Of folders: crop and scale every picture to side x side, see `pictures.read_folder`.

    Returns:
        The samples.

    Raises:
        InputError: For a missing, damaged or unknown file, or content that cannot be embedded.
    """
    place = Path(path)
    if place.is_dir():
        samples = read_folder(place, side=side)
    elif not place.exists():
        raise InputError(f"{place}: no such file or folder: check the path")
    elif _holds_edges(place):
        graph = read_edges(place)
        samples = Samples(name=place.stem, graph=graph, ids=graph.ids, provenance=_from(place))
    elif place.suffix.lower() == ".graph":
        saved = load_graph(place)
        samples = Samples(name=place.stem, graph=saved, ids=saved.ids, provenance=_from(place))
    elif place.suffix.lower() in (".csv", ".tsv", ".txt"):
        samples = read_text(place, label_column=label_column, id_column=id_column)
    elif place.suffix.lower() in (".parquet", ".pq"):
        samples = _parquet(place, label_column, id_column)
    else:
        reader = _READERS.get(place.suffix.lower())
        if reader is None:
            raise InputError(
                f"{place}: unknown kind of file {place.suffix!r}: allowed are {', '.join(SUFFIXES)}"
            )
        samples = reader(place)
    if labels is not None:
        y, classes = class_labels(read_labels(labels), len(samples), str(labels))
        samples = replace(samples, y=y, classes=classes)
    return samples


def _holds_edges(path: Path) -> bool:
    """Whether a file is an edge list: by its suffix, or because its header says so."""
    if path.suffix.lower() in (".edges", ".edgelist"):
        return True
    if path.suffix.lower() not in (".csv", ".tsv", ".txt"):
        return False
    with path.open("rb") as stream:
        header = stream.readline(4096).decode("utf-8-sig", "replace").lower()
    words = {word.strip(' "') for word in re.split("[,;\t ]", header.strip())}
    return {"source", "target"} <= words


def _from(path: Path) -> dict[str, Any]:
    """Provenance of a file."""
    return {"source": "file", "path": str(path)}


def read_labels(path: str | Path) -> npt.NDArray[np.generic]:
    """Reads labels: an .npy array, or text with one label per line and perhaps a header such as "label".

    Args:
        path: The file.

    Returns:
        One label per entry, numbers where all are numbers.
    """
    place = Path(path)
    if not place.is_file():
        raise InputError(f"{place}: no such labels file: check the path")
    if place.suffix.lower() == ".npy":
        return _array(place)
    try:
        words = [line.strip() for line in place.read_text(encoding="utf-8-sig").splitlines() if line.strip()]
    except UnicodeDecodeError as error:
        raise InputError(f"{place}: not UTF-8 text: give .npy, or one label per line") from error
    if words and words[0].lower() in ("label", "labels", "y", "target"):
        words = words[1:]
    try:
        return np.array([float(word) for word in words])
    except ValueError:
        return np.array(words, dtype=object)


def _array(path: Path, *, mapped: bool = False) -> npt.NDArray[np.generic]:
    try:
        found: object = np.load(path, mmap_mode="r" if mapped else None, allow_pickle=False)
    except _DAMAGED as error:
        if "pickle" in str(error):  # numpy takes every file that is not its own for a pickle
            raise InputError(f"{path}: holds no plain numeric array: save one with numpy.save") from error
        raise damaged(path, "an .npy array", error) from error
    if isinstance(found, np.ndarray):
        return found
    raise InputError(f"{path}: an .npz under the name .npy: rename it")


def _npy(path: Path) -> Samples:
    """Rows of numbers; a large file is not read but mapped."""
    found = _array(path, mapped=wants_map(path))
    return Samples(name=path.stem, x=feature_matrix(found, str(path)), provenance=_from(path))


def _npz(path: Path) -> Samples:
    """Arrays x and, where present, y and ids; or a sparse matrix as scipy saves it."""
    try:
        with path.open("rb") as stream:
            bundle: object = np.load(stream, allow_pickle=False)
            part = {key: bundle[key] for key in bundle.files} if isinstance(bundle, NpzFile) else None
    except _DAMAGED as error:
        if "allow_pickle" in str(error):
            raise InputError(f"{path}: holds Python objects: save plain numeric arrays") from error
        raise damaged(path, "an .npz archive", error) from error
    if part is None:
        raise InputError(f"{path}: a single array under the name .npz: rename it to .npy")
    if set(part) >= _SPARSE_KEYS:
        import scipy.sparse

        return Samples(
            name=path.stem, x=from_scipy(scipy.sparse.load_npz(path), str(path)), provenance=_from(path)
        )
    found = {kind: next((key for key in keys if key in part), None) for kind, keys in _NPZ_KINDS.items()}
    if found["x"] is None:
        raise InputError(
            f"{path}: holds {', '.join(part) or 'nothing'}: name the features x, labels y, row names ids"
        )
    x = feature_matrix(part[found["x"]], str(path))
    y, classes = class_labels(part[found["y"]], len(x), str(path)) if found["y"] else (None, None)
    ids = tuple(str(item) for item in part[found["ids"]].tolist()) if found["ids"] else None
    return Samples(name=path.stem, x=x, y=y, classes=classes, ids=ids, provenance=_from(path))


_NPZ_KINDS = {"x": _FEATURE_KEYS, "y": _LABEL_KEYS, "ids": _ID_KEYS}


def parquet_table(path: Path) -> Any:
    """The table of pyarrow in a file, or an error that says what is wrong with it."""
    try:
        from pyarrow import ArrowException, parquet
    except ImportError as error:
        raise InputError(f"{path}: reading parquet needs pyarrow: pip install pyarrow") from error
    try:
        return parquet.read_table(path)
    except (ArrowException, OSError) as error:
        raise damaged(path, "parquet", error) from error


def _parquet(path: Path, label_column: str | None, id_column: str | None) -> Samples:
    table = parquet_table(path)
    columns = [column.to_numpy() for column in table.columns]
    samples = frame_samples(
        table.column_names, columns, str(path), label_column=label_column, id_column=id_column
    )
    return replace(samples, name=path.stem, provenance=_from(path))


def _torch(path: Path) -> Samples:
    """A tensor of features, or Data as PyTorch Geometric saves it; builds only classes of the allow-list."""
    import torch

    try:
        with torch.serialization.safe_globals(_pyg_classes()):
            found = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, OSError, ValueError, KeyError) as error:
        raise damaged(path, "a file of tensors or torch_geometric Data alone", error) from error
    if isinstance(found, tuple) and found:  # data sets are saved as (data, slices, class)
        found = found[0]
    if isinstance(found, dict):
        found = _as_data(found)
    if not isinstance(found, torch.Tensor) and not hasattr(found, "edge_index"):
        raise InputError(f"{path}: holds a {type(found).__name__}: save a tensor or torch_geometric Data")
    samples = as_samples(found, name=path.stem, trainable=False)
    return replace(samples, provenance=_from(path))


def _as_data(values: dict[str, Any]) -> object:
    """A dict of tensors as an object with the attributes of Data."""
    from types import SimpleNamespace

    return SimpleNamespace(**{"edge_index": None, **{str(key): value for key, value in values.items()}})


def _pyg_classes() -> list[Callable[..., Any] | tuple[Callable[..., Any], str]]:
    """Classes that a saved Data consists of; plain holders of tensors, all of them."""
    from torch_geometric.data import Data
    from torch_geometric.data.data import DataEdgeAttr, DataTensorAttr
    from torch_geometric.data.storage import BaseStorage, EdgeStorage, GlobalStorage, NodeStorage

    return [Data, DataEdgeAttr, DataTensorAttr, BaseStorage, EdgeStorage, GlobalStorage, NodeStorage]


_READERS: dict[str, Callable[[Path], Samples]] = {".npy": _npy, ".npz": _npz, ".pt": _torch, ".pth": _torch}
SUFFIXES = (".npy", ".npz", ".csv", ".tsv", ".txt", ".parquet", ".pt", ".edges", "a folder of pictures")
