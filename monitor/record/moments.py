"""RFC 3339 in a kernel, for columns of times; what it does not take is read, or refused, by times.py."""

from __future__ import annotations

from typing import Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

NONE: Final = -(1 << 62)  # no moment
_DASH, _COLON, _POINT, _ZERO, _PLUS = 45, 58, 46, 48, 43
_LENGTHS: Final = np.array([31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31])
_DAY: Final = 86_400
_MICRO: Final = 1_000_000

Bytes = NDArray[np.uint8]
Ints = NDArray[np.int64]


@njit(cache=True)
def moments(data: Bytes, starts: Ints, stops: Ints, out: Ints) -> None:
    """Microseconds since 1970 of each data[starts[i]:stops[i]], NONE where it is no moment of a day from the year 1970
    on in RFC 3339; digits beyond microseconds are cut."""
    for i in range(len(starts)):
        at, stop = starts[i], stops[i]
        out[i] = NONE
        if stop - at < 20 or stop - at > 35:
            continue
        second = _second(data, at)
        fraction, behind = _fraction(data, at + 19, stop)
        ahead = _zone(data, behind, stop)
        if second >= 0 and behind > 0 and ahead != NONE:
            out[i] = second * _MICRO + fraction - ahead * 60 * _MICRO


@njit(cache=True)
def _digits(data: Bytes, at: int, many: int) -> int:
    """The number of so many digits; -1 where there is anything else."""
    found = 0
    for place in range(at, at + many):
        digit = np.int64(data[place]) - _ZERO
        if not 0 <= digit <= 9:
            return -1
        found = found * 10 + int(digit)
    return found


@njit(cache=True)
def _second(data: Bytes, at: int) -> int:
    """Seconds since 1970 of a day and time as if in UTC; -1 where it is none."""
    year, month, day = _digits(data, at, 4), _digits(data, at + 5, 2), _digits(data, at + 8, 2)
    hour, minute, second = _digits(data, at + 11, 2), _digits(data, at + 14, 2), _digits(data, at + 17, 2)
    marks = data[at + 4] == _DASH and data[at + 7] == _DASH and data[at + 13] == _COLON and data[at + 16] == _COLON
    between = data[at + 10] == 84 or data[at + 10] == 116 or data[at + 10] == 32
    if not marks or not between or year < 1970 or not 1 <= month <= 12 or day < 1:
        return -1
    if not 0 <= hour <= 23 or not 0 <= minute <= 59 or not 0 <= second <= 59:
        return -1
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    if day > _LENGTHS[month - 1] + (leap and month == 2):
        return -1
    before = year - 1
    days = 365 * (year - 1970) + (before // 4 - before // 100 + before // 400) - 477 + day - 1
    for one in range(month - 1):
        days += _LENGTHS[one]
    days += leap and month > 2
    return int(_DAY * days + 3_600 * hour + 60 * minute + second)


@njit(cache=True)
def _fraction(data: Bytes, at: int, stop: int) -> tuple[int, int]:
    """Microseconds of the fraction at `at`, if there is one, and where the zone begins (0: no fraction can be read)."""
    if data[at] != _POINT:
        return 0, at
    found, digits = 0, 0
    at += 1
    while at < stop and 0 <= np.int64(data[at]) - _ZERO <= 9:
        if digits < 6:
            found = found * 10 + int(data[at]) - _ZERO
        digits += 1
        at += 1
    for _ in range(digits, 6):
        found *= 10
    return found, at if 1 <= digits <= 9 else 0


@njit(cache=True)
def _zone(data: Bytes, at: int, stop: int) -> int:
    """Minutes by which a zone is ahead of UTC; NONE where it is none."""
    if stop - at == 1:
        return 0 if data[at] == 90 or data[at] == 122 else NONE
    if stop - at != 6 or data[at + 3] != _COLON or (data[at] != _PLUS and data[at] != _DASH):
        return NONE
    hours, minutes = _digits(data, at + 1, 2), _digits(data, at + 4, 2)
    if not 0 <= hours <= 23 or not 0 <= minutes <= 59:
        return NONE
    ahead = 60 * hours + minutes
    return ahead if data[at] == _PLUS else -ahead
