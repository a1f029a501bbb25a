"""One pass over the bytes of records, in a kernel: how many keys they have, and whether arrays hold bare words.

A JSON object that has the same key twice parses to fewer keys than its text has colons outside of strings. `true`,
`false` and `null` inside an array are what a float array would take for numbers.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

_QUOTE: Final = 34
_COMMA: Final = 44
_COLON: Final = 58
_BRACKET: Final = 91
_BACKSLASH: Final = 92
_F: Final = 102
_N: Final = 110
_T: Final = 116
_SPACE: Final = 32
_1: Final = np.uintp(1)  # unsigned places spare the test for negative ones: a third of the time
_2: Final = np.uintp(2)


@njit(cache=True)
def scan(data: NDArray[np.uint8], starts: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Of each record data[starts[i]:starts[i + 1]]: colons outside of strings, and whether a bare word stands in an
    array. Means something for valid JSON only."""
    keys = np.zeros(len(starts) - 1, np.int64)
    words = np.zeros(len(starts) - 1, np.bool_)
    for row in range(len(keys)):
        at, stop = np.uintp(starts[row]), np.uintp(starts[row + 1])
        before = np.uint8(0)
        while at < stop:
            c = data[at]
            if c == _QUOTE:
                at = _closing(data, at + _1, stop)
            elif c == _COLON:
                keys[row] += 1
            elif c in (_T, _F, _N) and before in (_COMMA, _BRACKET):
                words[row] = True
            if c > _SPACE:
                before = c
            at += _1
    return keys, words


@njit(cache=True)
def _closing(data: NDArray[np.uint8], at: np.uintp, stop: np.uintp) -> np.uintp:
    """Where the string that goes on at `at` ends."""
    while at < stop:
        c = data[at]
        if c == _QUOTE:
            break
        at += _2 if c == _BACKSLASH else _1
    return at
