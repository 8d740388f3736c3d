"""Unpickling of old data files: arrays only, and only from bytes whose checksum matched.

`fetch.read_verified` hands out such bytes. The allow-list is a second wall: a pickle can name any function
to call, and this one resolves nothing but array and container classes.
"""

from __future__ import annotations

import io
import pickle
from typing import Any

from graphurl.errors import InputError

# (module, name) as written by the pickles of their time -> where it lives now.
_ALLOWED: dict[tuple[str, str], tuple[str, str]] = {
    ("scipy.sparse.csr", "csr_matrix"): ("scipy.sparse", "csr_matrix"),
    ("scipy.sparse._csr", "csr_matrix"): ("scipy.sparse", "csr_matrix"),
    ("numpy.core.multiarray", "_reconstruct"): ("numpy._core.multiarray", "_reconstruct"),
    ("numpy._core.multiarray", "_reconstruct"): ("numpy._core.multiarray", "_reconstruct"),
    ("numpy.core.multiarray", "scalar"): ("numpy._core.multiarray", "scalar"),
    ("numpy._core.multiarray", "scalar"): ("numpy._core.multiarray", "scalar"),
    ("numpy._core.numeric", "_frombuffer"): ("numpy._core.numeric", "_frombuffer"),
    ("numpy.core.numeric", "_frombuffer"): ("numpy._core.numeric", "_frombuffer"),
    ("numpy", "ndarray"): ("numpy", "ndarray"),
    ("numpy", "dtype"): ("numpy", "dtype"),
    ("collections", "defaultdict"): ("collections", "defaultdict"),
    ("collections", "OrderedDict"): ("collections", "OrderedDict"),
    ("__builtin__", "list"): ("builtins", "list"),
    ("builtins", "list"): ("builtins", "list"),
    ("_codecs", "encode"): ("_codecs", "encode"),  # how protocol 2 writes bytes under Python 3
}


class _ArraysOnly(pickle.Unpickler):
    """Resolves the names of the allow-list and no others."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _ALLOWED:
            raise InputError(f"pickled data names {module}.{name}, which no data set needs: refused")
        return super().find_class(*_ALLOWED[module, name])


def unpickle_arrays(verified: bytes, name: str, *, encoding: str = "latin1") -> Any:
    """Unpickles arrays, sparse matrices and plain containers.

    Args:
        verified: Bytes from `fetch.read_verified`; never anything else.
        name: File name, for errors.
        encoding: For text written by Python 2; "bytes" leaves it as it is.

    Returns:
        The object.

    Raises:
        InputError: Where the bytes are no pickle or name anything that is not allowed.
    """
    try:
        return _ArraysOnly(io.BytesIO(verified), encoding=encoding).load()
    except InputError as error:
        raise InputError(f"{name}: {error}") from error
    except Exception as error:  # a damaged pickle may raise anything
        raise InputError(f"{name}: damaged or not the expected format ({error}): fetch it again") from error
