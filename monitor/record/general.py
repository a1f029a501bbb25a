"""The general way to read the records of a batch, one by one: what records of a known template are spared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from detectors.sketch.keyed import joined
from monitor.record.census import census, key_count
from monitor.record.envelope import Document, parse, unwrap
from monitor.record.gathering import MANY, Query
from monitor.record.judge import judge
from monitor.record.limits import Limits
from monitor.record.raw import RawBatch
from monitor.record.read_record import RecordReader
from monitor.record.refusal import Refused, Unfamiliar
from monitor.record.scan import scan


class General:
    """Reads the records of one batch with a reader; of those that are `failing` it says why."""

    def __init__(self, batch: RawBatch, reader: RecordReader, limits: Limits, failing: Mapping[int, str]) -> None:
        self._batch, self._reader, self._limits, self._failing = batch, reader, limits, failing
        self._times = batch.timestamps.tolist()
        most = limits.record
        #: The bytes that may be looked into; none of records that are too large, or make the code fail.
        self.payloads = [payload if len(payload) <= most else b"" for payload in batch.payloads]
        for at in failing:
            self.payloads[at] = b""
        self._scanned: dict[int, tuple[int, bool]] = {}

    def scan(self, rows: Sequence[int]) -> None:
        """Count the keys of records that are going to be read."""
        counts, words = scan(*joined([self.payloads[at] for at in rows]))
        self._scanned.update(zip(rows, zip(counts.tolist(), words.tolist(), strict=True), strict=True))

    def read(self, at: int) -> tuple[Query, int]:
        """The queries of a record that was scanned, and its unknown fields. Refused where it cannot be used."""
        return self._read(self._document(at), at)

    def examine(self, at: int) -> tuple[Any, int] | None:
        """A record as parsed, and its unknown fields; None where it is not one good query."""
        self.scan([at])
        try:
            document = self._document(at)
            queries, unknown = self._read(document, at)
        except Refused:
            return None
        return (document[0], unknown) if sum(one[MANY] for one in queries[1]) == 1 else None

    def _document(self, at: int) -> Document:
        if at in self._failing:
            raise Refused("decoder-failed", f"record: {self._failing[at]} while it was decoded")
        if len(self._batch.payloads[at]) > self._limits.record:
            raise Refused("too-large", "record: too many bytes")
        headers = None if self._batch.headers is None else self._batch.headers[at]
        document = unwrap(parse(self.payloads[at]), *self._scanned[at], headers)
        if document[1] > self._limits.keys:
            raise Refused("too-large", "record: too many keys")
        return document

    def _read(self, document: Document, at: int) -> tuple[Query, int]:
        """The queries of a record and how many of its fields are unknown."""
        record, keys, bare_words = document
        try:
            queries = self._reader.read(record, self._times[at], bare_words, len(self.payloads[at]))
        except (Unfamiliar, KeyError, TypeError):
            _check_twice(key_count(record), keys)
            judge(record)
            raise Refused("wrong-type", "record: not as its schema says") from None
        if self._reader.seen == keys:
            return queries, 0
        found, unknown = census(record)
        _check_twice(found, keys)
        return queries, unknown


def _check_twice(found: int, keys: int) -> None:
    if found != keys:
        raise Refused("duplicate-key", "record: the same key twice in one object")
