"""Inputs that are sketches already: made at the edge by this code, so that the log holds no raw input."""

from __future__ import annotations

from binascii import Error as NotBase64
from binascii import a2b_base64
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from detectors.sketch.dense import width_of
from detectors.sketch.queries import DENSE, KINDS, MINHASHES, OPAQUE, ROWS, SEGMENTS
from monitor.record.limits import Limits
from monitor.record.refusal import Refused, Unfamiliar

SKETCH_VERSION: Final = 1
SKETCH_FIELDS: Final = frozenset({"v", "key", "kind", "exact", "coarse", "size", "data"})

DENSE_TYPE: Final = np.dtype([("spread", "<f4"), ("segments", "u1", SEGMENTS)])
CELL_TYPE: Final = np.dtype([("name", "<u4"), ("value", "<u8"), ("code", "u1")])
_PLAIN: Final = [("minhash", "u1", MINHASHES), ("head", "<u4"), ("tail", "<u4"), ("variety", "<f4")]
PLAIN_TEXT_TYPE: Final = np.dtype(_PLAIN)  # without what came later
TEXT_TYPE: Final = np.dtype([*_PLAIN, ("repetition", "<f4"), ("wishes", "u1")])

_KINDS: Final = {name: kind for kind, name in KINDS.items()}
_EXACT_DIGITS: Final = 16
_MOST_SIZE: Final = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Premade:
    """One sketch: its kind, the exact hash, the size of the input (elements, cells, words), and the fixed part as one
    structured element, or cells (`fixed`); `projection` and `coarse` hash (0: not known) of dense inputs."""

    kind: int
    exact: int
    size: int
    fixed: NDArray[np.void]
    projection: NDArray[np.float32]
    coarse: int = 0


_NO_FLOATS: Final = np.zeros(0, np.float32)
_NO_FIXED: Final = np.zeros(0, CELL_TYPE)


def read_sketch(given: Any, epochs: tuple[str, ...], limits: Limits) -> Premade:
    """The sketch in an input; Refused where it is not whole, or made with another key or version."""
    if type(given) is not dict or type(given["v"]) is not int or type(given["key"]) is not str:
        raise Unfamiliar
    if given["v"] != SKETCH_VERSION:
        raise Refused("bad-sketch", "input.sketch.v: made by another version")
    if given["key"] not in epochs:
        raise Refused("sketch-key", "input.sketch.key: made with the key of another epoch")
    kind, size, data = _KINDS.get(given["kind"]), given["size"], given["data"]
    if type(size) is not int or type(data) is not str or kind is None:
        raise Unfamiliar
    exact = _digits(given["exact"], "exact")
    coarse = _digits(given["coarse"], "coarse") if given.get("coarse") is not None else 0
    try:
        sketch = _parse(kind, exact, size, a2b_base64(data, strict_mode=True), limits)
        return replace(sketch, coarse=coarse) if kind == DENSE else sketch
    except (NotBase64, ValueError, OverflowError):
        raise Refused("bad-sketch", "input.sketch: cut off, or not in the right form") from None


def _digits(written: Any, field: str) -> int:
    """A hash from its 16 hexadecimal digits."""
    if type(written) is not str:
        raise Unfamiliar
    if len(written) != _EXACT_DIGITS:
        raise Refused("bad-sketch", f"input.sketch.{field}: 16 hexadecimal digits were expected")
    try:
        return int.from_bytes(bytes.fromhex(written))
    except ValueError:
        raise Refused("bad-sketch", "input.sketch: cut off, or not in the right form") from None


def _parse(kind: int, exact: int, size: int, data: bytes, limits: Limits) -> Premade:
    """ValueError where lengths do not fit or numbers are out of range."""
    if not 0 <= size <= _MOST_SIZE:
        raise ValueError
    if kind == OPAQUE:
        return Premade(kind, exact, size, _NO_FIXED, _NO_FLOATS)
    if kind == DENSE:
        fixed = np.frombuffer(data, DENSE_TYPE, 1)
        projection = np.frombuffer(data, "<f4", offset=DENSE_TYPE.itemsize)
        good = size > 0 and len(projection) == width_of(size) and _finite(projection) and _finite(fixed["spread"])
        return _checked(Premade(kind, exact, size, fixed, projection), good)
    if kind == ROWS:
        cells = np.frombuffer(data, CELL_TYPE)
        good = 0 < len(cells) <= limits.columns and len(cells) == size and _a_row(cells, exact)
        return _checked(Premade(kind, exact, size, cells, _NO_FLOATS), good)
    fixed = _text(data)
    good = len(fixed) == 1 and bool(0 <= fixed["variety"][0] <= 1) and not _beyond(fixed["repetition"][0])
    return _checked(Premade(kind, exact, size, fixed, _NO_FLOATS), good)


def _text(data: bytes) -> NDArray[np.void]:
    """The fixed part of a text; what an older edge does not know is not known."""
    if len(data) != PLAIN_TEXT_TYPE.itemsize:
        return np.frombuffer(data, TEXT_TYPE)
    plain, whole = np.frombuffer(data, PLAIN_TEXT_TYPE), np.zeros(1, TEXT_TYPE)
    for name in PLAIN_TEXT_TYPE.names or ():
        whole[name] = plain[name]
    whole["repetition"] = np.nan
    return whole


def _beyond(share: float) -> bool:
    """Whether a share that may be unknown (NaN) lies outside 0 to 1."""
    return share < 0 or share > 1


def _checked(sketch: Premade, good: bool) -> Premade:
    if not good:
        raise ValueError
    return sketch


def _a_row(cells: NDArray[np.void], exact: int) -> bool:
    """Whether names ascend, codes have three bits, and the exact hash is that of the values."""
    ascending = np.all(cells["name"][1:] >= cells["name"][:-1])
    whole = int(np.bitwise_xor.reduce(cells["value"])) or 1
    return bool(ascending and np.all(cells["code"] < 8) and whole == exact)


def _finite(numbers: NDArray[Any]) -> bool:
    """Whether squared distances of the numbers are finite."""
    return bool(np.all(np.abs(numbers) <= 1e18))
