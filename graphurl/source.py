"""Where the data of a run come from, as plain values: enough to load the same data again."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from graphurl import data, graphs
from graphurl.data.adapt import as_samples
from graphurl.data.annotated import parted
from graphurl.data.files import read_file, read_labels
from graphurl.data.flat import as_pictures
from graphurl.data.folders import read_pictures
from graphurl.data.labels import class_labels
from graphurl.data.samples import Samples
from graphurl.data.stacks import digest as picture_digest
from graphurl.data.stacks import pictures_of
from graphurl.data.variants import variant
from graphurl.errors import InputError
from graphurl.graphs.graph import Graph
from graphurl.graphs.io import SUFFIXES

ROWS = ("data", "features", "images")
TABLES = (".csv", ".tsv", ".txt", ".parquet", ".pq")


@dataclass(frozen=True)
class Source:
    """Names and files that a run reads; without any, the data set digits.

    Attributes:
        data: Name of a data set of the catalogue, or a file or folder of the user's.
        features: File with a row of numbers for each sample.
        images: Folder of pictures, each flattened to a row.
        edges: Table of edges that belong to the data; with rows it makes a graph with features.
        graph: Saved similarity graph; with rows it is trained on in place of the recipe's graph.
        labels: File with a label for each sample.
        variant: Which pictures are kept, such as long-tailed:50, correlated:100x50 or subset:500, joined by +.
        directed: Whether the table of edges is taken as it is; else every edge gets its way back.
    """

    data: str | None = None
    features: str | None = None
    images: str | None = None
    edges: str | None = None
    graph: str | None = None
    labels: str | None = None
    variant: str | None = None
    directed: bool = False

    def __post_init__(self) -> None:
        """Tells names from files, makes paths absolute, and refuses sources that contradict each other."""
        self._sort_out_graph()
        if all(getattr(self, kind) is None for kind in (*ROWS, "edges", "graph")):
            object.__setattr__(self, "data", "digits")
        rows = [kind for kind in ROWS if getattr(self, kind) is not None]
        if len(rows) > 1:
            raise InputError(f"{' and '.join(rows)} are both given: name one source of rows")
        if self.edges is not None and (self.data is not None or self.graph is not None):
            other = "data" if self.data is not None else "graph"
            raise InputError(f"edges and {other} are both given: edges go alone or with features or images")
        for kind in ("data", "features", "images", "edges", "graph", "labels"):
            value = getattr(self, kind)
            if value is not None and not (kind == "data" and _is_name(value)):
                object.__setattr__(self, kind, os.path.abspath(os.path.expanduser(value)))

    def _sort_out_graph(self) -> None:
        """A graph may also be named as a data set, or be a table of edges."""
        if self.graph is None or self.graph.endswith(SUFFIXES):
            return
        meant = "edges" if self.graph.lower().endswith(TABLES) else "data"
        if getattr(self, meant) is not None:
            raise InputError(
                f"{getattr(self, meant)!r} and {self.graph!r} are two sources of {meant}: name one"
            )
        object.__setattr__(self, meant, self.graph)
        object.__setattr__(self, "graph", None)

    @classmethod
    def of(cls, name_or_path: str | Path) -> Source:
        """The source that a single name or path stands for."""
        text = os.fspath(name_or_path)
        return cls(graph=text) if text.endswith(SUFFIXES) else cls(data=text)

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Source:
        """The source that a run's configuration names."""
        known = {field.name for field in fields(cls)}
        given = {key: value for key, value in record.items() if key in known}
        wrong = next(
            (key for key, v in given.items() if not isinstance(v, bool if key == "directed" else str)), None
        )
        if wrong is not None:
            raise InputError(f"the source's {wrong} is {given[wrong]!r}: give a name or a path")
        if not set(given) - {"labels", "directed", "variant"}:
            raise InputError(
                f"the configuration does not say where {str(record.get('name', 'the data'))!r} comes from "
                "(it was handed over in Python): name a source, such as --features FILE"
            )
        return cls(**given)

    def load(self, root: str | Path | None = None, *, pictures: bool = False, side: Any = None) -> Loaded:
        """Reads the data.

        Args:
            root: Data root, for names of the catalogue.
            pictures: Read pictures as pictures, decoded when they are needed, not as rows of numbers.
            side: Height and width that pictures of a folder are brought to; absent or auto means their own.

        Returns:
            Samples, similarity graph where one is given, and the record of both.
        """
        began = time.perf_counter()
        similarity = None if self.graph is None else graphs.load(self.graph)
        samples = self._pictures(root, side) if pictures else self._samples(root, similarity)
        if self.labels is not None:
            y, classes = read_classes(self.labels, samples)
            samples = replace(samples, y=y, classes=classes)
        if self.variant is not None:
            samples = variant(samples, self.variant)
        given = {key: value for key, value in asdict(self).items() if value not in (None, False)}
        record = {"name": samples.name, **given, "sha256": fingerprint(samples, similarity)}
        own = similarity if samples.graph is not similarity else None
        return Loaded(samples, own, record, time.perf_counter() - began)

    def _pictures(self, root: str | Path | None, side: Any) -> Samples:
        """The samples as pictures; a folder is not read until its pictures are needed."""
        if self.edges is not None or self.graph is not None or self.features is not None:
            raise InputError(
                "a method for pictures reads pictures: give --images DIR, or --data NAME of a set of pictures"
            )
        folder = self.images or (self.data if self.data is not None and os.path.isdir(self.data) else None)
        if folder is None:
            found = self._rows(root, pictures=True)
            assert found is not None
            return as_pictures(found)
        if not Path(folder).is_dir():
            raise InputError(f"{folder} is no folder: give a folder of pictures")
        return read_pictures(Path(folder), side=None if side in (None, "auto") else int(side))

    def _samples(self, root: str | Path | None, similarity: Graph | None) -> Samples:
        rows = self._rows(root)
        if self.edges is not None:
            nodes = None if rows is None else rows.ids or range(len(rows))
            edges = graphs.read_edges(self.edges, nodes=nodes, undirected=not self.directed)
            if rows is None:
                return Samples(name=Path(self.edges).stem, graph=edges, ids=edges.ids)
            return replace(rows, graph=edges)
        if rows is not None:
            return rows
        assert self.graph is not None
        assert similarity is not None
        return Samples(name=Path(self.graph).stem, graph=similarity, ids=similarity.ids)

    def _rows(self, root: str | Path | None, *, pictures: bool = False) -> Samples | None:
        if self.data is not None:
            return data.load(self.data if _is_name(self.data) else Path(self.data), root, pictures=pictures)
        if self.images is not None and not Path(self.images).is_dir():
            raise InputError(f"{self.images} is no folder: give a folder of pictures")
        path = self.features or self.images
        return None if path is None else read_file(path)


