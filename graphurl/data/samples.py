"""What every reader returns and every estimator takes: `Samples`, and the checks that keep bad data out."""

from __future__ import annotations

import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from graphurl.errors import InputError
from graphurl.functional.mapped import all_finite, by_rows, is_mapped, map_of, row_blocks, scratch, shared

if TYPE_CHECKING:
    from graphurl.data.stacks import Images
    from graphurl.graphs.graph import Graph
    from graphurl.graphs.links import Links

UNKNOWN = -1
"""The label of a sample whose class is not known."""
# Tables in files that were read through once: nothing here can change them, so once is enough.
_FOUND_FINITE: weakref.WeakValueDictionary[int, Tensor] = weakref.WeakValueDictionary()


@dataclass(frozen=True, eq=False)
class Samples:
    """N samples with whatever is known about them.

    Attributes:
        name: Data set or file name, for reports.
        x: Features, (N, F) float32, dense or `torch.sparse_csr`; None where only a graph is known.
        graph: Relations that came with the data (citations, an edge list), or None.
        y: Class of each sample, (N,) int64, -1 where unknown; None without labels.
        ids: The user's name of each row, in input order.
        classes: Name of each class; `classes[y[i]]` is the name of sample i's class.
        splits: Boolean masks (N,) by name: "train", "val", "test".
        shape: Shape (channels, height, width) of one picture: of `images`, or of a row of `x`.
        feature_names: Name of each column of `x`.
        provenance: Where the data came from, as JSON values.
        images: The pictures themselves as bytes, in memory, on disk or decoded when asked; with or without `x`.
        links: Edges that were held out of `graph`, to be predicted.
    """

    name: str
    x: Tensor | None = None
    graph: Graph | None = None
    y: Tensor | None = None
    ids: tuple[str, ...] | None = None
    classes: tuple[str, ...] | None = None
    splits: Mapping[str, Tensor] = field(default_factory=dict)
    shape: tuple[int, ...] | None = None
    feature_names: tuple[str, ...] | None = None
    provenance: Mapping[str, Any] = field(default_factory=dict)
    images: Images | None = None
    links: Links | None = None

    def __post_init__(self) -> None:
        """Checks that the parts speak of the same N samples."""
        if self.x is None and self.images is None and self.graph is None:
            raise InputError(f"{self.name}: neither features, pictures nor a graph: give at least one of them")
        n = len(self)
        if n == 0:
            raise InputError(f"{self.name}: no samples: give at least one row")
        if self.x is not None:
            _check_features(self.x, self.name)
        lengths = {
            "the pictures": None if self.images is None else len(self.images),
            "the graph": None if self.graph is None else self.graph.num_nodes,
            "the labels": None if self.y is None else int(self.y.numel()),
            "the ids": None if self.ids is None else len(self.ids),
            **{f"split {key!r}": int(mask.numel()) for key, mask in self.splits.items()},
        }
        for part, length in lengths.items():
            if length is not None and length != n:
                raise InputError(f"{self.name}: {part}: {length} entries for {n} samples: give one per row")
        self._check_shape()
        self._check_columns()

    def _check_shape(self) -> None:
        """Checks the shape of one picture, which is that of `images` where none is given."""
        if self.images is not None:
            own = tuple(self.images.shape)
            if self.shape is None:
                object.__setattr__(self, "shape", own)
            elif tuple(self.shape) != own:
                raise InputError(f"{self.name}: image shape {self.shape} for pictures {own}: leave it away")
        elif self.shape is not None:
            columns = 0 if self.x is None else self.x.shape[1]
            if int(np.prod(self.shape)) != columns:
                raise InputError(f"{self.name}: image shape {self.shape} does not fill the {columns} columns")

    def _check_columns(self) -> None:
        """Checks what describes the columns of `x` and the types of labels and masks."""
        columns = 0 if self.x is None else self.x.shape[1]
        if self.feature_names is not None and len(self.feature_names) != columns:
            raise InputError(f"{self.name}: {len(self.feature_names)} feature names for {columns} columns")
        if self.y is not None and (self.y.dtype != torch.int64 or self.y.dim() != 1):
            raise InputError(
                f"{self.name}: labels must be (N,) int64, got {tuple(self.y.shape)} {self.y.dtype}"
            )
        for key, mask in self.splits.items():
            if mask.dtype != torch.bool or mask.dim() != 1:
                raise InputError(f"{self.name}: split {key!r} must be (N,) bool, got {tuple(mask.shape)}")

    def __len__(self) -> int:
        """Number of samples."""
        if self.x is not None:
            return int(self.x.shape[0])
        if self.images is not None:
            return len(self.images)
        return 0 if self.graph is None else int(self.graph.num_nodes)

    @property
    def num_classes(self) -> int:
        """Number of classes: of names where they are known, else of distinct labels."""
        if self.classes is not None:
            return len(self.classes)
        return 0 if self.y is None else int(torch.unique(self.y[self.y != UNKNOWN]).numel())


def _check_features(x: Tensor, name: str) -> None:
    """Refuses feature tensors that are not finite (N, F) float32."""
    if x.dim() != 2 or x.shape[1] == 0:
        raise InputError(f"{name}: features must be (N, F) with F >= 1, got shape {tuple(x.shape)}")
    if x.dtype != torch.float32:
        raise InputError(f"{name}: features must be float32, got {x.dtype}: convert them with .float()")
    check_finite(x, name)


