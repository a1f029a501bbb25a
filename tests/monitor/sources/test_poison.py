"""Batches that cannot be read are stepped over, reported, and cost nothing but themselves."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kafka import KafkaProducer, TopicPartition
from kafka.protocol.consumer import IsolationLevel
from kafka.record import MemoryRecords, MemoryRecordsBuilder
from services.launch import Server, launch

from monitor.config.sources import KafkaSettings
from monitor.record.raw import Partition, RawBatch
from monitor.sources.batches import BODY, _BatchTaker, supported
from monitor.sources.kafka import KafkaSource
from monitor.sources.protocol import Arrival, Quarantined

ONLY = Partition("log", 0)
ATTRIBUTES = 21  # byte of a batch


def batch(first: int, count: int, codec: int = 0, magic: int = 2) -> bytes:
    builder = MemoryRecordsBuilder(magic, codec, 1 << 24, offset=first if magic < 2 else 0)
    for number in range(count):
        assert builder.append(1_000 + number, None, b"record %d" % (first + number), []) is not None
    builder.close()
    return bytes(builder.buffer()) if magic < 2 else struct.pack(">q", first) + bytes(builder.buffer())[8:]


def flipped(data: bytes, at: int = -1) -> bytes:
    changed = bytearray(data)
    changed[at] ^= 0xFF
    return bytes(changed)


def taken(data: bytes, start: int = 0, most: int = 2_000, **options: object) -> list[Arrival]:
    settings = {"check_crcs": True, "isolation_level": IsolationLevel.READ_COMMITTED} | options
    taker = _BatchTaker(1 << 20, start, TopicPartition("log", 0), MemoryRecords(data), **settings)
    found: list[Arrival] = []
    while taker:
        before = taker.next_fetch_offset
        arrivals = list(taker.take(most))
        assert all(arrival.next_offset == taker.next_fetch_offset > before for arrival in arrivals)
        found += arrivals
    return found


def numbers(arrivals: list[Arrival]) -> list[int]:
    return [
        int(payload.split()[1]) for arrival in arrivals if isinstance(arrival, RawBatch) for payload in arrival.payloads
    ]


def quarantined(arrivals: list[Arrival]) -> list[Quarantined]:
    return [arrival for arrival in arrivals if isinstance(arrival, Quarantined)]


def test_a_batch_with_a_wrong_checksum_costs_itself() -> None:
    found = taken(batch(0, 10) + flipped(batch(10, 10)) + batch(20, 10))
    assert numbers(found) == [*range(10), *range(20, 30)]
    assert quarantined(found) == [Quarantined(ONLY, 10, 20, "bad-checksum")]


def test_the_last_batch_with_a_wrong_checksum_is_stepped_over_to_its_end() -> None:
    assert taken(flipped(batch(10, 10)), start=13) == [Quarantined(ONLY, 13, 20, "bad-checksum")]


def test_an_end_that_the_header_is_not_sure_of_is_not_believed() -> None:
    assert taken(flipped(batch(10, 10), at=ATTRIBUTES + 3), start=10) == [Quarantined(ONLY, 10, 11, "bad-checksum")]


def test_a_codec_that_nobody_knows_and_a_body_that_does_not_inflate() -> None:
    unknown, damaged = bytearray(batch(0, 5)), bytearray(batch(5, 5, codec=4))
    unknown[ATTRIBUTES + 1] = 7
    damaged[BODY : BODY + 4] = b"\0\0\0\0"
    found = taken(bytes(unknown) + bytes(damaged) + batch(10, 5), check_crcs=False)
    assert [(bad.first_offset, bad.next_offset, bad.reason) for bad in quarantined(found)] == [
        (0, 5, "unknown-codec"),
        (5, 10, "corrupt-compression"),
    ]
    assert numbers(found) == [10, 11, 12, 13, 14]


def test_a_batch_that_inflates_too_far() -> None:
    builder = MemoryRecordsBuilder(2, 4, 1 << 24)
    builder.append(0, None, bytes(2 << 20), [])
    builder.close()
    assert taken(bytes(builder.buffer())) == [Quarantined(ONLY, 0, 1, "batch-too-large")]


def test_an_answer_in_which_no_batch_can_be_made_out() -> None:
    found = taken(batch(0, 5) + struct.pack(">qi", 5, 3) + bytes(3))
    assert numbers(found) == [0, 1, 2, 3, 4]
    assert taken(struct.pack(">qi", 5, 3) + bytes(3), start=5) == [Quarantined(ONLY, 5, 6, "corrupt-batch")]


def test_what_follows_a_bad_batch_of_a_numbered_producer_is_fetched_anew() -> None:
    builder = MemoryRecordsBuilder(2, 0, 1 << 24, transactional=True, producer_id=7, producer_epoch=0, base_sequence=0)
    builder.append(1_000, None, b"record 0", [])
    builder.close()
    bad = flipped(bytes(builder.buffer()))
    assert taken(bad + batch(1, 3)) == [Quarantined(ONLY, 0, 1, "bad-checksum")]
    assert numbers(taken(batch(0, 3) + bad)) == [0, 1, 2]


@pytest.mark.parametrize("magic", [0, 1])
def test_formats_of_old_brokers_are_read(magic: int) -> None:
    found = taken(batch(0, 5, magic=magic) + batch(5, 5), start=2)
    assert numbers(found) == [*range(2, 10)]
    assert isinstance(found[0], RawBatch)
    assert found[0].timestamps[0] == (1_002 if magic else -1)
    assert quarantined(taken(flipped(batch(0, 1, magic=magic)) + batch(1, 3))) == [
        Quarantined(ONLY, 0, 1, "bad-checksum")
    ]


@given(st.lists(st.integers(1, 40), min_size=1, max_size=8), st.integers(1, 60), st.data())
def test_every_offset_is_read_or_quarantined_once(counts: list[int], most: int, data: st.DataObject) -> None:
    log, first, bad = b"", 0, set[int]()
    for count in counts:
        piece = batch(first, count, codec=data.draw(st.sampled_from([0, 1, 2, 3, 4])))
        if data.draw(st.booleans()):
            piece = flipped(piece, at=data.draw(st.integers(BODY, len(piece) - 1)))
            bad.update(range(first, first + count))
        log += piece
        first += count
    start = data.draw(st.integers(0, first - 1))
    found = taken(log, start, most)
    assert numbers(found) == [number for number in range(start, first) if number not in bad]
    assert [n for q in quarantined(found) for n in range(q.first_offset, q.next_offset)] == sorted(
        number for number in bad if number >= start
    )
    assert all(len(arrival) <= most for arrival in found if isinstance(arrival, RawBatch))


@given(st.binary(max_size=400), st.integers(0, 100))
def test_any_bytes_from_a_broker_end(noise: bytes, start: int) -> None:
    for arrival in taken(noise, start):
        assert isinstance(arrival, RawBatch | Quarantined)


@pytest.mark.parametrize(
    ("version", "tested"),
    [("3.0.11", False), ("3.0.12", True), ("3.0.40", True), ("3.1.0", False), ("4.0.0", False), ("3.1.dev", False)],
)
def test_only_tested_versions_of_the_client_are_hooked(version: str, tested: bool) -> None:
    assert supported(version) is tested


@pytest.mark.servers
def test_a_segment_that_rotted_on_the_disk(start_kafka: Callable[..., Server]) -> None:
    server = start_kafka()
    producer = KafkaProducer(bootstrap_servers=server.address, linger_ms=1_000)  # ten records are one batch
    for first in (0, 10, 20):
        for number in range(first, first + 10):
            producer.send("rotten", b"record %d" % number)
        producer.flush()
    producer.close()
    server.stop()
    assert server.data is not None
    rot(server.data / "node-1" / "rotten-0" / "00000000000000000000.log")
    again = launch("kafka", server.data).ready()
    try:
        whole, single = (read_all(again.address, reading) for reading in ("batches", "records"))
    finally:
        again.stop()
    assert numbers(whole) == numbers(single) == [*range(10), *range(20, 30)]
    assert quarantined(whole) == [Quarantined(Partition("rotten", 0), 10, 20, "bad-checksum")]
    assert [bad.first_offset for bad in quarantined(single)] == list(range(10, 20))


def rot(segment: Path) -> None:
    data = segment.read_bytes()
    at = data.index(b"record 15")
    segment.write_bytes(flipped(data, at))


def read_all(address: str, reading: str) -> list[Arrival]:
    settings = {"brokers": (address,), "topics": ("rotten",), "group": reading, "reading": reading}
    source = KafkaSource(KafkaSettings.model_validate(settings))
    found: list[Arrival] = []
    for _ in range(100):
        for change in source.changes():
            for partition in change.gained:
                source.seek(partition, None)
        found.extend(source.poll(0.5))
        if found and found[-1].next_offset == 30:
            break
    source.close()
    return found


def test_a_bad_batch_before_the_cut_off_rest_of_an_answer() -> None:
    """A broker cuts its answer where it is full, also within the first bytes of a batch."""
    for cut in range(1, BODY):
        found = taken(batch(0, 10) + flipped(batch(10, 10)) + batch(20, 10)[:cut])
        assert numbers(found) == [*range(10)]
        assert next((one.first_offset, one.reason) for one in quarantined(found)) == (10, "bad-checksum")


def test_what_the_client_asserts_of_an_answer_is_a_bad_batch() -> None:
    """Found by fuzzing: a batch whose format byte says 0 or 1 and whose length is not that of one message."""
    for magic in (0, 1):
        changed = bytearray(batch(0, 3))
        changed[16] = magic
        assert quarantined(taken(bytes(changed), check_crcs=False))
