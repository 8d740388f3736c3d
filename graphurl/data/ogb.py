"""Node data sets of the Open Graph Benchmark, from its own raw csv.gz files and without its package.

Hu et al., "Open Graph Benchmark: Datasets for Machine Learning on Graphs", 2020. Files are read from the
unpacked folder (raw/, split/<type>/) or straight from the zip as it was downloaded.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from graphurl.data.archives import gunzip, gunzip_bytes, members
from graphurl.data.catalogue import Card
from graphurl.data.samples import Samples, feature_matrix
from graphurl.data.splits import check_disjoint
from graphurl.data.undirected import undirected
from graphurl.errors import InputError

_RAW = ("edge", "node-feat", "node-label", "num-node-list", "num-edge-list")
_SPLIT_NAMES = {"train": "train", "valid": "val", "test": "test"}


def read(card: Card, files: Mapping[str, Path]) -> Samples:
    """Reads a node property prediction data set.

    Args:
        card: Its card; option `split` is the folder below split/ ("time", "sales_ranking").
        files: Either the archive, or the csv.gz files by name.

    Returns:
        Features, labels, the official split, and the graph in both directions without lengths.
    """
    table = _contents(card, files)
    n = int(_numbers(table, "num-node-list", np.int64)[0, 0])
    edges = torch.from_numpy(_numbers(table, "edge", np.int64))
    x = _numbers(table, "node-feat", np.float32)
    label = _numbers(table, "node-label", np.float64)[:, 0]
    if len(x) != n or len(label) != n:
        raise InputError(
            f"{card.name}: {len(x)} feature rows and {len(label)} labels for {n} nodes: fetch again"
        )
    if edges.shape[1] != 2 or int(edges.min()) < 0 or int(edges.max()) >= n:
        raise InputError(f"{card.name}: edges must be two node numbers from 0 to {n - 1}: fetch again")
    if "num-edge-list" in table and int(_numbers(table, "num-edge-list", np.int64)[0, 0]) != len(edges):
        raise InputError(f"{card.name}: the edge list is not complete: fetch again")
    return Samples(
        name=card.name,
        x=feature_matrix(x, card.name),
        graph=undirected(edges[:, 0].contiguous(), edges[:, 1].contiguous(), n, source=card.name),
        y=torch.from_numpy(np.where(np.isnan(label), -1, label).astype(np.int64)),
        classes=card.classes or None,
        splits=_splits(table, n, card.name),
        provenance={"source": card.name, "licence": card.licence, "split": card.options["split"]},
    )


def _contents(card: Card, files: Mapping[str, Path]) -> dict[str, bytes]:
    """Unpacked csv text by stem: "edge", ..., and "train", "valid", "test"."""
    wanted = {f"{stem}.csv.gz": stem for stem in (*_RAW, *_SPLIT_NAMES)}
    archive = next((path for name, path in files.items() if name.endswith(".zip")), None)
    table: dict[str, bytes] = {}
    if archive is None:
        table = {wanted[name]: gunzip(path) for name, path in files.items() if name in wanted}
    else:
        for name, content in members(archive, lambda name: _is_wanted(name, wanted, card.options["split"])):
            stem = wanted[name.rsplit("/", 1)[-1]]
            table[stem] = gunzip_bytes(content, f"{archive}: {name}")
    needed = [stem for stem in (*_RAW[:4], *_SPLIT_NAMES) if stem not in table]
    if needed:
        raise InputError(
            f"{card.name}: {', '.join(f'{stem}.csv.gz' for stem in needed)} missing: fetch it again"
        )
    return table


def _is_wanted(name: str, wanted: Mapping[str, str], split: str) -> bool:
    folder, _, last = name.rpartition("/")
    in_split = folder.endswith(f"split/{split}") and last.split(".")[0] in _SPLIT_NAMES
    return last in wanted and (in_split or (folder.endswith("raw") and last.split(".")[0] in _RAW))


def _numbers(table: Mapping[str, bytes], stem: str, dtype: type[np.generic]) -> npt.NDArray[np.generic]:
    """A csv without header as a 2-D array; "nan" stands for an unknown label."""
    try:
        return np.loadtxt(io.BytesIO(table[stem]), delimiter=",", dtype=dtype, ndmin=2)
    except ValueError as error:
        raise InputError(f"{stem}.csv.gz: not a table of numbers ({error}): fetch it again") from error


def _splits(table: Mapping[str, bytes], n: int, name: str) -> dict[str, torch.Tensor]:
    masks = {}
    for stem, key in _SPLIT_NAMES.items():
        rows = torch.from_numpy(_numbers(table, stem, np.int64)).flatten()
        if int(rows.min()) < 0 or int(rows.max()) >= n:
            raise InputError(f"{name}: split {stem} names rows outside 0 to {n - 1}: fetch it again")
        masks[key] = torch.zeros(n, dtype=torch.bool)
        masks[key][rows] = True
    check_disjoint(masks)
    return masks
