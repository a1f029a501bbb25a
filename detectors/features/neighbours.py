"""The nearest earlier query of a client, by kind of input: the one scan over the window that every query pays for.

Distances are of sketches: dense ones estimate the Euclidean distance of the inputs over the square root of their size
(Achlioptas 2003), rows count changed cells (a quarter where the value stays in its coarse bin), texts are 1 - the
share of equal MinHash bytes (Broder 1997), whatever facts lie behind those. They fail where sketches come from
different keys: a key epoch cuts chains.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

from detectors.features.facts import FACTS
from detectors.features.layout import PAGE
from detectors.sketch.queries import DENSE, MAX_WIDTH, MINHASHES, OPAQUE, ROWS, SEGMENTS, TEXT

EXPONENT: Final = MAX_WIDTH + SEGMENTS  # where a dense sketch keeps its binary exponent
SKETCH_BYTES: Final = {DENSE: MAX_WIDTH + SEGMENTS + 1, TEXT: MINHASHES + FACTS.itemsize}
MOST_SHIFT: Final = 20  # binary orders of magnitude beyond which the smaller of two sketches does not count
HALF_CELL: Final = 0.25  # a cell that changes within its coarse bin
LEAST: Final = -100  # the smallest binary exponent of a sketch; the largest is as far above 0
UNITS: Final = 2.0 ** np.arange(LEAST, 1 - LEAST)  # of each exponent: a power costs more than the sum of squares

Bytes = NDArray[np.uint8]
Room = tuple[NDArray[np.int64], NDArray[np.float64]]  # for as many places and distances as are asked for at once


def sketch_bytes(kind: int, columns: int) -> int:
    """Bytes of one query's sketch in a window; rows take two for each column, opaque inputs none (one, never read)."""
    return 2 * columns if kind == ROWS else SKETCH_BYTES.get(kind, 1)


@njit(cache=True)
def pack_dense(projection: NDArray[np.float32], segments: Bytes, out: Bytes) -> None:
    """Write (n, 64) projections as int8 with a binary exponent of their own, and (n, 36) segments behind them."""
    for i in range(len(projection)):
        most = np.float32(0)
        for j in range(MAX_WIDTH):
            most = max(most, abs(projection[i, j]))
        exponent, unit = LEAST, most / np.float32(127)  # zeros have the finest unit, and hide nothing of others
        if unit > 0:
            exponent = min(max(int(np.ceil(np.log2(unit))), LEAST), -LEAST)
        scale = np.float32(2.0**-exponent)
        for j in range(MAX_WIDTH):
            out[i, j] = np.uint8(np.int8(np.rint(projection[i, j] * scale)))
        for j in range(SEGMENTS):
            out[i, MAX_WIDTH + j] = segments[i, j]
        out[i, EXPONENT] = np.uint8(np.int8(exponent))


@njit(cache=True)
def signed(byte: int) -> int:
    """The int8 that lies in a byte."""
    return int(byte) - 256 if byte > 127 else int(byte)


@njit(cache=True)
def dense_distance(a: Bytes, b: Bytes) -> float:
    """Distance of two packed sketches, in whole numbers until the square root: the same on every processor.

    Both are rounded to their own unit of at most 1/64 of their largest component, so that distances below about 2 %
    of an input's norm are noise.
    """
    return dense_to(a, b.reshape(1, -1), 0)


@njit(cache=True)
def dense_to(packed: Bytes, sketches: Bytes, row: int) -> float:
    """`dense_distance` to a row of (n, bytes) sketches: a view of the row would cost more than the sum of squares."""
    high, low = signed(packed[EXPONENT]), signed(sketches[row, EXPONENT])
    if high != low:
        return other_unit(packed, sketches, row, high, low)
    return float(np.sqrt(float(same_unit(packed, sketches, row))) * UNITS[low - LEAST])


@njit(cache=True, inline="always")
def same_unit(packed: Bytes, sketches: Bytes, row: int) -> int:
    """Sum of squared differences of the components, in their common unit; those behind an input's width are 0, and a
    fixed number of them takes a tenth of the time."""
    total = np.int32(0)
    for j in range(MAX_WIDTH):
        d = np.int32(np.int8(packed[j])) - np.int32(np.int8(sketches[row, j]))
        total += d * d
    return int(total)


@njit(cache=True)
def other_unit(packed: Bytes, sketches: Bytes, row: int, high: int, low: int) -> float:
    """Distance of a sketch with exponent `high` to a row with another one, `low`: in the smaller unit; far beyond it,
    the norm of the larger alone."""
    shift, total = abs(high - low), np.int64(0)
    for j in range(MAX_WIDTH):
        large, small = np.int64(np.int8(packed[j])), np.int64(np.int8(sketches[row, j]))
        if high < low:
            large, small = small, large
        d = (large << shift) - small if shift <= MOST_SHIFT else large
        total += d * d
    exponent = min(high, low) if shift <= MOST_SHIFT else max(high, low)
    return float(np.sqrt(float(total)) * UNITS[exponent - LEAST])


