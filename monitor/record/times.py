"""Event time of a record: RFC 3339 or epoch milliseconds, to microseconds since 1970."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

from monitor.record.refusal import Refused, Unfamiliar

_RFC3339: Final = re.compile(
    r"(\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?([Zz]|[+-]\d\d:\d\d)", re.ASCII
).fullmatch
_FIRST: Final = int(datetime(2000, 1, 1, tzinfo=UTC).timestamp()) * 1_000_000
_LAST: Final = int(datetime(2100, 1, 1, tzinfo=UTC).timestamp()) * 1_000_000
_LARGEST: Final = 1e15  # milliseconds; beyond it a float would lose them


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
    if not _FIRST <= moment < _LAST:
        raise Refused("time-range", "time: between the years 2000 and 2100 was expected (numbers are milliseconds)")
    if log_time >= 0 and abs(moment - log_time * 1000) > skew:
        raise Refused("time-skew", "time: too far from the time at which the log took the record")
    return moment


def _from_milliseconds(given: object) -> int:
    if type(given) is int:
        return given * 1000
    if type(given) is float:
        return round(given * 1000) if abs(given) < _LARGEST else -1
    raise Unfamiliar


def rfc3339(given: str) -> int:
    """Microseconds since 1970; digits beyond microseconds are cut. Refused where it is something else.

    >>> rfc3339("2026-11-21T10:00:00.123Z"), rfc3339("2026-11-21T12:00:00+02:00")
    (1795255200123000, 1795255200000000)
    """
    found = _RFC3339(given)
    if found is None:
        raise Refused("bad-time", "time: RFC 3339 with its zone, or epoch milliseconds, was expected")
    second, fraction, zone = found.groups()
    return _second(second, zone) + (int(fraction.ljust(6, "0")[:6]) if fraction else 0)


@lru_cache(4096)  # records of a log share their seconds
def _second(second: str, zone: str) -> int:
    try:
        moment = datetime.fromisoformat(second.replace("t", "T") + zone.replace("z", "Z"))
    except ValueError:
        raise Refused("bad-time", "time: no such day or time of day") from None
    return int(moment.timestamp()) * 1_000_000
