"""How large a record may be: whoever sends queries chooses what stands in the log."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Self

from monitor.config.records import RecordSettings

NAME_BYTES: Final = 512
DAY: Final = 86_400_000_000  # microseconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Ceilings of one record; what lies beyond is rejected as `too-large` before it costs anything."""

    record: int = 4 * 1024 * 1024
    """Bytes of a record."""

    text: int = 1024 * 1024
    """Characters of one text."""

    elements: int = 1024 * 1024
    """Numbers in one vector, tensor or embedding."""

    columns: int = 256
    """Columns of one row."""

    classes: int = 65_536
    """Probabilities in one answer."""

    keys: int = 100_000
    """Keys in all objects of one record."""

    queries: int = 1024
    """Queries in one record."""

    query_bytes: int = 10
    """Bytes of a record for each query in it, at least; 0 for any."""

    skew: int = 7 * DAY
    """Microseconds by which a record's time may differ from the log's own time, if the log has one."""

    def queries_in(self, size: int) -> int:
        """How many queries a record of so many bytes may hold: what one costs does not fall with its size.

        >>> Limits().queries_in(100), Limits().queries_in(5), Limits(query_bytes=0).queries_in(5)
        (10, 1, 1024)
        """
        return min(self.queries, max(1, size // self.query_bytes)) if self.query_bytes else self.queries

    @classmethod
    def of(cls, settings: RecordSettings) -> Self:
        """The ceilings that the operator has set."""
        return cls(
            record=settings.bytes,
            text=settings.text,
            elements=settings.elements,
            columns=settings.columns,
            queries=settings.queries,
            query_bytes=settings.query_bytes,
            skew=int(settings.skew_days * DAY),
        )
