"""A flood of new clients: so many come that others have to leave. That costs memory, and it is a finding.

Whoever sends queries chooses the names. The table of clients has a ceiling, so a flood drives clients out; who leaves
first stands in detectors/features/windows.py. Here is counted how many had to (decision 0020).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from detectors.sketch.queries import Queries
from monitor.alerts.finding import Contribution, Evidence, Exposure
from monitor.engine.kinds import rung
from monitor.engine.storm import HOUR
from monitor.engine.verdicts import Verdict, number
from monitor.engine.view import Left

FLOOD: Final = b"\0flood of names\0"  # stands where a client stands in the identity of the finding, 16 bytes
SHARE: Final = 8  # a flood drives out one in so many of the clients that have a place, within an hour,
UNUSUAL: Final = 4.0  # and so many times as many as in the hours before
MEMORY: Final = 0.5  # what an hour before counts against the one before that
STRENGTH: Final = 0.5


class Flood:
    """Counts who had to leave a partition, by hours of event time. `clients` is how many have a place."""

    def __init__(self, clients: int) -> None:
        self._least = max(1, clients // SHARE)
        self._hour, self._count, self._suspects, self._told = 0, 0, 0, -1
        self._usual = 0.0

    def feed(self, left: Sequence[Left], queries: Queries, clocks: NDArray[np.int64]) -> Iterator[Verdict]:
        """Verdicts on a flood, each time that it has grown by half; `left` are those of a batch."""
        for one in sorted(left):
            self._follow(int(clocks[one.at]) // HOUR)
            self._count += 1
            self._suspects += one.suspect
            if self._count >= max(self._least, UNUSUAL * self._usual) and rung(self._count) > self._told:
                self._told = rung(self._count)
                yield self._verdict(one, queries)

    def _follow(self, hour: int) -> None:
        if hour == self._hour:
            return
        if self._hour:
            hours = min(hour - self._hour, 64)
            self._usual = (MEMORY * self._usual + MEMORY * self._count) * MEMORY ** (hours - 1)
        self._hour, self._count, self._suspects, self._told = hour, 0, 0, -1

    def _verdict(self, one: Left, queries: Queries) -> Verdict:
        numbers = (
            Contribution("clients_evicted", float(self._count), number(self._usual), 0.8),
            Contribution("suspects_evicted", float(self._suspects), 0.0, 0.2),
        )
        evalue = number(1e3 * self._count / self._least)
        offset, time = int(queries.offset[one.at]), int(queries.time[one.at])
        return Verdict(
            index=one.at,
            model=queries.models[queries.model[one.at]],
            client=FLOOD,
            group=b"",
            started=time,
            first_offset=offset,
            last_offset=offset,
            queries=self._count,
            evidence=(Evidence("access", "flood", "access", STRENGTH, evalue, numbers),),
            profile=None,
            exposure=Exposure(self._count, 0, 0.0, 0, 0, 0),
            members=(one.newcomer,),
        )

    def dump(self) -> dict[str, NDArray[Any]]:
        """All of it, as arrays."""
        counts = [self._hour, self._count, self._suspects, self._told]
        return {"counts": np.array(counts, np.int64), "usual": np.array([self._usual])}

    def load(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Take over what `dump` gave. ValueError, TypeError or KeyError where it is something else."""
        self._hour, self._count, self._suspects, self._told = arrays["counts"].tolist()
        self._usual = float(arrays["usual"][0])
