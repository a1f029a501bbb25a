"""Both ways of reading a topic give the same records, whatever stands in it. Runs with each version of the client."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest
from kafka import KafkaProducer
from services.launch import Server

from monitor.config.sources import KafkaSettings
from monitor.record.raw import Partition, RawBatch
from monitor.sources.batches import WholeBatches
from monitor.sources.kafka import KafkaSource
from monitor.sources.single import SingleRecords

pytestmark = pytest.mark.servers

MakeTopic = Callable[..., str]
Record = tuple[int, int, bytes, tuple[tuple[str, bytes], ...]]
PATIENCE = 60.0
CODECS = [None, "gzip", "snappy", "lz4", "zstd"]


@dataclass
class Producers:
    """Producers that are closed at the end."""

    address: str

    def __post_init__(self) -> None:
        self.opened: list[KafkaProducer] = []

    def __call__(self, **settings: Any) -> KafkaProducer:
        self.opened.append(KafkaProducer(bootstrap_servers=self.address, **settings))
        return self.opened[-1]


@pytest.fixture
def producer(kafka: Server) -> Iterator[Producers]:
    producers = Producers(kafka.address)
    yield producers
    for opened in producers.opened:
        opened.close()


@pytest.fixture
def read(kafka: Server) -> Callable[..., list[Record]]:
    def whole(topic: str, reading: str, *, start: int | None = None, **settings: object) -> list[Record]:
        """All records of the only partition of a topic, and whether the batches of them were in order."""
        values = {"brokers": (kafka.address,), "topics": (topic,), "group": uuid4().hex, "reading": reading} | settings
        source, partition = KafkaSource(KafkaSettings.model_validate(values)), Partition(topic, 0)
        assert isinstance(source._reader, {"batches": WholeBatches, "records": SingleRecords}[reading])
        found: list[Record] = []
        deadline = time.monotonic() + PATIENCE
        while source.lag() != {partition: 0}:
            assert time.monotonic() < deadline
            for change in source.changes():
                for gained in change.gained:
                    source.seek(gained, start)
            for arrival in source.poll(0.5):
                assert isinstance(arrival, RawBatch)
                assert len(arrival) <= int(str(settings.get("records", 2_000)))
                found.extend(records_of(arrival))
        source.close()
        return found

    return whole


def records_of(batch: RawBatch) -> list[Record]:
    assert len(batch) == len(batch.payloads) == len(batch.offsets) == len(batch.timestamps) > 0
    assert batch.next_offset > batch.offsets[-1]
    assert all(type(payload) is bytes for payload in batch.payloads)
    headers = [()] * len(batch) if batch.headers is None else batch.headers
    return [
        (offset, timestamp, payload, tuple(heads))
        for offset, timestamp, payload, heads in zip(
            batch.offsets.tolist(), batch.timestamps.tolist(), batch.payloads, headers, strict=True
        )
    ]


def fill(producer: KafkaProducer, topic: str, count: int, text: bytes = b"") -> None:
    """Keys, values, headers and nulls of all kinds, in several batches."""
    for number in range(count):
        producer.send(
            topic,
            None if number % 7 == 0 else text + b'{"number": %d}' % number,
            key=None if number % 3 and number % 7 else b"key %d" % number,
            headers=[("name", b"value"), ("empty", b""), ("ümlaut", b"\xff")] if number % 5 == 0 else None,
            timestamp_ms=1_700_000_000_000 + number * 997 - (5_000 if number % 11 == 0 else 0),
            partition=0,
        )
        if number % 50 == 49:
            producer.flush()
    producer.flush()


def both(read: Callable[..., list[Record]], topic: str, **settings: object) -> list[Record]:
    batches, records = read(topic, "batches", **settings), read(topic, "records", **settings)
    assert batches == records
    return batches


@pytest.mark.parametrize("codec", CODECS)
def test_all_codecs_as_our_client_writes_them(
    read: Callable[..., list[Record]], producer: Producers, topic: MakeTopic, codec: str | None
) -> None:
    name = topic()
    fill(producer(compression_type=codec), name, 500)
    found = both(read, name)
    assert [offset for offset, *_ in found] == list(range(500))
    assert found[7][2] == b""
    assert found[5][3] == (("name", b"value"), ("empty", b""), ("ümlaut", b"\xff"))


@pytest.mark.parametrize("codec", CODECS[1:])
def test_all_codecs_as_a_broker_writes_them(
    read: Callable[..., list[Record]], producer: Producers, topic: MakeTopic, codec: str
) -> None:
    name = topic(compression_type=codec)
    fill(producer(), name, 300, text=b"well compressible " * 50)
    assert len(both(read, name)) == 300


@pytest.mark.parametrize("records", [1, 7, 50_000])
def test_steps_of_any_size(
    read: Callable[..., list[Record]], producer: Producers, topic: MakeTopic, records: int
) -> None:
    name = topic()
    fill(producer(compression_type="zstd"), name, 120)
    assert len(both(read, name, records=records)) == 120


@pytest.mark.parametrize("start", [1, 60, 99, 100, 119])
def test_starts_in_the_middle_of_a_batch(
    read: Callable[..., list[Record]], producer: Producers, topic: MakeTopic, start: int
) -> None:
    name = topic()
    fill(producer(compression_type="lz4"), name, 120)
    assert [offset for offset, *_ in both(read, name, start=start)] == list(range(start, 120))


def test_large_records_and_small_answers(
    read: Callable[..., list[Record]], producer: Producers, topic: MakeTopic
) -> None:
    name = topic(max_message_bytes="6000000")
    writer = producer(max_request_size=6_000_000)
    for size in (10, 900_000, 20, 5_000_000, 5_000_000, 30):
        writer.send(name, b"x" * size, partition=0)
        writer.flush()
    found = both(read, name, fetch_bytes=16_384)
    assert [len(payload) for _, _, payload, _ in found] == [10, 900_000, 20, 5_000_000, 5_000_000, 30]


def test_timestamps_of_the_broker(read: Callable[..., list[Record]], producer: Producers, topic: MakeTopic) -> None:
    name = topic(message_timestamp_type="LogAppendTime")
    fill(producer(), name, 100)
    assert all(timestamp > 1_750_000_000_000 for _, timestamp, _, _ in both(read, name))


def test_aborted_transactions_are_not_seen(
    read: Callable[..., list[Record]], producer: Producers, topic: MakeTopic
) -> None:
    name = topic()
    plain = producer()
    transactional = [producer(transactional_id=f"{name}-{number}", compression_type="zstd") for number in range(2)]
    for writer in transactional:
        writer.init_transactions()
    for turn in range(6):
        for writer in transactional:
            writer.begin_transaction()
        for number in range(20):
            for writer, said in zip([plain, *transactional], (b"plain", b"first", b"second"), strict=True):
                writer.send(name, b"%s %d %d" % (said, turn, number), partition=0)
            if number == 10:
                for writer in (plain, *transactional):
                    writer.flush()
        plain.flush()
        for writer, aborts in zip(transactional, (turn % 2 == 0, turn % 3 == 0), strict=True):
            writer.abort_transaction() if aborts else writer.commit_transaction()
    seen = [payload.split() for _, _, payload, _ in both(read, name)]
    assert {int(turn) for said, turn, _ in seen if said == b"plain"} == set(range(6))
    assert {int(turn) for said, turn, _ in seen if said == b"first"} == {1, 3, 5}
    assert {int(turn) for said, turn, _ in seen if said == b"second"} == {1, 2, 4, 5}
    assert len(seen) == 6 * 20 + 3 * 20 + 4 * 20


def test_gaps_that_compaction_leaves(read: Callable[..., list[Record]], producer: Producers, topic: MakeTopic) -> None:
    name = topic(
        cleanup_policy="compact", segment_ms="100", min_cleanable_dirty_ratio="0.01", max_compaction_lag_ms="100"
    )
    writer = producer(compression_type="zstd")
    for turn in range(4):
        for number in range(200):
            writer.send(name, b"%d" % turn, key=b"%d" % (number // (turn + 1)), partition=0)
        writer.flush()
        time.sleep(0.2)
    writer.send(name, b"the last segment is never compacted", key=b"last", partition=0)
    writer.flush()
    deadline = time.monotonic() + PATIENCE
    while len(left := read(name, "records")) > 400:
        assert time.monotonic() < deadline
        time.sleep(1)
    assert left[-1][0] == 800
    for start in (0, left[len(left) // 2][0] + 1):
        assert both(read, name, start=start)[-1] == left[-1]
