"""A plain rate limit, as gateways have it: queries within a sliding minute. There is nothing to cite.

Known defects: it knows nothing of attacks; who is slow is not seen, who tests the load is.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from rivals.contract import PUBLISHED, Alone, Stream, Trace

WINDOW = 60.0
USUAL = 100


class RateLimit(Alone):
    """The statistic is the client's queries of the last minute; 100 a minute is a usual limit."""

    name = "rate limit"

    def published(self) -> Mapping[str, float]:
        """More than 100 queries a minute."""
        return {PUBLISHED: USUAL + 1.0}

    def read(self, stream: Stream) -> Trace:
        """Read one client."""
        begun = np.searchsorted(stream.times, stream.times - WINDOW, side="right")
        recent = np.arange(1, len(stream) + 1) - begun
        return Trace(recent.astype(float), 8 * int(recent.max(initial=0)))
