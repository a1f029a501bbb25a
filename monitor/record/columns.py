"""Turns the queries of a batch into columns: sketches raw inputs, orders probabilities, hashes labels."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from detectors.sketch.dense import DenseSketcher
from detectors.sketch.keyed import joined
from detectors.sketch.queries import DENSE, LOGPROBS, OPAQUE, ROWS, TEXT, Queries
from detectors.sketch.rows import RowSketcher
from detectors.sketch.text import TextSketcher, count_words
from monitor.record.gathering import Answer, Gathering, Input
from monitor.record.hashes import Hashes
from monitor.record.merge import merge_dense, merge_rows, merge_text
from monitor.record.read_record import Query
from monitor.record.sketched import Premade

_DIGITS_MOST = 15  # decimals that a float64 holds exactly


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
        self._dense = DenseSketcher(secret)
        self._rows = RowSketcher(secret)
        self._text = TextSketcher(secret)

    def make(self, queries: list[Query], offsets: list[int], gathering: Gathering) -> Queries:
        """The columns of the queries, in their order; `offsets` is where in the log each one's record lies."""
        heads, parts, inputs, answers = zip(*queries, strict=True) if queries else ((), (), (), ())
        time, client, group, address, models, version, status, latency, tokens, flags, bias = (
            zip(*heads, strict=True) if heads else [()] * 11
        )
        names = {name: number for number, name in enumerate(dict.fromkeys(models))}
        answered = self._answers(answers, gathering)
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
            **self._inputs(inputs, gathering),
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

    def _inputs(self, inputs: tuple[Input, ...], gathering: Gathering) -> dict[str, Any]:
        kinds = np.array([one.kind for one in inputs], np.uint8)
        row = np.full(len(inputs), -1, np.int32)
        exact = np.zeros(len(inputs), np.uint64)
        size = np.zeros(len(inputs), np.float32)
        tables: dict[int, Any] = {}
        for kind, make in ((OPAQUE, self._opaque), (DENSE, self._vectors), (ROWS, self._cells), (TEXT, self._texts)):
            at = np.flatnonzero(kinds == kind)
            tables[kind], exact[at], size[at] = make([inputs[i] for i in at.tolist()], gathering)
            if kind != OPAQUE:
                row[at] = np.arange(len(at))
        return {
            "kind": kinds,
            "row": row,
            "exact": exact,
            "input_size": size,
            "dense": tables[DENSE],
            "rows": tables[ROWS],
            "text": tables[TEXT],
        }

    def _opaque(self, inputs: list[Input], gathering: Gathering) -> tuple[None, Any, Any]:
        return None, [self._digest(one.value) for one in inputs], 0

    def _digest(self, value: Any) -> int:
        if type(value) is Premade:
            return int(value.exact)
        return 0 if value is None else self._hashes.digest(value.decode())

    def _vectors(self, inputs: list[Input], gathering: Gathering) -> tuple[Any, Any, Any]:
        raw = [one for one in inputs if type(one.value) is not Premade]
        values, starts = gathering.values(np.array([one.start for one in raw], np.int64))
        sketches, exact = self._dense.sketch(values, starts, [one.value for one in raw])
        table, exact = merge_dense([one.value for one in inputs], sketches, exact)
        return table, exact, table.size

    def _cells(self, inputs: list[Input], gathering: Gathering) -> tuple[Any, Any, Any]:
        sketches, exact = self._rows.sketch([one.value for one in inputs if type(one.value) is not Premade])
        table, exact = merge_rows([one.value for one in inputs], sketches, exact)
        return table, exact, np.diff(table.start)

    def _texts(self, inputs: list[Input], gathering: Gathering) -> tuple[Any, Any, Any]:
        raw = [one.value for one in inputs if type(one.value) is not Premade]
        sketches = self._text.sketch([text for text, _ in raw])
        table, exact = merge_text(
            [one.value for one in inputs], sketches, self._text.exact([whole for _, whole in raw])
        )
        return table, exact, table.words
