"""Sketches of texts: MinHash over shingles of three words (Broder 1997), one byte of each (Li & Koenig 2010).

The share of equal bytes estimates the Jaccard similarity J of two texts' shingles with a standard deviation of at most
0.09, plus (1 - J) / 256 by chance. Words are runs of letters and digits, in lower case; each ideograph, kana and emoji
is a word. Beside it stand hashes of the first and last words, how much is said again, and a few bits of what is wished
(lexicon.py). Fails: texts of one or two words are alike only if a whole word is equal; paraphrases and look-alike
letters are new texts; of texts above 2,048 words the middle is not seen.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

from detectors.sketch.keyed import Key, hash_slices, joined, subkey
from detectors.sketch.lexicon import ANSWERED, ANSWERS, BEGINNING, GOES_ON, LOOKED, OPEN, PROMPTS, RECURS
from detectors.sketch.queries import MINHASHES, AnswerSketches, TextSketches
from detectors.sketch.wording import Lexicon, Rules, compiled, lexicon, wishes
from detectors.sketch.words import ENDS, Bytes, Ints, Words, hash_part, hash_run, hash_words, repetition

SHINGLE: Final = 3
AFFIX: Final = 4
RECURRING: Final = 0.5  # repetition of an answer's beginning that is said to recur
LOOKED_AT: Final = 64  # words at the beginning of an answer
GOING_ON: Final = ",;-–—"  # ends of a text, beside letters and digits, that leave it open

Columns = tuple[
    Bytes, NDArray[np.uint32], NDArray[np.uint32], NDArray[np.int32], NDArray[np.float32], NDArray[np.float32], Bytes
]

_32: Final = np.uint64(32)


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
def _minhash(key: Key, words: Words, lines: NDArray[np.uint32], out: Bytes) -> None:
    """One byte of each minimum over the shingles; a line (a, b) is the hash function a h + b over 32 bits."""
    long = SHINGLE if len(words) >= SHINGLE else 1
    least = np.full(MINHASHES, np.uint32(0xFFFFFFFF), np.uint32)
    for first in range(len(words) - long + 1):
        h = np.uint32(hash_part(key, words, first, first + long) >> _32)
        for j in range(MINHASHES):
            least[j] = min(least[j], np.uint32(lines[0, j] * h + lines[1, j]))
    for j in range(MINHASHES):  # the lowest byte of a h + b is too regular: mix before cutting
        mixed = np.uint64(least[j]) * np.uint64(0x9E3779B97F4A7C15)
        out[j] = np.uint8(mixed >> np.uint64(56))


@njit(cache=True)
def _sketch(
    keys: tuple[Key, Key, Key, Key],
    lines: NDArray[np.uint32],
    terms: tuple[Lexicon, Rules],
    data: Bytes,
    starts: Ints,
    out: Columns,
) -> None:
    minhash, head, tail, words, variety, again, wished = out
    scratch, table, numbers = np.empty(2 * ENDS, np.uint64), np.empty(4 * ENDS, np.uint64), np.empty(2 * ENDS, np.bool_)
    for row in range(len(words)):
        words[row] = hash_words(keys[0], data, starts[row], starts[row + 1], scratch, numbers)
        seen = scratch[: min(words[row], 2 * ENDS)]
        _minhash(keys[1], seen, lines, minhash[row])
        head[row] = np.uint32(hash_run(keys[2], seen[:AFFIX]) >> _32)
        tail[row] = np.uint32(hash_run(keys[2], seen[-AFFIX:]) >> _32)
        variety[row] = np.float32(_distinct(seen, table)) / np.float32(len(seen)) if len(seen) > 0 else np.float32(1)
        again[row] = np.float32(repetition(seen, numbers))
        wished[row] |= np.uint8(wishes(keys[3], seen, terms[0], terms[1]))


@njit(cache=True)
def _answers(
    keys: tuple[Key, Key, Key, Key],
    terms: tuple[Lexicon, Rules],
    data: Bytes,
    starts: Ints,
    words: NDArray[np.int32],
    head: NDArray[np.uint32],
    manner: Bytes,
) -> None:
    scratch, numbers = np.empty(2 * ENDS, np.uint64), np.empty(2 * ENDS, np.bool_)
    for row in range(len(words)):
        words[row] = hash_words(keys[0], data, starts[row], starts[row + 1], scratch, numbers)
        if words[row] == 0:
            continue
        seen = scratch[: min(words[row], LOOKED_AT)]
        head[row] = np.uint32(hash_run(keys[2], seen[:AFFIX]) >> _32) | np.uint32(1)
        manner[row] |= np.uint8(wishes(keys[3], seen[: 2 * BEGINNING], terms[0], terms[1]))
        if repetition(seen, numbers) >= RECURRING:
            manner[row] |= np.uint8(RECURS)


class TextSketcher:
    """Sketches texts with one key; keeps nothing of them."""

    def __init__(self, secret: bytes) -> None:
        purposes = ("text words", "text shingles", "text ends", "text terms")
        words, shingles, ends, terms = (subkey(secret, purpose) for purpose in purposes)
        self._keys = (words, shingles, ends, terms)
        self._exact = subkey(secret, "text exact")
        seeds = np.array([[subkey(secret, f"text line {i}/{j}")[0] for j in range(MINHASHES)] for i in range(2)])
        self._lines = (seeds >> _32).astype(np.uint32) | np.array([[1], [0]], np.uint32)
        known = lexicon(words, terms)
        self._prompts, self._answers = (known, compiled(PROMPTS)), (known, compiled(ANSWERS))

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
            repetition=np.empty(m, np.float32),
            wishes=np.array([LOOKED | OPEN * left_open(text) for text in texts], np.uint8),
        )
        columns = (out.minhash, out.head, out.tail, out.words, out.variety, out.repetition, out.wishes)
        _sketch(self._keys, self._lines, self._prompts, data, starts, columns)
        return out

    def answers(self, texts: list[str]) -> AnswerSketches:
        """What is kept of m answers; of those that are empty nothing."""
        m = len(texts)
        out = AnswerSketches(
            words=np.zeros(m, np.int32),
            head=np.zeros(m, np.uint32),
            manner=np.array([ANSWERED | GOES_ON * goes_on(text) if text else 0 for text in texts], np.uint8),
        )
        if any(texts):
            data, starts = joined([text.lower().encode() for text in texts])
            _answers(self._keys, self._answers, data, starts, out.words, out.head, out.manner)
        return out

    def exact(self, texts: list[bytes]) -> Words:
        """Exact hashes (m,) of byte strings, as they are."""
        return hash_slices(self._exact, *joined(texts))


def left_open(text: str) -> bool:
    """Whether a text breaks off in mid-sentence: after a letter, a digit, a comma or a dash.

    >>> left_open("It was the best of "), left_open("What is it?"), left_open("Answer:")
    (True, False, False)
    """
    last = text[-BEGINNING:].rstrip()[-1:]
    return last != "" and (last.isalnum() or last in GOING_ON)


def goes_on(text: str) -> bool:
    """Whether a text begins in mid-sentence: its first letter is a small one, and no digit stands before it.

    >>> goes_on(" times, it was the worst"), goes_on("Certainly."), goes_on("3 of them"), goes_on("你好")
    (True, False, False, False)
    """
    first = next((char for char in text[:BEGINNING] if char.isalnum()), "")
    return first.islower()
