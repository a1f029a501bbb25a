"""A client's running strengths: what its last two blocks say together, and the most that they ever said."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from detectors.contract import Floats
from detectors.scoring.evidence import ALONE


@njit(cache=True)
def run(
    slots: NDArray[np.int32], blocks: NDArray[np.int32], strengths: Floats, last: Any, peak: Any, out: Floats
) -> None:
    """Fill `out` (n, tests) with the running strength after each of n blocks, in order; keeps `last` and `peak`.

    `blocks` counts each client's blocks from 1: a first block has no neighbour and counts ALONE.
    """
    for i in range(len(slots)):
        slot = slots[i]
        for test in range(strengths.shape[1]):
            now = strengths[i, test]
            out[i, test] = ALONE * now if blocks[i] == 1 else (last[slot, test] + now) / 2
            last[slot, test] = now
            peak[slot, test] = max(peak[slot, test], out[i, test])
