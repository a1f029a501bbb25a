"""Sketches of texts: MinHash over shingles of three words (Broder 1997), one byte of each (Li & Koenig 2010).

The share of equal bytes estimates the Jaccard similarity J of two texts' shingles with a standard deviation of at most
0.09, plus (1 - J) / 256 by chance. Words are runs of letters and digits, in lower case; each ideograph, kana and emoji
is a word. Fails: texts of one or two words are alike only if a whole word is equal; paraphrases and look-alike letters
are new texts; of texts above 2,048 words the middle is not seen.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

from detectors.sketch.keyed import Key, absorb, absorb_bytes, begin, end, finish, hash_slices, joined, subkey
from detectors.sketch.queries import MINHASHES, TextSketches

ENDS: Final = 1024  # words at either end of a long text that are looked at
SHINGLE: Final = 3
AFFIX: Final = 4

Bytes = NDArray[np.uint8]
Ints = NDArray[np.int64]
Words = NDArray[np.uint64]
Columns = tuple[Bytes, NDArray[np.uint32], NDArray[np.uint32], NDArray[np.int32], NDArray[np.float32]]

_32: Final = np.uint64(32)


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
def count_words(data: Bytes, starts: Ints) -> NDArray[np.int32]:
    """Words of each text data[starts[i]:starts[i + 1]], in UTF-8."""
    out = np.zeros(len(starts) - 1, np.int32)
    for row in range(len(out)):
        at, stop, inside = starts[row], starts[row + 1], False
        while at < stop:
            kind, step = letter(data, at, stop)
            if kind == 2 or (kind == 1 and not inside):
                out[row] += 1
            inside = kind == 1
            at += step
    return out


@njit(cache=True)
def _words(key: Key, data: Bytes, start: int, stop: int, out: Words) -> int:
    """Hash the words of one text into `out`; of long texts the first and the last 1,024. How many words
    there are."""
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
        found += 1
    if found > 2 * ENDS:  # the last words lie in a ring: put the oldest first
        turn = ENDS + (found - ENDS) % ENDS
        tail = np.concatenate((out[turn : 2 * ENDS], out[ENDS:turn]))
        out[ENDS : 2 * ENDS] = tail
    return found


@njit(cache=True)
def _distinct(words: Words, table: Words) -> int:
    """How many of the words differ. `table` is scratch, at least twice as long, a power of two."""
    size = 1
    while size < 2 * len(words):
        size *= 2
    table[:size] = np.uint64(0)
    found = 0
    for word in words:
        at = np.int64(word & np.uint64(size - 1))
        while table[at] != np.uint64(0) and table[at] != word:
            at = (at + 1) & (size - 1)
        if table[at] == np.uint64(0):
            table[at] = word
            found += 1
    return found


@njit(cache=True)
def _hash_run(key: Key, words: Words) -> np.uint64:
    state = begin(key)
    for word in words:
        state = absorb(state, word)
    return finish(state, 8 * len(words))


@njit(cache=True)
def _minhash(key: Key, words: Words, lines: NDArray[np.uint32], out: Bytes) -> None:
    """One byte of each minimum over the shingles; a line (a, b) is the hash function a h + b over 32 bits."""
    long = SHINGLE if len(words) >= SHINGLE else 1
    least = np.full(MINHASHES, np.uint32(0xFFFFFFFF), np.uint32)
    for first in range(len(words) - long + 1):
        h = np.uint32(_hash_run(key, words[first : first + long]) >> _32)
        for j in range(MINHASHES):
            least[j] = min(least[j], np.uint32(lines[0, j] * h + lines[1, j]))
    for j in range(MINHASHES):  # the lowest byte of a h + b is too regular: mix before cutting
        mixed = np.uint64(least[j]) * np.uint64(0x9E3779B97F4A7C15)
        out[j] = np.uint8(mixed >> np.uint64(56))


@njit(cache=True)
def _sketch(keys: tuple[Key, Key, Key], lines: NDArray[np.uint32], data: Bytes, starts: Ints, out: Columns) -> None:
    minhash, head, tail, words, variety = out
    scratch, table = np.empty(2 * ENDS, np.uint64), np.empty(4 * ENDS, np.uint64)
    for row in range(len(words)):
        words[row] = _words(keys[0], data, starts[row], starts[row + 1], scratch)
        seen = scratch[: min(words[row], 2 * ENDS)]
        _minhash(keys[1], seen, lines, minhash[row])
        head[row] = np.uint32(_hash_run(keys[2], seen[:AFFIX]) >> _32)
        tail[row] = np.uint32(_hash_run(keys[2], seen[-AFFIX:]) >> _32)
        variety[row] = np.float32(_distinct(seen, table)) / np.float32(len(seen)) if len(seen) > 0 else np.float32(1)


class TextSketcher:
    """Sketches texts with one key; keeps nothing of them."""

    def __init__(self, secret: bytes) -> None:
        self._keys = (subkey(secret, "text words"), subkey(secret, "text shingles"), subkey(secret, "text ends"))
        self._exact = subkey(secret, "text exact")
        seeds = np.array([[subkey(secret, f"text line {i}/{j}")[0] for j in range(MINHASHES)] for i in range(2)])
        self._lines = (seeds >> _32).astype(np.uint32) | np.array([[1], [0]], np.uint32)

    def sketch(self, texts: list[str]) -> TextSketches:
        """Sketches of m texts, whatever their length. An empty text has the MinHash of no shingles."""
        m = len(texts)
        data, starts = joined([text.lower().encode() for text in texts])
        out = TextSketches(
            minhash=np.empty((m, MINHASHES), np.uint8),
            head=np.empty(m, np.uint32),
            tail=np.empty(m, np.uint32),
            words=np.empty(m, np.int32),
            variety=np.empty(m, np.float32),
        )
        _sketch(self._keys, self._lines, data, starts, (out.minhash, out.head, out.tail, out.words, out.variety))
        return out

    def exact(self, texts: list[bytes]) -> Words:
        """Exact hashes (m,) of byte strings, as they are."""
        return hash_slices(self._exact, *joined(texts))
