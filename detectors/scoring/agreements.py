"""Learns how much rows of strangers have in common by chance, and what an agreement has to be worth for a link."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from detectors.contract import Floats
from detectors.features.agreement import nearest_strangers
from detectors.features.baseline import CROWD, Baseline

OFTEN: Final = 0.5  # share of ordinary rows near a stranger's from which being near says nothing by itself
BY_CHANCE: Final = 0.1  # share of them that may then be linked
CODES: Final = 8


def fit(sketches: NDArray[np.uint8], clients: NDArray[np.uint64], baseline: Baseline) -> Baseline:
    """The baseline with `shared` and `chance`, from packed rows (n, bytes), each once a client, and their clients (n,).

    Where most ordinary rows are near one of 64 rows of other clients, a link has to be worth more than the nearest of
    nine in ten of those, and so much that less than one of the 64 is expected to agree as far. Elsewhere a near row is
    linked as it is: clients do share rows (households, samples of an SDK), which is no chance.
    """
    shared, nats = rarities(sketches), np.full(len(sketches), np.nan)
    nearest_strangers(sketches, clients, CROWD, shared, nats)
    known = nats[~np.isnan(nats)]
    if len(known) < CROWD:
        return baseline
    chance = -np.inf
    if np.isfinite(known).mean() >= OFTEN:
        chance = max(float(np.quantile(known, 1 - BY_CHANCE, method="higher")), float(np.log(CROWD)))
    return baseline._replace(shared=shared, chance=chance)


def rarities(sketches: NDArray[np.uint8]) -> Floats:
    """Nats that a cell is worth which two of these rows share, (2, columns, 8) by column and bin: the bin alone, and an
    equal value, of which a column of few values has few."""
    cells = sketches[:, 0::2].astype(np.int64) << 8 | sketches[:, 1::2]
    nats = np.zeros((2, cells.shape[1], CODES))
    for j in range(cells.shape[1]):
        values, counts = np.unique(cells[:, j], return_counts=True)
        rows = np.bincount(values >> 13, counts, CODES)
        pairs = np.bincount(values >> 13, counts.astype(np.float64) ** 2, CODES)
        nats[0, j] = -np.log((rows + 0.5) / (len(cells) + 0.5 * CODES))
        nats[1, j] = nats[0, j] - np.log(np.where(rows > 0, pairs / np.maximum(rows, 1) ** 2, 1.0))
    return nats
