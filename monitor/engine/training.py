"""What is known of the records that a model was trained on, and which clients may ask about them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detectors.sketch.fingerprints import Fingerprints
from detectors.sketch.queries import DENSE, ROWS, Queries


@dataclass(frozen=True, slots=True)
class Training:
    """Fingerprints of a model's training records, and the pseudonyms of clients whose queries are not held against
    them: the owner's own evaluation jobs."""

    fingerprints: Fingerprints
    evaluators: frozenset[bytes] = frozenset()

    def hits(
        self, queries: Queries, index: NDArray[np.int64], shape: tuple[int, int, tuple[int, ...]]
    ) -> NDArray[np.uint64]:
        """Of each query at `index`, (n,): bit 63 where the model was trained on the input, bit j where it was but for
        column j. No elements where no training record has that shape: then nothing is known of such queries."""
        kind, _, columns = shape
        if shape not in self.fingerprints.shapes:
            return np.zeros(0, np.uint64)
        at = queries.row[index]
        if kind == ROWS:
            cells = queries.rows.start[at][:, None] + np.arange(len(columns))
            found = self.fingerprints.rows(np.array(columns, np.uint32), queries.rows.value[cells])
        else:
            coarse = queries.dense.coarse[at] if kind == DENSE else np.zeros(len(index), np.uint64)
            found = self.fingerprints.whole(queries.exact[index], coarse)
        if self.evaluators:
            found[[queries.client[i] in self.evaluators for i in index.tolist()]] = 0
        return found
