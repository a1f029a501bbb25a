"""The newest records of a source, for whoever wants to look at them: no group is joined and no offset is moved."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any, Final

import kafka
import numpy as np

from monitor.config.sources import KafkaSettings
from monitor.record.raw import Partition, RawBatch
from monitor.sources.client import connect, mending

PARTITIONS: Final = 64  # that are looked into
SECONDS: Final = 20.0  # for all of them


def newest(settings: KafkaSettings, records: int) -> Iterator[RawBatch]:
    """About so many of the newest records, shared out evenly over the partitions; fewer where there are fewer, or where
    they do not come in time. Trouble where the brokers refuse."""
    consumer = connect(settings, member=False)
    try:
        with mending(settings):
            yield from _read(consumer, settings, records)
    finally:
        consumer.close(autocommit=False)


def _read(consumer: Any, settings: KafkaSettings, records: int) -> Iterator[RawBatch]:
    known = [
        kafka.TopicPartition(topic, number)
        for topic in settings.topics
        for number in sorted(consumer.partitions_for_topic(topic) or ())
    ][:PARTITIONS]
    share = max(1, records // max(1, len(known)))
    first, last = consumer.beginning_offsets(known), consumer.end_offsets(known)
    left = {one: min(share, last[one] - first[one]) for one in known}
    left = {one: count for one, count in left.items() if count > 0}
    consumer.assign(list(left))
    for one, count in left.items():
        consumer.seek(one, last[one] - count)
    end = time.monotonic() + SECONDS
    while left and time.monotonic() < end:
        for one, found in consumer.poll(timeout_ms=500).items():
            own = [record for record in found if record.value is not None and record.offset < last[one]]
            if own:
                yield _batch(Partition(one.topic, one.partition), own)
            if one in left and consumer.position(one) >= last[one]:
                del left[one]
                consumer.pause(one)


def _batch(partition: Partition, found: list[Any]) -> RawBatch:
    headers = [list(record.headers) for record in found]
    return RawBatch(
        partition,
        [record.value for record in found],
        np.array([record.offset for record in found], np.int64),
        np.array([record.timestamp for record in found], np.int64),
        found[-1].offset + 1,
        headers if any(headers) else None,
    )
