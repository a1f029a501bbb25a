"""Sketches of vectors, tensors and embeddings: a keyed random projection, and keyed hashes of parts.

Random signs (Achlioptas 2003): with k components of a difference d of n elements, |P d|^2 = sum over k of
(sum of +-d_i)^2 / (k n) has mean |d|^2 / n and relative standard deviation at most sqrt(2 / k), 18 % for k = 64. Above
4,096 elements each element enters 4 components instead of all (Kane & Nelson 2014), at the same mean. Fails: k is under
half the size of the input, so that it cannot be solved for it, hence inputs of few elements have coarse distances and
below three elements none. Parts are hashed in one sum (multilinear, Lemire & Kaser 2014) and equal by chance in 1/255.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import prod
from typing import Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

from detectors.sketch.coarse import coarse_hashes
from detectors.sketch.keyed import Key, absorb, begin, finish, hash_pair, subkey
from detectors.sketch.queries import MAX_WIDTH, SEGMENTS, DenseSketches

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]
Bytes = NDArray[np.uint8]

DENSE_MOST: Final = 4096  # elements; larger inputs are projected sparsely
SPARSE: Final = 4  # components that an element enters then, one in each quarter
LARGEST: Final = np.float32(1e18)  # larger magnitudes count as this one, so that squared distances stay finite
SIDE: Final = 6  # an image is cut into 6 x 6 cells
CHANNELS: Final = frozenset({1, 3, 4})
PLANS: Final = 32  # sizes and shapes whose matrices are kept
LARGE_PLANS: Final = 4  # of the large ones, which take up to 13 MB each

_32: Final = np.uint64(32)
_56: Final = np.uint64(56)
_63: Final = np.uint64(63)
_1: Final = np.uint64(1)
_8: Final = np.uint64(8)
_15: Final = np.uint64(15)


@dataclass(frozen=True, slots=True)
class Plan:
    """What a size of input needs: `signs` (size, width), or (size, 4) signed components of the sparse projection;
    `factors` (size,) for the hashes of parts."""

    width: int
    sparse: bool
    signs: NDArray[np.int8]
    factors: NDArray[np.uint64]


def width_of(size: int) -> int:
    """Components of the projection of an input of that many elements: less than half, at most 64.

    >>> [width_of(size) for size in (1, 2, 3, 48, 784)]
    [0, 0, 1, 23, 64]
    """
    return min(MAX_WIDTH, (size - 1) // 2)


def cells(shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """The part to which each element belongs, in the order of the data; (size,) of 0 to 35.

    A shape that ends in (height, width), (height, width, channels) or (channels, height, width) is an image and has up
    to 6 x 6 parts; anything else has up to 36 runs of neighbours. Leading ones do not count.

    >>> cells((2, 2)).tolist(), cells((4,)).tolist(), len(set(cells((28, 28, 1)).tolist()))
    ([0, 1, 6, 7], [0, 1, 2, 3], 36)
    """
    size = prod(shape)
    height, width, channels = _image(shape)
    if min(height, width) < 2:
        return (np.arange(size) * min(SEGMENTS, size) // size).astype(np.uint8)
    down = np.arange(height) * min(SIDE, height) // height * SIDE
    across = np.arange(width) * min(SIDE, width) // width
    one = np.repeat((down[:, None] + across[None, :]).ravel(), channels)
    return np.tile(one, size // len(one)).astype(np.uint8)


def _image(shape: tuple[int, ...]) -> tuple[int, int, int]:
    """Height, width and channels (if they run fastest) of the image in which a shape ends; ones where it has none."""
    while len(shape) > 1 and shape[0] == 1:
        shape = shape[1:]
    if len(shape) > 2 and shape[-1] in CHANNELS:
        return shape[-3], shape[-2], shape[-1]
    return (shape[-2], shape[-1], 1) if len(shape) > 1 else (1, 1, 1)


@njit(cache=True)
def _signs(key: Key, size: int, width: int, out: NDArray[np.int8]) -> None:
    for i in range(size):
        bits = hash_pair(key, np.uint64(size), np.uint64(i))
        for j in range(width):
            out[i, j] = np.int8(1) if (bits >> np.uint64(j)) & _1 else np.int8(-1)


@njit(cache=True)
def _places(key: Key, size: int, out: NDArray[np.int8]) -> None:
    """A component in each quarter of the 64 and a sign for each element: component + 1, negative for a minus."""
    for i in range(size):
        bits = hash_pair(key, np.uint64(size), np.uint64(i))
        for j in range(SPARSE):
            byte = bits >> (_8 * np.uint64(j))
            place = np.int8(16 * j + 1 + np.int64(byte & _15))
            out[i, j] = place if (byte >> np.uint64(7)) & _1 else -place


@njit(cache=True)
def _factors(key: Key, size: int, out: NDArray[np.uint64]) -> None:
    for i in range(size):
        out[i] = hash_pair(key, np.uint64(size), np.uint64(i)) | _1


@njit(cache=True)
def _bounded(value: np.float32) -> np.float32:
    value = min(max(value, -LARGEST), LARGEST)
    return value if value != 0 else np.float32(0)  # no negative zero


@njit(cache=True)
def _project(
    values: Floats, starts: Ints, rows: Ints, plan: NDArray[np.int8], sparse: bool, width: int, out: Floats
) -> None:
    size = len(plan)
    terms = SPARSE if sparse else max(width, 1)
    scale = np.float32(1) / np.sqrt(np.float32(terms) * np.float32(size))
    for row in rows:
        start = starts[row]
        total = out[row]
        for i in range(size):
            value = _bounded(values[start + i])
            if sparse:
                for j in range(SPARSE):
                    place = np.int64(plan[i, j])
                    total[abs(place) - 1] += value if place > 0 else -value
            else:
                for j in range(width):
                    total[j] += value * np.float32(plan[i, j])
        for j in range(width):
            total[j] = _bounded(total[j] * scale)  # a sum of bounded values can leave the bound


@njit(cache=True)
def _parts(
    values: Floats,
    starts: Ints,
    rows: Ints,
    cell: Bytes,
    factors: NDArray[np.uint64],
    out: Bytes,
) -> None:
    size = len(cell)
    sums = np.empty(SEGMENTS, np.uint64)
    filled = np.zeros(SEGMENTS, np.bool_)
    for i in range(size):
        filled[cell[i]] = True
    one = np.empty(1, np.float32)
    bits = one.view(np.uint32)
    for row in rows:
        start = starts[row]
        sums[:] = 0
        for i in range(size):
            one[0] = _bounded(values[start + i])
            sums[cell[i]] += factors[i] * (np.uint64(bits[0]) + _1)
        for j in range(SEGMENTS):
            out[row, j] = np.uint8(1 + np.int64(sums[j] >> _56) % 255) if filled[j] else np.uint8(0)


@njit(cache=True)
def _whole(key: Key, values: Floats, starts: Ints, sizes: Ints, exact: NDArray[np.uint64], spread: Floats) -> None:
    """Hash and standard deviation of whole inputs, two elements at a time in one fixed order.

    Sums are of distances from the first element, so that a large mean costs no digits."""
    two = np.empty(2, np.float32)
    bits = two.view(np.uint64)
    for row in range(len(sizes)):
        start, size = starts[row], sizes[row]
        state = begin(key)
        first = _bounded(values[start])
        sum_a = sum_b = square_a = square_b = 0.0
        for i in range(0, size, 2):
            two[0] = _bounded(values[start + i])
            two[1] = _bounded(values[start + i + 1]) if i + 1 < size else np.float32(0)
            state = absorb(state, bits[0])
            a = np.float64(two[0]) - np.float64(first)
            b = np.float64(two[1]) - np.float64(first) if i + 1 < size else 0.0
            sum_a += a
            sum_b += b
            square_a += a * a
            square_b += b * b
        exact[row] = finish(absorb(state, np.uint64(size)), 0)
        mean = (sum_a + sum_b) / size
        spread[row] = np.float32(np.sqrt(max((square_a + square_b) / size - mean * mean, 0.0)))


def _by_shape(shapes: Sequence[tuple[int, ...]]) -> dict[tuple[int, ...], Sequence[int]]:
    found: dict[tuple[int, ...], list[int]] = {}
    for row, shape in enumerate(shapes):
        found.setdefault(shape, []).append(row)
    return {**found}


def _kept(large: bool) -> int:
    return LARGE_PLANS if large else PLANS


class DenseSketcher:
    """Sketches dense inputs with one key. Keeps the matrices of the last sizes and shapes, and nothing else."""

    def __init__(self, secret: bytes) -> None:
        self._signs = subkey(secret, "dense projection")
        self._factors = subkey(secret, "dense parts")
        self._exact, self._coarse = subkey(secret, "dense exact"), subkey(secret, "dense coarse")
        self._plans = {large: lru_cache(_kept(large))(self._make_plan) for large in (False, True)}
        self._cells = {large: lru_cache(_kept(large))(cells) for large in (False, True)}

    def sketch(
        self, values: Floats, starts: Ints, shapes: Sequence[tuple[int, ...]]
    ) -> tuple[DenseSketches, NDArray[np.uint64]]:
        """Sketches and exact hashes of m inputs: row i has the shape shapes[i] and begins at values[starts[i]].

        Values are finite float32. A row's sketch does not depend on the other rows, and the exact hash not on the
        shape: a flat list of the same values has the same one.
        """
        m = len(shapes)
        alike = m > 0 and shapes.count(shapes[0]) == m
        groups = {shapes[0]: range(m)} if alike else _by_shape(shapes)
        sizes = np.empty(m, np.int64)
        widths = np.empty(m, np.uint8)
        projection = np.zeros((m, MAX_WIDTH), np.float32)
        segments = np.empty((m, SEGMENTS), np.uint8)
        for shape, members in groups.items():
            large = prod(shape) > DENSE_MOST
            cell = self._cells[large](shape)
            plan = self._plans[large](len(cell))
            rows = np.array(members, np.int64)
            sizes[rows] = len(cell)
            widths[rows] = plan.width
            _project(values, starts, rows, plan.signs, plan.sparse, plan.width, projection)
            _parts(values, starts, rows, cell, plan.factors, segments)
        exact = np.empty(m, np.uint64)
        spread = np.empty(m, np.float32)
        _whole(self._exact, values, starts, sizes, exact, spread)
        coarse = np.empty(m, np.uint64)
        coarse_hashes(self._coarse, values, starts, sizes, LARGEST, coarse)
        return DenseSketches(projection, widths, sizes.astype(np.int32), segments, spread, coarse), exact

    def _make_plan(self, size: int) -> Plan:
        width, sparse = width_of(size), size > DENSE_MOST
        signs = np.empty((size, SPARSE if sparse else width), np.int8)
        factors = np.empty(size, np.uint64)
        if sparse:
            _places(self._signs, size, signs)
        else:
            _signs(self._signs, size, width, signs)
        _factors(self._factors, size, factors)
        return Plan(width, sparse, signs, factors)
