"""How large and how old a record may be: whoever sends queries chooses what stands in the log."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class RecordSettings(BaseModel):
    """Ceilings of one record. What lies beyond is a dead letter, counted under its reason."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    bytes: int = Field(default=4 * 1024 * 1024, ge=1_024, le=1 << 30)
    """Bytes of a record."""

    text: int = Field(default=1024 * 1024, ge=1)
    """Characters of one text."""

    elements: int = Field(default=1024 * 1024, ge=1)
    """Numbers in one vector, tensor or embedding."""

    columns: int = Field(default=256, ge=1, le=4_096)
    """Columns of one row."""

    queries: int = Field(default=1_024, ge=1, le=100_000)
    """Queries in one record."""

    query_bytes: int = Field(default=10, ge=0)
    """Bytes of a record for each query in it, at least: what a query costs does not fall with its size. 0: any."""

    skew_days: float = Field(default=7.0, gt=0, le=36_500)
    """Days by which a record's own time may differ from that of the log, where the log has one. Raise it to feed old
    recordings through Kafka."""
