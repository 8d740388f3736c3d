"""The model: an encoder with the preparation of its inputs; saved as safetensors and JSON."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from safetensors.torch import save as to_bytes
from torch import Tensor, nn

from graphurl import registry
from graphurl.data.pixels import Gallery, Pixels
from graphurl.data.preparation import Preparation
from graphurl.data.stacks import Images, Stack
from graphurl.encoders.base import Encoder, Inputs
from graphurl.encoders.foreign import Named
from graphurl.encoders.heads import build_head
from graphurl.errors import InputError
from graphurl.functional.mapped import row_blocks
from graphurl.functional.sparse import take_rows

VERSION = 1
#: Rows embedded at a time.
CHUNK = 16384


@dataclass(frozen=True)
class Model:
    """What places samples, fitted ones and new ones.

    Attributes:
        name: Registry name of the encoder; "custom" for a module of the user's own.
        encoder: The trained encoder.
        preparation: What is done to feature rows or pictures first.
        about: Plain values worth keeping beside the weights: recipe, feature names.
        head: What is put on the encoder for good; absent means its features are the embedding.
    """

    name: str
    encoder: Encoder
    preparation: Preparation | Pixels | None
    about: Mapping[str, Any] = field(default_factory=dict)
    head: nn.Module | None = None

    @property
    def inductive(self) -> bool:
        """Whether new rows can be placed."""
        return self.encoder.inductive

    def place(self, inputs: Inputs | Iterable[Inputs]) -> Tensor:
        """Embeds prepared inputs in evaluation mode, row chunks at a time, without gradient."""
        device = next((w.device for w in self.encoder.parameters()), torch.device("cpu"))
        parts = nn.ModuleList([self.encoder, self.head or nn.Identity()])
        training = [part.training for part in parts]
        parts.eval()

        def rows(read: Inputs) -> Tensor:
            z: Tensor = parts[1](self.encoder(read.to(device)).z.float())
            return z.cpu()

        try:
            with torch.no_grad():
                if isinstance(inputs, Inputs) and inputs.edge_index is not None:
                    return rows(inputs)
                read = pieces(inputs, 0, len(inputs.x)) if isinstance(inputs, Inputs) else inputs
                return torch.cat([rows(piece) for piece in read])
        finally:
            for part, before in zip(parts, training, strict=True):
                part.train(before)

    def transform_pictures(self, pictures: Images | Tensor) -> Tensor:
        """Embeds raw pictures, n×C×H×W or a stack of them: whole, without any augmentation."""
        if not isinstance(self.preparation, Pixels):
            raise InputError(f"the encoder {self.name!r} was trained on rows of numbers: hand over rows, not pictures")
        images = Stack(pictures) if isinstance(pictures, Tensor) else pictures
        return self.place(Gallery(images, self.preparation))

    def transform(
        self, x: Tensor, edge_index: Tensor | None = None, edge_weight: Tensor | None = None
    ) -> Tensor:
        """Embeds new rows (with their edges, for an encoder that passes messages)."""
        if not self.inductive:
            raise InputError(
                f"the encoder {self.name!r} holds one row for each fitted sample and cannot place new ones: "
                "train with encoder='mlp' (rows) or 'linear', 'gcn' (graphs)"
            )
        if self.encoder.needs == "graph" and edge_index is None:
            raise InputError(
                f"the encoder {self.name!r} reads a graph and got rows only: hand over edges as well, "
                "or train with encoder='mlp'"
            )
        if isinstance(self.preparation, Pixels):
            raise InputError(f"the encoder {self.name!r} was trained on pictures: hand over pictures, not rows")
        prepared = x if self.preparation is None else self.preparation.apply(x)
        if self.encoder.needs != "graph":
            return self.place(Inputs(prepared))
        return self.place(self.encoder.ahead(Inputs(prepared, edge_index, edge_weight)))

    def save(self, folder: Path) -> None:
        """Writes `model.safetensors` and `model.json`, each in one atomic step."""
        tensors = {f"encoder.{k}": v.detach().cpu().contiguous() for k, v in self.encoder.saved().items()}
        if self.preparation is not None:
            tensors.update({f"preparation.{k}": v.contiguous() for k, v in self.preparation.tensors.items()})
        if self.head is not None:
            tensors.update({f"head.{k}": v.detach().cpu().contiguous() for k, v in self.head.state_dict().items()})
        description = {
            "format": "graphurl-model",
            "format_version": VERSION,
            "encoder": self.name,
            "config": dict(self.encoder.config()),
            "preparation": None if self.preparation is None else self.preparation.config(),
            "head": None if self.head is None else dict(self.head.config()),  # type: ignore[operator]
            "about": dict(self.about),
        }
        weights = to_bytes({k: v.clone() for k, v in tensors.items()}, metadata={"format": "graphurl-model"})
        text = json.dumps(description, indent=1) + "\n"
        scratch = folder / f".model.{os.getpid()}.tmp"
        try:
            for name, content in (("model.safetensors", weights), ("model.json", text.encode())):
                scratch.write_bytes(content)  # save_file would make it readable for its owner only
                os.replace(scratch, folder / name)
        finally:
            scratch.unlink(missing_ok=True)

    @classmethod
    def load(cls, folder: Path) -> Model:
        """Reads what `save` wrote; needs no training data."""
        try:
            description = json.loads((folder / "model.json").read_text(encoding="utf-8"))
            tensors = load_file(folder / "model.safetensors")
        except FileNotFoundError as error:
            raise InputError(f"{error.filename} does not exist: point to a folder written by embed") from error
        except (OSError, ValueError, SafetensorError) as error:
            raise InputError(f"the model in {folder} cannot be read ({error}): train it again") from error
        if not isinstance(description, dict) or description.get("format") != "graphurl-model":
            raise InputError(
                f"{folder / 'model.json'} is no model of graphurl: point to a folder written by embed"
            )
        try:
            return cls._rebuilt(description, tensors, folder)
        except InputError:
            raise
        except (AttributeError, KeyError, RuntimeError, TypeError, ValueError) as error:
            raise InputError(
                f"model.json and model.safetensors in {folder} do not fit together: train it again"
            ) from error

    @classmethod
    def _rebuilt(cls, description: Mapping[str, Any], tensors: Mapping[str, Tensor], folder: Path) -> Model:
        """The model of a description; whatever is missing from it raises."""
        version, name = int(description["format_version"]), description["encoder"]
        if version > VERSION:
            raise InputError(
                f"the model in {folder} has format {version} and this version of graphurl reads "
                f"up to {VERSION}: update graphurl"
            )
        if name == "custom":
            raise InputError(
                "the model holds a module of your own: rebuild it and load model.safetensors into it"
            )
        with torch.random.fork_rng(devices=[]):  # layers draw starting weights, which are replaced at once
            kind = Named if ":" in name else registry.resolve("encoders", name)
            encoder = kind(**description["config"])
        encoder.restore(_under("encoder.", tensors))
        head = None
        if description.get("head") is not None:
            head = build_head(**description["head"])
            head.load_state_dict(_under("head.", tensors))
            head.eval()
        encoder.eval()
        preparation = _preparation(description["preparation"], _under("preparation.", tensors))
        return cls(name, encoder, preparation, description["about"], head)


def _preparation(
    values: Mapping[str, Any] | None, tensors: dict[str, Tensor]
) -> Preparation | Pixels | None:
    """The preparation of a description."""
    if values is None:
        return None
    if values["kind"] == "pixels":
        return Pixels(values["side"], values["channels"], tensors)
    return Preparation(**values, tensors=tensors)


def _under(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors whose names begin with a prefix, without it."""
    return {key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)}


def pieces(inputs: Inputs, first: int, last: int) -> Iterable[Inputs]:
    """Some rows in chunks, dense; row numbers (of a table) are taken as they are."""
    size = min(CHUNK, next(row_blocks(inputs.x)).stop)
    for start in range(first, last, size):
        yield replace(inputs, x=take_rows(inputs.x, torch.arange(start, min(start + size, last))))
