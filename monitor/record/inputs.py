"""Sketches the inputs of a batch, of all kinds: raw inputs end here."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detectors.sketch.dense import DenseSketcher
from detectors.sketch.queries import DENSE, OPAQUE, ROWS, TEXT, DenseSketches, RowSketches, TextSketches
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

    def sketch(self, inputs: list[Input], gathering: Gathering) -> SketchedInputs:
        """The columns of the inputs, in their order; the numbers of dense ones lie in the gathering."""
        kinds = np.array([one.kind for one in inputs], np.uint8)
        row = np.full(len(inputs), -1, np.int32)
        exact = np.zeros(len(inputs), np.uint64)
        size = np.zeros(len(inputs), np.float32)
        at = {kind: np.flatnonzero(kinds == kind) for kind in (OPAQUE, DENSE, ROWS, TEXT)}
        of = {kind: [inputs[i] for i in places.tolist()] for kind, places in at.items()}
        exact[at[OPAQUE]] = [self._digest(one) for one in of[OPAQUE]]
        dense, exact[at[DENSE]] = self._vectors(of[DENSE], gathering)
        rows, exact[at[ROWS]] = self._cells(of[ROWS])
        text, exact[at[TEXT]] = self._texts(of[TEXT])
        for kind, sizes in ((DENSE, dense.size), (ROWS, np.diff(rows.start)), (TEXT, text.words)):
            row[at[kind]], size[at[kind]] = np.arange(len(sizes)), sizes
        return SketchedInputs(kinds, row, exact, size, dense, rows, text)

    def _digest(self, one: Input) -> int:
        if type(one.value) is Premade:
            return one.value.exact
        return 0 if one.value is None else self._hashes.digest(one.value)

    def _vectors(self, inputs: list[Input], gathering: Gathering) -> tuple[DenseSketches, Words]:
        raw = [one for one in inputs if type(one.value) is not Premade]
        values, starts = gathering.values(np.array([one.start for one in raw], np.int64))
        sketches, exact = self._dense.sketch(values, starts, [one.value for one in raw])
        return merge_dense([one.value for one in inputs], sketches, exact)

    def _cells(self, inputs: list[Input]) -> tuple[RowSketches, Words]:
        sketches, exact = self._rows.sketch([one.value for one in inputs if type(one.value) is not Premade])
        return merge_rows([one.value for one in inputs], sketches, exact)

    def _texts(self, inputs: list[Input]) -> tuple[TextSketches, Words]:
        raw = [one.value for one in inputs if type(one.value) is not Premade]
        sketches = self._text.sketch([text for text, _ in raw])
        exact = self._text.exact([whole for _, whole in raw])
        return merge_text([one.value for one in inputs], sketches, exact)
