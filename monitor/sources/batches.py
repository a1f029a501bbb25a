"""Takes whole record batches out of the Kafka client, where its own way makes a dozen objects of each record.

The client's fetcher hands the answer of a broker to a `PartitionRecords` and asks that to `take` records. We put ours
in its place: it asks the same questions of each batch (checksum, aborted transactions, control batches, compaction),
but answers with columns, and with a value instead of an exception where a batch is bad. This touches the inside of the
client, so it is done only with versions that were tested; `single` is the way with all others.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any, Final

import kafka
import kafka.errors
import numpy as np
from kafka.consumer.fetcher import Fetcher
from kafka.protocol.consumer import IsolationLevel
from kafka.record.default_records import DefaultRecordBatch
from kafka.record.legacy_records import LegacyRecordBatch

from monitor.record.raw import Headers, Partition, RawBatch
from monitor.sources.codecs import UnreadableError, inflate
from monitor.sources.columns import join, split
from monitor.sources.index import HEADER_COUNT, HEADERS, OFFSET, TIMESTAMP, VALUE, VALUE_END, Table, headers_of, index
from monitor.sources.protocol import Arrival, Quarantined

TESTED: Final = ((3, 0, 12), (3, 1))  # from the first, up to and not including the second
STEP_BYTES: Final = 4 << 20  # a step takes no further batch once it holds this much
BODY: Final = DefaultRecordBatch.HEADER_STRUCT.size
BASE_OFFSET: Final = struct.Struct(">q")


def supported(version: str) -> bool:
    """Whether this version of the client was tested with what is done here."""
    try:
        number = tuple(int(part) for part in version.split(".")[:3])
    except ValueError:
        return False
    return TESTED[0] <= number < TESTED[1]


class WholeBatches:
    """Reads a client's record batches. `ceiling`: bytes to which one compressed batch may grow."""

    def __init__(self, consumer: kafka.KafkaConsumer, ceiling: int) -> None:
        index(b"", 0)  # compiles, before the group waits for us
        self._consumer = consumer

        def taker(*arguments: Any, **options: Any) -> _BatchTaker:
            return _BatchTaker(ceiling, *arguments, **options)

        consumer._fetcher.PartitionRecords = taker

    def read(self, timeout: float, most: int) -> list[Arrival]:
        """One poll."""
        polled = self._consumer.poll(timeout_ms=int(timeout * 1000), max_records=most)
        return [arrival for arrivals in polled.values() for arrival in arrivals]


class _Taken:
    """One arrival, or none. To the client, which counts what it takes against a limit, it is `weight` records."""

    def __init__(self, arrival: Arrival | None, weight: int) -> None:
        self._arrivals = () if arrival is None else (arrival,)
        self._weight = weight

    def __len__(self) -> int:
        return self._weight

    def __iter__(self) -> Iterator[Arrival]:
        return iter(self._arrivals)


