"""What a source hands over: payloads with their positions, not looked into."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Headers = Sequence[tuple[str, bytes]]


@dataclass(frozen=True, slots=True)
class Partition:
    """Where a log is kept: a Kafka partition, or one file (then `topic` is the file's name and `number` 0)."""

    topic: str
    number: int

    def __str__(self) -> str:
        return f"{self.topic}-{self.number}"


@dataclass(frozen=True, slots=True)
class RawBatch:
    """Consecutive records of one partition, in the order of the log.

    `offsets` and `timestamps` are (n,) int64; a timestamp is the log's own, in milliseconds (-1: none).
    `headers` is None where no record has any, otherwise one entry per record.
    `next_offset` is where reading goes on after this batch (it may lie beyond the last record).
    """

    partition: Partition
    payloads: Sequence[bytes]
    offsets: NDArray[np.int64]
    timestamps: NDArray[np.int64]
    next_offset: int
    headers: Sequence[Headers] | None = None

    def __len__(self) -> int:
        return len(self.payloads)
