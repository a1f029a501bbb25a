"""Training records among the queries: known by fingerprints of the data that the model was trained on.

A score-only membership attack (Shokri et al., IEEE S&P 2017) asks about suspects once each and leaves no other trace;
a sweep over a training record (Mehnaz et al., USENIX Security 2022) is told from an audit on public records by what it
does not change. Honest clients hit by chance, and each at a rate of its own: the customers of one are the training data
of the model, those of another are not. So a share is compared with a population of rates, not with one rate: the
beta-binomial (Skellam, JRSS B 1948), whose parameters are in the baseline. Without fingerprints all of it is NaN.
"""

from __future__ import annotations

from math import lgamma, log10
from typing import Any, Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

from detectors.features.layout import REPEAT, TRAINED, TRAINED_ROW
from detectors.features.numbers import bits
from detectors.features.sweeps import moved_column

NAMES: Final = (
    "training_hits",  # share of distinct queries that are training records
    "training_surprise",  # -log10 of the share of ordinary clients with so many of them
    "training_row_hits",  # share of swept bases that are training records but for the swept column
    "training_row_surprise",  # -log10 of the share of ordinary clients with so many of them
)
MOST_SURPRISING: Final = 300.0

Floats = NDArray[np.float64]


@njit(cache=True)
def log_share(hits: int, trials: int, alpha: float, beta: float) -> float:
    """The logarithm of the beta-binomial probability of so many hits.

    >>> from math import exp
    >>> round(exp(log_share(1, 2, 1.0, 1.0)), 4)  # a rate of which nothing is known: 0, 1 and 2 are alike
    0.3333
    """
    choices = lgamma(trials + 1.0) - lgamma(hits + 1.0) - lgamma(trials - hits + 1.0)
    below = lgamma(alpha) + lgamma(beta) - lgamma(alpha + beta)
    return choices + lgamma(hits + alpha) + lgamma(trials - hits + beta) - lgamma(trials + alpha + beta) - below


@njit(cache=True)
def surprise(hits: int, trials: int, alpha: float, beta: float) -> float:
    """-log10 of the share of a beta-binomial population with at least so many hits, 0 to 300.

    >>> round(surprise(10, 20, 1.0, 19.0), 2), surprise(0, 20, 1.0, 19.0)
    (3.54, 0.0)
    """
    if hits <= 0:
        return 0.0
    first = log_share(hits, trials, alpha, beta)
    total, term = 0.0, 1.0  # in units of the first term: sums of tiny numbers lose no digits
    for i in range(hits, trials + 1):
        total += term
        if i < trials:
            term *= (trials - i) / (i + 1.0) * (i + alpha) / (trials - i - 1.0 + beta)
    found = -(first / np.log(10.0) + log10(total))
    return float(min(max(found, 0.0), MOST_SURPRISING))


@njit(cache=True)
def recognise(entry: Any, trained: np.uint64) -> None:
    """Note whether the model was trained on the query, or on what its one moved column left as it was."""
    if trained >> np.uint64(63):
        entry.flags |= TRAINED
    left = entry.mask & np.uint64(0x7FFFFFFFFFFFFFFF)
    if bits(entry.mask) == 1 and trained & left:
        entry.flags |= TRAINED_ROW


@njit(cache=True)
def bases_hit(window: Any, column: int) -> tuple[int, int]:
    """Bases from which a column was moved, and those of them that are training records but for that column: where
    most of the moves hit."""
    bases, hit = 0, 0
    n = len(window)
    counted = np.zeros(n, np.bool_)
    for i in range(n):
        if counted[i] or moved_column(window[i]) != column:
            continue
        moves, hits = 0, 0
        for j in range(i, n):
            if window[j].base == window[i].base and moved_column(window[j]) == column:
                counted[j] = True
                moves += 1
                hits += window[j].flags & TRAINED_ROW != 0
        bases += 1
        hit += 2 * hits > moves
    return bases, hit


@njit(cache=True)
def training(window: Any, column: int, rates: Floats, out: Floats) -> None:
    """Fill `out` in the order of NAMES; `column` is the most moved one (-1: none), `rates` (2, 2) alpha and beta of
    whole records and of swept bases."""
    distinct, hits = 0, 0
    for i in range(len(window)):
        if not window[i].flags & REPEAT:
            distinct += 1
            hits += window[i].flags & TRAINED != 0
    out[0], out[1] = hits / max(distinct, 1), surprise(hits, distinct, rates[0, 0], rates[0, 1])
    bases, hit = (0, 0) if column < 0 else bases_hit(window, column)
    if bases > 0:
        out[2], out[3] = hit / bases, surprise(hit, bases, rates[1, 0], rates[1, 1])
