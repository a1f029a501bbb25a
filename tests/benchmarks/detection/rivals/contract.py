"""What a rival is given and gives back."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Final, Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Vectors = NDArray[np.float32]
Ints = NDArray[np.int64]
Sort = Literal["image", "table", "text"]

PUBLISHED: Final = "published"
RECALIBRATED: Final = "recalibrated"
#: Said by the statistic of a rival that has not seen enough yet.
SILENT: Final = -np.inf


@dataclass(frozen=True, slots=True)
class Stream:
    """Queries in order of time; nearly always those of one client.

    `vectors` (n, D) are the inputs as numbers: pixels 0..1, table columns standardised with one column per category,
    for text the embedding. `codes` (n, k) is what the encoder makes of them. `pixels` (n, height, width, channels) is
    there for images alone. `times` are seconds, `labels` are -1 where there was no answer or no label, `probabilities`
    (n, classes) are NaN where none were logged, `digests` are equal where inputs are equal to the last bit.
    """

    times: Floats
    labels: Ints
    probabilities: Floats
    digests: NDArray[np.uint64]
    codes: Vectors
    dense: Vectors | None = None
    pixels: NDArray[np.uint8] | None = None

    def __len__(self) -> int:
        return len(self.times)

    @property
    def vectors(self) -> Vectors:
        """The inputs as numbers (n, D)."""
        if self.pixels is not None:
            return self.pixels.reshape(len(self.pixels), -1).astype(np.float32) / np.float32(255)
        return self.codes if self.dense is None else self.dense

    def part(self, rows: slice | NDArray[np.int64]) -> Stream:
        """Some of the queries."""
        return Stream(
            self.times[rows],
            self.labels[rows],
            self.probabilities[rows],
            self.digests[rows],
            self.codes[rows],
            None if self.dense is None else self.dense[rows],
            None if self.pixels is None else self.pixels[rows],
        )


@dataclass(frozen=True, slots=True)
class Lesson:
    """What a rival may learn from before it is asked.

    `ordinary` are ordinary inputs without repeats: the model's training records where there are any, else the distinct
    inputs of the learning days. Papers take their thresholds from such a set. `clients` is what honest clients sent in
    the learning days.
    """

    sort: Sort
    ordinary: Stream
    clients: Sequence[Stream]


@dataclass(frozen=True, slots=True)
class Trace:
    """A rival's view of one client: `statistic` (n,) after each query, higher is more suspicious, -inf is silence;
    `state` is how many bytes it keeps for the client at the end."""

    statistic: Floats
    state: int


class Rival(ABC):
    """One published detector.

    `name` is what tables call it, `encodes` says that it needs the encoder's codes, whose cost it then bears.
    """

    name: str
    encodes: ClassVar[bool] = False

    def unfit(self, lesson: Lesson) -> str:
        """Why it does not apply to this sort of input; empty where it does."""
        del lesson
        return ""

    def learn(self, lesson: Lesson) -> None:  # noqa: B027 some have nothing to learn
        """Fit what has to be fitted, thresholds included, before the first client is read."""

    @abstractmethod
    def published(self) -> Mapping[str, float]:
        """Thresholds by setting; a client is flagged where the statistic reaches it. Call `learn` before."""

    @abstractmethod
    def follow(self, streams: Sequence[Stream]) -> list[Trace]:
        """Read all clients; one trace for each, in the same order."""


class Alone(Rival):
    """A rival that looks at each client by itself."""

    @abstractmethod
    def read(self, stream: Stream) -> Trace:
        """Read one client."""

    def follow(self, streams: Sequence[Stream]) -> list[Trace]:
        """Read all clients, one after the other."""
        return [self.read(stream) for stream in streams]


def first_flag(trace: Trace, threshold: float, start: int = 0) -> int | None:
    """The client's own count of queries at the first flag, not before query `start`; None where there is none.

    >>> first_flag(Trace(np.array([-np.inf, 3.0, 1.0, 3.0]), 0), 2.0), first_flag(Trace(np.array([1.0, 3.0]), 0), 4.0)
    (2, None)
    >>> first_flag(Trace(np.array([-np.inf, 3.0, 1.0, 3.0]), 0), 2.0, start=2)
    4
    """
    hits = np.flatnonzero(trace.statistic[start:] >= threshold)
    return int(hits[0]) + start + 1 if len(hits) else None
