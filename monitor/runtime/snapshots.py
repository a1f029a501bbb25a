"""Snapshots: the state of a partition and the offset it stands for, kept as one unit, behind a small protocol."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from numpy.typing import NDArray

from monitor.record.raw import Partition

Arrays = Mapping[str, NDArray[Any]]


class FencedError(OSError):
    """Somebody else has taken the partition over: what we would save is of no use to anybody."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything known from the records of `partition` before `next_offset`.

    `config_hash` says under which settings it came about, `key_epoch` under which key: state of another key is of no
    use, because no pseudonym and no sketch in it would meet again. `standings` says how far learning has come, as JSON
    has it.

    One that is saved may be `partial`: its arrays are what changed since the one before. One that is loaded is whole:
    `arrays` with all the `changes` since, the oldest first. `program` is the version that wrote it, `version` that of
    the file; `migrated` says in words what was done to read an older one."""

    partition: Partition
    next_offset: int
    config_hash: str
    key_epoch: str
    arrays: Arrays
    standings: Sequence[Mapping[str, Any]] = ()
    partial: bool = False
    changes: Sequence[Arrays] = ()
    program: str = ""
    migrated: str = ""
    place: str = ""


@dataclass(frozen=True, slots=True)
class Refused:
    """A snapshot that cannot be used: where it lies, and why. `next_offset` is the one it stands for, where its header
    is whole: its findings were safe when it was written."""

    place: str
    reason: str
    next_offset: int | None = None


class SnapshotStore(Protocol):
    """Where snapshots are kept: a local folder by default, an object store where workers move between hosts."""

    def take(self, partition: Partition) -> None:
        """Claims a partition: whoever had it before can save nothing of it any more. OSError where that fails."""
        ...

    def follows(self, partition: Partition) -> bool:
        """Whether the next snapshot of it may be partial: the one before is known to be kept, and few came since the
        last whole one."""
        ...

    def save(self, snapshot: Snapshot) -> None:
        """Keeps it, whole or not at all, and on the disk when this returns; OSError where that is not possible,
        FencedError where somebody else has taken the partition."""
        ...

    def load(self, partition: Partition, *key_epochs: str) -> Iterator[Snapshot | Refused]:
        """What is kept of that partition, newest first; one made with none of these keys is refused, and the reason
        names the first of them. Stop at the first that can be used."""
        ...

    def latest(self) -> Iterator[tuple[str, float, Mapping[str, Any]]]:
        """The newest snapshot of each partition: where it lies, when it was written (seconds since 1970), and its
        header. Reads no state and changes nothing; what cannot be read, or goes away meanwhile, is left out."""
        ...
