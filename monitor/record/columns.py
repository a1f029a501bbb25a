"""Turns the queries of a batch into columns: sketched inputs, ordered probabilities, hashed labels."""

from __future__ import annotations

from dataclasses import fields
from typing import Any, Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

from detectors.sketch.queries import LOGPROBS, Queries
from monitor.record.found import Answers, Found
from monitor.record.gathering import Gathering
from monitor.record.hashes import Hashes
from monitor.record.inputs import InputSketcher
from monitor.record.integrity import Judges, integrity

_DIGITS_MOST: Final = 15  # decimals that a float64 holds exactly
_PLACES: Final = 1 << 32  # more than there are places in any list
_NONE: Final = np.uint64(0)


@njit(cache=True)
def _decimals(value: float) -> int:
    """Decimals of the shortest number that is this float64; 17 for more than 15, at least 1."""
    power = 1.0
    for digits in range(1, _DIGITS_MOST + 1):
        power *= 10.0
        if np.rint(value * power) / power == value:
            return digits
    return 17


@njit(cache=True)
def _two_largest(
    scores: NDArray[np.float64], starts: NDArray[np.int64], stops: NDArray[np.int64]
) -> tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.uint8]]:
    """Of each slice: the two largest scores within 0 to 1 (NaN where there are not so many), their places within the
    slice (the first of equal ones), and the decimals of the largest."""
    n = len(starts)
    values = np.full((2, n), np.nan, np.float32)
    places = np.zeros((2, n), np.int64)
    digits = np.zeros(n, np.uint8)
    for row in range(n):
        first = second = -1
        for at in range(starts[row], stops[row]):
            if first < 0 or scores[at] > scores[first]:
                first, second = at, first
            elif second < 0 or scores[at] > scores[second]:
                second = at
        if first >= 0:
            values[0, row] = np.float32(min(max(scores[first], 0.0), 1.0))
            places[0, row] = first - starts[row]
            digits[row] = np.uint8(_decimals(scores[first]))
        if second >= 0:
            values[1, row] = np.float32(min(max(scores[second], 0.0), 1.0))
            places[1, row] = second - starts[row]
    return values, places, digits


class ColumnMaker:
    """Makes columns with one key. A query's columns do not depend on the other queries of the batch."""

    def __init__(self, secret: bytes, hashes: Hashes, judges: Judges | None = None) -> None:
        self._hashes = hashes
        self._judges: Judges = {} if judges is None else judges
        self._inputs = InputSketcher(secret, hashes)

    def make(self, found: Found, offsets: NDArray[np.int64], gathering: Gathering) -> Queries:
        """The columns of the queries, in their order; `offsets` is where in the log the records of the batch lie."""
        heads, answers = found.heads, found.answers
        names = {name: number for number, name in enumerate(dict.fromkeys(heads.model))}
        sketched = self._inputs.sketch(found.inputs, gathering)
        return Queries(
            models=tuple(names),
            offset=offsets[found.place],
            part=found.number.astype(np.int32),
            time=heads.time,
            client=heads.client,
            group=heads.group,
            address=heads.address,
            model=np.fromiter(map(names.__getitem__, heads.model), np.int32, len(found)),
            version=heads.version.astype(np.uint32),
            status=heads.status.astype(np.int16),
            latency_ms=heads.latency.astype(np.float32),
            max_tokens=heads.tokens.astype(np.float32),
            flags=heads.flags.astype(np.uint16) | answers.logprobs * np.uint16(LOGPROBS),
            bias=heads.bias.astype(np.uint32),
            integrity=integrity(self._judges, heads.model, found.inputs, gathering),
            **self._answers(answers, gathering),
            **{field.name: getattr(sketched, field.name) for field in fields(sketched)},
        )

    def _answers(self, answers: Answers, gathering: Gathering) -> dict[str, Any]:
        """The columns of the answers."""
        values, places, digits = _two_largest(*gathering.scored(answers.first, answers.last))
        best, next_best = self._classes(answers.names, places, gathering)
        said = self._inputs.answers(answers.text)
        return {
            "label": np.where(answers.classes > 0, best, answers.label),
            "second": np.where(answers.classes > 1, next_best, _NONE),
            "p1": values[0],
            "p2": values[1],
            "classes": answers.classes.astype(np.int32),
            "digits": digits,
            "output_size": said.words.astype(np.float32),
            "answer": said.head,
            "manner": said.manner,
        }

    def _classes(self, names: NDArray[np.int64], places: NDArray[np.int64], gathering: Gathering) -> Any:
        """The hashes of the classes at these places, (2, n), of the lists of names in the gathering."""
        which, back = np.unique((names + 1) * _PLACES + places, return_inverse=True)
        lists = [None, *gathering.names]
        hashed = [self._class(lists[one // _PLACES], one % _PLACES) for one in which.tolist()]
        return np.array(hashed, np.uint64)[back.reshape(places.shape)]

    def _class(self, names: list[str] | None, place: int) -> int:
        return self._hashes.index[place] if names is None else self._hashes.label[names[place]]
