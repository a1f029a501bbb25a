"""A Kafka consumer group as a source: partitions come and go, offsets are ours, bad data is stepped over."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import kafka
import kafka.errors
from kafka import OffsetAndMetadata, TopicPartition

from monitor.config.sources import KafkaSettings
from monitor.record.raw import Partition
from monitor.sources.batches import WholeBatches, supported
from monitor.sources.client import check_libraries, connect, mending
from monitor.sources.ownership import Ownership
from monitor.sources.protocol import Arrival, Assignment, Bounds, Progress, Quarantined
from monitor.sources.single import Reader, SingleRecords

log = logging.getLogger(__name__)

NOT_STORED: Final = (
    kafka.errors.CommitFailedError,
    kafka.errors.IllegalGenerationError,
    kafka.errors.RebalanceInProgressError,
    kafka.errors.UnknownMemberIdError,
    kafka.errors.RetriableError,
)
COMMIT_MILLISECONDS: Final = 10_000
PAUSE_AFTER_ERROR: Final = 0.2  # seconds; the client retries by itself, this keeps the loop from spinning meanwhile


class KafkaSource:
    """A member of a consumer group. Trouble where brokers, topics or permissions are missing."""

    def __init__(self, settings: KafkaSettings) -> None:
        check_libraries()
        self._settings = settings
        self._consumer = self._connect()
        self._reader = _reader(settings, self._consumer)
        self._ownership = Ownership(self._consumer, eager=settings.assignment == "range")
        self._changes: list[Assignment] = []
        self._next: dict[Partition, int] = {}  # where reading goes on, for partitions that were sought
        self._stored: dict[Partition, int] = {}  # what stands at the group's coordinator, or may as well stand there
        self._paused: set[Partition] = set()
        self._join()

    def poll(self, timeout: float) -> Iterable[Arrival]:
        """What has come, from one partition or several; joins the group at the first call."""
        try:
            arrivals = self._reader.read(timeout, self._settings.records)
        except kafka.errors.OffsetOutOfRangeError as problem:
            arrivals = [self._start_over(partition, offset) for partition, offset in problem.args[0].items()]
        except kafka.errors.LogTruncationError as problem:
            arrivals = [self._go_back(partition, at) for partition, at in problem.divergent_offsets.items()]
        except kafka.errors.RetriableError:
            time.sleep(min(timeout, PAUSE_AFTER_ERROR))
            arrivals = []
        except kafka.errors.KafkaError as problem:
            with mending(self._settings):
                raise problem
        self._settle()
        mine = [arrival for arrival in arrivals if arrival.partition in self._next]
        self._next.update((arrival.partition, arrival.next_offset) for arrival in mine)
        return mine

    def assigned(self) -> frozenset[Partition]:
        """The partitions that the group has given to us."""
        return self._ownership.owned

    def changes(self) -> Sequence[Assignment]:
        """What rebalances came to. A partition that a rebalance took and gave back is no change."""
        self._settle()
        changes, self._changes = self._changes, []
        return changes

    def seek(self, partition: Partition, offset: int | None) -> None:
        """Read from `offset`, or where the group left off, or where the settings say."""
        if partition not in self._ownership.owned:
            return
        at = _theirs(partition)
        with mending(self._settings):
            start = self._start(at) if offset is None else offset
        self._consumer.seek(at, start)
        self._next[partition] = start
        self._stored.setdefault(partition, start)
        if partition not in self._paused:
            self._consumer.resume(at)

    def bounds(self, partition: Partition) -> Bounds | None:
        """Asks the broker for the start of the log, and the coordinator for the group's offset."""
        if partition not in self._ownership.owned:
            return None
        at = _theirs(partition)
        with mending(self._settings):
            return Bounds(int(self._consumer.beginning_offsets([at])[at]), self._start(at))

    def confirm(self, partitions: Iterable[Partition]) -> frozenset[Partition]:
        """Store once more what is stored already, in one request: the coordinator refuses that from whoever the group
        has given up. From a member that it knows it takes the offset of any partition, so our own list is asked before
        and after."""
        self._settle()
        owned = self._ownership.owned.intersection(partitions)
        known = {partition: self._stored[partition] for partition in owned if partition in self._stored}
        if not known or not self.commit(known):
            return frozenset()
        self._settle()
        return self._ownership.owned.intersection(known)

    def commit(self, offsets: Mapping[Partition, int]) -> bool:
        """Store the offsets at the group's coordinator, within 10 s."""
        if not self._ownership.owned.issuperset(offsets):
            return False
        stored = {_theirs(partition): OffsetAndMetadata(offset, "", -1) for partition, offset in offsets.items()}
        with mending(self._settings):
            try:
                self._consumer.commit(stored, timeout_ms=COMMIT_MILLISECONDS)
            except NOT_STORED:
                return False
        self._stored.update(offsets)
        return True

    def pause(self, partitions: Iterable[Partition]) -> None:
        """Fetch nothing of these partitions; they stay ours, and polling has to go on."""
        self._paused.update(self._ownership.owned.intersection(partitions))
        self._consumer.pause(*map(_theirs, self._paused))

    def resume(self, partitions: Iterable[Partition]) -> None:
        """Undo `pause`."""
        again = self._paused.intersection(partitions)
        self._paused -= again
        self._consumer.resume(*(_theirs(partition) for partition in again if partition in self._next))

    def lag(self) -> Mapping[Partition, int]:
        """Records up to the end of each partition as the last answer of its broker told it, without asking again."""
        return {partition: lag for partition in self._next if (lag := self._lag_of(_theirs(partition))) is not None}

    def progress(self) -> Progress | None:
        """None: a topic has no end."""
        return None

    @property
    def finished(self) -> bool:
        """Never."""
        return False

    def close(self) -> None:
        """Leave the group; with a static membership the partitions stay reserved until the session ends."""
        self._consumer.close(autocommit=False)

    def _connect(self) -> kafka.KafkaConsumer:
        return connect(self._settings, member=True)

    def _join(self) -> None:
        self._consumer.subscribe(topics=self._settings.topics, listener=self._ownership)

    def _settle(self) -> None:
        settled = self._ownership.settle()
        self._changes.extend(settled.changes)
        for change in settled.changes:
            for partition in change.lost:
                self._next.pop(partition, None)
                self._stored.pop(partition, None)
                self._paused.discard(partition)
        for partition in settled.kept:
            if partition in self._next:
                self.seek(partition, self._next[partition])

    def _lag_of(self, at: TopicPartition) -> int | None:
        end = self._consumer.highwater(at)
        # beyond what was handed over where nothing but markers of transactions follows
        position = self._consumer.position(at, timeout_ms=0)
        return None if end is None or position is None else max(0, end - position)

    def _start(self, at: TopicPartition) -> int:
        committed: int | None = self._consumer.committed(at)
        if committed is not None:
            return committed
        ends = self._consumer.beginning_offsets if self._settings.start == "earliest" else self._consumer.end_offsets
        return int(ends([at])[at])

    def _start_over(self, at: TopicPartition, offset: int) -> Quarantined:
        """Go on where the log begins now: what we wanted has expired, or the topic was made anew."""
        first = int(self._consumer.beginning_offsets([at])[at])
        self._consumer.seek(at, first)
        reason = "expired" if offset < first else "log-restarted"
        return Quarantined(_ours(at), offset, first, reason)

    def _go_back(self, at: TopicPartition, end: OffsetAndMetadata | None) -> Quarantined:
        """Go on where the log was cut: brokers lost records that we have seen. Where they do not know, start over."""
        seen = self._next[_ours(at)]
        if end is None:
            return self._start_over(at, seen)
        self._consumer.seek(at, end.offset)
        return Quarantined(_ours(at), seen, end.offset, "log-truncated")


def _reader(settings: KafkaSettings, consumer: kafka.KafkaConsumer) -> Reader:
    if settings.reading == "records":
        return SingleRecords(consumer)
    if not supported(kafka.__version__):
        log.warning("kafka-python %s was not tested; reading record by record, which is slower", kafka.__version__)
        return SingleRecords(consumer)
    return WholeBatches(consumer, settings.inflated_bytes)


def _ours(partition: TopicPartition) -> Partition:
    return Partition(partition.topic, partition.partition)


def _theirs(partition: Partition) -> TopicPartition:
    return TopicPartition(partition.topic, partition.number)
