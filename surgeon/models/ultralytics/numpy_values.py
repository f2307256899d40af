"""NumPy's numbers and arrays in a checkpoint: plain numeric ones only, made from checked bytes.

The trainers of YOLOv5, YOLOv7 and YOLOv9 save their best fitness as an array.
"""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np

from surgeon.errors import UntrustedFileError

_NUMERIC = re.compile(r"[biufc?][0-9]{0,2}")


class NumpyType:
    """What a pickled ``numpy.dtype`` becomes: a code and a byte order, nothing that memory depends on."""

    def __init__(self, code: str) -> None:
        self.code, self.order = code, "="

    def __setstate__(self, state: Any) -> None:
        """Take the byte order of numpy's state, the only part a number needs."""
        if isinstance(state, tuple) and len(state) > 1 and state[1] in ("<", ">", "=", "|"):
            self.order = state[1]

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type itself."""
        return np.dtype(self.order + self.code)


class NumpyArray(np.ndarray[Any, Any]):
    """An array that a file holds; saved again it is a plain one."""

    def __setstate__(self, state: Any) -> None:
        """Take shape and bytes, if they fit each other and the type is one of numbers."""
        _, shape, kind, fortran, raw = state
        plain = isinstance(kind, NumpyType) and isinstance(raw, bytes) and isinstance(fortran, bool | int)
        if not plain or not all(type(side) is int and side >= 0 for side in shape):
            raise UntrustedFileError("a NumPy array in the file holds something else than numbers")
        if math.prod(shape) * kind.dtype.itemsize != len(raw):
            raise UntrustedFileError("a NumPy array in the file is broken: its bytes do not fill its shape")
        super().__setstate__((1, tuple(shape), kind.dtype, bool(fortran), raw))  # type: ignore[arg-type]

    def __reduce__(self) -> Any:
        """Pickle a plain array: no file shall need this class."""
        return np.asarray(self).__reduce__()


def empty_array() -> NumpyArray:
    """What ``numpy.core.multiarray._reconstruct`` returns, for its state to be put in."""
    return np.ndarray.__new__(NumpyArray, (0,), "b")


def numeric_type(code: str, origin: str) -> NumpyType:
    """The type with this code.

    Raises:
        UntrustedFileError: It is not one of numbers.
    """
    if not _NUMERIC.fullmatch(code):
        raise UntrustedFileError(f"{origin} holds a NumPy value of type {code!r}; only numbers are read")
    return NumpyType(code)


def scalar(kind: NumpyType, raw: bytes, origin: str) -> Any:
    """One number.

    Raises:
        UntrustedFileError: Its bytes are not those of one.
    """
    if len(raw) != kind.dtype.itemsize:
        raise UntrustedFileError(f"{origin} holds a broken NumPy number")
    return np.frombuffer(raw, dtype=kind.dtype)[0]
