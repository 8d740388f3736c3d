"""PyTorch's data sets and loaders as rows: read once, batch by batch, in a fixed order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from graphurl.errors import InputError

#: Items of a data set that are read at a time.
ITEMS = 1024


def is_loader(source: object) -> bool:
    """Whether this is a `torch.utils.data` Dataset or DataLoader."""
    from torch.utils.data import DataLoader, Dataset

    return isinstance(source, DataLoader | Dataset)


def read_rows(source: Any, name: str = "data") -> tuple[Tensor, Tensor | None]:
    """Reads every sample of a data set or loader into one table, each flattened to a row.

    The table stays in memory, float32, N × F: a graph among the rows needs all of them. Beyond it one batch is held.

    Args:
        source: A Dataset or DataLoader whose items are tensors, or begin with one; a second item of one whole number
            a sample is its class.
        name: What to call it in errors.

    Returns:
        The rows, and the classes where there are some.

    Raises:
        InputError: For a loader that shuffles or leaves samples out, or items that are no numbers.
    """
    rows: list[Tensor] = []
    classes: list[Tensor] = []
    for batch in _batches(source, name):
        first, *more = batch if isinstance(batch, list | tuple) else [batch]
        block = torch.as_tensor(first) if not isinstance(first, Mapping | str) else None
        if block is None or block.ndim < 2 or block.is_complex():
            raise InputError(f"{name}: items of {_described(first)}: give tensors of numbers, or (tensor, label) pairs")
        block = block.detach().cpu()
        rows.append((block.to_dense() if block.layout != torch.strided else block).float().flatten(1))
        if more and isinstance(more[0], Tensor) and more[0].ndim == 1 and not more[0].dtype.is_floating_point:
            classes.append(more[0].cpu().long())
    if not rows:
        raise InputError(f"{name}: the loader gives no samples: give at least two")
    if len({block.shape[1] for block in rows}) > 1:
        raise InputError(f"{name}: samples of different size: give each the same shape")
    return torch.cat(rows), torch.cat(classes) if len(classes) == len(rows) else None


def _batches(source: Any, name: str) -> Iterator[Any]:
    from torch.utils.data import DataLoader, IterableDataset, SequentialSampler

    if not isinstance(source, DataLoader):
        yield from DataLoader(source, batch_size=ITEMS)
        return
    if source.batch_size is None:
        raise InputError(f"{name}: the loader does not batch: give it a batch_size, or hand over its dataset")
    if not isinstance(source.sampler, SequentialSampler) and not isinstance(source.dataset, IterableDataset):
        raise InputError(
            f"{name}: the loader shuffles, so that nobody could tell which row of the embedding is which sample: "
            "give one with shuffle=False, or hand over its dataset"
        )
    if source.drop_last and hasattr(source.dataset, "__len__") and len(source.dataset) % source.batch_size:
        raise InputError(f"{name}: the loader drops the last samples: give one with drop_last=False")
    yield from source


def _described(item: object) -> str:
    return f"shape {tuple(item.shape)}" if isinstance(item, Tensor) else f"type {type(item).__name__}"