def check_finite(x: Tensor, name: str) -> None:
    """Refuses NaN and Inf, naming the first row and column.

    Args:
        x: Dense or `torch.sparse_csr` matrix.
        name: What to call it in the error.

    Raises:
        InputError: Where a value is not finite.
    """
    if _FOUND_FINITE.get(id(x)) is x:
        return
    stored = x.values() if x.layout == torch.sparse_csr else x
    count, first = 0, [0]
    for rows in row_blocks(stored):
        if all_finite(stored[rows]):
            continue
        bad = (~torch.isfinite(stored[rows])).nonzero()
        if len(bad) and count == 0:
            first = [rows.start + int(bad[0, 0]), *bad[0, 1:].tolist()]
        count += len(bad)
    if count == 0:
        if is_mapped(x):
            _FOUND_FINITE[id(x)] = x
        return
    if x.layout == torch.sparse_csr:
        row = int(torch.searchsorted(x.crow_indices(), torch.tensor(first[0]), right=True)) - 1
        column, value = int(x.col_indices()[first[0]]), float(stored[first[0]])
    else:
        row, column = first
        value = float(x[row, column])
    raise InputError(
        f"{name}: {count} value(s) are NaN or Inf, the first ({value}) at row {row}, column {column} "
        "(counted from 0): drop or fill them before embedding"
    )


def check_trainable(samples: Samples) -> Samples:
    """Refuses data from which nothing can be learned.

    Args:
        samples: Data to train on.

    Returns:
        The same object.

    Raises:
        InputError: With one sample, or where every feature has the same value in all rows.
    """
    if len(samples) < 2:
        raise InputError(f"{samples.name}: one sample: an embedding needs at least two")
    if samples.x is not None and samples.graph is None and _all_columns_constant(samples.x):
        raise InputError(
            f"{samples.name}: all {samples.x.shape[1]} features are constant, so all samples are equal: "
            "give at least one feature that differs"
        )
    return samples


def _all_columns_constant(x: Tensor) -> bool:
    """True where all rows are equal."""
    if x.layout == torch.sparse_csr:
        counts = x.crow_indices().diff()
        if bool((counts != counts[0]).any()):
            return False
        columns, values = x.col_indices().view(len(counts), -1), x.values().view(len(counts), -1)
        return bool((columns == columns[0]).all()) and bool((values == values[0]).all())
    return all(bool((x[rows] == x[0]).all()) for rows in row_blocks(x))


def feature_matrix(values: object, name: str = "features") -> Tensor:
    """Turns a numpy array or a dense tensor into an (N, F) float32 tensor.

    Args:
        values: Numeric array; memory is shared where type and layout allow. A mapped one (`numpy.memmap`) stays in its
            file; of another type or layout it is copied into a scratch file.
        name: What to call it in errors.

    Returns:
        The features.

    Raises:
        InputError: For text, objects, complex numbers, another number of dimensions, NaN or Inf.
    """
    if isinstance(values, Tensor):
        dense = values.detach()
        if dense.is_complex():
            raise _wrong_type(name, str(dense.dtype))
        _check_dims(tuple(dense.shape), name)
        x = dense if dense.dtype == torch.float32 else by_rows(dense, lambda rows: rows.to(torch.float32))
    else:
        array = np.asarray(values)
        if array.dtype.kind not in "biuf":
            raise _wrong_type(name, str(array.dtype))
        _check_dims(array.shape, name)
        with np.errstate(over="ignore"):  # too large for float32 becomes Inf and is reported below
            x = _in_memory(array) if map_of(array) is None else _in_file(array)
    check_finite(x, name)
    return x


def _in_memory(array: npt.NDArray[Any]) -> Tensor:
    """The array itself where it is float32, row-major and may be written to, else a copy."""
    rows = np.ascontiguousarray(array, dtype=np.float32)
    return torch.from_numpy(rows if rows.flags.writeable else rows.copy())


def _in_file(array: npt.NDArray[Any]) -> Tensor:
    """The mapped array itself where it is float32 and row-major, else a copy of it in a scratch file."""
    if array.dtype == np.float32 and array.flags.c_contiguous:
        return shared(array)
    made = scratch(*array.shape)
    for rows in row_blocks(array):
        made[rows] = torch.from_numpy(np.ascontiguousarray(array[rows], dtype=np.float32))
    return made


def _wrong_type(name: str, dtype: str) -> InputError:
    return InputError(
        f"{name}: values of type {dtype}: give real numbers (encode text, split complex values)"
    )


def _check_dims(shape: Sequence[int], name: str) -> None:
    if len(shape) == 1:
        raise InputError(
            f"{name}: one dimension {tuple(shape)}: give (samples, features), e.g. x.reshape(-1, 1)"
        )
    if len(shape) != 2:
        raise InputError(f"{name}: {len(shape)} dimensions {tuple(shape)}: flatten every sample to one row")
    if shape[0] == 0 or shape[1] == 0:
        raise InputError(f"{name}: empty, shape {tuple(shape)}: give at least one row and one column")
