"""Tensors: shape, datatype and data, flat list or base64, to numbers."""

from __future__ import annotations

from array import array
from binascii import Error as NotBase64
from binascii import a2b_base64
from math import prod
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from monitor.record.refusal import Refused, Unfamiliar

Datatype = Literal[
    "BOOL", "UINT8", "UINT16", "UINT32", "UINT64", "INT8", "INT16", "INT32", "INT64", "FP16", "FP32", "FP64"
]
DATATYPES: Final[dict[Datatype, str]] = {
    "BOOL": "<u1",
    "UINT8": "<u1",
    "UINT16": "<u2",
    "UINT32": "<u4",
    "UINT64": "<u8",
    "INT8": "<i1",
    "INT16": "<i2",
    "INT32": "<i4",
    "INT64": "<i8",
    "FP16": "<f2",
    "FP32": "<f4",
    "FP64": "<f8",
}
_DTYPES: Final = {name: np.dtype(code) for name, code in DATATYPES.items()}
_BYTES: Final = {name: kind.itemsize for name, kind in _DTYPES.items()}
_MOST_DIMENSIONS: Final = 8
_BYTE: Final = np.float32(255)


def read_shape(shape: Any, most: int) -> tuple[int, ...]:
    """The shape as a tuple of positive integers; Refused where it has none, zeros, or more than `most` elements."""
    if type(shape) is not list:
        raise Unfamiliar
    if not 0 < len(shape) <= _MOST_DIMENSIONS:
        raise Refused("bad-tensor", "input.tensor.shape: 1 to 8 sizes were expected")
    for side in shape:
        if type(side) is not int:
            raise Unfamiliar
        if side < 0:
            raise Refused("bad-tensor", "input.tensor.shape: a negative size")
    size = prod(shape)
    if size == 0:
        raise Refused("empty", "input.tensor.shape: an input without elements")
    if size > most:
        raise Refused("too-large", "input.tensor.shape: too many elements")
    return tuple(shape)


def read_base64(data: str, datatype: Datatype, size: int) -> bytes:
    """The little-endian bytes of that many elements. Refused where they do not fit."""
    try:
        raw = a2b_base64(data, strict_mode=True)
    except (NotBase64, ValueError):
        raise Refused("bad-tensor", "input.tensor.data: base64 was expected") from None
    if len(raw) != size * _BYTES[datatype]:
        raise Refused("bad-tensor", "input.tensor.data: its length does not fit the shape and datatype")
    return raw


def from_bytes(raw: bytes, datatype: Datatype) -> NDArray[np.float32]:
    """Little-endian elements as float32. Refused where they are NaN or infinite."""
    values: NDArray[Any] = np.frombuffer(raw, _DTYPES[datatype])
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        raise Refused("bad-number", "input.tensor.data: NaN or infinity")
    with np.errstate(over="ignore"):  # the sketch bounds them
        return values.astype(np.float32)


def from_list(data: list[float], datatype: Datatype, size: int) -> NDArray[np.float32]:
    """The same from a list of numbers, 8-bit unsigned ones over 255. TypeError where it holds anything else (bare
    words excepted)."""
    if len(data) != size:
        raise Refused("bad-tensor", "input.tensor.data: its length does not fit the shape")
    with np.errstate(over="ignore"):
        values = np.array(array("d", data)).astype(np.float32)
    return values / _BYTE if datatype == "UINT8" else values
