from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from graphurl.plots.page.packing import TYPES, array_element, json_element, safe_json
from tests.plots.page.reader import arrays

HOSTILE = ["</script>", "<!--", "<script", "&lt;", '"', "'", "\\", "\n\r\t\0", "\u2028", "\u2029", "é漢😀", "]]>"]


@given(st.recursive(st.none() | st.text() | st.sampled_from(HOSTILE), lambda inner: st.lists(inner)))
def test_json_comes_back_and_holds_no_markup(value: object) -> None:
    text = safe_json(value)
    assert json.loads(text) == value
    assert not set("<>&\u2028\u2029") & set(text)


def test_half_a_surrogate_pair_becomes_a_question_mark() -> None:
    assert json.loads(safe_json("a\ud800b")) == "a?b"


def test_what_json_cannot_say_is_refused() -> None:
    with pytest.raises(ValueError, match="JSON"):
        safe_json([float("nan")])


@pytest.mark.parametrize("kind", TYPES)
def test_arrays_come_back(kind: str, tmp_path: Path) -> None:
    @given(npst.arrays(TYPES[kind], npst.array_shapes(max_dims=2, max_side=9)))
    def check(values: np.ndarray) -> None:
        before = values.copy()
        path = tmp_path / "page.html"
        path.write_text(array_element("some-name", values))
        found = arrays(path)["some-name"]
        np.testing.assert_array_equal(found, values.ravel())
        assert found.dtype == values.dtype
        np.testing.assert_array_equal(values, before)

    check()


def test_an_array_that_the_script_cannot_read_is_refused() -> None:
    with pytest.raises(TypeError, match="int64"):
        array_element("a", np.zeros(3, dtype=np.int64))


def test_names_are_escaped() -> None:
    assert 'id="a&quot;b"' in json_element('a"b', 1)
