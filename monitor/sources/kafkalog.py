"""Topics from their start to their end as it is now, without joining a group: for replaying what Kafka still keeps."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import kafka
from kafka import TopicPartition

from monitor.config.sources import KafkaSettings
from monitor.record.raw import Partition
from monitor.sources.client import connect, mending
from monitor.sources.kafka import KafkaSource
from monitor.sources.protocol import Progress


class KafkaLog(KafkaSource):
    """All partitions of the topics (or the one that is given), up to the ends that they have when this is opened.
    Commits nothing, so that the group that works on the same topics does not notice."""

    def __init__(self, settings: KafkaSettings, only: Partition | None = None) -> None:
        self._only = only
        self._starts: Mapping[TopicPartition, int] = {}
        self._ends: Mapping[TopicPartition, int] = {}
        super().__init__(settings)

    def confirm(self, partitions: Iterable[Partition]) -> frozenset[Partition]:
        """All: there is no group."""
        return frozenset(partitions)

    def commit(self, offsets: Mapping[Partition, int]) -> bool:
        """Nothing to do."""
        return True

    def progress(self) -> Progress:
        """Records up to the ends, gaps included."""
        read = sum(min(self._position(at), end) - self._starts[at] for at, end in self._ends.items())
        return Progress(max(0, read), sum(self._ends.values()) - sum(self._starts.values()), "records")

    @property
    def finished(self) -> bool:
        """Whether every partition was read up to its end."""
        return all(self._position(at) >= end for at, end in self._ends.items())

    def _connect(self) -> kafka.KafkaConsumer:
        return connect(self._settings, member=False)

    def _join(self) -> None:
        topics = self._settings.topics
        ours = [TopicPartition(name, n) for name in topics for n in sorted(self._consumer.partitions_for_topic(name))]
        if self._only is not None:
            ours = [at for at in ours if Partition(at.topic, at.partition) == self._only]
        self._consumer.assign(ours)
        with mending(self._settings):
            self._starts, self._ends = self._consumer.beginning_offsets(ours), self._consumer.end_offsets(ours)
        self._ownership.on_partitions_assigned(ours)
        self._settle()

    def _start(self, at: TopicPartition) -> int:
        return self._starts[at]

    def _position(self, at: TopicPartition) -> int:
        if Partition(at.topic, at.partition) not in self._next:
            return self._starts[at]
        position = self._consumer.position(at, timeout_ms=0)
        return self._starts[at] if position is None else int(position)