class _BatchTaker(Fetcher.PartitionRecords):  # type: ignore[misc]
    """The answer of a broker for one partition. What is inherited: the bookkeeping of aborted transactions, and the
    end (`drain`). `next_fetch_offset` is where the client goes on; all before it was taken or is not to be seen."""

    def __init__(self, ceiling: int, fetch_offset: int, tp: kafka.TopicPartition, records: Any, **options: Any) -> None:
        super().__init__(fetch_offset, tp, records, **options)
        self._records = records
        self._ceiling = ceiling
        self._partition = Partition(tp.topic, tp.partition)
        self._rest: Arrival | None = None  # read, and not yet taken

    def take(self, n: int) -> _Taken:
        """Up to `n` records in one batch, or one stretch that cannot be read, or nothing at the end."""
        taken: list[RawBatch] = []
        count = size = 0
        while count < n and size < STEP_BYTES and (arrival := self._next()) is not None:
            if isinstance(arrival, Quarantined):
                if taken:
                    self._rest = arrival
                    break
                self.next_fetch_offset = arrival.next_offset
                return _Taken(arrival, weight=1)
            if len(arrival) > n - count:
                arrival, self._rest = split(arrival, n - count)
            taken.append(arrival)
            count += len(arrival)
            size += sum(map(len, arrival.payloads))
            self.next_fetch_offset = arrival.next_offset
        if not taken:
            return _Taken(None, weight=0)
        return _Taken(join(taken, self.next_fetch_offset), weight=count if size < STEP_BYTES else n)

    def _next(self) -> Arrival | None:
        """What comes next in this answer; None at its end."""
        if self._rest is not None:
            rest, self._rest = self._rest, None
            return rest
        try:
            while (batch := self._next_batch()) is not None:
                self.bytes_read += batch.size_in_bytes
                arrival = self._read(batch)
                if arrival is not None:
                    return arrival
        except UnreadableError:  # no batch can be made out at all
            self.drain()
            return self._quarantined(self.next_fetch_offset + 1, "corrupt-batch")
        self.drain()
        return None

    def _next_batch(self) -> DefaultRecordBatch | LegacyRecordBatch | None:
        try:
            return self._records.next_batch()
        except Exception as problem:  # the client's own errors, struct's, and assertions about what a broker said
            raise UnreadableError("corrupt-batch") from problem

    def _read(self, batch: DefaultRecordBatch | LegacyRecordBatch) -> Arrival | None:
        """One batch; None where nothing of it is to be seen."""
        try:
            if self.check_crcs and not batch.validate_crc():
                raise UnreadableError("bad-checksum")
            if batch.magic < 2:
                return self._read_legacy(batch)
            self.leader_epoch = batch.leader_epoch
            if self._is_hidden(batch):
                self.next_fetch_offset = max(self.next_fetch_offset, batch.next_offset)
                return None
            body = inflate(batch.compression_type, memoryview(batch._buffer)[BODY:], self._ceiling)
            table = index(body, batch.records_count)
            if table is None:
                raise UnreadableError("corrupt-batch")
            return self._columns(batch, body, table)
        except UnreadableError as problem:
            end = self._end_of(batch)
            if batch.magic >= 2 and batch.has_producer_id():
                self.drain()  # it may have been the end of an aborted transaction: ask the broker anew for what follows
            return self._quarantined(end, problem.reason) if end > self.next_fetch_offset else None

    def _is_hidden(self, batch: DefaultRecordBatch) -> bool:
        """Whether these records are markers of transactions, or were written by one that was aborted."""
        if self.isolation_level == IsolationLevel.READ_COMMITTED and batch.has_producer_id():
            self._consume_aborted_transactions_up_to(batch.last_offset)
            if self._contains_abort_marker(batch):
                self.aborted_producer_ids.discard(batch.producer_id)
            elif self._is_batch_aborted(batch):
                return True
        return bool(batch.is_control_batch)

    def _columns(self, batch: DefaultRecordBatch, body: bytes, table: Table) -> RawBatch | None:
        offsets = table[:, OFFSET] + batch.base_offset
        wanted = offsets >= self.fetch_offset  # a batch comes whole, also when reading starts in its middle
        table, offsets = table[wanted], offsets[wanted]
        if not len(table):
            self.next_fetch_offset = max(self.next_fetch_offset, batch.next_offset)
            return None
        by_broker = batch.timestamp_type == batch.LOG_APPEND_TIME
        times = np.full(len(table), batch.max_timestamp) if by_broker else batch.first_timestamp + table[:, TIMESTAMP]
        return RawBatch(
            partition=self._partition,
            payloads=[body[start:end] for start, end in table[:, VALUE : VALUE_END + 1].tolist()],
            offsets=offsets,
            timestamps=times,
            next_offset=batch.next_offset,
            headers=_headers(body, table),
        )

    def _read_legacy(self, batch: LegacyRecordBatch) -> RawBatch | None:
        """Formats 0 and 1, of brokers before 0.11: the client's own reading is good enough."""
        try:
            records = [record for record in batch if record.offset >= self.fetch_offset]
        except Exception as problem:  # the client lets the errors of all its decompressors through
            raise UnreadableError("corrupt-batch") from problem
        if not records:
            return None
        return RawBatch(
            partition=self._partition,
            payloads=[b"" if record.value is None else record.value for record in records],
            offsets=np.array([record.offset for record in records], np.int64),
            timestamps=np.array([-1 if record.timestamp is None else record.timestamp for record in records], np.int64),
            next_offset=records[-1].offset + 1,
        )

    def _quarantined(self, end: int, reason: str) -> Quarantined:
        return Quarantined(self._partition, self.next_fetch_offset, end, reason)

    def _end_of(self, bad: DefaultRecordBatch | LegacyRecordBatch) -> int:
        """Where reading can go on after a bad batch, whose own header may be wrong: at the batch behind it, or at its
        end if two numbers of its header agree on that, or one offset further, to try again."""
        behind = self._records._next_slice
        if behind is not None and len(behind) >= BASE_OFFSET.size:  # a broker cuts off what does not fit its answer
            return int(BASE_OFFSET.unpack_from(behind)[0])
        agreed = bad.magic >= 2 and bad.records_count == bad.last_offset_delta + 1
        return int(bad.next_offset) if agreed else int(self.next_fetch_offset) + 1


def _headers(body: bytes, table: Table) -> list[Headers] | None:
    if not table[:, HEADER_COUNT].any():
        return None
    return [headers_of(body, start, count) for start, count in table[:, HEADERS : HEADER_COUNT + 1].tolist()]
