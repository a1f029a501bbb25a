"""Inputs that come again exactly: pollers, smoke tests and replayed probe sets, told apart by order and by version."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

from detectors.features.layout import OTHER_VERSION, REPEAT, SAME_LAG

NAMES: Final = (
    "fill",  # queries in the window
    "repeat",  # share of exact repeats
    "distinct",  # distinct inputs in the window
    "constant_lag_repeat",  # share of repeats exactly as far back as the repeat before
    "repeat_other_version",  # share of repeats of an input first seen under another version
)


@njit(cache=True)
def repeats(window: Any, out: NDArray[np.float64]) -> None:
    """Fill `out` in the order of NAMES from a window of entries."""
    n = len(window)
    repeat, lag, version = 0, 0, 0
    for i in range(n):
        flags = window[i].flags
        repeat += flags & REPEAT != 0
        lag += flags & SAME_LAG != 0
        version += flags & OTHER_VERSION != 0
    out[0], out[1], out[2], out[3], out[4] = n, repeat / n, n - repeat, lag / n, version / n
