"""Finds the wishes of the lexicon in hashed words: a term is a short run of words, a rule wants terms near each other.

The terms are hashed under the same key as the words, so that neither is needed in clear; what remains of a text is a
few bits. One look-up a word, and more only where a word begins a term.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from detectors.sketch.keyed import Key, joined
from detectors.sketch.lexicon import BEGINNING, CONCEPTS, SPAN, Rule
from detectors.sketch.words import ENDS, Words, hash_part, hash_run, hash_words

LONG_AGO: Final = -(1 << 30)


class Lexicon(NamedTuple):
    """Hashed terms. `starts` and `longest`: the first words of terms and the words of the longest term from there;
    `terms` and `concepts`: whole terms and a bit for each concept they are of. Tables of open addressing, 0 is free."""

    starts: Words
    longest: NDArray[np.uint32]
    terms: Words
    concepts: NDArray[np.uint32]


class Rules(NamedTuple):
    """Rules as columns: the concepts that have to meet, the bit of the wish, whether only the beginning counts."""

    concepts: NDArray[np.uint32]
    wishes: NDArray[np.uint8]
    early: NDArray[np.bool_]


@njit(cache=True)
def look_up(keys: Words, values: NDArray[np.uint32], key: np.uint64) -> np.uint32:
    """The value of a key in a table of open addressing; 0 where it is not there."""
    size = np.uint64(len(keys) - 1)
    at = key & size
    while keys[at] != np.uint64(0):
        if keys[at] == key:
            return np.uint32(values[at])
        at = (at + np.uint64(1)) & size
    return np.uint32(0)


@njit(cache=True)
def wishes(key: Key, words: Words, lexicon: Lexicon, rules: Rules) -> int:
    """The bits of all rules that hold somewhere in the words."""
    last, found = np.full(32, LONG_AGO, np.int64), np.uint8(0)
    starts, lengths, terms, concepts = lexicon  # to take an array out of a tuple costs more than a look-up
    needed, bits, early = rules
    for at in range(len(words)):
        longest = int(look_up(starts, lengths, words[at]))
        met = np.uint32(0)
        for length in range(1, min(longest, len(words) - at) + 1):
            met |= look_up(terms, concepts, hash_part(key, words, at, at + length))
        if met == np.uint32(0):
            continue
        for concept in range(32):
            if met >> np.uint32(concept) & np.uint32(1):
                last[concept] = at
        for rule in range(len(bits)):
            late = early[rule] and at >= BEGINNING
            if met & needed[rule] and not late and holds(needed[rule], last, at):
                found |= bits[rule]
    return int(found)


@njit(cache=True)
def holds(concepts: np.uint32, last: NDArray[np.int64], at: int) -> bool:
    """Whether each of the concepts was met within the last words."""
    for concept in range(32):
        if concepts >> np.uint32(concept) & np.uint32(1) and last[concept] <= at - SPAN:
            return False
    return True


def lexicon(word_key: Key, term_key: Key, concepts: Mapping[str, Sequence[str]] = CONCEPTS) -> Lexicon:
    """The terms of all concepts, hashed."""
    bits = {concept: 1 << place for place, concept in enumerate(concepts)}
    pairs = [(term, bits[concept]) for concept, terms in concepts.items() for term in terms]
    starts: dict[int, int] = {}
    terms: dict[int, int] = {}
    for words, bit in zip(hashed(word_key, [term for term, _ in pairs]), (bit for _, bit in pairs), strict=True):
        first, whole = int(words[0]), int(hash_run(term_key, words))
        starts[first] = max(starts.get(first, 0), len(words))
        terms[whole] = terms.get(whole, 0) | bit
    return Lexicon(*table(starts), *table(terms))


def hashed(key: Key, terms: Sequence[str]) -> Iterable[Words]:
    """The words of each term, hashed as those of texts are."""
    data, starts = joined([term.lower().encode() for term in terms])
    out, numbers = np.empty(2 * ENDS, np.uint64), np.empty(2 * ENDS, np.bool_)
    for start, stop in zip(starts[:-1].tolist(), starts[1:].tolist(), strict=True):
        yield out[: hash_words(key, data, start, stop, out, numbers)].copy()


def table(values: Mapping[int, int]) -> tuple[Words, NDArray[np.uint32]]:
    """A table of open addressing, a quarter full at most."""
    size = 1 << (4 * len(values)).bit_length()
    keys, kept = np.zeros(size, np.uint64), np.zeros(size, np.uint32)
    for key, value in values.items():
        at = key & (size - 1)
        while keys[at]:
            at = (at + 1) & (size - 1)
        keys[at], kept[at] = key, value
    return keys, kept


def compiled(rules: Sequence[Rule], concepts: Mapping[str, Sequence[str]] = CONCEPTS) -> Rules:
    """Rules as columns."""
    bits = {concept: 1 << place for place, concept in enumerate(concepts)}
    return Rules(
        np.array([sum(bits[concept] for concept in rule.concepts) for rule in rules], np.uint32),
        np.array([rule.wish for rule in rules], np.uint8),
        np.array([rule.early for rule in rules], np.bool_),
    )
