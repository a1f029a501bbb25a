"""Turns the queries of a batch into columns: sketched inputs, ordered probabilities, hashed labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import Any, Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

from detectors.sketch.queries import LOGPROBS, Queries
from monitor.record.gathering import Answer, Gathering, Query
from monitor.record.hashes import Hashes
from monitor.record.inputs import InputSketcher
from monitor.record.integrity import Judges, integrity

_DIGITS_MOST: Final = 15  # decimals that a float64 holds exactly


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

    def make(self, queries: list[Query], offsets: list[int], gathering: Gathering) -> Queries:
        """The columns of the queries, in their order; `offsets` is where in the log each one's record lies."""
        heads, parts, inputs, answers = zip(*queries, strict=True) if queries else [()] * 4
        time, client, group, address, models, version, status, latency, tokens, flags, bias = (
            zip(*heads, strict=True) if heads else [()] * 11
        )
        names = {name: number for number, name in enumerate(dict.fromkeys(models))}
        answered, logprobs = self._answers(answers, gathering)
        sketched = self._inputs.sketch(inputs, gathering)
        return Queries(
            models=tuple(names),
            offset=np.array(offsets, np.int64),
            part=np.array(parts, np.int32),
            time=np.array(time, np.int64),
            client=client,
            group=group,
            address=address,
            model=np.array([names[name] for name in models], np.int32),
            version=np.array(version, np.uint32),
            status=np.array(status, np.int16),
            latency_ms=np.array(latency, np.float32),
            max_tokens=np.array(tokens, np.float32),
            flags=np.array(flags, np.uint16) | logprobs,
            bias=np.array(bias, np.uint32),
            integrity=integrity(self._judges, models, inputs, gathering),
            **answered,
            **{field.name: getattr(sketched, field.name) for field in fields(sketched)},
        )

    def _answers(self, answers: Sequence[Answer], gathering: Gathering) -> tuple[dict[str, Any], NDArray[np.uint16]]:
        """The columns of the answers, and a flag for log-probabilities."""
        labels, starts, stops, names, classes, texts, logprobs = zip(*answers, strict=True) if answers else [()] * 7
        values, places, digits = _two_largest(*gathering.scored(starts, stops))
        first, second = places.tolist()
        best = map(self._class, labels, classes, names, first)
        said = self._inputs.answers(list(texts))
        next_best = map(self._class, (0,) * len(labels), [many - 1 for many in classes], names, second)
        columns = {
            "label": np.array(list(best), np.uint64),
            "second": np.array(list(next_best), np.uint64),
            "p1": values[0],
            "p2": values[1],
            "classes": np.array(classes, np.int32),
            "digits": digits,
            "output_size": said.words.astype(np.float32),
            "answer": said.head,
            "manner": said.manner,
        }
        return columns, np.array(logprobs, np.uint16) * np.uint16(LOGPROBS)

    def _class(self, label: int, classes: int, names: list[str] | None, place: int) -> int:
        """The hash of the class at a place among the disclosed ones; the label where none is disclosed."""
        if classes <= 0:
            return label
        return self._hashes.index[place] if names is None else self._hashes.label[names[place]]