@dataclass(frozen=True)
class Loaded:
    """What a source holds.

    Attributes:
        samples: The data.
        graph: Similarity graph that replaces the recipe's, or None.
        record: The source as plain values, with a checksum of all that an embedding depends on.
        seconds: Time that it took.
    """

    samples: Samples
    graph: Graph | None
    record: Mapping[str, Any]
    seconds: float = 0.0


def load(
    source: Any, root: str | Path | None = None, *, pictures: bool = False, side: Any = None, trainable: bool = True
) -> Loaded:
    """Data of any kind that `embed` takes, with a record of where they come from.

    Args:
        source: What `embed` takes.
        root: Folder with data sets.
        pictures: Read pictures as pictures, decoded when they are needed, not as rows of numbers.
        side: Height and width that pictures of different size are brought to.
        trainable: Refuse data from which nothing can be learnt.
    """
    began = time.perf_counter()
    if isinstance(source, str | Path):
        of_pictures = pictures and os.path.isdir(source)
        source = Source(images=os.fspath(source)) if of_pictures else Source.of(source)
    if isinstance(source, Source):
        source = source.load(root, pictures=pictures, side=side)
    if isinstance(source, Loaded):
        samples = as_pictures(source.samples) if pictures else source.samples
        return replace(source, samples=as_samples(samples, trainable=trainable))
    if not pictures:
        samples, similarity = parted(as_samples(source, root=root, trainable=trainable))
        return Loaded(samples, similarity, {"name": samples.name}, time.perf_counter() - began)
    if isinstance(source, Samples):
        samples = as_pictures(source)
    else:
        samples = Samples(name="pictures", images=pictures_of(source))
    return Loaded(samples, None, {"name": samples.name}, time.perf_counter() - began)


