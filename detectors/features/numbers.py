"""Small statistics on short arrays inside kernels: medians, ranks, trends. No allocation beyond a copy of the array."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@njit(cache=True)
def quantile(values: Floats, share: float) -> float:
    """The value at that share of the sorted values, interpolated; NaN of none.

    >>> quantile(np.array([3.0, 1.0, 2.0]), 0.5)
    2.0
    """
    if len(values) == 0:
        return np.nan
    ordered = np.sort(values)
    place = share * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return float(ordered[low] + (place - low) * (ordered[high] - ordered[low]))


@njit(cache=True)
def spread(values: Floats) -> float:
    """Standard deviation; 0 of fewer than two."""
    if len(values) < 2:
        return 0.0
    return float(np.std(values))


@njit(cache=True)
def entropy(counts: Floats) -> float:
    """Shannon entropy in nats of counts; 0 of none.

    >>> round(entropy(np.array([1.0, 1.0])), 3)
    0.693
    """
    total = counts.sum()
    result = 0.0
    for count in counts:
        if count > 0:
            result -= count / total * np.log(count / total)
    return float(result)


@njit(cache=True)
def trend(values: Floats) -> float:
    """Spearman's rank correlation of the values with their order, ties averaged; 0 of fewer than three.

    >>> trend(np.array([1.0, 2.0, 5.0, 9.0]))
    1.0
    """
    n = len(values)
    if n < 3:
        return 0.0
    middle = (n - 1) / 2
    cross, square = 0.0, 0.0
    for i in range(n):
        below, equal = 0, 0
        for j in range(n):
            below += values[j] < values[i]
            equal += values[j] == values[i]
        rank = below + (equal - 1) / 2 - middle
        cross += rank * (i - middle)
        square += rank * rank
    if square == 0:
        return 0.0
    return float(cross / np.sqrt(square * n * (n * n - 1) / 12))


@njit(cache=True)
def autocorrelation(values: Floats, shortest: int, longest: int) -> tuple[float, int]:
    """The best autocorrelation over a range of lags, and the first lag that comes within 0.05 of it; (0, 0) if too few.

    Normalised by the overlap, so that long lags are not favoured or punished; at least two periods have to be seen.
    """
    n = len(values)
    mean = values.mean() if n else 0.0
    variance = ((values - mean) ** 2).mean() if n else 0.0
    if n < 2 * shortest + 2 or variance <= 1e-12:
        return 0.0, 0
    longest = min(longest, n // 2)
    scores = np.zeros(longest + 1)
    best = 0.0
    for lag in range(shortest, longest + 1):
        total = 0.0
        for i in range(lag, n):
            total += (values[i] - mean) * (values[i - lag] - mean)
        scores[lag] = total / (n - lag) / variance
        best = max(best, scores[lag])
    for lag in range(shortest, longest + 1):
        if scores[lag] >= best - 0.05:
            return best, lag
    return best, 0


@njit(cache=True)
def bits(mask: np.uint64) -> int:
    """How many bits are set.

    >>> bits(np.uint64(11))
    3
    """
    count = 0
    while mask:
        mask &= mask - np.uint64(1)
        count += 1
    return count
