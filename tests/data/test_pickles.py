from __future__ import annotations

import os
import pickle
from collections import defaultdict
from typing import Any

import numpy as np
import pytest
import scipy.sparse

from graphurl.data.pickles import unpickle_arrays
from graphurl.errors import InputError


@pytest.mark.parametrize("protocol", range(2, 6))
def test_arrays_and_containers_come_back(protocol: int) -> None:
    graph = defaultdict(list, {0: [1, 2], 1: [0]})
    array, matrix = np.arange(6, dtype=np.int32).reshape(2, 3), scipy.sparse.csr_matrix(np.eye(3))
    found = unpickle_arrays(pickle.dumps((graph, array, matrix), protocol=protocol), "t")
    assert found[0] == graph
    assert np.array_equal(found[1], array)
    assert (found[2] != matrix).nnz == 0


class Evil:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, ("exit 1",)


class Sneaky:
    def __reduce__(self) -> tuple[Any, ...]:
        return eval, ("1 + 1",)


@pytest.mark.parametrize("thing", [Evil(), Sneaky(), np.dtype, os.path.join])
def test_anything_else_is_refused(thing: object) -> None:
    content = pickle.dumps(thing)
    if thing is np.dtype:
        assert unpickle_arrays(content, "t") is np.dtype
        return
    with pytest.raises(InputError, match="which no data set needs: refused"):
        unpickle_arrays(content, "t")


@pytest.mark.parametrize("content", [b"", b"\x80", b"hello", pickle.dumps([1, 2])[:-2]])
def test_damaged_pickles(content: bytes) -> None:
    with pytest.raises(InputError, match="damaged or not the expected format"):
        unpickle_arrays(content, "t")
