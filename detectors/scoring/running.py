"""A client's running strengths: what all of its blocks say together, and the level that they ever held."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from detectors.contract import Floats
from detectors.scoring.evidence import ALONE, MOST, SPEAKS, STAKE

STEPS = 250.0  # of a strength of 0 to 1: a byte is enough for a neighbour


@njit(cache=True)
def run(
    slots: NDArray[np.int32],
    blocks: NDArray[np.int32],
    strengths: Floats,
    floors: Floats,
    last: Any,
    capital: Any,
    peak: Any,
    out: Floats,
) -> None:
    """Fill `out` (n, tests) with the running strength after each of n blocks, in order; keeps the other three.

    `capital` is Page's cumulative sum (Biometrika 1954) of the strengths beyond STAKE, never below 0 nor above MOST:
    one block of 0.9 gathers what a finding needs, or two of 0.65, or five of 0.5, and a single moment in a long
    ordinary life is lost again. Where honest clients come near a test, its floor (tests,) is above SPEAKS, and the
    stake is higher by as much. `out` reaches the floor exactly where the capital reaches SPEAKS.
    `peak` is the highest level that two neighbouring blocks held together; `last`, the neighbour, is kept in STEPS.
    `blocks` counts each client's blocks from 1: a first block has no neighbour, and counts ALONE in the level.
    """
    for i in range(len(slots)):
        slot = slots[i]
        for test in range(strengths.shape[1]):
            now, lift = strengths[i, test], max(floors[test] - SPEAKS, 0.0)
            level = ALONE * now if blocks[i] == 1 else (last[slot, test] / STEPS + now) / 2
            gathered = min(max(capital[slot, test] + now - STAKE - lift, 0.0), MOST)
            last[slot, test], capital[slot, test] = np.uint8(np.rint(STEPS * now)), gathered
            peak[slot, test] = max(peak[slot, test], level)
            out[i, test] = gathered + lift if gathered > 0.0 else 0.0
