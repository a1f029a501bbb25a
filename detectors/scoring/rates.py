"""How often ordinary clients do something, as a population of rates: one client's rate is not another's.

A share tested against one base rate convicts every honest client whose own rate is higher. Each client has a rate of
its own here, drawn from a beta distribution, so that hits among trials are beta-binomial (Skellam, A probability
distribution derived from the binomial distribution by regarding the probability of success as variable between the
sets of trials, JRSS B 1948). Fails where the population has several humps with few clients in one of them: the fit
then lies between them, and is the more forgiving the further they are apart.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

from detectors.contract import Floats
from detectors.features.baseline import RATES
from detectors.features.training import log_share, surprise

Counts = NDArray[np.int64]

PRIOR_CLIENTS: Final = 10.0  # imaginary clients who are as the prior says (decision 0012)
PRIOR_TRIALS: Final = 20
SWEEPS: Final = 0.12  # share of the queries that a sweep takes, and bases that it has, before it is one
BASES: Final = 3
FORGIVEN: Final = 0.01  # of the clients: attackers who were not named
MEANS: Final = np.geomspace(0.002, 0.8, 60)
STRENGTHS: Final = np.geomspace(0.5, 500.0, 31)  # alpha + beta: how alike the clients are


@njit(cache=True)
def _likelihood(hits: Counts, trials: Counts, weights: Floats, means: Floats, strengths: Floats, out: Floats) -> None:
    for a in range(len(means)):
        for b in range(len(strengths)):
            alpha, beta = means[a] * strengths[b], (1 - means[a]) * strengths[b]
            total = 0.0
            for i in range(len(hits)):
                total += weights[i] * log_share(hits[i], trials[i], alpha, beta)
            out[a, b] = total


def fitted(hits: Counts, trials: Counts, prior: tuple[float, float]) -> tuple[float, float]:
    """Alpha and beta of the population from one pair of hits and trials for each client, each (n,), most likely on a
    grid of means and strengths. The prior counts as ten clients of 20 trials, so that a few clients move it a little;
    without any it is the answer.

    >>> alpha, beta = fitted(np.array([0] * 80), np.array([50] * 80), (1.0, 19.0))
    >>> alpha / (alpha + beta) < 0.02
    True
    """
    known = trials > 0
    if not known.any():
        return prior
    pairs, counts = np.unique(np.stack([hits[known], trials[known]]), axis=1, return_counts=True)
    imaginary = np.arange(PRIOR_TRIALS + 1)
    shares = np.exp([log_share(int(k), PRIOR_TRIALS, *prior) for k in imaginary])
    all_hits = np.concatenate([pairs[0], imaginary])
    all_trials = np.concatenate([pairs[1], np.full(len(imaginary), PRIOR_TRIALS)])
    weights = np.concatenate([counts.astype(np.float64), PRIOR_CLIENTS * shares])
    out = np.empty((len(MEANS), len(STRENGTHS)))
    _likelihood(all_hits, all_trials, weights, MEANS, STRENGTHS, out)
    mean, strength = np.unravel_index(int(np.argmax(out)), out.shape)
    return float(MEANS[mean] * STRENGTHS[strength]), float((1 - MEANS[mean]) * STRENGTHS[strength])


def population(column: Callable[[str], Floats], clients: NDArray[np.uint64]) -> Floats:
    """The rates of training records among trusted clients' queries and swept bases, (2, 2), from rows of blocks in
    their order: `column` gives a feature of the rows (n,), `clients` (n,) whose they are. A client's last row counts.

    Of sweeps only those count that are meant: a row that stands beside another one by chance lies where rows are
    dense, and so do training records.
    """
    _, newest = np.unique(clients[::-1], return_index=True)
    last = len(clients) - 1 - newest
    meant = (column("sweep")[last] >= SWEEPS) & (column("sweep_bases")[last] >= BASES)
    asked, swept = column("distinct")[last], np.where(meant, column("sweep_bases")[last], np.nan)
    whole, rows = column("training_hits")[last], column("training_row_hits")[last]
    return np.array([_population(whole, asked, RATES[0]), _population(rows, swept, RATES[1])])


def _population(shares: Floats, trials: Floats, prior: tuple[float, float]) -> tuple[float, float]:
    known = np.isfinite(shares) & np.isfinite(trials)
    many = np.rint(trials[known]).astype(np.int64)
    hits = np.rint(shares[known] * many).astype(np.int64)
    strange = np.array([surprise(int(k), int(n), *prior) for k, n in zip(hits, many, strict=True)])
    kept = np.argsort(strange, kind="stable")[: len(hits) - int(np.ceil(FORGIVEN * len(hits)))]
    return fitted(hits[kept], many[kept], prior)
