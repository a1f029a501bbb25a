"""Sketches the inputs of a batch, of all kinds: raw inputs end here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.sketch.dense import DenseSketcher
from detectors.sketch.queries import DENSE, OPAQUE, ROWS, TEXT, AnswerSketches, DenseSketches, RowSketches, TextSketches
from detectors.sketch.rows import RowSketcher
from detectors.sketch.text import TextSketcher
from monitor.record.found import Inputs
from monitor.record.gathering import Gathering
from monitor.record.hashes import Hashes
from monitor.record.merge import merge_dense, merge_rows, merge_text, ready_rows
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

    def sketch(self, inputs: Inputs, gathering: Gathering) -> SketchedInputs:
        """The columns of the inputs, in their order; numbers of dense ones and tables of rows lie in the gathering."""
        n = len(inputs.kind)
        row, exact, size = np.full(n, -1, np.int32), np.zeros(n, np.uint64), np.zeros(n, np.float32)
        at = {kind: np.flatnonzero(inputs.kind == kind) for kind in (OPAQUE, DENSE, ROWS, TEXT)}
        of = {kind: inputs if len(places) == n else inputs.take(places) for kind, places in at.items()}
        exact[at[OPAQUE]] = self._opaque(of[OPAQUE].given)
        dense, exact[at[DENSE]] = self._vectors(of[DENSE], gathering)
        rows, exact[at[ROWS]] = self._cells(of[ROWS], gathering)
        text, exact[at[TEXT]] = self._texts(of[TEXT].given)
        for kind, sizes in ((DENSE, dense.size), (ROWS, np.diff(rows.start)), (TEXT, text.words)):
            row[at[kind]], size[at[kind]] = np.arange(len(sizes)), sizes
        return SketchedInputs(inputs.kind, row, exact, size, dense, rows, text)

    def answers(self, texts: list[str]) -> AnswerSketches:
        """What is kept of answers that are texts, in their order; "" where an answer is none."""
        return self._text.answers(texts)

    def _opaque(self, given: list[Any]) -> Words:
        exact = np.array([one.exact if type(one) is Premade else 0 for one in given], np.uint64)
        digests = [at for at, one in enumerate(given) if type(one) is bytes]
        exact[digests] = self._hashes.digests([given[at] for at in digests])
        return exact

    def _vectors(self, inputs: Inputs, gathering: Gathering) -> tuple[DenseSketches, Words]:
        raw = inputs.take(np.flatnonzero([type(one) is not Premade for one in inputs.given]))
        values, starts = gathering.values(raw.store, raw.start)
        return merge_dense(inputs.given, *self._dense.sketch(values, starts, raw.given))

    def _cells(self, inputs: Inputs, gathering: Gathering) -> tuple[RowSketches, Words]:
        parts = []
        for store in np.unique(inputs.store).tolist():
            at = np.flatnonzero(inputs.store == store)
            if store:
                parts.append((at, *self._rows.sketch_table(gathering.tables[store - 1], inputs.start[at])))
                continue
            ready = [one for one in at.tolist() if type(inputs.given[one]) is Premade]
            raw = [one for one in at.tolist() if type(inputs.given[one]) is not Premade]
            if ready:
                parts.append((np.array(ready), *ready_rows([inputs.given[one] for one in ready])))
            if raw:
                parts.append((np.array(raw), *self._rows.sketch([inputs.given[one] for one in raw])))
        return merge_rows(parts) if parts else self._rows.sketch([])

    def _texts(self, given: list[Any]) -> tuple[TextSketches, Words]:
        raw = [one for one in given if type(one) is not Premade]
        sketches = self._text.sketch([text for text, _ in raw])
        exact = self._text.exact([whole for _, whole in raw])
        return merge_text(given, sketches, exact)
