"""What a client's prompts have in common, what they wish for, and how they are answered.

All of it comes from sketches: likeness from MinHash bytes, frames from hashes of the first and last words, wishes and
manners from the bits of the lexicon. Shares are of the queries of the window where nothing else is said; what no query
of the window carries is NaN. It fails where a log has neither texts nor parameters, and where wishes are worded beyond
the lexicon.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

from detectors.features.facts import (
    ANSWER,
    BIAS,
    FLAGS,
    HEAD,
    MANNER,
    OCTAVE,
    RECURRING,
    REPETITION,
    SAID,
    SHARE,
    TAIL,
    TOKENS,
    UNKNOWN,
    VARIETY,
    WISHES,
    WORDS,
    unpack,
)
from detectors.features.layout import LINKED, PAGE, REPEAT
from detectors.features.numbers import quantile
from detectors.sketch.lexicon import (
    ENDLESS,
    GOES_ON,
    HIDDEN,
    OPEN,
    REASONING,
    RECITE,
    RECURS,
    REFUSES,
    UNBOUND,
)
from detectors.sketch.queries import DETERMINISTIC, LOGPROBS, MINHASHES, WIDE

NAMES: Final = (
    "template",  # share of shingles that a quarter of the distinct prompts have
    "affix",  # share of distinct prompts that begin or end as a quarter of them do
    "fresh",  # share of shingles that no other distinct prompt has
    "reworded",  # share of shingles that some have, neither one alone nor a quarter
    "extends",  # share of distinct prompts that go on where one of the last four ended
    "prompt_words",  # median length
    "open",  # share that break off in mid-sentence
    "recurring",  # share that say one phrase over and over
    "variety",  # median of distinct words over words
    "reasoning",  # share that want reasoning laid open in full
    "hidden",  # ... what stands before the conversation
    "endless",  # ... something said without end
    "recite",  # ... a known text word for word
    "unbound",  # ... the rules cast off
    "bias_maps",  # distinct maps of biases
    "bias_probes",  # share of new maps on a prompt that was asked before
    "logprobs",  # share with log-probabilities
    "wide",  # share with five alternatives or more at each place
    "deterministic",  # share at temperature 0
    "one_token",  # share that want a single token, or get a single word
    "tokens",  # binary logarithm of the median limit of tokens, where one is given
    "answer_words",  # median length of answers
    "refusals",  # share of answers that refuse
    "same_answer",  # share of answers that begin as the most frequent one does
    "refused_copies",  # share that were refused after a near-copy had been refused
    "turned",  # share that were answered after a near-copy had been refused
    "goes_on",  # share of answers that begin in mid-sentence
    "answer_recurs",  # share of answers that say one phrase over and over
)

FEW: Final = 4  # distinct prompts below which nothing is said of what they share
RECENT: Final = 4  # distinct prompts before one that it may extend
CONTAINED: Final = 0.75  # of the shorter prompt's shingles, if the longer one extends it
LONG_ENOUGH: Final = 10  # words of a prompt that is called a near-copy of a refused one
FACTS_KEPT: Final = 12

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bytes = NDArray[np.uint8]


@njit(cache=True)
def shared(packed: Bytes, own: Ints, out: Floats) -> None:
    """Fill template and fresh from the packed sketches of the distinct prompts `own`."""
    many = max(3, (len(own) + 3) // 4)
    counts = np.empty(256, np.int64)
    common, alone = 0, 0
    for j in range(MINHASHES):
        counts[:] = 0
        for i in own:
            counts[packed[i, j]] += 1
        for byte in range(256):
            if counts[byte] >= many:
                common += int(counts[byte])
            alone += counts[byte] == 1
    out[0] = common / (len(own) * MINHASHES)
    out[2] = alone / (len(own) * MINHASHES)
    out[3] = 1.0 - out[0] - out[2]


@njit(cache=True)
def framed(facts: Ints, own: Ints) -> float:
    """Share of the distinct prompts whose first or last words are those of a quarter of them."""
    many = max(3, (len(own) + 3) // 4)
    found = 0
    for i in own:
        heads, tails = 0, 0
        for j in own:
            heads += facts[i, HEAD] == facts[j, HEAD]
            tails += facts[i, TAIL] == facts[j, TAIL]
        found += max(heads, tails) >= many
    return found / len(own)


@njit(cache=True)
def extends(packed: Bytes, facts: Ints, late: int, early: int) -> bool:
    """Whether a later prompt begins as an earlier one and contains nearly all of it.

    Of Jaccard similarity J the intersection is J / (1 + J) of both together."""
    a, b = facts[late, WORDS], facts[early, WORDS]
    if facts[late, HEAD] != facts[early, HEAD] or a <= b:
        return False
    same = 0
    for j in range(MINHASHES):
        same += packed[late, j] == packed[early, j]
    return bool(same * (a + b) >= CONTAINED * b * (MINHASHES + same))


@njit(cache=True)
def growing(packed: Bytes, facts: Ints, own: Ints) -> float:
    """Share of the distinct prompts that extend one of the few before."""
    found = 0
    for at in range(len(own)):
        for before in range(max(0, at - RECENT), at):
            if extends(packed, facts, own[at], own[before]):
                found += 1
                break
    return found / len(own)


@njit(cache=True)
def worded(facts: Ints, out: Floats) -> None:
    """Fill prompt_words .. unbound."""
    n = len(facts)
    out[5], out[8] = middle(facts[:, WORDS]), middle(facts[:, VARIETY]) / SHARE
    known, said, again = 0, 0, 0
    for i in range(n):
        known += facts[i, WISHES] != 0
        if facts[i, REPETITION] != UNKNOWN:
            said += 1
            again += facts[i, REPETITION] >= RECURRING
    out[7] = again / said if said else np.nan
    for place, wish in ((6, OPEN), (9, REASONING), (10, HIDDEN), (11, ENDLESS), (12, RECITE), (13, UNBOUND)):
        out[place] = having(facts[:, WISHES], wish) / known if known else np.nan


@njit(cache=True)
def having(column: Ints, bit: int) -> int:
    """How many have a bit."""
    found = 0
    for value in column:
        found += value & bit != 0
    return found


@njit(cache=True)
def middle(column: Ints) -> float:
    """The median of whole numbers."""
    return float(quantile(column.astype(np.float64), 0.5))


@njit(cache=True)
def parameters(window: Any, facts: Ints, out: Floats) -> None:
    """Fill bias_maps .. tokens."""
    n = len(facts)
    maps, probes, single, given = 0, 0, 0, 0
    limits = np.empty(n, np.int64)
    for i in range(n):
        new = facts[i, BIAS] != 0
        for j in range(i):
            new = new and facts[j, BIAS] != facts[i, BIAS]
        maps += new
        probes += new and window[i].flags & (REPEAT | LINKED) != 0
        single += facts[i, TOKENS] == 1 or facts[i, SAID] == 1
        if facts[i, TOKENS]:
            limits[given] = facts[i, TOKENS] - 1
            given += 1
    out[14], out[15], out[19] = maps, probes / n, single / n
    for place, flag in ((16, LOGPROBS), (17, WIDE), (18, DETERMINISTIC)):
        out[place] = having(facts[:, FLAGS], flag) / n
    out[20] = middle(limits[:given]) / OCTAVE if given else np.nan


@njit(cache=True)
def answered(window: Any, facts: Ints, out: Floats) -> None:
    """Fill answer_words .. answer_recurs; NaN where no answer is a text."""
    n = len(facts)
    told = np.flatnonzero(facts[:, MANNER])
    out[21:28] = np.nan
    if len(told) == 0:
        return
    own = facts[told]
    out[21] = middle(own[:, SAID])
    for place, manner in ((22, REFUSES), (26, GOES_ON), (27, RECURS)):
        out[place] = having(own[:, MANNER], manner) / len(own)
    most = 0
    for i in range(len(own)):
        same = 0
        for j in range(len(own)):
            if own[i, ANSWER] == own[j, ANSWER]:
                same += 1
        most = max(most, int(same))
    out[23] = most / len(own)
    again, turned = 0, 0
    for query in told:
        if not window[query].flags & REPEAT and refused_before(window, facts, int(query)):
            again += facts[query, MANNER] & REFUSES != 0
            turned += facts[query, MANNER] & REFUSES == 0
    out[24], out[25] = again / n, turned / n


@njit(cache=True)
def refused_before(window: Any, facts: Ints, i: int) -> bool:
    """Whether an earlier query that lies near, or begins or ends with the same words, was refused.

    Short questions are alike by chance, and do not count."""
    if facts[i, WORDS] < LONG_ENOUGH:
        return False
    for j in range(i):
        if facts[j, MANNER] & REFUSES:
            frame = facts[i, HEAD] == facts[j, HEAD] or facts[i, TAIL] == facts[j, TAIL]
            if frame or window[i].base == window[j].base:
                return True
    return False


@njit(cache=True)
def distinct(window: Any) -> Ints:
    """The places of the queries that repeat no other."""
    found, n = np.empty(len(window), np.int64), 0
    for i in range(len(window)):
        if not window[i].flags & REPEAT:
            found[n] = i
            n += 1
    return found[:n]


@njit(cache=True)
def prompts(window: Any, packed: Bytes, out: Floats) -> None:
    """Fill `out` in the order of NAMES from a window of entries, oldest first, and their packed sketches."""
    facts = np.empty((len(window), FACTS_KEPT), np.int64)
    unpack(packed, facts)
    own = distinct(window)
    out[:5] = np.nan
    if len(own) >= FEW:
        shared(packed, own, out)
        out[1], out[4] = framed(facts, own), growing(packed, facts, own)
    worded(facts, out)
    parameters(window, facts, out)
    answered(window, facts, out)


@njit(cache=True)
def looked_at(window: Any, pages: NDArray[np.int32], sketches: Bytes, count: int, out: Floats) -> None:
    """The same for the window of a client of so many queries, whose packed sketches lie in a ring of pages."""
    packed = np.empty((len(window), sketches.shape[2]), np.uint8)
    for i in range(len(window)):
        ring = (count - len(window) + i) % (len(pages) * PAGE)
        packed[i] = sketches[pages[ring // PAGE], ring % PAGE]
    prompts(window, packed, out)
