"""What it is worth that two rows agree: how seldom other rows have so much in common.

In a table of few columns independent rows lie near each other: with one column, every row is one column away from every
other. Each cell that two rows share is worth the nats of its rarity: an equal value more than the same coarse bin, a
rare one more than a common one. A near row is linked where what the two share is rarer than chance makes likely, and
how much that is, rows of different clients tell (detectors/scoring/agreements.py). One client's own rows agree more
often than strangers' where it asks about one sort of rows alone; a row that moved within coarse bins is a copy where
that client's habits do not explain it.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

from detectors.features.baseline import BY_CHANCE, Baseline
from detectors.features.layout import PAGE
from detectors.features.neighbours import row_to
from detectors.features.numbers import bits

ROW_LINK: Final = 1.5  # distance up to which rows are linked
JITTER: Final = 0.26  # distance per changed cell up to which a row only moved within coarse bins
BIN: Final = float(np.log(4))  # nats of a shared bin of a model that is not known: one of four, at a guess,
VALUE: Final = float(np.log(8))  # and of a shared value: one of eight, for many columns hold a yes or a no
DRAWN: Final = 8.0  # rows of a client that say as much of its habits as strangers do

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float64]


@njit(cache=True)
def within_bins(entry: Any) -> bool:
    """Whether a row differs from its neighbour in several columns, and in each within the coarse bin."""
    count = bits(entry.mask)
    return bool(count > 1 and entry.distance < JITTER * count)


@njit(cache=True)
def rarity(shared: Floats, j: int, code: int, equal: bool) -> float:
    """Nats that a shared cell of a column is worth, by its bin; `shared` (2, columns, 8) is empty if not known."""
    if shared.shape[1] == 0:
        return VALUE if equal else BIN
    return float(shared[int(equal), j, code])


@njit(cache=True)
def worth(packed: Bytes, other: Bytes, shared: Floats) -> float:
    """Nats that the agreement of two packed rows is worth. Any column might have been the one that differs: each that
    does takes the logarithm of their number."""
    total, columns = 0.0, len(packed) // 2
    for j in range(columns):
        high, low = packed[2 * j] ^ other[2 * j], packed[2 * j + 1] ^ other[2 * j + 1]
        if high & np.uint8(0xE0):
            total -= np.log(columns)
        else:
            total += rarity(shared, j, packed[2 * j] >> 5, high | low == 0)
    return float(total)


@njit(cache=True)
def rare(packed: Bytes, other: Bytes, baseline: Baseline) -> bool:
    """Whether two near rows share more than chance makes likely."""
    return bool(worth(packed, other, baseline.shared) > baseline.chance)


@njit(cache=True)
def habitual(
    packed: Bytes, other: Bytes, base: int, count: int, pages: NDArray[np.int32], state: Any, baseline: Baseline
) -> bool:
    """Whether by its habits a client's rows have in common what two of them share: told by its window without the
    cluster of that base, drawn towards strangers'. What columns that hang together repeat of each other counts once."""
    window, columns = len(pages) * PAGE, len(packed) // 2
    total = -repeated(packed, other, baseline.pairs)
    for j in range(columns):
        one, two = packed[2 * j], packed[2 * j + 1]
        if (one ^ other[2 * j]) & np.uint8(0xE0):
            total -= np.log(columns)
            continue
        equal, rows, alike = one == other[2 * j] and two == other[2 * j + 1], 0, 0
        for query in range(max(0, count - window), count):
            page, place = pages[query % window // PAGE], query % window % PAGE
            if state.entries[page, place].base != base:
                high, low = state.sketches[page, place, 2 * j], state.sketches[page, place, 2 * j + 1]
                rows += 1
                alike += (high == one and low == two) if equal else high >> 5 == one >> 5
        strangers = DRAWN * np.exp(-rarity(baseline.shared, j, one >> 5, equal))
        total -= np.log((alike + strangers) / (rows + DRAWN))
    return bool(total <= BY_CHANCE)


@njit(cache=True)
def repeated(packed: Bytes, other: Bytes, pairs: Floats) -> float:
    """Nats that the shared bins of two rows repeat of each other, as `pairs` (p, 8, 8) has them: a tree over k columns
    takes k - 1 of their k (k - 1) / 2 pairs (Chow and Liu 1968)."""
    paired, columns, total, at = 0, 0, 0.0, 0
    while paired * (paired - 1) // 2 < len(pairs):
        paired += 1
    for a in range(paired):
        common = (packed[2 * a] ^ other[2 * a]) & np.uint8(0xE0) == 0
        columns += common
        for b in range(a + 1, paired):
            if common and (packed[2 * b] ^ other[2 * b]) & np.uint8(0xE0) == 0:
                total += pairs[at, packed[2 * a] >> 5, packed[2 * b] >> 5]
            at += 1
    return float(max(0.0, 2 * total / max(columns, 1)))


@njit(cache=True)
def nearest_strangers(sketches: Bytes, clients: NDArray[np.uint64], most: int, shared: Floats, out: Floats) -> None:
    """Fill `out` (n,) with what the agreement of each packed row with the nearest of the `most` before it (in a ring)
    of other clients is worth: -inf where that is not near, NaN where there are fewer. Equal rows do not count."""
    n = len(sketches)
    for i in range(n):
        best, near, met = np.inf, -1, 0
        for back in range(1, n):
            j = (i - back) % n
            distance = row_to(sketches[i], sketches, j) if clients[j] != clients[i] else 0.0
            if distance > 0:
                met += 1
                best, near = (distance, j) if distance < best else (best, near)
                if met == most:
                    break
        out[i] = np.nan if met < most else -np.inf
        if met == most and best < ROW_LINK:
            out[i] = worth(sketches[i], sketches[near], shared)