def fingerprint(samples: Samples, graph: Graph | None = None) -> str:
    """Sha256 of features and graphs: what an embedding can depend on. Labels take no part.

    Args:
        samples: The data.
        graph: A similarity graph beside them.
    """
    digest = hashlib.sha256()
    if samples.images is not None:
        digest.update(picture_digest(samples.images).encode())
    if samples.x is not None:
        digest.update(str(tuple(samples.x.shape)).encode())
        for part in _stored(samples.x):
            digest.update(np.ascontiguousarray(part.numpy()).data)
    for edges in (samples.graph, graph):
        digest.update(b"none" if edges is None else edges.hash.encode())
    return digest.hexdigest()


def read_classes(path: str | Path, samples: Samples) -> tuple[Tensor, tuple[str, ...] | None]:
    """Labels of samples from a file: one for each row in order, or a table with the columns id and label.

    Args:
        path: .npy, text with a label a line, or .csv/.tsv with a header of id and label.
        samples: What the labels belong to.

    Returns:
        Classes (N,), -1 where unknown, and their names where the labels are text.
    """
    pairs = _label_table(Path(path))
    if pairs is None:
        return class_labels(read_labels(path), len(samples), str(path))
    ids = samples.ids or tuple(map(str, range(len(samples))))
    if not set(ids) & set(pairs):
        raise InputError(f"{path}: none of its {len(pairs)} ids is the id of a sample, such as {ids[0]!r}")
    words = [pairs.get(name, "") for name in ids]
    try:
        values = np.array([float(word) if word else np.nan for word in words])
    except ValueError:
        values = np.array(words, dtype=object)
    return class_labels(values, len(samples), str(path))


def _label_table(path: Path) -> dict[str, str] | None:
    """Label by id, where the file is a table with these two columns."""
    if path.suffix.lower() not in (".csv", ".tsv", ".txt") or not path.is_file():
        return None
    try:
        lines = [line.strip() for line in path.read_text(encoding="utf-8-sig").splitlines() if line.strip()]
    except UnicodeDecodeError:
        return None
    mark = "\t" if lines and "\t" in lines[0] else ","
    header = [cell.strip().lower() for cell in lines[0].split(mark)] if lines else []
    if sorted(header) not in (["id", "label"], ["id", "y"]):
        return None
    key = header.index("id")
    cells = [[cell.strip() for cell in line.split(mark)] for line in lines[1:]]
    ragged = next((number for number, row in enumerate(cells, start=2) if len(row) != 2), None)
    if ragged is not None:
        raise InputError(f"{path}: line {ragged} has {len(cells[ragged - 2])} cells: give an id and a label")
    return {row[key]: row[1 - key] for row in cells}


def _stored(x: Tensor) -> tuple[Tensor, ...]:
    if x.layout == torch.strided:
        return (x,)
    return x.crow_indices(), x.col_indices(), x.values()


def _is_name(text: str) -> bool:
    """A name of the catalogue, or what can only be meant as one."""
    if text.lower().replace("_", "-") in data.names():
        return True
    return not (os.sep in text or Path(text).suffix or Path(text).exists())
