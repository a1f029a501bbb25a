"""How much and how fast: volume, sizes and refusals against the client's own past.

Rates come from event time over the window; sizes from two moving averages, one over about ten queries and one over
all of them. A client's own past holds from its second day on, its peers' sizes from its first query.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

from detectors.features.baseline import Baseline
from detectors.features.layout import FAILED, REFUSED
from detectors.features.numbers import spread

NAMES: Final = (
    "rate",  # logarithm of queries per minute over the window
    "rate_growth",  # the same, less the logarithm of the client's mean rate up to the window
    "gap_spread",  # standard deviation of the logarithm of gaps
    "size",  # logarithm of the recent input size
    "size_growth",  # logarithm of recent over usual input size
    "size_above",  # logarithm of the recent input size, less that of nearly all other clients of the model
    "output",  # logarithm of the recent output size
    "output_growth",
    "output_above",
    "refused",  # share of queries that were refused (401, 403)
    "failed",  # share that failed on the server's side (5xx, 429)
)

MINUTE: Final = 60e6


@njit(cache=True)
def tempo(window: Any, header: Any, baseline: Baseline, out: NDArray[np.float64]) -> None:
    """Fill `out` in the order of NAMES from a window of entries, oldest first, and the client's header."""
    n = len(window)
    gaps = np.empty(n)
    refused, failed = 0, 0
    for i in range(n):
        refused += window[i].failure == REFUSED
        failed += window[i].failure == FAILED
        if i:
            gaps[i - 1] = np.log(max(window[i].time - window[i - 1].time, 1000) / 1e6)
    lasted = max(window[n - 1].time - window[0].time, MINUTE / 60) / MINUTE
    out[0] = np.log(n / lasted)
    before = header.count - n
    past = max(window[0].time - header.first, MINUTE) / MINUTE
    out[1] = out[0] - np.log(before / past) if before >= n else 0.0
    out[2] = spread(gaps[: n - 1])  # 0 of a single gap
    out[3] = np.log1p(header.size_short)
    out[4] = np.log((header.size_short + 1) / (header.size_long + 1))
    out[5] = out[3] - baseline.size
    out[6] = np.log1p(header.output_short)
    out[7] = np.log((header.output_short + 1) / (header.output_long + 1))
    out[8] = out[6] - baseline.output
    out[9], out[10] = refused / n, failed / n
