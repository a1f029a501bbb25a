"""Cuts records into a template and slots, in a kernel: what producers write again and again, and what differs.

The template of a record is its keys and its structure, as a keyed hash; every scalar and every list of numbers in it
is a slot. Records of one template are read together (by_template.py). The kernel is stricter than JSON: what it does
not take (escapes, text beyond ASCII, lists of other things than numbers, numbers that need more than one rounding)
goes the general way. What it does take, means the same there: a property test holds the two together.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from detectors.features.layout import record
from detectors.sketch.keyed import Key, State, absorb, begin, end

STRING: Final = 0  # kinds of slots
INT: Final = 1
FLOAT: Final = 2
TRUTH: Final = 3
NOTHING: Final = 4
INTS: Final = 5  # a list of whole numbers, none of them written with a point or an exponent
FLOATS: Final = 6

DEPTH: Final = 8  # objects within each other
MOST_SLOTS: Final = 320
_DIGITS: Final = 15  # of a number that float64 holds exactly
_POWER: Final = 22
_POWERS: Final = 10.0 ** np.arange(
    _POWER + 1
)  # exact, so that one multiplication or division rounds once (Clinger 1990)
_PLAIN: Final = np.array([32 <= c <= 126 and c not in (34, 92) for c in range(256)])  # within strings
_8: Final = np.uint64(8)
_SCALAR: Final = np.uint64(1)
_LIST: Final = np.uint64(2)
_OPEN: Final = np.uint64(3)
_CLOSE: Final = np.uint64(4)

_QUOTE, _COMMA, _MINUS, _PLUS, _POINT, _COLON, _ZERO, _NINE = 34, 44, 45, 43, 46, 58, 48, 57
_BRACKET, _BACKSLASH, _UNBRACKET, _BRACE, _UNBRACE = 91, 92, 93, 123, 125
_E, _SMALL_E, _F, _N, _T = 69, 101, 102, 110, 116

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float64]


SLOT: Final = record([("kind", "u1"), ("number", "f8"), ("start", "i8"), ("stop", "i8")])
ROW: Final = record([("template", "u8"), ("keys", "i8"), ("first", "i8"), ("many", "i8")])


class Slots(NamedTuple):
    """The slots of n records. Of each record `rows` says its `template` (0: it was not taken), how many `keys` it has,
    and which `slots` are its own: so `many` from `first` on.

    Of a slot: its `kind`, STRING, ...; the `number` of a number or a truth; `start` and `stop` of the bytes of a string
    between its quotes, or of the numbers of a list in `numbers`."""

    rows: Any
    slots: Any
    numbers: Floats


def slots_of(data: Bytes, starts: NDArray[np.int64], key: Key) -> Slots:
    """Cut records data[starts[i]:starts[i + 1]], behind the last of which a 0 has to stand."""
    records = len(starts) - 1
    most = min(len(data) // 4, records * MOST_SLOTS) + MOST_SLOTS  # a key and its value take five bytes
    out = Slots(np.zeros(records, ROW), np.empty(most, SLOT), np.empty(len(data) // 2 + 1))
    used = cut(data, starts, key, out.rows, out.slots, out.numbers)
    return out._replace(numbers=out.numbers[:used])


# arrays are given one by one: to take one out of a tuple of them costs more than to read a number


@njit(cache=True)
def cut(data: Bytes, starts: NDArray[np.int64], key: Key, rows: Any, slots: Any, numbers: Floats) -> int:
    """Cut each record data[starts[i]:starts[i + 1]]; returns how many numbers of lists there are.

    A 0 has to stand behind the last one: whoever breaks off is read on into the next record, which is noticed at the
    end."""
    slot, number = 0, 0
    for at in range(len(starts) - 1):
        row = rows[at]
        row.first = slot
        row.template, row.keys, last, used = _record(
            data, starts[at], starts[at + 1], key, slot, number, slots, numbers
        )
        row.many = last - slot
        if row.template:
            slot, number = last, used
    return number


@njit(cache=True)
def _record(
    data: Bytes, start: int, stop: int, key: Key, slot: int, number: int, slots: Any, numbers: Floats
) -> tuple[np.uint64, int, int, int]:
    """Cut one record; its template (0: not taken), keys, and the slots and numbers that are in use behind it."""
    none = np.uint64(0)
    first, keys, depth, state = slot, 0, 1, begin(key)
    at = _blank(data, start)
    if data[at] != _BRACE:
        return none, 0, slot, number
    at = _blank(data, at + 1)
    opened = True  # an object may close here
    while depth > 0:
        if opened and data[at] == _UNBRACE:
            state, depth, at = absorb(state, _CLOSE), depth - 1, at + 1
        else:
            at, state = _key(data, at, state)
            keys += 1
            if at < 0 or slot - first >= MOST_SLOTS:
                return none, 0, slot, number
            if data[at] == _BRACE:
                state, depth, at, opened = absorb(state, _OPEN), depth + 1, _blank(data, at + 1), True
                if depth > DEPTH:
                    return none, 0, slot, number
                continue
            at, number = _value(data, at, slots[slot], number, numbers)
            if at < 0:
                return none, 0, slot, number
            state = absorb(state, _LIST if slots[slot].kind >= INTS else _SCALAR)
            slot += 1
        at = _blank(data, at)
        while depth > 0 and data[at] == _UNBRACE:
            state, depth, at = absorb(state, _CLOSE), depth - 1, _blank(data, at + 1)
        opened = False
        if depth > 0:
            if data[at] != _COMMA:
                return none, 0, slot, number
            at = _blank(data, at + 1)
    if _blank(data, at) != stop:  # the blanks of one record may be followed by the next
        return none, 0, slot, number
    return end(state), keys, slot, number


@njit(cache=True, inline="always")
def _blank(data: Bytes, at: int) -> int:
    """The first place that is no blank."""
    while data[at] == 32 or data[at] == 10 or data[at] == 13 or data[at] == 9:
        at += 1
    return at


@njit(cache=True, inline="always")
def _string(data: Bytes, at: int) -> int:
    """Where the string that begins behind the quote at `at` ends; -1 where it is not plain ASCII."""
    at += 1
    while _PLAIN[data[at]]:
        at += 1
    return at if data[at] == _QUOTE else -1


@njit(cache=True, inline="always")
def _key(data: Bytes, at: int, state: State) -> tuple[int, State]:
    """Where the value of the key at `at` begins (-1: none), and the state with the key."""
    word, begun = np.uint64(1), at
    if data[at] == _QUOTE:
        at += 1
        while _PLAIN[data[at]]:
            word = (word << _8) | np.uint64(data[at])
            at += 1
            if (at - begun) & 7 == 0:
                state, word = absorb(state, word), np.uint64(1)
    state = absorb(absorb(state, word), np.uint64(at - begun))
    colon = _blank(data, at + 1)
    if data[at] != _QUOTE or at == begun or data[colon] != _COLON:
        return -1, state
    return _blank(data, colon + 1), state


@njit(cache=True, inline="always")
def _value(data: Bytes, at: int, slot: Any, number: int, numbers: Floats) -> tuple[int, int]:
    """Read a scalar or a list of numbers into a slot; where it ends (-1: something else), and the numbers in use."""
    c, slot.number, slot.start, slot.stop = data[at], np.nan, 0, 0
    if c == _QUOTE:
        last = _string(data, at)
        slot.kind, slot.start, slot.stop = STRING, at + 1, last
        at = last + 1 if last >= 0 else -1
    elif c == _BRACKET:
        at, number = _list(data, at, slot, number, numbers)
    elif c in (_T, _F):
        slot.kind, slot.number = TRUTH, 1.0 if c == _T else 0.0
        at = _word(data, at, c)
    elif c == _N:
        slot.kind = NOTHING
        at = _word(data, at, c)
    else:
        at, value, whole = _number(data, at)
        slot.kind, slot.number = INT if whole else FLOAT, value
    return at, number


@njit(cache=True, inline="always")
def _word(data: Bytes, at: int, c: int) -> int:
    """Where true, false or null ends; -1 where it is something else."""
    if c == _T:
        good = data[at + 1] == 114 and data[at + 2] == 117 and data[at + 3] == 101
        return at + 4 if good else -1
    if c == _N:
        good = data[at + 1] == 117 and data[at + 2] == 108 and data[at + 3] == 108
        return at + 4 if good else -1
    good = data[at + 1] == 97 and data[at + 2] == 108 and data[at + 3] == 115 and data[at + 4] == 101
    return at + 5 if good else -1


@njit(cache=True, inline="always")
def _list(data: Bytes, at: int, slot: Any, number: int, numbers: Floats) -> tuple[int, int]:
    """Read a list of numbers; as `_value`."""
    slot.start, slot.kind = number, INTS
    at = _blank(data, at + 1)
    if data[at] == _UNBRACKET:
        slot.stop = number
        return at + 1, number
    while True:
        at, value, whole = _number(data, at)
        if at < 0:
            return -1, number
        numbers[number] = value
        number += 1
        if not whole:
            slot.kind = FLOATS
        at = _blank(data, at)
        if data[at] == _UNBRACKET:
            slot.stop = number
            return at + 1, number
        if data[at] != _COMMA:
            return -1, number
        at = _blank(data, at + 1)


@njit(cache=True, inline="always")
def _number(data: Bytes, at: int) -> tuple[int, float, bool]:
    """Where a number ends (-1: none, or one that takes more than one rounding), its value, and whether it is whole as
    it is written."""
    negative = data[at] == _MINUS
    if negative:
        at += 1
    begun, zero, mantissa, exponent, whole = at, data[at] == _ZERO, np.int64(0), 0, True
    digit = np.int64(data[at]) - _ZERO
    while 0 <= digit <= 9:
        mantissa = mantissa * 10 + digit
        at += 1
        digit = np.int64(data[at]) - _ZERO
    digits = at - begun
    good = digits > 0 and not (zero and digits > 1)
    if data[at] == _POINT:
        at += 1
        point, whole = at, False
        digit = np.int64(data[at]) - _ZERO
        while 0 <= digit <= 9:
            mantissa = mantissa * 10 + digit
            at += 1
            digit = np.int64(data[at]) - _ZERO
        exponent, digits, good = point - at, digits + at - point, good and at > point
    if data[at] == _E or data[at] == _SMALL_E:
        at, exponent = _exponent(data, at, exponent)
        whole, good = False, good and at >= 0
    value = float(mantissa)
    if not good or digits > _DIGITS or exponent < -_POWER or exponent > _POWER:
        at = -1
    elif exponent < 0:
        value /= _POWERS[-exponent]
    elif exponent > 0:
        value *= _POWERS[exponent]
    if negative and not (whole and mantissa == 0):
        value = -value
    return at, value, whole


@njit(cache=True)
def _exponent(data: Bytes, at: int, exponent: int) -> tuple[int, int]:
    """Where the exponent at `at` ends (-1: none), and its sum with the one so far."""
    at += 1
    down = data[at] == _MINUS
    if down or data[at] == _PLUS:
        at += 1
    begun, written = at, 0
    while _ZERO <= data[at] <= _NINE and written < 1_000:
        written = written * 10 + (data[at] - _ZERO)
        at += 1
    if at == begun:
        return -1, 0
    return at, exponent - written if down else exponent + written
