"""Turns the queries of a batch into columns: sketched inputs, ordered probabilities, hashed labels."""

from __future__ import annotations

from dataclasses import fields
from typing import Any, Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

from detectors.sketch.keyed import joined
from detectors.sketch.queries import LOGPROBS, Queries
from detectors.sketch.text import count_words
from monitor.record.gathering import Answer, Gathering
from monitor.record.hashes import Hashes
from monitor.record.inputs import InputSketcher
from monitor.record.read_record import Query

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

    def __init__(self, secret: bytes, hashes: Hashes) -> None:
        self._hashes = hashes
        self._inputs = InputSketcher(secret, hashes)

    def make(self, queries: list[Query], offsets: list[int], gathering: Gathering) -> Queries:
        """The columns of the queries, in their order; `offsets` is where in the log each one's record lies."""
        heads, parts, inputs, answers = zip(*queries, strict=True) if queries else ((), (), (), ())
        time, client, group, address, models, version, status, latency, tokens, flags, bias = (
            zip(*heads, strict=True) if heads else [()] * 11
        )
        names = {name: number for number, name in enumerate(dict.fromkeys(models))}
        answered = self._answers(answers, gathering)
        sketched = self._inputs.sketch(list(inputs), gathering)
        logprobs = np.fromiter((answer.logprobs for answer in answers), np.bool_, len(answers))
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
            flags=np.array(flags, np.uint16) | logprobs.astype(np.uint16) * np.uint16(LOGPROBS),
            bias=np.array(bias, np.uint32),
            **answered,
            **{field.name: getattr(sketched, field.name) for field in fields(sketched)},
        )

    def _answers(self, answers: tuple[Answer, ...], gathering: Gathering) -> dict[str, Any]:
        scores = np.frombuffer(gathering.scores, np.float64) if gathering.scores else np.zeros(0)
        starts = np.array([answer.start for answer in answers], np.int64)
        stops = np.array([answer.stop for answer in answers], np.int64)
        values, places, digits = _two_largest(scores, starts, stops)
        first, second = places.tolist()
        texts = [answer.text.encode() for answer in answers]
        return {
            "label": np.array([self._class(a, at) for a, at in zip(answers, first, strict=True)], np.uint64),
            "second": np.array(
                [self._class(a, at) if a.classes > 1 else 0 for a, at in zip(answers, second, strict=True)], np.uint64
            ),
            "p1": values[0],
            "p2": values[1],
            "classes": np.array([answer.classes for answer in answers], np.int32),
            "digits": digits,
            "output_size": count_words(*joined(texts)).astype(np.float32),
        }

    def _class(self, answer: Answer, place: int) -> int:
        """The hash of the class at a place among the disclosed ones; the label where none is disclosed."""
        if answer.classes == 0:
            return answer.label
        return self._hashes.index(place) if answer.names is None else self._hashes.label(answer.names[place])
