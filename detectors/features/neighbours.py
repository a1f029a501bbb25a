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

Bytes = NDArray[np.uint8]


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
        exponent, unit = -100, most / np.float32(127)  # zeros have the finest unit, and hide nothing of others
        if unit > 0:
            exponent = min(max(int(np.ceil(np.log2(unit))), -100), 100)
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
def dense_distance(a: Bytes, b: Bytes, width: int) -> float:
    """Distance of two packed sketches, in whole numbers until the square root: the same on every processor.

    Both are rounded to their own unit of at most 1/64 of their largest component, so that distances below about 2 %
    of an input's norm are noise.
    """
    high, low = signed(a[EXPONENT]), signed(b[EXPONENT])
    if high == low:
        return float(np.sqrt(float(same_unit(a, b, width))) * 2.0**low)
    if high < low:
        a, b, high, low = b, a, low, high
    return float(
        np.sqrt(float(other_unit(a, b, width, high - low))) * 2.0 ** (low if high - low <= MOST_SHIFT else high)
    )


@njit(cache=True)
def same_unit(a: Bytes, b: Bytes, width: int) -> int:
    """Sum of squared differences of the components, in their common unit."""
    total = np.int32(0)
    for j in range(width):
        d = np.int32(np.int8(a[j])) - np.int32(np.int8(b[j]))
        total += d * d
    return int(total)


@njit(cache=True)
def other_unit(a: Bytes, b: Bytes, width: int, shift: int) -> int:
    """Sum of squared differences where a's unit is 2 ** shift of b's, in b's; far beyond it, a's own squares in a's."""
    total = np.int64(0)
    for j in range(width):
        d = np.int64(np.int8(a[j]))
        if shift <= MOST_SHIFT:
            d = (d << shift) - np.int64(np.int8(b[j]))
        total += d * d
    return int(total)


@njit(cache=True)
def nearest_stranger(sketches: Bytes, clients: NDArray[np.uint64], width: int, most: int, out: Any) -> None:
    """Fill `out` (n,) with each dense sketch's distance to the nearest of the `most` before it (in a ring) that came
    from other clients; NaN where there are fewer. Equal sketches do not count: a picture that many send is one."""
    n = len(sketches)
    for i in range(n):
        best, met = np.inf, 0
        for back in range(1, n):
            j = (i - back) % n
            if clients[j] == clients[i]:
                continue
            d = dense_distance(sketches[i], sketches[j], width)
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


@njit(cache=True)
def row_distance(a: Bytes, b: Bytes) -> float:
    """Changed cells of two packed rows; a change within the coarse bin counts a quarter."""
    total = 0.0
    for j in range(0, len(a), 2):
        if a[j] != b[j] or a[j + 1] != b[j + 1]:
            total += HALF_CELL if (a[j] ^ b[j]) & 0xE0 == 0 else 1.0
    return total


@njit(cache=True)
def text_distance(a: Bytes, b: Bytes) -> float:
    """1 - the share of equal MinHash bytes."""
    same = 0
    for j in range(MINHASHES):
        same += a[j] == b[j]
    return 1.0 - same / MINHASHES


@njit(cache=True)
def distance(kind: int, packed: Bytes, other: Bytes, width: int) -> float:
    """Distance of two packed sketches of one kind."""
    if kind == DENSE:
        return dense_distance(packed, other, width)
    if kind == ROWS:
        return row_distance(packed, other)
    return text_distance(packed, other)


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
    kind: int,
    packed: Bytes,
    width: int,
    count: int,
    pages: NDArray[np.int32],
    sketches: Bytes,
) -> tuple[int, float, float]:
    """Nearest earlier query of the window, its distance, and the mean distance to the window.

    Among equally near ones the latest wins. A window without earlier queries gives -1 and NaN, opaque inputs always.
    """
    best, best_distance, total = -1, np.inf, 0.0
    if kind == OPAQUE:
        return -1, np.nan, np.nan
    window = len(pages) * PAGE
    first = max(0, count - window)
    for query in range(first, count):
        ring = query % window
        d = distance(kind, packed, sketches[pages[ring // PAGE], ring % PAGE], width)
        total += d
        if d <= best_distance:
            best, best_distance = query, d
    if best < 0:
        return -1, np.nan, np.nan
    return best, best_distance, total / (count - first)
