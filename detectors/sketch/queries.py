"""Sketched queries as columns: what a decoder hands to the engine. No raw input and no raw name is left in here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

OPAQUE: Final = 0  # no input in the record, or one that only has a digest
DENSE: Final = 1  # vector, tensor, embedding
ROWS: Final = 2  # named columns
TEXT: Final = 3  # text, messages

KINDS: Final = {OPAQUE: "opaque", DENSE: "dense", ROWS: "rows", TEXT: "text"}

MAX_WIDTH: Final = 64  # components of a dense projection, at most
SEGMENTS: Final = 36  # segment fingerprints of a dense input (6 x 6 cells of an image)
MINHASHES: Final = 32  # MinHash bytes of a text

# bits of Queries.flags
LOGPROBS: Final = 1  # log-probabilities were asked for
LOGIT_BIAS: Final = 2  # a logit_bias map was sent
DETERMINISTIC: Final = 4  # temperature 0
STREAMED: Final = 8  # the answer was streamed
WIDE: Final = 16  # five or more alternatives were asked for at each place


_TABLES: Final = ("models", "dense", "rows", "text")  # what queries lead into


@dataclass(frozen=True, slots=True)
class DenseSketches:
    """Sketches of vectors, tensors and embeddings; one row per dense query.

    `projection` (m, MAX_WIDTH) float32: a keyed random projection, scaled so that distances are those of the
    input divided by the square root of its size (the scale does not depend on the batch); components from
    `width` on are 0. `width` (m,) uint8 is less than half the size of the input. `size` (m,) int32 is the number
    of elements. `segments` (m, SEGMENTS) uint8: keyed hashes of parts of the input, equal where the part is
    equal; parts that do not exist are 0. `spread` (m,) float32: standard deviation of the elements. `coarse` (m,)
    uint64: a keyed hash of the input in 16 levels of its own range (0: not known).
    """

    projection: NDArray[np.float32]
    width: NDArray[np.uint8]
    size: NDArray[np.int32]
    segments: NDArray[np.uint8]
    spread: NDArray[np.float32]
    coarse: NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class RowSketches:
    """Sketches of rows of named columns, ragged: row i has the cells start[i]:start[i + 1].

    `start` (m + 1,) int64. Per cell: `name` uint32, a keyed hash of the column's name, ascending within a row;
    `value` uint64, a keyed hash of name and value (the exact hash of a row is the XOR of its values, so that
    leaving a column out is one XOR); `code` uint8, a keyed 3-bit code of the value's coarse bin.
    """

    start: NDArray[np.int64]
    name: NDArray[np.uint32]
    value: NDArray[np.uint64]
    code: NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class TextSketches:
    """Sketches of texts; one row per text query.

    `minhash` (m, MINHASHES) uint8: one byte of each keyed MinHash over 3-word shingles, so that the share of
    equal bytes estimates the Jaccard similarity. `head`, `tail` (m,) uint32: keyed hashes of the first and
    last four words. `words` (m,) int32. `variety` (m,) float32: distinct words over words, 1 for no words.
    `repetition` (m,) float32: share of words that stood a fixed number of places before (NaN: not known). `wishes`
    (m,) uint8: bits of the lexicon (0: not known).
    """

    minhash: NDArray[np.uint8]
    head: NDArray[np.uint32]
    tail: NDArray[np.uint32]
    words: NDArray[np.int32]
    variety: NDArray[np.float32]
    repetition: NDArray[np.float32]
    wishes: NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class AnswerSketches:
    """What is kept of m answers that are texts. `words` (m,) int32; `head` (m,) uint32: a keyed hash of the first four
    words (0: no text); `manner` (m,) uint8: bits of the lexicon (0: not known)."""

    words: NDArray[np.int32]
    head: NDArray[np.uint32]
    manner: NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Queries:
    """Queries of one partition as columns, in the order of the log; n rows, all arrays of length n.

    Identity: `client`, `group`, `address` are 16-byte pseudonyms (empty bytes: not known); `model` indexes
    `models`; `version` is a keyed hash of the model's version (0: not known). `offset` is the position in the
    log of the record that held the query, `part` its number within a record of several. `time` is event time
    in microseconds since 1970.

    Input: `kind` is OPAQUE, DENSE, ROWS or TEXT; `row` the index into the table of that kind (-1: none);
    `exact` a keyed hash of the whole input (0: not known).

    `integrity` is how far the operator's own autoencoder or classifier finds the raw input from what it knows (NaN:
    there is none, or it could not say).

    Output: `label` and `second` are keyed hashes of the two most probable classes (0: not known), `p1` and
    `p2` their probabilities (NaN: not known), `classes` how many probabilities were disclosed, `digits` how
    many decimals the disclosed confidence has (0: not known). `status` is the HTTP status (0: not known).

    Texts as output: `answer` is a keyed hash of the answer's first words (0: no text), `manner` bits of the lexicon
    (0: not known).

    Cost and parameters: `input_size` (elements, cells or words), `output_size` (words of the answer, 0
    otherwise), `latency_ms` (NaN: not known), `max_tokens` (0: not given), `flags` (LOGPROBS, ...), `bias`
    a keyed hash of the logit_bias map (0: none).
    """

    models: tuple[str, ...]
    offset: NDArray[np.int64]
    part: NDArray[np.int32]
    time: NDArray[np.int64]
    client: Sequence[bytes]
    group: Sequence[bytes]
    address: Sequence[bytes]
    model: NDArray[np.int32]
    version: NDArray[np.uint32]
    kind: NDArray[np.uint8]
    row: NDArray[np.int32]
    exact: NDArray[np.uint64]
    label: NDArray[np.uint64]
    second: NDArray[np.uint64]
    p1: NDArray[np.float32]
    p2: NDArray[np.float32]
    classes: NDArray[np.int32]
    digits: NDArray[np.uint8]
    answer: NDArray[np.uint32]
    manner: NDArray[np.uint8]
    status: NDArray[np.int16]
    input_size: NDArray[np.float32]
    output_size: NDArray[np.float32]
    latency_ms: NDArray[np.float32]
    max_tokens: NDArray[np.float32]
    flags: NDArray[np.uint16]
    bias: NDArray[np.uint32]
    integrity: NDArray[np.float32]
    dense: DenseSketches
    rows: RowSketches
    text: TextSketches

    def __len__(self) -> int:
        return len(self.offset)

    def span(self, start: int, stop: int) -> Queries:
        """The queries from `start` to `stop`; the tables stay whole, and rows lead into them as before."""
        names = (field.name for field in fields(self) if field.name not in _TABLES)
        return replace(self, **{name: getattr(self, name)[start:stop] for name in names})

    def without(self, offsets: Sequence[int]) -> Queries:
        """All but the queries of the records at those offsets; the tables stay whole."""
        left = np.flatnonzero(~np.isin(self.offset, offsets))
        named = {field.name: getattr(self, field.name) for field in fields(self) if field.name not in _TABLES}
        return replace(self, **{name: rows_of(column, left) for name, column in named.items()})


def rows_of(column: Any, rows: NDArray[np.int64]) -> Any:
    """Some rows of a column, which is an array or a list, in any order."""
    return column[rows] if isinstance(column, np.ndarray) else [column[at] for at in rows.tolist()]
