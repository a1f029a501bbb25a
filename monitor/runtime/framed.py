"""Arrays in one piece of bytes: a header under a digest, and behind it each array as it lies in memory, under a CRC.

magic, BLAKE2b of the header's line, the line (JSON, filled up with spaces), then the arrays, each filled up with zeros
to a multiple of 64 bytes. The header names type, shape and CRC-32C of each, so that every bit stands under a checksum
and nothing has to be unpickled or copied to be read.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from math import prod
from typing import Any, Final

import numpy as np
import orjson
from crc32c import crc32c
from numpy.typing import NDArray

DIGEST: Final = 16  # bytes of BLAKE2b over the header's line
HEADER: Final = 1 << 26  # bytes of a header, at most
STEP: Final = 64  # arrays begin at multiples of it

Arrays = Mapping[str, NDArray[Any]]


def pieces(magic: bytes, header: Mapping[str, Any], arrays: Arrays) -> tuple[str, list[memoryview]]:
    """The digest of the header, in which the checksums of all arrays stand, and the bytes one after the other; of
    arrays they are views. ValueError where an array would have to be pickled."""
    bodies: list[memoryview] = []
    table = []
    for name, array in arrays.items():
        if array.dtype.hasobject:
            raise ValueError(f"{name} would have to be pickled")
        body = memoryview(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data if array.size else b"")
        table.append([name, np.lib.format.dtype_to_descr(array.dtype), array.shape, crc32c(body)])
        bodies += [body, memoryview(bytes(-len(body) % STEP))]
    line = orjson.dumps({**header, "arrays": table})
    line += b" " * (-(len(magic) + DIGEST + len(line) + 1) % STEP) + b"\n"
    digest = _hash(line)
    return digest.hex(), [memoryview(magic + digest + line), *bodies]


def head(content: bytes, magic: bytes, name: str) -> tuple[str, dict[str, Any], int]:
    """Digest and header of bytes that are called `name`, which may end behind the header, and where the arrays begin;
    ValueError with the reason where they are not whole."""
    if not content.startswith(magic):
        raise ValueError(f"not {name}")
    start = len(magic) + DIGEST
    end = content.find(b"\n", start, start + HEADER) + 1
    line = content[start : max(start, end)]
    digest = _hash(line)
    if not line or digest != content[len(magic) : start]:
        raise ValueError("torn or changed: the checksum of its header is wrong")
    return digest.hex(), parsed(line), end


def parsed(line: bytes) -> dict[str, Any]:
    """The header in its line; ValueError, which does not repeat it, where it is no object."""
    try:
        header = orjson.loads(line)
    except orjson.JSONDecodeError:
        header = None
    if not isinstance(header, dict):
        raise ValueError("its header cannot be read")
    return header


def body(content: bytes, header: Mapping[str, Any], at: int) -> dict[str, NDArray[Any]]:
    """The arrays behind a header that ends there, as views of a copy; ValueError with the reason where they are not
    whole. They may be written: arrays that may not are another type to the kernels, all of which would be compiled once
    more after a restore, for half a minute and while the log waits."""
    whole, arrays = memoryview(bytearray(content)), {}
    for name, dtype, shape, checksum in _table(header):
        size = prod(shape) * dtype.itemsize
        filled = size + -size % STEP
        own, filling = whole[at : at + size], whole[at + size : at + filled]
        if len(whole) < at + filled or crc32c(own) != checksum or any(filling):
            raise ValueError("torn or changed: the checksum of an array is wrong")
        arrays[name] = np.frombuffer(own, dtype).reshape(shape) if size else np.zeros(shape, dtype)
        at += filled
    if at != len(whole):
        raise ValueError("torn or changed: its length is wrong")
    return arrays


def _table(header: Mapping[str, Any]) -> list[tuple[str, np.dtype[Any], tuple[int, ...], int]]:
    """Name, type, shape and checksum of each array; ValueError where it says something else."""
    try:
        table = [(str(n), _dtype(kind), tuple(map(int, shape)), int(crc)) for n, kind, shape, crc in header["arrays"]]
    except (KeyError, TypeError, ValueError, SyntaxError):
        raise ValueError("its table of arrays cannot be read") from None
    if any(dtype.hasobject or min(shape, default=0) < 0 for _, dtype, shape, _ in table):
        raise ValueError("its table of arrays cannot be used")
    return table


def _dtype(kind: Any) -> np.dtype[Any]:
    """The type that NumPy described, out of JSON, where the tuples of fields became lists."""
    described: Any = kind if isinstance(kind, str) else [tuple(field) for field in kind]
    return np.lib.format.descr_to_dtype(described)


def _hash(content: bytes | memoryview) -> bytes:
    return hashlib.blake2b(content, digest_size=DIGEST).digest()
