"""Reads a page back, as its script does."""

from __future__ import annotations

import base64
import json
import re
import zlib
from pathlib import Path
from typing import Any

import numpy as np

KINDS = {"f4": "<f4", "u1": "u1", "u2": "<u2", "u4": "<u4"}


def contents(path: Path) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="contents">(.*?)</script>', text_of(path), re.DOTALL)
    assert found
    made: dict[str, Any] = json.loads(found[1])
    return made


def arrays(path: Path) -> dict[str, np.ndarray]:
    pattern = r'<script type="text/plain" id="array-([\w-]+)" data-kind="(\w+)">([^<]*)</script>'
    made = {}
    for name, kind, packed in re.findall(pattern, text_of(path)):
        planes = np.frombuffer(zlib.decompress(base64.b64decode(packed)), dtype=np.uint8)
        made[name] = planes.reshape(int(KINDS[kind][-1]), -1).T.copy().view(KINDS[kind])[:, 0]
    return made


def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8")
