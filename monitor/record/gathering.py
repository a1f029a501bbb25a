"""What a batch of records holds, on its way to columns: one flat tuple a query, and the numbers end to end.

A reader adds numbers before it knows whether the whole record is good; queries point to theirs, so that what a
rejected record left behind is never looked at.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from detectors.sketch.queries import OPAQUE
from monitor.record.refusal import Unfamiliar

Head = tuple[int, bytes, bytes, bytes, str, int, int, float, float, int, int]
"""time, client, group, address, model, version, status, latency, max_tokens, flags, bias"""


class Input(NamedTuple):
    """One input: its kind, what its sketcher is given (`value`; a Premade for ready sketches), and for dense inputs
    where its numbers begin (in `floats`, or -1 - place in `tensors`)."""

    kind: int = OPAQUE
    value: Any = None
    start: int = 0


class Answer(NamedTuple):
    """One answer: the hash of its label (0: not known), the slice of `scores`, the classes' names (None: numbers), how
    many classes were disclosed, and the text."""

    label: int = 0
    start: int = 0
    stop: int = 0
    names: list[str] | None = None
    classes: int = 0
    text: str = ""
    logprobs: bool = False


@dataclass(slots=True)
class Gathering:
    """The numbers of a batch: `floats` of lists, `tensors` of binary data, `scores` of answers."""

    floats: array[float] = field(default_factory=lambda: array("d"))
    tensors: list[NDArray[np.float32]] = field(default_factory=list)
    tensor_size: int = 0
    scores: array[float] = field(default_factory=lambda: array("d"))

    def add_list(self, numbers: list[float]) -> int:
        """Keep a list of numbers; where it begins. Unfamiliar where it holds anything else (bare words excepted)."""
        start = len(self.floats)
        try:
            self.floats.fromlist(numbers)
        except TypeError:
            raise Unfamiliar from None
        return start

    def add_tensor(self, values: NDArray[np.float32]) -> int:
        """Keep binary data; where it begins, as -1 - place."""
        start = self.tensor_size
        self.tensors.append(values)
        self.tensor_size += len(values)
        return -1 - start

    def values(self, starts: NDArray[np.int64]) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """All numbers end to end as float32, and the given starts as places therein."""
        with np.errstate(over="ignore"):  # the sketch bounds them
            lists = np.array(self.floats, np.float64).astype(np.float32)
        return np.concatenate([lists, *self.tensors]), np.where(starts < 0, len(lists) - 1 - starts, starts)
