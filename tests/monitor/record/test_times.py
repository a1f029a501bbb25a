"""Event time, against the standard library's own reading of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.record.refusal import Refused
from monitor.record.times import event_time, rfc3339

SKEW = 7 * 86_400_000_000
ZONES = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
MOMENTS = st.datetimes(datetime(2000, 1, 2), datetime(2099, 12, 30), timezones=ZONES)  # noqa: DTZ001


@given(MOMENTS)
def test_rfc3339(moment: datetime) -> None:
    microseconds = (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    assert event_time(moment.isoformat(), -1, SKEW) == microseconds
    in_utc = moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
    assert event_time(in_utc.lower(), -1, SKEW) == microseconds


@pytest.mark.parametrize(
    ("text", "fraction"), [(".1Z", 100_000), (".123456Z", 123_456), (".123456789Z", 123_456), ("Z", 0)]
)
def test_fractions(text: str, fraction: int) -> None:
    assert rfc3339(f"2026-11-21T10:00:00{text}") == 1_795_255_200_000_000 + fraction


@pytest.mark.parametrize("text", ["2026-11-21", "20261121T100000Z", "2026-11-21T10:00:00,5Z", "2026-W01-1T00:00:00Z",
    "2026-11-21T24:00:00Z", "2026-11-21T10:00:60Z", "2026-11-21T10:00:00+25:00", "٢٠٢٦-11-21T10:00:00Z"])  # fmt: skip
def test_what_is_no_time(text: str) -> None:
    with pytest.raises(Refused):
        event_time(text, -1, SKEW)


def test_milliseconds() -> None:
    assert event_time(1_795_255_200_123, -1, SKEW) == event_time(1_795_255_200_123.0, -1, SKEW) == 1_795_255_200_123_000
    assert event_time(1_795_255_200_123.5, -1, SKEW) == 1_795_255_200_123_500
