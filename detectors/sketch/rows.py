"""Sketches of rows of named columns: for each cell a hash of its name, a hash of its value, and a code of its bin.

The exact hash of a row is the XOR of its value hashes, so that leaving a column out is one XOR. Equal values have equal
hashes: 1 and 1.0, 0.0 and -0.0; what differs in type differs: 1 and "1" and true. The code tells a small change of a
number from a large one: bins are half-octaves of the magnitude, with the sign. Fails: whoever has the key can
enumerate columns of few values; two bins share a code by chance in 1/8; XOR does not see a cell that stands twice
(names within a row are distinct).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

from detectors.sketch.keyed import Key, absorb, absorb_bytes, begin, end, finish, hash_slices, joined, subkey
from detectors.sketch.queries import RowSketches

NUMBER: Final = 0
TEXT: Final = 1  # also integers that no float64 is equal to, as digits with DIGITS
DIGITS: Final = 2
TRUTH: Final = 3
NOTHING: Final = 4

SCHEMAS: Final = 512  # lists of column names that are kept
_MOST_EXACT: Final = 2**53
_TAGS: Final[dict[type, int]] = {float: NUMBER, int: NUMBER, str: TEXT, bool: TRUTH, type(None): NOTHING}
_ROOT_OF_TWO: Final = np.uint64(0x6A09E667F3BCD)  # the mantissa from which a half-octave begins
_MANTISSA: Final = np.uint64(0xFFFFFFFFFFFFF)
_52: Final = np.uint64(52)
_1: Final = np.uint64(1)
_7: Final = np.uint64(7)

Cell = float | str | bool | None
Words = NDArray[np.uint64]


@njit(cache=True)
def _bin(bits: np.uint64) -> np.uint64:
    """Sign, exponent and upper half of the octave of a float64."""
    half = _1 if (bits & _MANTISSA) >= _ROOT_OF_TWO else np.uint64(0)
    return ((bits >> _52) << _1) | half


@njit(cache=True)
def _hash_cells(
    keys: tuple[Key, Key],
    names: Words,
    tags: NDArray[np.uint8],
    numbers: Words,
    data: NDArray[np.uint8],
    starts: NDArray[np.int64],
    stops: NDArray[np.int64],
    value: Words,
    code: NDArray[np.uint8],
) -> None:
    for cell in range(len(names)):
        tag = np.uint64(tags[cell])
        state = absorb(absorb(begin(keys[0]), names[cell]), tag)
        if tag in (TEXT, DIGITS):
            value[cell] = end(absorb_bytes(state, data, starts[cell], stops[cell]))
            coarse = value[cell]
        else:
            value[cell] = finish(absorb(state, numbers[cell]), 24)
            coarse = _bin(numbers[cell]) if tag == NUMBER else numbers[cell]
        state = absorb(absorb(absorb(begin(keys[1]), names[cell]), tag), coarse)
        code[cell] = np.uint8(finish(state, 24) & _7)


@njit(cache=True)
def _exact(start: NDArray[np.int64], value: Words) -> Words:
    out = np.empty(len(start) - 1, np.uint64)
    for row in range(len(out)):
        total = np.uint64(0)
        for cell in range(start[row], start[row + 1]):
            total ^= value[cell]
        out[row] = total if total != np.uint64(0) else _1
    return out


@dataclass(frozen=True, slots=True)
class Table:
    """n rows of the same columns, of the `names`. Of each cell, (n, columns): its `tag`, NUMBER, TEXT, TRUTH or
    NOTHING; its `number`, 1 or 0 for a truth and 0 where there is none; `start` and `stop` of its text in `data`."""

    names: tuple[str, ...]
    tag: NDArray[np.uint8]
    number: NDArray[np.float64]
    data: NDArray[np.uint8]
    start: NDArray[np.int64]
    stop: NDArray[np.int64]


class RowSketcher:
    """Sketches rows with one key. Keeps the hashed names of the last 512 lists of columns, and nothing else."""

    def __init__(self, secret: bytes) -> None:
        self._name_key = subkey(secret, "row names")
        self._keys = (subkey(secret, "row values"), subkey(secret, "row codes"))
        self._schema = lru_cache(SCHEMAS)(self._make_schema)

    def sketch(self, rows: list[dict[str, Cell]]) -> tuple[RowSketches, Words]:
        """Sketches and exact hashes of rows; at least one cell each, any text must be encodable."""
        start = np.zeros(len(rows) + 1, np.int64)
        np.cumsum([len(row) for row in rows], out=start[1:])
        schemas = [self._schema(tuple(row)) for row in rows]
        order = np.concatenate([schema[1] for schema in schemas]) if rows else np.zeros(0, np.int64)
        order += np.repeat(start[:-1], np.diff(start))
        names = np.concatenate([schema[0] for schema in schemas]) if rows else np.zeros(0, np.uint64)
        cells = [cell for row in rows for cell in row.values()]
        value, code = self._hash(names, cells)
        sorted_names = (names >> np.uint64(32)).astype(np.uint32)[order]
        return RowSketches(start, sorted_names, value[order], code[order]), _exact(start, value)

    def sketch_table(self, table: Table, rows: NDArray[np.int64]) -> tuple[RowSketches, Words]:
        """The same of some rows of a table."""
        names, order = self._schema(table.names)
        n, many = len(rows), len(order)
        tags, numbers = table.tag[rows].reshape(-1), table.number[rows].reshape(-1) + 0.0  # no negative zero
        starts, stops = table.start[rows].reshape(-1), table.stop[rows].reshape(-1)
        value, code = np.empty(n * many, np.uint64), np.empty(n * many, np.uint8)
        bits = numbers.view(np.uint64)
        _hash_cells(self._keys, np.tile(names, n), tags, bits, table.data, starts, stops, value, code)
        start = many * np.arange(n + 1)
        exact, sorted_names = _exact(start, value), (names >> np.uint64(32)).astype(np.uint32)[order]
        value, code = value.reshape(n, many)[:, order].reshape(-1), code.reshape(n, many)[:, order].reshape(-1)
        return RowSketches(start, np.tile(sorted_names, n), value, code), exact

    def _hash(self, names: Words, cells: list[Cell]) -> tuple[Words, NDArray[np.uint8]]:
        tags = np.frombuffer(bytearray(map(_TAGS.__getitem__, map(type, cells))), np.uint8)
        plain = [0.0 if tag == TEXT or cell is None else cell for cell, tag in zip(cells, tags.tolist(), strict=True)]
        numbers = np.array(plain, np.float64) + 0.0  # no negative zero
        texts = [cell.encode() for cell in cells if type(cell) is str]
        if np.any(np.abs(numbers) >= _MOST_EXACT):
            texts = _with_digits(cells, tags)
        value, code = np.empty(len(cells), np.uint64), np.empty(len(cells), np.uint8)
        data, ends = joined(texts)
        starts, stops = np.zeros((2, len(cells)), np.int64)
        starts[_written(tags)], stops[_written(tags)] = ends[:-1], ends[1:]
        _hash_cells(self._keys, names, tags, numbers.view(np.uint64), data, starts, stops, value, code)
        return value, code

    def _make_schema(self, names: tuple[str, ...]) -> tuple[Words, NDArray[np.int64]]:
        """The hashes of the names, and the order that sorts their upper halves."""
        hashes = hash_slices(self._name_key, *joined([name.encode() for name in names]))
        return hashes, np.argsort(hashes >> np.uint64(32), kind="stable")


def _written(tags: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Cells that are hashed as texts."""
    return np.asarray((tags == TEXT) | (tags == DIGITS))


def _with_digits(cells: list[Cell], tags: NDArray[np.uint8]) -> list[bytes]:
    """The texts of a batch that has integers beyond float64: those are marked in `tags` and hashed by their digits."""
    texts = []
    for at, cell in enumerate(cells):
        if type(cell) is str:
            texts.append(cell.encode())
        elif type(cell) is int and float(cell) != cell:
            tags[at] = DIGITS
            texts.append(b"%d" % cell)
    return texts
