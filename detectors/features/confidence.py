"""What the answers do along a chain of inputs: margins, flips, falls and rises of one label's confidence.

Log-margins are natural logarithms of the probability of a label over that of its strongest rival, cut at +-10. Where
only labels are disclosed margins are NaN and flips are all there is. Saturated models (a probability of 1 after
rounding) hide small falls.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

from detectors.features.layout import FLIP, LINKED, REPEAT
from detectors.features.numbers import entropy, trend
from detectors.features.similarity import clusters, largest

NAMES: Final = (
    "low_margin",  # share with a margin under 0.3
    "flip",  # share of linked queries with another label than their neighbour
    "flip_low_margin",  # the same, with a margin under 0.3
    "root_margin",  # margin of the base of the largest cluster, which may have left the window
    "root_error",  # its error against the model's manifold
    "fall",  # minus the rank trend of the base label's log-margin along the largest cluster, grown with its size
    "rise",  # the rank trend of the cluster's last label's log-margin, likewise
    "record_lows",  # new minima of the base label's log-margin beyond those that chance gives, standardised
    "record_highs",  # new maxima of the last label's confidence, likewise
    "label_gain",  # growth of the last label's log-margin along the cluster
    "base_label",  # share of the cluster's answers that are the base's own
    "confidence",  # mean probability of the answer
    "confidence_trend",  # its rank trend over the window
    "label_entropy",  # entropy of the answers' labels, in nats
    "top_label",  # share of the most frequent label
)

LOW_MARGIN: Final = 0.3
LEAST: Final = 1e-4
FULL: Final = 50.0

Floats = NDArray[np.float64]


@njit(cache=True)
def probability(entry: Any, label: int) -> float:
    """Probability of a label in an answer that names the two most probable ones; an upper guess for any other."""
    if entry.label == label:
        return float(entry.p1)
    if entry.second == label:
        return float(entry.p2)
    return float(min(entry.p2, 1 - entry.p1)) / 2


@njit(cache=True)
def log_margin(entry: Any, label: int) -> float:
    """Log of the label's probability over its strongest rival's."""
    own = max(probability(entry, label), LEAST)
    rival = max(float(entry.p2) if entry.label == label else float(entry.p1), LEAST)
    return float(np.log(own / rival))


@njit(cache=True)
def records(values: Floats, sign: float) -> float:
    """New extremes in a row of values, less what exchangeable ones give (ln m), over its deviation (Renyi 1962)."""
    m = len(values)
    if m < 3:
        return 0.0
    count, best = 0, sign * values[0]
    for i in range(1, m):
        if sign * values[i] > best + 1e-9:
            count, best = count + 1, sign * values[i]
    return float((count - np.log(m)) / np.sqrt(np.log(m) + 1))


@njit(cache=True)
def chain(window: Any, base: int, out: Floats) -> None:
    """Fill root_margin .. base_label along the cluster of that base."""
    n = len(window)
    last = n - 1  # of repeats alone: the latest
    for i in range(n):
        if window[i].base == base and not window[i].flags & REPEAT:
            last = i
    target = window[last]
    falling, rising, m, own = np.empty(n), np.empty(n), 0, 0
    for i in range(n):
        if window[i].base == base and not window[i].flags & REPEAT:
            own += window[i].label == target.root_label
            falling[m] = log_margin(window[i], target.root_label)
            rising[m] = log_margin(window[i], target.label)
            m += 1
    grown = np.sqrt(m / FULL)
    out[3], out[4] = target.root_margin, target.root_error
    out[5] = -trend(falling[:m]) * grown
    out[6] = trend(rising[:m]) * grown
    out[7] = records(falling[:m], -1.0)
    out[8] = records(rising[:m], 1.0)
    out[9] = rising[m - 1] - rising[0] if m else 0.0
    out[10] = own / m if m else 1.0


@njit(cache=True)
def labels(window: Any, out: Floats) -> None:
    """Fill label_entropy and top_label."""
    n = len(window)
    seen, counts, found = np.empty(n, np.int64), np.zeros(n), 0
    for i in range(n):
        at = 0
        while at < found and seen[at] != window[i].label:
            at += 1
        seen[at] = window[i].label
        counts[at] += 1
        found = max(found, at + 1)
    out[13] = entropy(counts[:found])
    out[14] = counts[:found].max() / n


@njit(cache=True)
def confidence(window: Any, out: Floats) -> None:
    """Fill `out` in the order of NAMES from a window of entries, oldest first; NaN where nothing is disclosed."""
    n = len(window)
    low, linked, flips, low_flips, known = 0, 0, 0, 0, 0
    answers = np.empty(n)
    for i in range(n):
        entry = window[i]
        hesitant = entry.p1 - entry.p2 < LOW_MARGIN
        if not np.isnan(entry.p1):
            answers[known] = entry.p1
            known += 1
        low += hesitant
        if entry.flags & LINKED and not entry.flags & REPEAT:
            linked += 1
            flips += entry.flags & FLIP != 0
            low_flips += entry.flags & FLIP != 0 and hesitant
    out[0] = low / known if known else np.nan
    out[1] = flips / max(linked, 1)
    out[2] = low_flips / max(linked, 1) if known else np.nan
    out[3:11] = np.nan
    if known > n // 2:
        base, size = np.empty(n, np.int64), np.empty(n, np.int64)
        found = clusters(window, base, size)
        chain(window, largest(base, size, found)[0], out)
    out[11] = answers[:known].mean() if known else np.nan
    out[12] = trend(answers[:known])
    labels(window, out)
