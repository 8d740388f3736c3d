from __future__ import annotations

import sys

import pytest
import torch

from graphurl import __version__
from tests.cli.conftest import Call


def test_what_there_is(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRAPHURL_DATA", "nowhere")
    status, out, err = call("doctor")
    assert (status, err) == (0, "")
    for words in (
        __version__,
        torch.__version__,
        sys.executable,
        "device auto",
        "nowhere (missing)",
        "free memory",
    ):
        assert words in out
    assert "torch-scatter" in out


def test_what_is_missing_is_no_failure(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    from importlib.metadata import PackageNotFoundError

    def absent(name: str) -> str:
        raise PackageNotFoundError(name)

    monkeypatch.setattr("graphurl.cli.doctor.importlib.metadata.version", absent)
    monkeypatch.setattr("graphurl.memory.available_memory", lambda: None)
    status, out, _ = call("doctor")
    assert status == 0
    assert out.count("missing") >= 14
