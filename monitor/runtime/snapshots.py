"""Snapshots: the state of a partition and the offset it stands for, kept as one unit, behind a small protocol."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from numpy.typing import NDArray

from monitor.record.raw import Partition

Arrays = Mapping[str, NDArray[Any]]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything known from the records of `partition` before `next_offset`.

    `config_hash` says under which settings it came about, `key_epoch` under which key: state of another key is of no
    use, because no pseudonym and no sketch in it would meet again. `standings` says how far learning has come, as JSON
    has it."""

    partition: Partition
    next_offset: int
    config_hash: str
    key_epoch: str
    arrays: Arrays
    standings: Sequence[Mapping[str, Any]] = ()


@dataclass(frozen=True, slots=True)
class Refused:
    """A snapshot that cannot be used: where it lies, and why."""

    place: str
    reason: str


class SnapshotStore(Protocol):
    """Where snapshots are kept: a local folder by default, an object store where workers move between hosts."""

    def save(self, snapshot: Snapshot) -> None:
        """Keeps it, whole or not at all, and on the disk when this returns; OSError where that is not possible."""
        ...

    def load(self, partition: Partition, key_epoch: str) -> Iterator[Snapshot | Refused]:
        """What is kept of that partition, newest first. Stop at the first that can be used."""
        ...
