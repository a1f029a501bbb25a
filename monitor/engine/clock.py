"""Event time of a partition: a clock that follows the log, and that one record can not carry away."""

from __future__ import annotations

from typing import Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

MINUTE: Final = 60_000_000  # microseconds
STRIDE: Final = 60 * MINUTE  # the most that one record moves the clock: a quiet night passes in a few records


@njit(cache=True)
def advance(clock: int, times: NDArray[np.int64], out: NDArray[np.int64]) -> int:
    """Fill `out` (n,) with the clock after each record; returns the last. It never goes back.

    The first record sets it (clock 0). A record from the far future moves it by an hour, and no further.
    """
    for i in range(len(times)):
        if clock == 0:
            clock = times[i]
        clock = max(clock, min(times[i], clock + STRIDE))
        out[i] = clock
    return clock


def ticks(before: int, clocks: NDArray[np.int64]) -> NDArray[np.int64]:
    """Indices of the records with which a new minute begins, (m,)."""
    minutes = clocks // MINUTE
    return np.flatnonzero(np.diff(minutes, prepend=before // MINUTE) > 0)
