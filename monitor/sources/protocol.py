"""What every source can do, whether it is a Kafka consumer group or a file.

One loop serves them all. A partition is silent until the loop has said where its reading starts:

    while not source.finished:
        for change in source.changes():
            forget(change.lost)
            for partition in change.gained:
                source.seek(partition, restore(partition))
        for arrival in source.poll(1.0):
            process(arrival)
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from monitor.record.raw import Partition, RawBatch

LOST: Final = frozenset({"expired", "log-restarted", "log-truncated"})  # reasons for which nobody has the records


@dataclass(frozen=True, slots=True)
class Assignment:
    """Partitions that came to us and partitions that went, since the change before. State of a lost partition is
    somebody else's now; a gained one waits for `seek`."""

    gained: frozenset[Partition]
    lost: frozenset[Partition]


@dataclass(frozen=True, slots=True)
class Bounds:
    """Where a partition can be read: `first` is the oldest offset that the log still has, `start` the one from which
    the group would go on."""

    first: int
    start: int


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A stretch of a partition that could not be read, from `first_offset` up to and not including `next_offset`,
    where reading goes on; that lies before `first_offset` where the log itself went back (`log-restarted`,
    `log-truncated`). `reason` is a stable code for counting; it holds nothing of the records."""

    partition: Partition
    first_offset: int
    next_offset: int
    reason: str

    @property
    def lost(self) -> bool:
        """Whether the log itself has the records no more."""
        return self.reason in LOST


Arrival = RawBatch | Quarantined


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a source that ends has come: what was read, and what there is in all (None: nobody knows, as for a pipe),
    in `unit`s (bytes of files, records of Kafka)."""

    read: int
    total: int | None
    unit: str = "bytes"


class Source(Protocol):
    """Batches of raw records, partition by partition, in the order of the log.

    Used from one thread. What a person can mend (no such topic, no permission, a file that is gone) is raised as
    Trouble; bad data never raises."""

    def poll(self, timeout: float) -> Iterable[Arrival]:
        """What is there now, waiting up to `timeout` seconds for something; a few thousand records at most."""
        ...

    def assigned(self) -> frozenset[Partition]:
        """The partitions that are ours."""
        ...

    def changes(self) -> Sequence[Assignment]:
        """Partitions gained and lost since the last call, oldest first. Ask before every poll."""
        ...

    def seek(self, partition: Partition, offset: int | None) -> None:
        """Let reading (re)start at `offset`; None is where the group left off, or the start that is configured.

        Does nothing where the partition has been lost meanwhile."""
        ...

    def bounds(self, partition: Partition) -> Bounds | None:
        """Where the partition can be read; None where it has been lost meanwhile."""
        ...

    def confirm(self, partitions: Iterable[Partition]) -> frozenset[Partition]:
        """Those that the group itself, asked now and once, still counts as ours. A process that stood still for
        longer than its session believes so and is wrong; whatever it would write belongs to the next owner."""
        ...

    def commit(self, offsets: Mapping[Partition, int]) -> bool:
        """Tell the group where reading would go on. False: not stored, as
        partitions were taken from us or the group is busy; forget the attempt, a later one will do."""
        ...

    def pause(self, partitions: Iterable[Partition]) -> None:
        """Hand over nothing of these partitions until `resume`; membership in the group goes on."""
        ...

    def resume(self, partitions: Iterable[Partition]) -> None:
        """Undo `pause`."""
        ...

    def lag(self) -> Mapping[Partition, int]:
        """Records that lie in the log and were not handed over yet, for the partitions where that is known."""
        ...

    def progress(self) -> Progress | None:
        """How far reading has come; None where there is no end."""
        ...

    @property
    def finished(self) -> bool:
        """Whether everything was handed over and nothing can follow."""
        ...

    def close(self) -> None:
        """Leave the group, close files. May be called twice."""
        ...
