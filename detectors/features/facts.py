"""What a window keeps of a text beside its MinHash: 24 bytes of hashes, sizes and bits, packed behind it.

Other kinds of input pay nothing for it. Sizes are cut at 65,535 words, the limit of tokens keeps an eighth of a binary
order of magnitude, shares a 254th.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

from detectors.sketch.lexicon import ENDLESS, GOES_ON, HIDDEN, OPEN, REASONING, RECITE, UNBOUND
from detectors.sketch.queries import MINHASHES, WIDE, Queries

#: How the facts lie; their names in this order are the columns of what `unpack` gives.
FACTS: Final = np.dtype(
    [
        ("head", "<u4"),
        ("tail", "<u4"),
        ("answer", "<u4"),  # beginning of the answer, 0: no text
        ("words", "<u2"),
        ("said", "<u2"),  # words of the answer
        ("bias", "<u2"),  # map of biases, 0: none
        ("wishes", "u1"),  # bits of the lexicon, 0: not known
        ("manner", "u1"),  # the same of the answer
        ("flags", "u1"),  # of the request
        ("tokens", "u1"),  # 1 + 8 log2 of the limit, 0: not given
        ("repetition", "u1"),  # in 1/254, 255: not known
        ("variety", "u1"),
    ]
)
HEAD, TAIL, ANSWER, WORDS, SAID, BIAS, WISHES, MANNER, FLAGS, TOKENS, REPETITION, VARIETY = range(
    len(FACTS.fields or ())
)
SHARE: Final = 254
UNKNOWN: Final = 255
OCTAVE: Final = 8
MOST: Final = 65_535

Bytes = NDArray[np.uint8]
Ints = NDArray[np.int64]

RECURRING: Final = SHARE // 2  # repetition from which a text says one thing over and over
WISHFUL: Final = REASONING | HIDDEN | ENDLESS | RECITE | UNBOUND

_PLACES: Final = {name: MINHASHES + offset for name, (_, offset, *_) in (FACTS.fields or {}).items()}
_WISHES, _MANNER, _FLAGS, _AGAIN = (_PLACES[name] for name in ("wishes", "manner", "flags", "repetition"))
_WIDTHS: Final = np.array([FACTS[name].itemsize for name in FACTS.names or ()], np.int64)


def pack_facts(queries: Queries, index: Ints) -> Bytes:
    """The facts of the text queries at `index`, (n, 24)."""
    text, row = queries.text, queries.row[index]
    facts: Any = np.zeros(len(index), FACTS)
    facts["head"], facts["tail"], facts["answer"] = text.head[row], text.tail[row], queries.answer[index]
    facts["words"] = np.minimum(text.words[row], MOST)
    facts["said"] = np.minimum(queries.output_size[index], MOST)
    bias = queries.bias[index]
    facts["bias"] = np.where(bias > 0, np.maximum(bias >> np.uint32(16), 1), 0)
    facts["wishes"], facts["manner"] = text.wishes[row], queries.manner[index]
    facts["flags"] = queries.flags[index] & np.uint16(0xFF)
    tokens = queries.max_tokens[index].astype(np.float64)
    facts["tokens"] = np.where(tokens >= 1, np.minimum(np.rint(OCTAVE * np.log2(np.maximum(tokens, 1))), 254) + 1, 0)
    again = text.repetition[row]
    facts["repetition"] = np.where(np.isnan(again), UNKNOWN, np.rint(SHARE * np.nan_to_num(again)))
    facts["variety"] = np.rint(SHARE * text.variety[row])
    return np.asarray(facts.view(np.uint8).reshape(len(index), FACTS.itemsize))


@njit(cache=True)
def unpack(packed: Bytes, out: Ints) -> None:
    """Fill `out` (n, 12) with the facts behind n packed MinHashes, as whole numbers."""
    for i in range(len(packed)):
        at = MINHASHES
        for column in range(len(_WIDTHS)):
            value = np.int64(0)
            for byte in range(_WIDTHS[column]):
                value |= np.int64(packed[i, at + byte]) << np.int64(8 * byte)
            out[i, column] = value
            at += _WIDTHS[column]


@njit(cache=True)
def stands_out(packed: Bytes) -> bool:
    """Whether a packed text has a wish of the lexicon, says one thing over and over, breaks off and is gone on with, or
    asks for many alternatives: what an attacker cannot do without."""
    wishes, again = packed[_WISHES], packed[_AGAIN]
    completed = wishes & OPEN != 0 and packed[_MANNER] & GOES_ON != 0
    recurring = RECURRING <= again != UNKNOWN
    return bool(wishes & WISHFUL != 0 or completed or recurring or packed[_FLAGS] & WIDE != 0)
