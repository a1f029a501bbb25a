"""OSD, "stateful detection": who searches for an adversarial example sends many inputs that are close together.

Chen, Carlini, Wagner: "Stateful Detection of Black-Box Adversarial Attacks", 2019 (arXiv 1907.05587), section 4: mean
distance of a query's code to its k = 50 nearest earlier ones of the account, flagged below the 0.1 % quantile of the
same number over the training set.

Departures: the paper's encoder is a network trained on pairs of transformed pictures; here all rivals share one
encoder, a PCA of the learning days. The account's memory is not emptied at a flag, because only first flags count.
Known defects: silent for 50 queries; pollers, smoke tests and whoever sends one picture often are flagged; one more
account starts afresh.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from rivals.contract import PUBLISHED, Alone, Lesson, Stream, Trace
from rivals.nearness import LATEST, distances, nearest

NEIGHBOURS = 50
QUANTILE = 0.001
#: Of the training records; the distances of this many to each other are computed.
MOST = 5000


class Osd(Alone):
    """The statistic is the mean distance to the 50 nearest earlier queries, with its sign turned."""

    name = "OSD"
    encodes: ClassVar[bool] = True

    def __init__(self) -> None:
        self._threshold = np.inf

    def learn(self, lesson: Lesson) -> None:
        """Take the 0.1 % quantile over ordinary inputs, each against all others."""
        codes = lesson.ordinary.codes[:MOST]
        if len(codes) <= NEIGHBOURS:
            raise ValueError(f"{len(codes)} ordinary inputs; {NEIGHBOURS + 1} are the least")
        means = []
        for start in range(0, len(codes), 500):
            block = distances(codes[start : start + 500], codes)
            near = np.partition(block, NEIGHBOURS, axis=1)[:, : NEIGHBOURS + 1]
            means.append(near.sum(axis=1) / NEIGHBOURS)  # itself is among them, at distance 0
        self._threshold = float(-np.quantile(np.concatenate(means), QUANTILE))

    def published(self) -> Mapping[str, float]:
        """The paper's recipe."""
        return {PUBLISHED: self._threshold}

    def read(self, stream: Stream) -> Trace:
        """Read one client."""
        state = min(len(stream), LATEST) * stream.codes.shape[1] * stream.codes.itemsize
        return Trace(-nearest(stream.codes, NEIGHBOURS).mean(axis=1), state)
