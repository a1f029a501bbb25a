"""Words of texts as keyed hashes: runs of letters and digits in any script; an ideograph, kana or emoji is a word."""

from __future__ import annotations

from typing import Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

from detectors.sketch.keyed import Key, absorb, absorb_bytes, begin, end, finish

ENDS: Final = 1024  # words at either end of a long text that are looked at
LAGS: Final = 8  # words of the longest phrase whose repetition is seen
FEWEST: Final = 8  # words below which nothing is called repetition

Bytes = NDArray[np.uint8]
Ints = NDArray[np.int64]
Words = NDArray[np.uint64]
Marks = NDArray[np.bool_]


@njit(cache=True)
def letter(data: Bytes, at: int, stop: int) -> tuple[int, int]:
    """(kind, bytes) of the character at a place: 0 separates words, 1 belongs to one, 2 is one by itself."""
    c = data[at]
    if c < 0x80:
        word = 48 <= c <= 57 or 97 <= c <= 122 or 65 <= c <= 90 or c == 95
        return (1 if word else 0), 1
    following = data[at + 1] if at + 1 < stop else np.uint8(0)
    if c == 0xC2 or (c == 0xE2 and following <= 0x81):  # Latin punctuation; dashes and quotation marks
        return 0, 2 if c == 0xC2 else 3
    if c == 0xE3 and following == 0x80:  # ideographic punctuation
        return 0, 3
    if 0xE3 <= c <= 0xE9:
        return 2, 3
    if c >= 0xF0:
        return 2, 4
    return 1, 1


@njit(cache=True)
def hash_words(key: Key, data: Bytes, start: int, stop: int, out: Words, numbers: Marks) -> int:
    """Hash the words of one text into `out`, and mark in `numbers` those that begin with a digit; of long texts the
    first and the last 1,024. How many words there are."""
    found = 0
    at = start
    while at < stop:
        kind, step = letter(data, at, stop)
        first = at
        at = min(at + step, stop)
        if kind == 0:
            continue
        while kind == 1 and at < stop:
            more, step = letter(data, at, stop)
            if more != 1:
                break
            at = min(at + step, stop)
        place = found if found < ENDS else ENDS + (found - ENDS) % ENDS
        out[place] = end(absorb_bytes(begin(key), data, first, at))
        numbers[place] = 48 <= data[first] <= 57
        found += 1
    if found > 2 * ENDS:  # the last words lie in a ring: put the oldest first
        turn = ENDS + (found - ENDS) % ENDS
        out[ENDS : 2 * ENDS] = np.concatenate((out[turn : 2 * ENDS], out[ENDS:turn]))
        numbers[ENDS : 2 * ENDS] = np.concatenate((numbers[turn : 2 * ENDS], numbers[ENDS:turn]))
    return found


@njit(cache=True)
def hash_run(key: Key, words: Words) -> np.uint64:
    """The hash of words in their order."""
    return hash_part(key, words, 0, len(words))


@njit(cache=True)
def hash_part(key: Key, words: Words, start: int, stop: int) -> np.uint64:
    """The hash of words[start:stop], which in a loop is cheaper than that of a slice."""
    state = begin(key)
    for at in range(start, stop):
        state = absorb(state, words[at])
    return finish(state, 8 * (stop - start))


@njit(cache=True)
def repetition(words: Words, numbers: Marks) -> float:
    """Share of words that are the word a fixed number of places before, at the lag of 1 to 8 at which it is largest.

    Numbers do not count, because tables repeat them; of fewer than eight words it is 0. Prose stays below 0.1.
    """
    most = 0.0
    for lag in range(1, LAGS + 1):
        same, counted = 0, 0
        for at in range(lag, len(words)):
            if not numbers[at]:
                counted += 1
                same += words[at] == words[at - lag]
        if counted >= FEWEST:
            most = max(most, same / counted)
    return most
