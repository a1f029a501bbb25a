"""A record that could not be used: where it lies, and why, in words that never repeat it."""

from __future__ import annotations

from dataclasses import dataclass

from monitor.record.raw import Partition


@dataclass(frozen=True, slots=True)
class Rejected:
    """One bad record. `reason` is a stable code for counting (`not-json`), `detail` says which field and what was
    expected; neither holds a value, a name or any other part of the record. `size` is the record's length in bytes."""

    partition: Partition
    offset: int
    reason: str
    detail: str
    size: int
