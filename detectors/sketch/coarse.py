"""A hash of a coarse copy of a dense input, the same for every way of writing the same picture.

The numbers are stretched to the input's own smallest and largest one and cut into 16 levels: bytes 0 to 255, floats 0
to 1 and floats -1 to 1 of one picture agree. No level of 8-bit numbers begins where one of them lies: the cuts are
shifted by the golden ratio, which is further from every fraction of 255 than rounding can carry a float32 (Hurwitz
1891). Fails: other scales for each channel, compression, and numbers cut to few decimals move single elements over a
cut. An input in which nearly all elements have one level (a blank page, a row of numbers in very different units) says
too little to be told from others, and has none.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

from detectors.sketch.keyed import Key, absorb, begin, finish

LEVELS: Final = 16
TELLING: Final = 16  # elements that have to lie outside the most frequent level
_SHIFT: Final = 0.6180339887498949
_WORD: Final = 16  # levels of 4 bits in a word
_4: Final = np.uint64(4)


@njit(cache=True)
def coarse_hashes(
    key: Key,
    values: NDArray[np.float32],
    starts: NDArray[np.int64],
    sizes: NDArray[np.int64],
    largest: np.float32,
    out: NDArray[np.uint64],
) -> None:
    """Fill `out` (m,) with the coarse hash of each values[starts[i]:starts[i] + sizes[i]]; 0 where it says too little.

    Values beyond +-`largest` count as that."""
    counts = np.empty(LEVELS, np.int64)
    for row in range(len(sizes)):
        start, size = starts[row], sizes[row]
        low = high = min(max(values[start], -largest), largest)
        for i in range(start, start + size):
            value = min(max(values[i], -largest), largest)
            low, high = min(low, value), max(high, value)
        span = np.float64(high) - np.float64(low)
        scale = (LEVELS - 1) / span if span > 0 else 0.0
        counts[:] = 0
        state, word = begin(key), np.uint64(0)
        for i in range(size):
            value = min(max(values[start + i], -largest), largest)
            level = np.int64(scale * (np.float64(value) - np.float64(low)) + _SHIFT)
            counts[level] += 1
            word = (word << _4) | np.uint64(level)
            if i % _WORD == _WORD - 1 or i == size - 1:
                state, word = absorb(state, word), np.uint64(0)
        out[row] = finish(absorb(state, np.uint64(size)), 0) if size - counts.max() >= TELLING else np.uint64(0)
