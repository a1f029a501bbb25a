"""From bytes to columns: the edge at which raw names and raw inputs end.

Records of a known template are read together (by_template.py), all others one by one (general.py); what neither
understands goes to the schema for its words. One bad record is rejected by itself. Columns of a record depend on the
record, its place in the log and the key only, never on how the log was cut into batches.

Where the code itself fails on a record, that record is set aside alone: a stream that stops there would stop there
again after every restart.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from detectors.sketch.queries import Queries
from monitor.record.by_template import TemplateReader
from monitor.record.columns import ColumnMaker
from monitor.record.erasures import Erasures
from monitor.record.found import joined, one_by_one
from monitor.record.gathering import Gathering, Query
from monitor.record.general import General
from monitor.record.hashes import Hashes
from monitor.record.integrity import Judges
from monitor.record.keys import Keys
from monitor.record.limits import Limits
from monitor.record.raw import RawBatch
from monitor.record.read_record import RecordReader
from monitor.record.refusal import Refused
from monitor.record.rejected import Rejected

_INTACT: Final[Mapping[int, str]] = {}
MACHINE: Final = (MemoryError, OSError, ImportError)  # no record is to blame for these


@dataclass(frozen=True, slots=True)
class Decoded:
    """What a batch holds: queries in the order of the log, records that could not be used, and how many fields of the
    good ones the schema does not know."""

    queries: Queries
    rejected: list[Rejected]
    unknown_fields: int


class Decoder:
    """Decodes batches of records. Stateless apart from bounded caches: the same bytes give the same columns.
    `judges` are the operator's own models of inputs, by the names of the models that they stand for; what `erasures`
    cover is passed over."""

    def __init__(
        self,
        keys: Keys,
        limits: Limits | None = None,
        judges: Judges | None = None,
        erasures: Erasures | None = None,
    ) -> None:
        self._erasures = erasures
        self.names = keys.names
        self._limits = Limits() if limits is None else limits
        self._hashes = Hashes(keys.sketches)
        self._maker = ColumnMaker(keys.sketches, self._hashes, judges)
        self._templates = TemplateReader(keys.sketches, keys.names, self._hashes, self._limits)

    def decode(self, batch: RawBatch) -> Decoded:
        """The columns of a batch. Never raises for anything that stands in a record."""
        try:
            return self._decode(batch, _INTACT)
        except MACHINE:
            raise
        except Exception:  # noqa: BLE001  (whatever it is, the stream goes on)
            return self._decode(batch, self._failing(batch, 0, len(batch)))

    def _failing(self, batch: RawBatch, start: int, stop: int) -> dict[int, str]:
        """Which of these records make the code fail, by halving, and with which kind of error: its text could repeat
        the record."""
        try:
            self._decode(_cut(batch, slice(start, stop)), _INTACT)
        except MACHINE:
            raise
        except Exception as problem:  # noqa: BLE001  (told as the reason)
            if stop - start < 2:
                return dict.fromkeys(range(start, stop), type(problem).__name__)
            middle = (start + stop) // 2
            return self._failing(batch, start, middle) | self._failing(batch, middle, stop)
        return {}

    def _decode(self, batch: RawBatch, failing: Mapping[int, str]) -> Decoded:
        """`failing`: records that are not looked into, and why."""
        gathering = Gathering()
        general = General(batch, self._reader(gathering), self._limits, failing)
        parts, left, unknown = self._templates.read(
            _plain(batch, general), batch.timestamps, gathering, general.examine
        )
        read: list[tuple[int, Query]] = []
        rejected: list[Rejected] = []
        general.scan(left)
        for at in left:
            try:
                query, more = general.read(at)
            except Refused as refusal:
                size, offset = len(batch.payloads[at]), int(batch.offsets[at])
                rejected.append(Rejected(batch.partition, offset, refusal.reason, refusal.detail, size))
                continue
            read.append((at, query))
            unknown += more
        found = joined([*parts, one_by_one(read, gathering)])
        if self._erasures:
            found = self._erasures.left(batch.partition, batch.offsets, found)
        return Decoded(self._maker.make(found, batch.offsets, gathering), rejected, unknown)

    def _reader(self, gathering: Gathering) -> RecordReader:
        return RecordReader(self.names, self._hashes, self._limits, gathering)


def _plain(batch: RawBatch, general: General) -> list[bytes]:
    """The bytes of the records that may be read by templates; none of those that have headers, in which attributes of
    an envelope may stand."""
    if batch.headers is None:
        return general.payloads
    return [b"" if headers else payload for payload, headers in zip(general.payloads, batch.headers, strict=True)]


def _cut(batch: RawBatch, part: slice) -> RawBatch:
    return replace(
        batch,
        payloads=batch.payloads[part],
        offsets=batch.offsets[part],
        timestamps=batch.timestamps[part],
        headers=None if batch.headers is None else batch.headers[part],
    )
