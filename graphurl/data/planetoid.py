"""The citation graphs Cora, CiteSeer and PubMed in the files of the Planetoid split.

Yang, Cohen and Salakhutdinov, "Revisiting Semi-Supervised Learning with Graph Embeddings", 2016. Eight files
per graph: x, y (training nodes), tx, ty (test nodes), allx, ally (all but the test nodes), graph (neighbours
of each node) and test.index (the node number of each row of tx).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from graphurl.data.catalogue import Card
from graphurl.data.fetch import read_verified
from graphurl.data.pickles import unpickle_arrays
from graphurl.data.samples import UNKNOWN, Samples, feature_matrix
from graphurl.data.undirected import undirected
from graphurl.errors import InputError
from graphurl.graphs.graph import Graph

_VALIDATION = 500

Matrix = npt.NDArray[np.float32]
Rows = npt.NDArray[np.int64]


def read(card: Card, files: Mapping[str, Path]) -> Samples:
    """Reads one of the three graphs.

    Args:
        card: Its card; option `prefix` is the name inside the file names, option `val` the validation size.
        files: The eight files by name.

    Returns:
        Raw word features (dense), the undirected citation graph without lengths, classes, the public split.
    """
    prefix = f"ind.{card.options['prefix']}"
    part = {
        key: _unpickle(card, files, f"{prefix}.{key}")
        for key in ("x", "y", "tx", "ty", "allx", "ally", "graph")
    }
    number = _test_numbers(card, files, f"{prefix}.test.index")
    n_train = _dense(part["y"]).shape[0]
    features = _place(_dense(part["allx"]), _dense(part["tx"]), number, card.name)
    onehot = _place(_dense(part["ally"]), _dense(part["ty"]), number, card.name)
    # Nodes that are in no file (CiteSeer has 15) have an empty one-hot row: their class is unknown.
    y = np.where(onehot.sum(axis=1) > 0, onehot.argmax(axis=1), UNKNOWN)
    n = len(y)
    return Samples(
        name=card.name,
        x=feature_matrix(features, card.name),
        graph=_citations(part["graph"], n, card.name),
        y=torch.from_numpy(y.astype(np.int64)),
        classes=card.classes or None,
        splits=_public_split(n, n_train, number, int(card.options.get("val", _VALIDATION)), card.name),
        provenance={"source": card.name, "licence": card.licence, "split": "public"},
    )


def _unpickle(card: Card, files: Mapping[str, Path], name: str) -> Any:
    entry = next((file for file in card.files if file.name == name), None)
    if entry is None or name not in files:
        raise InputError(f"{card.name}: the card lists no file {name}: see datasets/README.md")
    return unpickle_arrays(read_verified(entry, files[name]), str(files[name]))


def _test_numbers(card: Card, files: Mapping[str, Path], name: str) -> Rows:
    entry = next(file for file in card.files if file.name == name)
    content = files[name].read_bytes() if not entry.checksums else read_verified(entry, files[name])
    try:
        number = np.array(content.decode("ascii").split(), dtype=np.int64)
    except ValueError as error:
        raise InputError(f"{files[name]}: not a list of node numbers ({error}): fetch it again") from error
    if len(number) == 0 or len(np.unique(number)) != len(number):
        raise InputError(f"{files[name]}: empty or with repeated node numbers: fetch it again")
    return number


def _dense(matrix: Any) -> Matrix:
    """Rows as float32, from a scipy matrix or an array."""
    array = matrix.toarray() if hasattr(matrix, "toarray") else matrix
    return np.asarray(array, dtype=np.float32)


def _place(known: Matrix, test: Matrix, number: Rows, name: str) -> Matrix:
    """Puts the test rows at their node numbers, behind the others; rows that no file has stay zero."""
    if test.shape != (len(number), known.shape[1]) or number.min() < len(known):
        raise InputError(
            f"{name}: {test.shape[0]} test rows for {len(number)} node numbers: fetch the files again"
        )
    whole = np.zeros((int(number.max()) + 1, known.shape[1]), dtype=np.float32)
    whole[: len(known)] = known
    whole[number] = test
    return whole


def _citations(neighbours: Mapping[int, list[int]], n: int, name: str) -> Graph:
    """Every citation in both directions, without self-loops and repetitions."""
    counts = np.array([len(listed) for listed in neighbours.values()], dtype=np.int64)
    rows = np.repeat(np.array(list(neighbours), dtype=np.int64), counts)
    cols = np.array([node for listed in neighbours.values() for node in listed], dtype=np.int64)
    if len(rows) and (min(rows.min(), cols.min()) < 0 or max(rows.max(), cols.max()) >= n):
        raise InputError(f"{name}: the graph names nodes outside 0 to {n - 1}: fetch the files again")
    return undirected(torch.from_numpy(rows), torch.from_numpy(cols), n, source=name)


def _public_split(n: int, n_train: int, number: Rows, val: int, name: str) -> dict[str, torch.Tensor]:
    """Training nodes come first, validation nodes next; the test nodes are those of test.index."""
    if n_train + val > number.min():
        raise InputError(f"{name}: {n_train} training + {val} validation nodes reach into the test nodes")
    masks = {key: torch.zeros(n, dtype=torch.bool) for key in ("train", "val", "test")}
    masks["train"][:n_train] = True
    masks["val"][n_train : n_train + val] = True
    masks["test"][torch.from_numpy(number)] = True
    return masks
