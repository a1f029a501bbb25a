"""A counter of exact repeats, as anybody would write it first. There is nothing to cite.

Known defects: attack libraries repeat themselves without need (Square of ART sends two in three queries twice), which
flatters it on their streams and not on those of a careful attacker; pollers and smoke tests do nothing but repeat.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from rivals.contract import PUBLISHED, Alone, Stream, Trace

USUAL = 10


class Duplicates(Alone):
    """The statistic is how many of the client's queries it had sent before; nothing is published, 10 is our guess."""

    name = "duplicate counter"

    def published(self) -> Mapping[str, float]:
        """Ten repeats."""
        return {PUBLISHED: float(USUAL)}

    def read(self, stream: Stream) -> Trace:
        """Read one client."""
        new = np.zeros(len(stream), bool)
        new[np.unique(stream.digests, return_index=True)[1]] = True
        return Trace(np.cumsum(~new).astype(float), 8 * int(new.sum()))
