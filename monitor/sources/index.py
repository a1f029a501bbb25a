"""Finds the records in the inflated body of a Kafka record batch (format 2), without making an object of any.

A record is: length, attributes, timestamp delta, offset delta, key, value, headers. Numbers are zigzag varints; keys,
values and headers have their length in front, -1 standing for null.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

OFFSET: Final = 0  # less the batch's base offset
TIMESTAMP: Final = 1  # less the batch's base timestamp
VALUE: Final = 2  # where the value starts; a null value is an empty one
VALUE_END: Final = 3
HEADERS: Final = 4  # where the first header starts
HEADER_COUNT: Final = 5
COLUMNS: Final = 6

SMALLEST: Final = 7  # bytes of the smallest record, its length included
BROKEN: Final = -1

Table = NDArray[np.int64]


def index(body: bytes, count: int) -> Table | None:
    """One row per record, (count, COLUMNS); None where the body does not hold exactly `count` well-formed records."""
    if count < 0 or count * SMALLEST > len(body):
        return None
    table = np.empty((count, COLUMNS), np.int64)
    return table if _walk(np.frombuffer(body, np.uint8), table) else None


def headers_of(body: bytes, start: int, count: int) -> list[tuple[str, bytes]]:
    """The headers that `index` found at `start`. A null value is empty; a name that is not UTF-8 is kept readable."""
    view, found = np.frombuffer(body, np.uint8), []
    for _ in range(count):
        name_start, name_end = _field(view, start)
        value_start, value_end = _field(view, name_end)
        found.append((body[name_start:name_end].decode(errors="replace"), body[value_start:value_end]))
        start = value_end
    return found


@njit(cache=True, nogil=True)
def _varint(body: NDArray[np.uint8], start: int, end: int) -> tuple[np.int64, int]:
    """(number, position after it); the position is BROKEN where the number runs over `end` or over 64 bits."""
    raw = np.uint64(0)
    shift = np.uint64(0)
    for position in range(start, min(end, start + 10)):
        byte = np.uint64(body[position])
        if shift == np.uint64(63) and byte > np.uint64(1):
            break
        raw |= (byte & np.uint64(0x7F)) << shift
        if byte < np.uint64(0x80):
            return np.int64(raw >> np.uint64(1)) ^ -np.int64(raw & np.uint64(1)), position + 1
        shift += np.uint64(7)
    return np.int64(0), BROKEN


@njit(cache=True, nogil=True)
def _bytes(body: NDArray[np.uint8], start: int, end: int) -> tuple[int, int]:
    """(start, end) of bytes with their length in front; the end is BROKEN where they run over `end`."""
    length, position = _varint(body, start, end)
    if position == BROKEN or length > end - position:
        return 0, BROKEN
    return position, position + max(int(length), 0)


@njit(cache=True, nogil=True)
def _field(body: NDArray[np.uint8], start: int) -> tuple[int, int]:
    return _bytes(body, start, len(body))


@njit(cache=True, nogil=True)
def _headers(body: NDArray[np.uint8], position: int, end: int, count: int) -> int:
    """The position after `count` headers, or BROKEN. A header's name cannot be null."""
    for _ in range(count):
        length, _start = _varint(body, position, end)
        if length < 0:
            return BROKEN
        _start, position = _bytes(body, position, end)
        if position == BROKEN:
            return BROKEN
        _start, position = _bytes(body, position, end)
        if position == BROKEN:
            return BROKEN
    return position


@njit(cache=True, nogil=True)
def _record(body: NDArray[np.uint8], position: int, end: int, row: NDArray[np.int64]) -> bool:
    """Index the record between its length and `end`."""
    _attributes, position = _varint(body, position, end)
    if position == BROKEN:
        return False
    row[TIMESTAMP], position = _varint(body, position, end)
    if position == BROKEN:
        return False
    row[OFFSET], position = _varint(body, position, end)
    if position == BROKEN:
        return False
    _key, position = _bytes(body, position, end)
    if position == BROKEN:
        return False
    row[VALUE], position = _bytes(body, position, end)
    if position == BROKEN:
        return False
    row[VALUE_END] = position
    row[HEADER_COUNT], position = _varint(body, position, end)
    if position == BROKEN or row[HEADER_COUNT] < 0:
        return False
    row[HEADERS] = position
    return _headers(body, position, end, int(row[HEADER_COUNT])) == end


@njit(cache=True, nogil=True)
def _walk(body: NDArray[np.uint8], table: NDArray[np.int64]) -> bool:
    position = 0
    for record in range(len(table)):
        length, position = _varint(body, position, len(body))
        if position == BROKEN or length < 0 or length > len(body) - position:
            return False
        end = position + int(length)
        if not _record(body, position, end, table[record]):
            return False
        position = end
    return position == len(body)
