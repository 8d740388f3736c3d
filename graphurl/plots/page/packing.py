"""Values as text that is safe inside a page: arrays as base64, everything else as JSON without a single tag."""

from __future__ import annotations

import base64
import html
import json
import zlib
from typing import Any

import numpy as np

#: Types that the page's script knows, by the name that it knows them by.
TYPES = {"f4": np.float32, "u1": np.uint8, "u2": np.uint16, "u4": np.uint32}
# JSON lets these pass; a page would take the first ones for markup, and older scripts the last two for a line's end.
_ESCAPED = {char: f"\\u{ord(char):04x}" for char in "<>&\u2028\u2029"}


def safe_json(value: Any) -> str:
    """Returns JSON that nothing in a page can mistake for markup, whatever strings it holds.

    Args:
        value: Plain values; half a surrogate pair, which no page can hold, becomes a question mark.
    """
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for char, escaped in _ESCAPED.items():
        text = text.replace(char, escaped)
    return text.encode("utf-8", "replace").decode("utf-8")


def json_element(name: str, value: Any) -> str:
    """Returns a script element that carries plain values.

    Args:
        name: Its id.
        value: Plain values.
    """
    return f'<script type="application/json" id="{html.escape(name)}">{safe_json(value)}</script>'


def array_element(name: str, values: np.ndarray) -> str:
    """Returns a script element that carries an array: its bytes sorted by significance, deflated, in base64.

    The bytes of a number that hardly vary (exponents, the upper half of row numbers) then lie together and shrink.

    Args:
        name: Its id.
        values: Any shape, of one of `TYPES`; the script knows the shape.
    """
    kind = next((key for key, dtype in TYPES.items() if values.dtype == dtype), None)
    if kind is None:
        raise TypeError(f"an array of {values.dtype}: the page reads {', '.join(TYPES)}")
    flat = np.ascontiguousarray(values).astype(values.dtype.newbyteorder("<"), copy=False).ravel()
    planes = flat.view(np.uint8).reshape(len(flat), values.dtype.itemsize).T
    packed = base64.b64encode(zlib.compress(planes.tobytes(), 6)).decode()
    return f'<script type="text/plain" id="array-{html.escape(name)}" data-kind="{kind}">{packed}</script>'
