"""From what a user calls a teacher to what it knows of the samples: run folders, files, models, arrays, graphs."""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import inspect
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from graphurl import graphs
from graphurl.data.answers import answers_folder, read_answers, write_answers
from graphurl.data.caches import cache_key
from graphurl.data.files import read_file
from graphurl.data.samples import Samples, feature_matrix
from graphurl.data.stacks import Stack
from graphurl.embedding import Embedding, read_array, read_settings
from graphurl.errors import InputError
from graphurl.functional.mapped import shared
from graphurl.functional.sparse import take_rows
from graphurl.graphs.graph import Graph
from graphurl.graphs.io import SUFFIXES
from graphurl.relations.knowledge import Knowledge
from graphurl.source import fingerprint

#: Samples that a teacher answers at a time.
AT_ONCE = 512
_WAYS = "a run folder, a file of features, a saved graph, or module:callable"


def knowledge_of(
    teacher: Any, samples: Samples, *, device: torch.device | str = "cpu", cache: str | Path | None = None
) -> Knowledge:
    """What a teacher knows of samples; a model is asked once, and its answers are kept on disk.

    Args:
        teacher: A run folder, a file of features, a saved graph, module:callable; an array, `Samples`, an `Embedding`,
            a `Graph`, or a module or function from rows n × F (pictures n × C × H × W in [0, 1]) to vectors n × D.
        samples: The samples.
        device: Where a module answers.
        cache: File for its answers; absent means one named by the teacher and the data.

    Returns:
        The teacher's answers, in the order of the samples.
    """
    if isinstance(teacher, Knowledge):
        return _fitting(teacher, None, samples)
    if isinstance(teacher, Graph):
        return _of_graph(teacher, samples)
    if isinstance(teacher, str | Path):
        known = _of_name(str(teacher), samples, device, cache)
        # A path is written down in full: the run may be gone on with from another folder.
        name = str(Path(teacher).expanduser().absolute()) if Path(teacher).expanduser().exists() else str(teacher)
        return replace(known, record={"teacher": name, **known.record})
    if isinstance(teacher, Embedding):
        ids = None if teacher.samples is None else teacher.samples.ids
        return _of_rows(teacher.z, ids, samples, "embedding")
    if isinstance(teacher, Samples):
        if teacher.x is None:
            raise InputError(f"the teacher {teacher.name} has no features: give a row of numbers a sample")
        return _of_rows(teacher.x, teacher.ids, samples, teacher.name)
    if callable(teacher) and not isinstance(teacher, Tensor):
        return _asked(teacher, _signature(teacher), samples, device, cache)
    if isinstance(teacher, Tensor) and teacher.requires_grad:
        raise InputError(
            "the teacher's features need a gradient: hand over features.detach(), a teacher is not trained"
        )
    return _of_rows(teacher, None, samples, "array")


def _of_name(name: str, samples: Samples, device: torch.device | str, cache: str | Path | None) -> Knowledge:
    """The teacher that a name or path on the command line stands for."""
    path = Path(name).expanduser()
    if path.is_dir():
        return _of_run(path, samples, device, cache)
    if name.endswith(SUFFIXES):
        return _of_graph(graphs.load(path), samples)
    if not path.exists() and ":" in name:
        return _asked(_imported(name), None, samples, device, cache)
    if not path.exists():
        raise InputError(f"the teacher {name!r} does not exist: give {_WAYS}")
    found = read_file(path)
    if found.x is None:
        raise InputError(f"the teacher {name} holds no features: give {_WAYS}")
    beside = path.with_suffix(".ids.txt")
    ids = _lines(beside) if found.ids is None and beside.is_file() else found.ids
    return _of_rows(found.x, ids, samples, str(path))


def _of_run(folder: Path, samples: Samples, device: torch.device | str, cache: str | Path | None) -> Knowledge:
    """A run's own rows where it was made of these samples, else the model's answers."""
    _, source = read_settings(folder / "config.yaml")
    ids = _lines(folder / "ids.txt") if (folder / "ids.txt").is_file() else None
    same = source.get("sha256") is not None and source.get("sha256") == fingerprint(samples)
    if same or (ids is not None and samples.ids is not None and set(samples.ids) <= set(ids)):
        return _of_rows(read_array(folder / "embedding.npy"), None if same else ids, samples, str(folder))
    model = Embedding.load(folder).model
    files = (folder / "model.safetensors", folder / "model.json")
    digest = hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()
    model.encoder.to(device)
    if model.head is not None:
        model.head.to(device)

    def answer(rows: Tensor) -> Tensor:
        return model.transform(rows) if samples.images is None else model.transform_pictures(Stack(rows))

    return _kept(answer, digest, samples, cache, raw=True)


def _of_graph(graph: Graph, samples: Samples) -> Knowledge:
    knowledge = Knowledge(graph=graph if graph.weight is not None or graph.length is None else graph.similarity())
    return _fitting(replace(knowledge, record={"teacher_sha256": graph.hash}), graph.ids, samples)


