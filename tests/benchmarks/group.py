"""Several processes of one consumer group, each pinned to a core of its own, which begin at the same moment.

The product's loop runs in each, from Kafka to delivered alerts, snapshots and commits. Nobody is given a record before
every process has its share of the partitions; and all partitions hold the same number of records, as near as Zipf's
law lets them, so that all end at about the same time. The speed is that of all records over the time until the last
process has saved.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

from contenders import Load, daemon, received, settings_of
from stopwatch import pinned

from monitor.record.raw import Partition
from monitor.runtime.wiring import open_source
from monitor.sources.protocol import Arrival, Assignment, Source

PATIENCE: Final = 120.0  # seconds without records after which a member gives up
EVERY: Final = 0.5  # seconds between two marks


@dataclass(frozen=True, slots=True)
class Member:
    """What one process did: records, when it began and when all was saved (seconds of the machine's steady clock), its
    processor seconds, and how many records it had by when."""

    records: int
    begun: float
    ended: float
    cpu: float
    marks: list[tuple[float, int]]


class Gate:
    """A source that hands over nothing until all members of the group have their partitions. Members tell each other
    through files in a folder."""

    def __init__(self, source: Source, folder: Path, members: int, partitions: int) -> None:
        self._source, self._folder, self._members, self._partitions = source, folder, members, partitions
        self._own = folder / f"member-{os.getpid()}"
        self.opened: tuple[float, float] | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._source, name)

    def poll(self, timeout: float) -> Iterable[Arrival]:
        """Nothing while somebody is missing."""
        if self.opened is not None:
            return self._source.poll(timeout)
        ours = self._source.assigned()
        self._source.pause(ours)
        arrivals = list(self._source.poll(0.2))
        if arrivals:
            raise RuntimeError("records came through the gate")
        self._own.write_text(str(len(ours)))
        if self._complete():
            self._source.resume(ours)
            self.opened = (time.perf_counter(), time.process_time())
        return ()

    def changes(self) -> Sequence[Assignment]:
        """As they come; before the gate opens, gained partitions are paused at once."""
        told = self._source.changes()
        if self.opened is None:
            self._source.pause(frozenset().union(*(change.gained for change in told)))
        return told

    def _complete(self) -> bool:
        shares = [int(file.read_text() or 0) for file in self._folder.glob("member-*")]
        return len(shares) == self._members and all(shares) and sum(shares) == self._partitions


def member(load: Load, group: str, folder: Path, members: int) -> Member:
    """One process of the group, until the group has all records."""
    settings = settings_of("product", load, group)
    own = folder / f"state-{os.getpid()}"
    own.mkdir()
    with closing(open_source(settings.source)) as source:
        gate = Gate(source, folder, members, load.shape.partitions)
        with daemon(settings, gate, own) as (loop, metrics, settled):
            marks: list[tuple[float, int]] = []

            def done() -> bool:
                now, seen = time.perf_counter(), received(metrics)
                if gate.opened is not None and (not marks or now - marks[-1][0] >= EVERY):
                    marks.append((now, seen))
                lags: Mapping[Partition, int] = source.lag()
                read = len(lags) == len(source.assigned()) > 0 and not any(lags.values())
                if gate.opened is not None and not seen and now - gate.opened[0] > PATIENCE:
                    raise RuntimeError("no record came")
                return gate.opened is not None and seen > 0 and read

            loop.run(done)
            settled()
            ended, spent = time.perf_counter(), time.process_time()
            if gate.opened is None:
                raise RuntimeError("the gate never opened")
            begun, before = gate.opened
            return Member(received(metrics), begun, ended, spent - before, [*marks, (ended, received(metrics))])


def together(load: Load, cores: Sequence[int]) -> list[Member]:
    """One process on each of these cores, all of one group. RuntimeError where records were read twice or
    not at all."""
    group = f"{load.topic}-{uuid4().hex[:8]}"
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        started = []
        for core in cores:
            pool = stack.enter_context(ProcessPoolExecutor(1, mp_context=get_context("spawn")))
            with pinned(core):
                started.append(pool.submit(member, load, group, Path(folder), len(cores)))
        members = [one.result() for one in started]
    if (seen := sum(one.records for one in members)) != load.records:
        raise RuntimeError(f"of {load.records} records {seen} were read")
    return members


def speed(members: Sequence[Member]) -> float:
    """Records a second of all of them, from the moment at which the first one began until the last had saved."""
    records = sum(one.records for one in members)
    return records / (max(one.ended for one in members) - min(one.begun for one in members))
