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


@njit(cache=True)
def scan(data: NDArray[np.uint8], starts: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Of each record data[starts[i]:starts[i + 1]]: colons outside of strings, and whether a bare word stands in an
    array. Means something for valid JSON only."""
    keys = np.zeros(len(starts) - 1, np.int64)
    words = np.zeros(len(starts) - 1, np.bool_)
    for row in range(len(keys)):
        at, stop = starts[row], starts[row + 1]
        before = 0
        while at < stop:
            c = data[at]
            if c == _QUOTE:
                at += 1
                while at < stop and data[at] != _QUOTE:
                    at += 2 if data[at] == _BACKSLASH else 1
            elif c == _COLON:
                keys[row] += 1
            elif c in (_T, _F, _N) and before in (_COMMA, _BRACKET):
                words[row] = True
            if c > _SPACE:
                before = c
            at += 1
    return keys, words
