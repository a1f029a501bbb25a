"""What one pass took, and the clock for it. Standard library only: rivals with an environment of their own use it."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass(slots=True)
class Run:
    """What one pass took: records, seconds of wall clock and of processor time, and the latter by stage."""

    name: str
    records: int
    wall: float
    cpu: float
    findings: int = 0
    stages: dict[str, float] = field(default_factory=dict)


class Stopwatch:
    """Counts from the moment at which records flow: forming a group takes seconds that say nothing of speed."""

    def __init__(self) -> None:
        self._begun = (0.0, 0.0)
        self._records = -1

    def saw(self, records: int) -> bool:
        """So many records were handed over in all; starts the clock behind the first ones, and says so."""
        if self._records >= 0 or records == 0:
            return False
        self.start(records)
        return True

    def start(self, records: int = 0) -> None:
        """Start the clock now, behind so many records."""
        self._begun, self._records = (time.perf_counter(), time.process_time()), records

    def stop(self, name: str, records: int) -> Run:
        """The time since the start, for the records since then."""
        wall, cpu = time.perf_counter() - self._begun[0], time.process_time() - self._begun[1]
        return Run(name, records - max(self._records, 0), wall, cpu)


@contextmanager
def pinned(core: int | None) -> Iterator[None]:
    """Within, this thread and the processes that it starts run on one core (None: on all). A process has to be born
    there: libraries count the cores when they are loaded, and two threads that wait for each other on one waste it."""
    before = os.sched_getaffinity(0)
    if core is not None:
        os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
