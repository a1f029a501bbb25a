"""Learns what honest clients have in common: how near their inputs come, and in which channels they meet by chance.

All of it comes from the sample of trusted clients' queries that teaches a model's baseline, at the same moments.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from detectors.contract import Floats
from detectors.features.kinship import BITS, BUCKET, CHANNELS, NEAR, TABLES, Known, crossings, fill
from detectors.sketch.queries import DENSE

CHANCE: Final = 0.10  # share of honest clients' queries that come as near to another client's
RARE: Final = 0.004  # share of honest clients' queries that may meet another client in a channel that makes links
ENOUGH: Final = 128  # samples before anything is known
REFERENCE: Final = 512  # samples against which the density around a query is judged
MOST: Final = 0.45  # of the usual distance, however seldom honest inputs come near each other
NEARLY_ALL: Final = 0.98


class Meetings(NamedTuple):
    """Samples of trusted clients' queries: packed sketches (n, bytes), clients' keys (n,), and the channels in which
    each met another client, as bits (n,)."""

    sketches: NDArray[np.uint8]
    clients: NDArray[np.uint64]
    met: NDArray[np.uint64]


def unknown(sketch: int) -> Known:
    """A model of which nothing has been learnt: nothing makes a link. `sketch` is the bytes of one."""
    none, empty = np.zeros((0, sketch), np.uint8), np.zeros((0, 0, 0), np.int64)
    return Known(np.zeros(0), none, np.zeros(0, np.uint64), empty, 0.0, 0.0, np.uint64(0), np.uint64(0))


def fit(kind: int, width: int, centre: Floats, lesson: Meetings) -> Known:
    """What makes a link; `centre` is the mean of the model's dense inputs (empty: not known)."""
    known = unknown(lesson.sketches.shape[1])
    if len(lesson.clients) < ENOUGH:
        return known
    rare = below(RARE, lesson.met)
    known = known._replace(usable=rare, rare=rare)
    if kind != DENSE or len(centre) != width or width == 0:
        return known
    near = np.uint64(1) << np.uint64(NEAR)  # made as seldom as it should be by its limit
    return nearness(lesson, known._replace(centre=centre, usable=known.usable | near, rare=known.rare & ~near))


def below(share: float, met: NDArray[np.uint64]) -> np.uint64:
    """A bit for each channel in which so few samples met that, one more granted (Laplace 1814), it is below a share.

    >>> met = np.zeros(2_000, np.uint64)
    >>> met[:50] = 2
    >>> int(below(0.004, met)) & 7
    5
    """
    found = np.uint64(0)
    for channel in range(CHANNELS):
        bit = np.uint64(1) << np.uint64(channel)
        if (np.count_nonzero(met & bit) + 1) / len(met) < share:
            found |= bit
    return found


def nearness(lesson: Meetings, known: Known) -> Known:
    """What is unusually near: the share of the usual distance at that place that CHANCE of the samples come below.

    Honest inputs do not lie equally dense everywhere (the digit 1; pictures without contrast), hence the ratio: it is
    one scale for all of them, and needs no labels. It fails for a kind of dense input that no sample has.
    """
    chosen = np.unique(np.linspace(0, len(lesson.clients) - 1, REFERENCE).astype(np.int64))
    buckets = np.empty((TABLES, 1 << BITS, BUCKET), np.int64)
    fill(buckets, lesson.sketches[chosen], known.centre)
    known = known._replace(sketches=lesson.sketches[chosen], clients=lesson.clients[chosen], buckets=buckets)
    both = np.empty((len(lesson.clients), 2))
    crossings(lesson.sketches, lesson.clients, known, both)
    both = both[np.isfinite(both).all(axis=1) & (both[:, 1] > 0)]
    if len(both) < ENOUGH:
        return known
    limit = min(float(np.quantile(both[:, 0] / both[:, 1], CHANCE)), MOST)
    return known._replace(limit=limit, widest=limit * float(np.quantile(both[:, 1], NEARLY_ALL)))


def forgotten(known: Known, client: int) -> None:
    """Erase the samples of a client (a key) from what is known."""
    own = np.flatnonzero(known.clients == np.uint64(client))
    known.buckets[np.isin(known.buckets, own)] = -1
    known.sketches[own], known.clients[own] = 0, 0


def dump(known: Known) -> dict[str, NDArray[Any]]:
    """What is known, as arrays."""
    return {name: np.asarray(value) for name, value in known._asdict().items()}


def load(arrays: Mapping[str, NDArray[Any]]) -> Known:
    """The same again; KeyError where something is missing."""
    limit, widest = float(arrays["limit"]), float(arrays["widest"])
    usable, rare = np.uint64(arrays["usable"]), np.uint64(arrays["rare"])
    centre, sketches, clients, buckets = (arrays[name].copy() for name in ("centre", "sketches", "clients", "buckets"))
    return Known(centre, sketches, clients, buckets, limit, widest, usable, rare)
