"""Which partitions are ours, told by the client's I/O thread and read by the thread that polls.

The client announces changes on its I/O thread, where nothing may block: there they are only queued, and new partitions
silenced, so that no record of them comes before their state is restored.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum, auto
from queue import Empty, SimpleQueue

import kafka
from kafka import TopicPartition

from monitor.record.raw import Partition
from monitor.sources.protocol import Assignment


class _News(Enum):
    ASSIGNED = auto()
    REVOKED = auto()
    LOST = auto()


@dataclass(frozen=True, slots=True)
class Settled:
    """What the news since the last time come to: changes for the loop, and partitions that were taken and came back
    at once, so that nobody else can have had them."""

    changes: tuple[Assignment, ...]
    kept: frozenset[Partition]


class Ownership(kafka.ConsumerRebalanceListener):  # type: ignore[misc]
    """Listens to rebalances, and says what they come to.

    An eager rebalance takes all partitions and gives most of them back. Those that come back with the next assignment
    count as kept, those that do not as lost. A cooperative one takes only what goes to others: that is lost at once,
    and an assignment need not follow."""

    def __init__(self, consumer: kafka.KafkaConsumer, *, eager: bool = True) -> None:
        self._consumer = consumer
        self._eager = eager
        self._news: SimpleQueue[tuple[_News, frozenset[Partition]]] = SimpleQueue()
        self._owned: set[Partition] = set()
        self._taken: set[Partition] = set()  # revoked, and not yet decided who gets them

    @property
    def owned(self) -> frozenset[Partition]:
        """The partitions that are ours, as of the last `settle`."""
        return frozenset(self._owned)

    def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """On the I/O thread: silence the partitions and queue the news."""
        self._consumer.pause(*assigned)
        for partition in assigned:
            self._consumer.seek(partition, 0)  # stands in for the offset to come: without one, the client looks it up
        self._news.put((_News.ASSIGNED, _ours(assigned)))

    def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        """On the I/O thread: queue the news."""
        self._news.put((_News.REVOKED, _ours(revoked)))

    def on_partitions_lost(self, lost: Iterable[TopicPartition]) -> None:
        """On the I/O thread: queue the news. Others may have had these partitions already."""
        self._news.put((_News.LOST, _ours(lost)))

    def settle(self) -> Settled:
        """Work off the queue."""
        changes: list[Assignment] = []
        kept: set[Partition] = set()
        while (news := self._next()) is not None:
            kind, partitions = news
            if kind is _News.REVOKED and self._eager:
                self._taken |= self._owned & partitions
                self._owned -= partitions
            elif kind is not _News.ASSIGNED:
                changes.append(Assignment(frozenset(), partitions & (self._owned | self._taken)))
                self._owned -= partitions
                self._taken -= partitions
            else:
                kept |= partitions & self._taken
                changes.append(Assignment(partitions - self._taken, frozenset(self._taken - partitions)))
                self._taken.clear()
                self._owned |= partitions
        return Settled(tuple(c for c in changes if c.gained or c.lost), frozenset(kept & self._owned))

    def _next(self) -> tuple[_News, frozenset[Partition]] | None:
        try:
            return self._news.get_nowait()
        except Empty:
            return None


def _ours(partitions: Iterable[TopicPartition]) -> frozenset[Partition]:
    return frozenset(Partition(p.topic, p.partition) for p in partitions)
