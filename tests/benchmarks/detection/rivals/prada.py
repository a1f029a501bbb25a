"""PRADA: distances between a thief's queries are not spread as those of natural inputs are.

Juuti, Szyller, Marchal, Asokan: "PRADA: Protecting against DNN Model Stealing Attacks", EuroS&P 2019, section 5,
algorithm 1, with three habits of the authors' code: every tenth query is judged, classes with fewer than 10 distances
are left out, and the Shapiro-Wilk statistic W of the pooled distances (without what lies beyond 3 standard deviations)
is held against delta when more than 100 of them are left.

Known defects: silent for the first hundred queries; keeps raw inputs; honest clients who repeat themselves (one class,
video, smoke tests) break the normal distribution as well. Made for images; on tables the standardised columns are used,
on text the embedding, with one class where no label was logged.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from scipy.stats import shapiro

from rivals.contract import PUBLISHED, SILENT, Alone, Floats, Stream, Trace
from rivals.nearness import distances

EVERY = 10
FEWEST_OF_CLASS = 10
ENOUGH = 100
OUTLIER = 3.0
#: Shapiro-Wilk is made for 5,000 values at most.
MOST = 5000


@dataclass(slots=True)
class Growing:
    """The growing set of one class: its members, their distances at entry, and the distances of all of its queries."""

    members: list[int]
    entries: list[float] = field(default_factory=lambda: [0.0])
    seen: list[float] = field(default_factory=list)
    threshold: float = 0.0

    def take(self, query: int, row: Floats) -> None:
        """One more query of the class; `row` holds its distances to all queries of the client."""
        distance = float(row[self.members].min())
        self.seen.append(distance)
        if distance > self.threshold:
            self.members.append(query)
            self.entries.append(distance)
            entries = np.array(self.entries)
            self.threshold = max(self.threshold, float(entries.mean() - entries.std()))


class Prada(Alone):
    """The statistic is 1 - W; the paper has delta 0.95 for digits, its code 0.9."""

    name = "PRADA"

    def published(self) -> Mapping[str, float]:
        """Flagged where W falls to delta."""
        return {PUBLISHED: 1 - 0.9, f"{PUBLISHED}-0.95": 1 - 0.95}

    def read(self, stream: Stream) -> Trace:
        """Read one client."""
        vectors = stream.vectors
        statistic, classes = np.full(len(stream), SILENT), dict[int, Growing]()
        between = distances(vectors, vectors)
        for query, label in enumerate(stream.labels.tolist()):
            if label in classes:
                classes[label].take(query, between[query])
            else:
                classes[label] = Growing([query])
            if (query + 1) % EVERY == 0 and query > ENOUGH:
                statistic[query] = abnormality(classes)
        kept = sum(len(one.members) for one in classes.values())
        numbers = sum(len(one.seen) + len(one.entries) for one in classes.values())
        size = vectors.itemsize if stream.pixels is None else 1
        return Trace(statistic, kept * vectors.shape[1] * size + 8 * numbers)


def abnormality(classes: Mapping[int, Growing]) -> float:
    """1 - W of the pooled distances; silent while there are too few of them."""
    pooled = [one.seen for one in classes.values() if len(one.seen) >= FEWEST_OF_CLASS]
    every = np.concatenate(pooled)[-MOST:] if pooled else np.zeros(0)
    if len(every) <= ENOUGH:
        return SILENT
    near = every[np.abs(every - every.mean()) <= OUTLIER * every.std()]
    if len(near) <= ENOUGH:
        return SILENT
    if np.ptp(near) == 0.0:
        return 0.0  # W of equal values is 1
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # tiny range
        return 1.0 - float(shapiro(near).statistic)
