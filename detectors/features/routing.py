"""Which sub-streams a query belongs to, and whether it puts the same patch onto another base as the query before."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

from detectors.features.facts import stands_out
from detectors.features.layout import CHAINED, PAGE, REPEAT, STRANGE
from detectors.features.numbers import bits
from detectors.sketch.queries import DENSE, MAX_WIDTH, ROWS, SEGMENTS, TEXT

ODD: Final = 2.0  # spreads of the manifold error, or of a row's rarity, beyond which an input is strange
ODD_ROW: Final = 1.5  # the same for the dependence between a row's columns
PATCH: Final = 4  # a patch touches one in so many of an input's segments at most,
PATCH_ROW: Final = 2  # or of a row's columns;
SPARSE: Final = 6  # where it is one in so many segments, the query is a copy of its neighbour


@njit(cache=True)
def strange(kind: int, entry: Any, packed: NDArray[np.uint8]) -> bool:
    """Whether an input is unlike the model's ordinary ones: off their manifold or too smooth, of columns that do not
    belong together or hold rare values, or a text that stands out by its wish."""
    if kind == DENSE:
        return bool(abs(entry.error) > ODD)
    if kind == ROWS:
        return bool(entry.error < -ODD_ROW or entry.far > ODD)
    return kind == TEXT and stands_out(packed)


@njit(cache=True)
def parts(kind: int, packed: NDArray[np.uint8]) -> int:
    """Parts of an input that can change by themselves: its columns, or the segments that it fills (a vector of three
    numbers fills three, and whatever changes there is no patch)."""
    if kind != DENSE:
        return len(packed) // 2
    filled = 0
    for j in range(SEGMENTS):
        filled += packed[MAX_WIDTH + j] != 0
    return filled


@njit(cache=True)
def patched(kind: int, entry: Any, packed: NDArray[np.uint8], state: Any, slot: int) -> bool:
    """Whether a query changes the same few places as the client's query before did, from another base.

    In rows the values that were put there have to be the same ones too. Near or far does not matter: a bright patch on
    a small picture is a large step.
    """
    count = state.headers[slot].count
    few = bits(entry.mask)
    if count < 2 or few == 0 or entry.flags & REPEAT or (kind != DENSE and (kind != ROWS or few < 2)):
        return False
    if few > parts(kind, packed) // (PATCH if kind == DENSE else PATCH_ROW):
        return False
    pages = state.pages[slot]
    ring = (count - 1) % (len(pages) * PAGE)
    page, place = pages[ring // PAGE], ring % PAGE
    before = state.entries[page, place]
    if before.flags & REPEAT or before.mask != entry.mask or before.base == entry.base:
        return False
    if kind == ROWS:
        for j in range(min(len(packed), 128)):
            if entry.mask >> np.uint64(j // 2) & np.uint64(1) and packed[j] != state.sketches[page, place, j]:
                return False
    return True


@njit(cache=True)
def route(
    kind: int, i: int, entry: Any, packed: NDArray[np.uint8], neighbour: int, state: Any, slot: int, out: Any
) -> None:
    """Note the sub-streams to which a query belongs, and the earlier query that now belongs to CHAINED as well."""
    entry.streams, out.joined[i] = 0, False
    if kind == DENSE and 0 < bits(entry.mask) <= parts(kind, packed) // SPARSE:
        entry.streams |= CHAINED  # a patched copy, however bright the patch
    if neighbour >= 0 and not entry.flags & REPEAT:
        entry.streams |= CHAINED
        pages = state.pages[slot]
        ring = neighbour % (len(pages) * PAGE)
        page, place = pages[ring // PAGE], ring % PAGE
        other = state.entries[page, place]
        if not other.streams & CHAINED:
            other.streams |= CHAINED
            out.joined[i], out.bases[i] = True, other
            out.base_sketches[i] = state.sketches[page, place]
    if strange(kind, entry, packed):
        entry.streams |= STRANGE
    out.routed[i] = entry.streams