@njit(cache=True)
def nearest_stranger(sketches: Bytes, clients: NDArray[np.uint64], most: int, out: Any) -> None:
    """Fill `out` (n,) with each dense sketch's distance to the nearest of the `most` before it (in a ring) that came
    from other clients; NaN where there are fewer. Equal sketches do not count: a picture that many send is one."""
    n = len(sketches)
    for i in range(n):
        own, best, met = sketches[i], np.inf, 0
        for back in range(1, n):
            j = (i - back) % n
            if clients[j] == clients[i]:
                continue
            d = dense_to(own, sketches, j)
            if d > 0:
                best, met = min(best, d), met + 1
            if met == most:
                break
        out[i] = best if met == most else np.nan


@njit(cache=True)
def unpack_dense(packed: Bytes, out: NDArray[np.float32]) -> None:
    """The (64,) floats of a packed sketch."""
    unit = np.float32(2.0 ** signed(packed[EXPONENT]))
    for j in range(MAX_WIDTH):
        out[j] = np.float32(np.int8(packed[j])) * unit


@njit(cache=True, inline="always")
def row_to(packed: Bytes, sketches: Bytes, row: int) -> float:
    """Cells in which a packed row differs from a row of (n, bytes) sketches; a change within the coarse bin counts a
    quarter."""
    moved, crossed = 0, 0
    for j in range(0, len(packed), 2):
        high, low = packed[j] ^ sketches[row, j], packed[j + 1] ^ sketches[row, j + 1]
        moved += (high | low) != 0
        crossed += (high & np.uint8(0xE0)) != 0
    return HALF_CELL * (moved - crossed) + crossed


@njit(cache=True, inline="always")
def text_to(packed: Bytes, sketches: Bytes, row: int) -> float:
    """1 - the share of MinHash bytes that equal those of a row of (n, bytes) sketches."""
    same = 0
    for j in range(MINHASHES):
        same += packed[j] == sketches[row, j]
    return 1.0 - same / MINHASHES


@njit(cache=True)
def away(kind: int, packed: Bytes, sketches: Bytes, rows: NDArray[np.int64], far: NDArray[np.float64]) -> None:
    """Fill `far` (n,) with the distances of a packed sketch to these rows of (m, bytes) sketches.

    One loop for each kind, and what is rare behind it: with a choice inside, the loop takes four times as long."""
    if kind == ROWS:
        for i in range(len(rows)):
            far[i] = row_to(packed, sketches, rows[i])
    elif kind == TEXT:
        for i in range(len(rows)):
            far[i] = text_to(packed, sketches, rows[i])
    else:
        high = signed(packed[EXPONENT])
        unit = UNITS[high - LEAST]
        for i in range(len(rows)):
            far[i] = np.sqrt(float(same_unit(packed, sketches, rows[i]))) * unit
        for i in range(len(rows)):
            low = signed(sketches[rows[i], EXPONENT])
            if low != high:
                far[i] = other_unit(packed, sketches, rows[i], high, low)


@njit(cache=True)
def changes(kind: int, a: Bytes, b: Bytes) -> np.uint64:
    """A bit for each segment (dense) or column (rows, first 64) in which two packed sketches differ."""
    mask = np.uint64(0)
    if kind == DENSE:
        for j in range(SEGMENTS):
            if a[MAX_WIDTH + j] != b[MAX_WIDTH + j]:
                mask |= np.uint64(1) << np.uint64(j)
    elif kind == ROWS:
        for j in range(min(len(a) // 2, 64)):
            if a[2 * j] != b[2 * j] or a[2 * j + 1] != b[2 * j + 1]:
                mask |= np.uint64(1) << np.uint64(j)
    return mask


@njit(cache=True)
def nearest(
    kind: int, packed: Bytes, count: int, pages: NDArray[np.int32], sketches: Bytes, room: Room
) -> tuple[int, float, float]:
    """Nearest earlier query of the window, its distance, and the mean distance to the window.

    Among equally near ones the latest wins. A window without earlier queries gives -1 and NaN, opaque inputs always.
    """
    window = len(pages) * PAGE
    first = max(0, count - window)
    if kind == OPAQUE or count == 0:
        return -1, np.nan, np.nan
    rows, far = room
    for query in range(first, count):
        ring = query % window
        rows[query - first] = pages[ring // PAGE] * PAGE + ring % PAGE
    flat = sketches.reshape(len(sketches) * PAGE, sketches.shape[2])
    away(kind, packed, flat, rows[: count - first], far)
    best, best_distance, total = -1, np.inf, 0.0
    for at in range(count - first):
        total += far[at]
        if far[at] <= best_distance:
            best, best_distance = first + at, far[at]
    return best, best_distance, total / (count - first)
