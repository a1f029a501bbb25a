"""Reading record by record through the client's public interface: the fallback, and the oracle of the fast way."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol

import kafka
import kafka.errors
import numpy as np
from kafka import TopicPartition

from monitor.record.raw import Partition, RawBatch
from monitor.sources.protocol import Arrival, Quarantined

BAD_DATA: Final = (kafka.errors.CorruptRecordError, kafka.errors.UnsupportedCodecError)


class Reader(Protocol):
    """A way of getting records out of the client."""

    def read(self, timeout: float, most: int) -> list[Arrival]:
        """What is there within `timeout` seconds, `most` records at most. Raises the client's errors, save for bad
        data."""
        ...


class SingleRecords:
    """Records as the client's `poll` gives them."""

    def __init__(self, consumer: kafka.KafkaConsumer) -> None:
        self._consumer = consumer

    def read(self, timeout: float, most: int) -> list[Arrival]:
        """One poll. Bad data is stepped over one offset at a time, as the end of a bad batch cannot be seen here."""
        try:
            polled = self._consumer.poll(timeout_ms=int(timeout * 1000), max_records=most)
        except Exception as problem:
            if isinstance(problem, kafka.errors.KafkaError) and not isinstance(problem, BAD_DATA):
                raise
            return [self._step_over(problem)]
        return [self._batch(partition, records) for partition, records in polled.items()]

    def _step_over(self, problem: Exception) -> Quarantined:
        """Go past the record at which the client is stuck: left alone, its next poll would never return."""
        # the public interface does not say where; without this attribute the error stays an error
        stuck = getattr(self._consumer._fetcher, "_next_partition_records", None)
        if stuck is None:
            raise problem
        at: TopicPartition = stuck.topic_partition
        offset: int = stuck.next_fetch_offset
        self._consumer.seek(at, offset + 1)
        return Quarantined(Partition(at.topic, at.partition), offset, offset + 1, "corrupt-batch")

    def _batch(self, partition: TopicPartition, records: Sequence[kafka.consumer.fetcher.ConsumerRecord]) -> RawBatch:
        headed = any(record.headers for record in records)
        return RawBatch(
            partition=Partition(partition.topic, partition.partition),
            payloads=[b"" if record.value is None else record.value for record in records],
            offsets=np.array([record.offset for record in records], np.int64),
            timestamps=np.array([-1 if record.timestamp is None else record.timestamp for record in records], np.int64),
            next_offset=self._consumer.position(partition),
            headers=[_headers(record.headers) for record in records] if headed else None,
        )


def _headers(headers: Sequence[tuple[str, bytes | None]]) -> list[tuple[str, bytes]]:
    return [(name, b"" if value is None else value) for name, value in headers]