def _of_rows(rows: Any, ids: Sequence[str] | None, samples: Samples, name: str) -> Knowledge:
    """Vectors that are there already."""
    if isinstance(rows, Tensor) and rows.layout != torch.strided:
        rows = rows.to_dense()
    vectors = feature_matrix(rows, f"the teacher {name}").detach().cpu()
    digest = hashlib.sha256(np.ascontiguousarray(vectors.numpy()).data).hexdigest()
    return _fitting(Knowledge(vectors, record={"teacher_sha256": digest}), ids, samples)


def _fitting(knowledge: Knowledge, ids: Sequence[str] | None, samples: Samples) -> Knowledge:
    """The teacher's answers in the order of the samples: by ids where both sides have them, else one a sample."""
    own = samples.ids
    if ids is not None and own is not None:
        if tuple(ids) == tuple(own):
            return knowledge
        place = {name: number for number, name in enumerate(ids)}
        if len(place) < len(ids) or len(set(own)) < len(own):
            raise InputError("the teacher or the data name two rows alike: give each row an id of its own")
        missing = [name for name in own if name not in place]
        if missing:
            raise InputError(
                f"the teacher knows {len(own) - len(missing)} of {len(own)} samples, not {missing[0]!r}: "
                "its rows are matched by ids, give one for each sample"
            )
        return knowledge.among(torch.tensor([place[name] for name in own]))
    if len(knowledge) != len(samples):
        raise InputError(
            f"the teacher has {len(knowledge)} rows and there are {len(samples)} samples: give a row for each sample, "
            "in the same order, or ids on both sides"
        )
    return knowledge


def _asked(
    teacher: Callable[[Tensor], Any], signature: str | None, samples: Samples, device: torch.device | str,
    cache: str | Path | None,
) -> Knowledge:  # fmt: skip
    """The answers of a module or function."""
    if isinstance(teacher, nn.Module):
        teacher.to(device).eval()

    def answer(rows: Tensor) -> Tensor:
        found = teacher((rows.float() / 255 if samples.images is not None else rows).to(device))
        if not isinstance(found, Tensor) or found.ndim != 2 or len(found) != len(rows):
            shape = tuple(found.shape) if isinstance(found, Tensor) else type(found).__name__
            raise InputError(f"the teacher answers {len(rows)} samples with {shape}: it has to return a row a sample")
        if found.requires_grad:
            raise InputError(
                "the teacher's answers need a gradient: it switches gradients on, a teacher is not trained"
            )
        return found

    return _kept(answer, signature or _signature(teacher), samples, cache)


def _kept(
    answer: Callable[[Tensor], Tensor], teacher: str, samples: Samples, cache: str | Path | None, *, raw: bool = False
) -> Knowledge:
    """Answers from the disk where they are there, else asked for and kept."""
    about = {"teacher": teacher, "data": fingerprint(samples)}
    path = Path(cache) if cache is not None else answers_folder() / f"{cache_key(*about.values())}.npy"
    if not path.is_file():
        with torch.no_grad():
            write_answers(path, (_checked(answer(rows)) for rows in _inputs(samples)), about)
    vectors = shared(read_answers(path, about))
    return _fitting(Knowledge(vectors, record={"teacher_sha256": teacher}), None, samples)


def _checked(rows: Tensor) -> np.ndarray:
    return feature_matrix(rows.cpu().float(), "the teacher's answers").numpy()


def _inputs(samples: Samples) -> Iterator[Tensor]:
    """Raw rows or bytes of pictures, some at a time."""
    for numbers in torch.split(torch.arange(len(samples)), AT_ONCE):
        if samples.images is not None:
            yield samples.images.take(numbers)
        elif samples.x is not None:
            yield take_rows(samples.x, numbers)
        else:
            raise InputError(f"{samples.name}: neither rows nor pictures to ask the teacher about: give its features")


def _imported(name: str) -> Callable[[Tensor], Any]:
    """The function or module of module:callable."""
    module, _, attribute = name.partition(":")
    try:
        found: Any = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError, ValueError) as error:
        raise InputError(f"the teacher {name!r} cannot be imported ({error}): give {_WAYS}") from error
    if not callable(found):
        raise InputError(f"the teacher {name!r} is a {type(found).__name__} and cannot be called: give {_WAYS}")
    answer: Callable[[Tensor], Any] = found() if inspect.isclass(found) and issubclass(found, nn.Module) else found
    return answer


def _signature(teacher: Any) -> str:
    """Checksum of what decides a teacher's answers, as far as it can be seen: weights and source code."""
    digest = hashlib.sha256()
    kind = type(teacher) if isinstance(teacher, nn.Module) else teacher
    digest.update(f"{getattr(kind, '__module__', '')}.{getattr(kind, '__qualname__', repr(kind))}".encode())
    if isinstance(teacher, nn.Module):
        digest.update(repr(teacher).encode())
        for name, value in teacher.state_dict().items():
            digest.update(name.encode())
            digest.update(np.ascontiguousarray(value.detach().cpu().float().numpy()).data)
    with contextlib.suppress(TypeError, OSError):  # made on the spot, without a file
        digest.update(Path(inspect.getfile(kind)).read_bytes())
    return digest.hexdigest()


def _lines(path: Path) -> tuple[str, ...]:
    return tuple(path.read_text(encoding="utf-8").splitlines())
