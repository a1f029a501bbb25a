"""What a batch of records holds, on its way to columns: one tuple a query, and the numbers end to end.

A reader adds numbers before it knows whether the whole record is good; queries point to theirs, so that what a
rejected record left behind is never looked at. Plain tuples, because a named one costs ten times as much to make.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from detectors.sketch.queries import OPAQUE
from monitor.record.refusal import Unfamiliar

Head = tuple[int, bytes, bytes, bytes, str, int, int, float, float, int, int]
"""time, client, group, address, model, version, status, latency, max_tokens, flags, bias"""

Input = tuple[int, Any, int, int]
"""kind; what its sketcher is given (a Premade for ready sketches); for dense inputs the store in which their numbers
lie, and where"""

Answer = tuple[int, int, int, list[str] | None, int, str, bool]
"""hash of the label (0: not known); start and stop in `scores`; the classes' names (None: numbers); how many were
disclosed; the text; whether there were log-probabilities"""

Query = tuple[Head, int, Input, Answer]
"""what the queries of a record share; the number within it; input; answer"""

NO_INPUT: Final[Input] = (OPAQUE, None, 0, 0)
NO_ANSWER: Final[Answer] = (0, 0, 0, None, 0, "", False)

LISTS: Final = 0  # stores of numbers
TENSORS: Final = 1
IMAGES: Final = 2
_BYTE: Final = np.float32(255)


@dataclass(slots=True)
class Gathering:
    """The numbers of a batch: `lists` as they stood, `tensors` as float32, `images` as bytes (0 to 255 for 0 to 1),
    `scores` of answers."""

    lists: array[float] = field(default_factory=lambda: array("d"))
    tensors: array[float] = field(default_factory=lambda: array("f"))
    images: bytearray = field(default_factory=bytearray)
    scores: array[float] = field(default_factory=lambda: array("d"))

    def add_list(self, numbers: list[float]) -> int:
        """Keep a list of numbers; where it begins. Unfamiliar where it holds anything else (bare words excepted)."""
        start = len(self.lists)
        try:
            self.lists.fromlist(numbers)
        except TypeError:
            raise Unfamiliar from None
        return start

    def add_numbers(self, numbers: NDArray[np.float64]) -> tuple[int, int]:
        """Keep the lists of many records, end to end, some of which are inputs and some scores; where they begin among
        either."""
        bases = len(self.lists), len(self.scores)
        content = numbers.tobytes()
        self.lists.frombytes(content)
        self.scores.frombytes(content)
        return bases

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

    def add_image(self, values: bytes) -> int:
        """Keep bytes that stand for 0 to 1; where they begin."""
        start = len(self.images)
        self.images += values
        return start

    def values(self, stores: Sequence[int], starts: Sequence[int]) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """All numbers end to end as float32, and the given starts as places therein."""
        with np.errstate(over="ignore"):  # the sketch bounds them
            lists = np.array(self.lists, np.float64).astype(np.float32)
        images = np.array(self.images, np.uint8).astype(np.float32) / _BYTE
        bases = np.array([0, len(lists), len(lists) + len(self.tensors)])
        joined = np.concatenate([lists, np.array(self.tensors, np.float32), images])
        return joined, np.array(starts, np.int64) + bases[np.array(stores, np.int64)]
