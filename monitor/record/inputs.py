"""Sketches the inputs of a batch, of all kinds: raw inputs end here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.sketch.dense import DenseSketcher
from detectors.sketch.queries import DENSE, OPAQUE, ROWS, TEXT, AnswerSketches, DenseSketches, RowSketches, TextSketches
from detectors.sketch.rows import RowSketcher
from detectors.sketch.text import TextSketcher
from monitor.record.gathering import Gathering, Input
from monitor.record.hashes import Hashes
from monitor.record.merge import merge_dense, merge_rows, merge_text
from monitor.record.sketched import Premade

Words = NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class SketchedInputs:
    """The columns of n inputs, as in `Queries`."""

    kind: NDArray[np.uint8]
    row: NDArray[np.int32]
    exact: NDArray[np.uint64]
    input_size: NDArray[np.float32]
    dense: DenseSketches
    rows: RowSketches
    text: TextSketches


class InputSketcher:
    """Sketches inputs with one key. A row of the result depends on its own input only."""

    def __init__(self, secret: bytes, hashes: Hashes) -> None:
        self._hashes = hashes
        self._dense = DenseSketcher(secret)
        self._rows = RowSketcher(secret)
        self._text = TextSketcher(secret)

    def sketch(self, inputs: Sequence[Input], gathering: Gathering) -> SketchedInputs:
        """The columns of the inputs, in their order; the numbers of dense ones lie in the gathering."""
        kinds = np.array([one[0] for one in inputs], np.uint8)
        row = np.full(len(inputs), -1, np.int32)
        exact = np.zeros(len(inputs), np.uint64)
        size = np.zeros(len(inputs), np.float32)
        at = {kind: np.flatnonzero(kinds == kind) for kind in (OPAQUE, DENSE, ROWS, TEXT)}
        given = {kind: [one[1] for one in inputs if one[0] == kind] for kind in (OPAQUE, ROWS, TEXT)}
        exact[at[OPAQUE]] = self._opaque(given[OPAQUE])
        dense, exact[at[DENSE]] = self._vectors([one for one in inputs if one[0] == DENSE], gathering)
        rows, exact[at[ROWS]] = self._cells(given[ROWS])
        text, exact[at[TEXT]] = self._texts(given[TEXT])
        for kind, sizes in ((DENSE, dense.size), (ROWS, np.diff(rows.start)), (TEXT, text.words)):
            row[at[kind]], size[at[kind]] = np.arange(len(sizes)), sizes
        return SketchedInputs(kinds, row, exact, size, dense, rows, text)

    def answers(self, texts: list[str]) -> AnswerSketches:
        """What is kept of answers that are texts, in their order; "" where an answer is none."""
        return self._text.answers(texts)

    def _opaque(self, given: list[Any]) -> Words:
        exact = np.array([one.exact if type(one) is Premade else 0 for one in given], np.uint64)
        digests = [at for at, one in enumerate(given) if type(one) is bytes]
        exact[digests] = self._hashes.digests([given[at] for at in digests])
        return exact

    def _vectors(self, inputs: list[Input], gathering: Gathering) -> tuple[DenseSketches, Words]:
        raw = [one for one in inputs if type(one[1]) is not Premade]
        _, shapes, stores, places = zip(*raw, strict=True) if raw else ((), (), (), ())
        values, starts = gathering.values(stores, places)
        sketches, exact = self._dense.sketch(values, starts, shapes)
        return merge_dense([one[1] for one in inputs], sketches, exact)

    def _cells(self, given: list[Any]) -> tuple[RowSketches, Words]:
        sketches, exact = self._rows.sketch([row for row in given if type(row) is not Premade])
        return merge_rows(given, sketches, exact)

    def _texts(self, given: list[Any]) -> tuple[TextSketches, Words]:
        raw = [one for one in given if type(one) is not Premade]
        sketches = self._text.sketch([text for text, _ in raw])
        exact = self._text.exact([whole for _, whole in raw])
        return merge_text(given, sketches, exact)
