"""SEAT: a thief's account holds many pairs of similar queries.

Zhang, Chen, Wagner: "SEAT: Similarity Encoder by Adversarial Training for Detecting Model Extraction Attack Queries",
AISec 2021, sections 4 and 5: a query whose code lies closer than a threshold to an earlier one of the account is a hit,
50 hits are an alarm. The threshold is the one at which 1 % of honest users, simulated by draws from the test set, have
an alarm.

"50 hits at a threshold" is "the 50th smallest nearest distance so far lies below it", which is the statistic here; so
one pass serves all thresholds. Departures: shared PCA encoder instead of the adversarially trained one; simulated users
have up to 500 queries. Known defects: real users repeat themselves and simulated ones do not, so pollers, smoke tests,
one-class users and A/B harnesses are flagged.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from rivals.contract import PUBLISHED, SILENT, Alone, Floats, Lesson, Stream, Trace, Vectors
from rivals.nearness import LATEST, nearest, simulated

HITS = 50
FALSE_ALARMS = 0.01
USERS = 200
LENGTH = 500


def hits(codes: Vectors) -> Floats:
    """The 50th smallest nearest distance so far, with its sign turned; -inf while there are fewer."""
    statistic, smallest = np.full(len(codes), SILENT), list[float]()
    for query, distance in enumerate(nearest(codes, 1)[:, 0].tolist()):
        if np.isfinite(distance):
            insort(smallest, distance)
            del smallest[HITS:]
        if len(smallest) == HITS:
            statistic[query] = -smallest[-1]
    return statistic


class Seat(Alone):
    """Flagged at 50 hits."""

    name = "SEAT"
    encodes: ClassVar[bool] = True

    def __init__(self) -> None:
        self._threshold = np.inf

    def learn(self, lesson: Lesson) -> None:
        """Simulate honest users; 1 % of them would be flagged."""
        users = simulated(lesson, USERS, LENGTH, seed=2)
        self._threshold = float(np.quantile([hits(codes)[-1] for codes in users], 1 - FALSE_ALARMS, method="higher"))

    def published(self) -> Mapping[str, float]:
        """The paper's recipe."""
        return {PUBLISHED: self._threshold}

    def read(self, stream: Stream) -> Trace:
        """Read one client."""
        state = min(len(stream), LATEST) * stream.codes.shape[1] * stream.codes.itemsize + 8 * HITS
        return Trace(hits(stream.codes), state)
