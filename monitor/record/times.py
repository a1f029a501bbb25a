"""Event time of a record: RFC 3339 or epoch milliseconds, to microseconds since 1970."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

from monitor.record.refusal import Refused, Unfamiliar

_DAY_AND_TIME: Final = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d", re.ASCII).fullmatch
_FRACTION_AND_ZONE: Final = re.compile(r"(?:\.(\d{1,9}))?(?:[Zz]|([+-])([01]\d|2[0-3]):([0-5]\d))", re.ASCII).fullmatch
FIRST: Final = int(datetime(2000, 1, 1, tzinfo=UTC).timestamp()) * 1_000_000
LAST: Final = int(datetime(2100, 1, 1, tzinfo=UTC).timestamp()) * 1_000_000
_EXPECTED: Final = "time: RFC 3339 with its zone, or epoch milliseconds, was expected"
LARGEST: Final = 1e15  # milliseconds; beyond it a float would lose them


def event_time(given: object, log_time: int, skew: int) -> int:
    """Microseconds since 1970 of a record's `time`, else of the log's own timestamp in milliseconds (-1: none).

    Refused where there is no time, where it cannot be read, where it lies outside 2000 to 2100, or further than `skew`
    microseconds from the log's own time. A whole second is 60 in no clock: leap seconds are not read.
    """
    if type(given) is str:
        moment = rfc3339(given)
    elif given is None:
        if log_time < 0:
            raise Refused("no-time", "time: neither the record nor the log has one")
        moment = log_time * 1000
    else:
        moment = _from_milliseconds(given)
    if not FIRST <= moment < LAST:
        raise Refused("time-range", "time: between the years 2000 and 2100 was expected (numbers are milliseconds)")
    if log_time >= 0 and abs(moment - log_time * 1000) > skew:
        raise Refused("time-skew", "time: too far from the time at which the log took the record")
    return moment


def _from_milliseconds(given: object) -> int:
    if type(given) is int:
        return given * 1000
    if type(given) is float:
        return round(given * 1000) if abs(given) < LARGEST else -1
    raise Unfamiliar


def rfc3339(given: str) -> int:
    """Microseconds since 1970; digits beyond microseconds are cut. Refused where it is something else.

    >>> rfc3339("2026-11-21T10:00:00.123Z"), rfc3339("2026-11-21T12:00:00+02:00")
    (1795255200123000, 1795255200000000)
    """
    return _second(given[:19]) + _rest(given[19:])


# records of a log share their seconds, and their milliseconds come again: both halves are worth remembering


@lru_cache(4096)
def _second(written: str) -> int:
    """Microseconds of a day and time, as if in UTC."""
    try:
        if _DAY_AND_TIME(written):
            return int(datetime.fromisoformat(written.upper()).replace(tzinfo=UTC).timestamp()) * 1_000_000
    except ValueError:
        raise Refused("bad-time", "time: no such day or time of day") from None
    raise Refused("bad-time", _EXPECTED)


@lru_cache(4096)
def _rest(written: str) -> int:
    """Microseconds that a fraction and a zone add."""
    found = _FRACTION_AND_ZONE(written)
    if found is None:
        raise Refused("bad-time", _EXPECTED)
    fraction, sign, hours, minutes = found.groups("0")
    ahead = (int(hours) * 60 + int(minutes)) * 60_000_000
    return int(fraction.ljust(6, "0")[:6]) + (ahead if sign == "-" else -ahead)
