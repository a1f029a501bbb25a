"""What a detector is given and gives back.

The engine cuts each client's queries of a model into blocks by the client's own count, computes one row of features
per block, and asks every detector once per block. A detector sees columns of such rows, never a query, an input or a
client's name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, Self, runtime_checkable

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Blocks:
    """Feature rows of n blocks, of any clients of one model, in the order in which the blocks were completed.

    `features` maps a feature's name to its (n,) column; NaN where a window does not have it. `kind` is the kind of
    input (OPAQUE, DENSE, ROWS, TEXT). `queries` (n,) counts the client's queries so far. What detectors that learn need
    beside: `clients` (n,) keys that tell clients apart and nothing else, and `counts` (n,), each client's blocks so
    far, from 1; None where nobody asks.
    """

    kind: int
    features: Mapping[str, Floats]
    queries: NDArray[np.int64]
    clients: NDArray[np.uint64] | None = None
    counts: NDArray[np.int64] | None = None

    def __len__(self) -> int:
        return len(self.queries)

    def feature(self, name: str) -> Floats:
        """The column of that name; NaN throughout where this kind of input does not have it."""
        column = self.features.get(name)
        return np.full(len(self), np.nan) if column is None else column


@dataclass(frozen=True, slots=True)
class Reason:
    """One feature behind a score: its value, and how far it carries the test from honest (0) to attack (1)."""

    feature: str
    value: float
    share: float


@runtime_checkable
class Detector(Protocol):
    """One attack family, or one way of being unusual.

    `family` is a name of the taxonomy. `tests` names the columns of `score`. `kinds` are the kinds of input on which
    the detector can say anything. `reads` are the features it asks for.
    """

    name: ClassVar[str]
    family: ClassVar[str]
    tests: ClassVar[tuple[str, ...]]
    kinds: ClassVar[frozenset[int]]
    reads: ClassVar[frozenset[str]]

    def score(self, blocks: Blocks) -> Floats:
        """Strength of each test for each block, shape (n, len(tests)), 0 (as honest clients) to 1 (as the attack).

        Pure: the same blocks give the same answer, whatever was asked before. A feature that is NaN gives 0."""
        ...

    def reasons(self, blocks: Blocks, row: int, test: int) -> tuple[Reason, ...]:
        """The features behind one score, the weakest first: what would have kept the test silent."""
        ...


@runtime_checkable
class LearningDetector(Detector, Protocol):
    """A detector that knows what is ordinary for one model. An instance never changes: teaching gives another one.

    Strengths are -log10(p) / 6, cut to 0 .. 1, where p is the share of ordinary clients that are as strange at that
    block of theirs; 0 where it does not judge, or does not know yet.
    """

    def taught(self, lesson: Blocks) -> Self:
        """The detector that has learnt from these blocks, which are those of trusted clients, and from nothing else."""
        ...

    @property
    def learning(self) -> bool:
        """Whether it still knows too little to judge."""
        ...

    def looks(self, kind: int) -> tuple[str, ...]:
        """The features by which it tells kinds of traffic with that kind of input apart; none where it does not."""
        ...

    def profile(self, blocks: Blocks, row: int) -> str | None:
        """The ordinary kind of traffic that is nearest to a block; None while it knows of none."""
        ...

    def arrays(self) -> dict[str, NDArray[Any]]:
        """All that it has learnt, as arrays."""
        ...

    def restored(self, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """The detector whose `arrays` these are."""
        ...
