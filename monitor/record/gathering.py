"""What the records of a batch hold, on its way to columns: the numbers end to end, and what points to them.

A reader adds numbers before it knows whether the whole record is good; queries point to theirs, so that what a
rejected record left behind is never looked at. Records that are read one by one give plain tuples, because a named one
costs ten times as much to make.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from detectors.sketch.queries import OPAQUE
from detectors.sketch.rows import Table
from monitor.record.refusal import Unfamiliar

Ints = NDArray[np.int64]

Head = tuple[int, bytes, bytes, bytes, str, int, int, float, float, int, int]
"""time, client, group, address, model, version, status, latency, max_tokens, flags, bias"""

Input = tuple[int, Any, int, int, int]
"""kind; what its sketcher is given (a Premade for ready sketches); for dense inputs the store in which their numbers
lie, and where; how many inputs of the same shape follow each other there (one, but for batches)"""

Answer = tuple[int, int, int, list[str] | None, int, str, bool]
"""hash of the label (0: not known); start and stop in `scores`; the classes' names (None: numbers); how many were
disclosed; the text; whether there were log-probabilities"""

Query = tuple[Head, list[Input], list[Answer]]
"""what the queries of a record share; the inputs; the answer to each, or one to all of them"""

NO_INPUT: Final[Input] = (OPAQUE, None, 0, 0, 1)
NO_ANSWER: Final[Answer] = (0, 0, 0, None, 0, "", False)

MANY: Final = 4  # place of that number in an input
LISTS: Final = 0  # stores of numbers
TENSORS: Final = 1
IMAGES: Final = 2
NUMBERS: Final = 3
AMONG_NUMBERS: Final = 1 << 40  # added to the places of scores that lie there, where they stay
_BYTE: Final = np.float32(255)


@dataclass(slots=True)
class Gathering:
    """The numbers of a batch: `lists` as they stood, `tensors` as float32, `images` as bytes (0 to 255 for 0 to 1),
    `scores` of answers, and lists of `names` of their classes; and of records that were read together the `numbers`,
    inputs and scores as they came, and the `tables` of their rows."""

    lists: array[float] = field(default_factory=lambda: array("d"))
    tensors: array[float] = field(default_factory=lambda: array("f"))
    images: bytearray = field(default_factory=bytearray)
    scores: array[float] = field(default_factory=lambda: array("d"))
    numbers: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))
    names: list[list[str]] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)

    def add_list(self, numbers: list[float]) -> int:
        """Keep a list of numbers; where it begins. Unfamiliar where it holds anything else (bare words excepted)."""
        start = len(self.lists)
        try:
            self.lists.fromlist(numbers)
        except TypeError:
            raise Unfamiliar from None
        return start

    def add_scores(self, scores: NDArray[np.float64]) -> int:
        """Keep scores; where they begin."""
        start = len(self.scores)
        self.scores.frombytes(scores.tobytes())
        return start

    def add_tensor(self, values: NDArray[np.float32]) -> int:
        """Keep float32 values; where they begin."""
        start = len(self.tensors)
        self.tensors.frombytes(values.tobytes())
        return start

    def add_names(self, names: Sequence[list[str] | None]) -> Ints:
        """Keep lists of names; the place of each, (n,), -1 of those that are none or empty."""
        places = []
        last: list[str] | None = None
        for own in names:
            if own and own is not last:
                self.names.append(own)
                last = own
            places.append(len(self.names) - 1 if own else -1)
        return np.array(places, np.int64)

    def add_image(self, values: bytes) -> int:
        """Keep bytes that stand for 0 to 1; where they begin."""
        start = len(self.images)
        self.images += values
        return start

    def values(self, stores: Ints, starts: Ints) -> tuple[NDArray[np.float32], Ints]:
        """All numbers end to end as float32, and the given starts as places therein."""
        with np.errstate(over="ignore"):  # the sketch bounds them
            lists = np.array(self.lists, np.float64).astype(np.float32)
            numbers = self.numbers.astype(np.float32)
        images = np.array(self.images, np.uint8).astype(np.float32) / _BYTE
        parts = [lists, np.array(self.tensors, np.float32), images, numbers]
        bases = np.cumsum([0, *map(len, parts[:-1])])
        joined = np.concatenate([part for part in parts if len(part)]) if any(map(len, parts)) else lists
        return joined, starts + bases[stores]

    def scored(self, starts: Ints, stops: Ints) -> tuple[NDArray[np.float64], Ints, Ints]:
        """All scores end to end, and the given starts and stops as places therein."""
        scores, at = np.array(self.scores, np.float64), np.array([starts, stops], np.int64)
        places = np.where(at >= AMONG_NUMBERS, at - AMONG_NUMBERS + len(scores), at)
        return np.concatenate([scores, self.numbers]), places[0], places[1]
