"""The index of a record batch says what the Kafka client's own parser says, on any batch, and never reads beyond it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kafka.errors import CorruptRecordError
from kafka.record.default_records import DefaultRecordBatch, DefaultRecordBatchBuilder

from monitor.sources.batches import BODY
from monitor.sources.index import HEADER_COUNT, HEADERS, OFFSET, TIMESTAMP, VALUE, VALUE_END, headers_of, index

Record = tuple[int, int, bytes | None, bytes | None, list[tuple[str, bytes | None]]]

nullable = st.none() | st.binary(max_size=200)
headers = st.lists(st.tuples(st.text(max_size=8), st.none() | st.binary(max_size=20)), max_size=4)
records = st.lists(
    st.tuples(st.integers(0, 2**20), st.integers(0, 2**45), nullable, nullable, headers), min_size=1, max_size=30
)


def batch_of(records: list[Record]) -> DefaultRecordBatch:
    builder = DefaultRecordBatchBuilder(2, 0, 0, -1, -1, -1, 1 << 24)
    offset = 0
    for gap, timestamp, key, value, heads in records:
        offset += gap
        assert builder.append(offset, timestamp, key, value, heads) is not None
        offset += 1
    return DefaultRecordBatch(bytes(builder.build()))


def by_the_index(batch: DefaultRecordBatch) -> list[tuple[object, ...]] | None:
    body = bytes(batch._buffer[BODY:])
    table = index(body, batch.records_count)
    if table is None:
        return None
    return [
        (
            batch.base_offset + row[OFFSET],
            batch.first_timestamp + row[TIMESTAMP],
            body[row[VALUE] : row[VALUE_END]],
            headers_of(body, row[HEADERS], row[HEADER_COUNT]),
        )
        for row in table
    ]


def by_the_client(batch: DefaultRecordBatch) -> list[tuple[object, ...]] | None:
    try:
        return [
            (record.offset, record.timestamp, record.value or b"", [(n, v or b"") for n, v in record.headers])
            for record in batch
        ]
    except CorruptRecordError:
        return None


@given(records)
def test_both_parsers_agree(records: list[Record]) -> None:
    batch = batch_of(records)
    found = by_the_index(batch)
    assert found is not None
    assert found == by_the_client(batch)


@given(records, st.data())
def test_both_parsers_agree_on_what_is_broken(records: list[Record], data: st.DataObject) -> None:
    whole = bytearray(batch_of(records)._buffer)
    for _ in range(data.draw(st.integers(1, 3))):
        whole[data.draw(st.integers(BODY, len(whole) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, 3))
    batch = DefaultRecordBatch(bytes(whole[: len(whole) - cut]))
    found, expected = by_the_index(batch), by_the_client(DefaultRecordBatch(bytes(whole[: len(whole) - cut])))
    if found is not None and expected is not None:
        assert found == expected
    elif expected is None and found is not None:
        # the one thing that we read and the client does not: names of headers that are not text
        assert any("\ufffd" in name for *_, heads in found for name, _ in heads)  # type: ignore[attr-defined]


@given(st.binary(max_size=300), st.integers(-5, 2**31 - 1))
def test_any_bytes_are_indexed_within_their_bounds_or_refused(body: bytes, count: int) -> None:
    table = index(body, count)
    if table is not None:
        assert len(table) == count
        assert np.all((table[:, VALUE] >= 0) & (table[:, VALUE] <= table[:, VALUE_END]))
        assert np.all(table[:, VALUE_END] <= len(body))


def test_a_count_that_no_body_can_hold_costs_no_memory() -> None:
    assert index(b"\0" * 100, 2**31 - 1) is None


@pytest.mark.parametrize("number", [0, -1, 1, 63, 64, -64, -65, 2**31, 2**62, -(2**63), 2**63 - 1])
def test_numbers_of_any_size(number: int) -> None:
    zigzag, varint = (number << 1) ^ (number >> 63), bytearray()
    while zigzag > 0x7F:
        varint.append(zigzag & 0x7F | 0x80)
        zigzag >>= 7
    varint.append(zigzag)
    record = b"\0" + bytes(varint) + b"\0\x01\x01\0"  # attributes, timestamp, offset, null key, null value, no headers
    table = index(bytes([2 * len(record)]) + record, 1)
    assert table is not None
    assert table[0, TIMESTAMP] == number
