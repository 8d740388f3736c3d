"""Checkpoints: everything a run needs to go on bit for bit, in safetensors and JSON, never a pickle."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from graphurl.errors import InputError

FORMAT = "graphurl-checkpoint"
VERSION = 1


def save_checkpoint(
    path: Path,
    model: nn.Module,
    optimiser: torch.optim.Optimizer,
    randomness: Mapping[str, Tensor],
    meta: Mapping[str, Any],
) -> None:
    """Writes a checkpoint in one atomic step: a killed writer leaves the previous one in place.

    Args:
        path: Where to.
        model: Its parameters and buffers are kept.
        optimiser: Its moments and counters are kept.
        randomness: Generator states by name.
        meta: Plain values: epoch, step, history.
    """
    tensors: dict[str, Tensor] = {f"model.{k}": v.detach().clone() for k, v in model.state_dict().items()}
    scalars: dict[str, Any] = {}
    for index, entries in optimiser.state_dict()["state"].items():
        for key, value in entries.items():
            if isinstance(value, Tensor):
                tensors[f"optimiser.{index}.{key}"] = value.detach().clone()
            else:
                scalars[f"{index}.{key}"] = value
    tensors.update({f"random.{name}": state.clone() for name, state in randomness.items()})
    header = {
        "format": FORMAT,
        "version": str(VERSION),
        "meta": json.dumps({**meta, "optimiser_scalars": scalars}),
    }
    scratch = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        save_file({k: v.contiguous() for k, v in tensors.items()}, scratch, metadata=header)
        os.replace(scratch, path)
    finally:
        scratch.unlink(missing_ok=True)


def load_checkpoint(
    path: Path, model: nn.Module, optimiser: torch.optim.Optimizer
) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Restores model and optimiser in place.

    Args:
        path: A file of `save_checkpoint`.
        model: Of the same shapes.
        optimiser: Over the model's parameters.

    Returns:
        The generator states by name, and the plain values.
    """
    try:
        with safe_open(path, framework="pt") as file:
            header = file.metadata() or {}
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 - not a dict
    except (SafetensorError, OSError) as error:
        reason = f"cannot be read as a checkpoint ({error})"
        raise InputError(f"{path} {reason}: delete it and train again") from error
    meta = _meta(path, header)
    state = {key.removeprefix("model."): value for key, value in tensors.items() if key.startswith("model.")}
    try:
        model.load_state_dict(state)
    except RuntimeError as error:
        raise InputError(
            f"{path} belongs to a model of other shapes: resume with the settings it was trained with"
        ) from error
    moments: dict[int, dict[str, Any]] = {}
    for key, value in tensors.items():
        if key.startswith("optimiser."):
            _, index, name = key.split(".", 2)
            moments.setdefault(int(index), {})[name] = value
    for key, value in meta.pop("optimiser_scalars").items():
        index, name = key.split(".", 1)
        moments.setdefault(int(index), {})[name] = value
    optimiser.load_state_dict({**optimiser.state_dict(), "state": moments})
    randomness = {
        key.removeprefix("random."): value for key, value in tensors.items() if key.startswith("random.")
    }
    return randomness, meta


def _meta(path: Path, header: Mapping[str, str]) -> dict[str, Any]:
    """The plain values of a header that is ours."""
    try:
        if header.get("format") == FORMAT and int(header["version"]) <= VERSION:
            meta: dict[str, Any] = json.loads(header["meta"])
            return meta
    except (KeyError, ValueError):
        pass
    raise InputError(f"{path} is no checkpoint of this version of graphurl: delete it and train again")
