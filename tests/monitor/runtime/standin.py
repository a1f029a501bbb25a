"""Stand-ins for what the loop is wired to: a scripted source, and an engine that can be added up by hand.

The engine opens a finding at every 7th query of a client; like the real one it does not depend on how batches are cut.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from detectors.sketch.queries import Queries
from monitor.alerts.finding import Exposure, Finding, Lineage, finding_id
from monitor.engine.gap import gap
from monitor.record.raw import Partition, RawBatch
from monitor.runtime.snapshots import Arrays
from monitor.sources.protocol import Arrival, Assignment, Bounds, Progress, Quarantined


@dataclass(frozen=True)
class Stats:
    queries: int
    clients: int
    ignored: int = 0
    evicted: int = 0
    suspects_evicted: int = 0
    findings_open: int = 0
    findings_dropped: int = 0
    bytes: int = 0
    models: int = 1
    learning: tuple[str, ...] = ()


class Engine:
    def __init__(self, partition: Partition, counts: dict[bytes, int] | None = None) -> None:
        self.partition = partition
        self.counts = {} if counts is None else counts

    def feed(self, queries: Queries) -> list[Finding]:
        found = []
        for client, offset, time in zip(queries.client, queries.offset.tolist(), queries.time.tolist(), strict=True):
            self.counts[client] = self.counts.get(client, 0) + 1
            if self.counts[client] % 7 == 0:
                found.append(self._finding(client.hex(), self.counts[client] // 7, offset, time))
        return found

    def missed(self, first: int, following: int, reason: str, now: int) -> Finding:
        origin = Lineage(self.partition.topic, self.partition.number, 0, 0, "1", "", ())
        return gap("default", origin, 0, first, following, reason, now)

    def marks(self) -> Any:
        return dict(self.counts)

    def tells(self, marks: Any) -> bool:
        return True

    def changes(self, marks: Any) -> dict[str, NDArray[Any]]:
        return self.dump()

    def dump(self) -> dict[str, NDArray[Any]]:
        return {
            "clients": np.array(list(self.counts), dtype="S16"),
            "counts": np.array(list(self.counts.values()), dtype=np.int64),
        }

    def standings(self) -> list[Any]:
        return []

    def stats(self) -> Stats:
        return Stats(sum(self.counts.values()), len(self.counts))

    def _finding(self, client: str, episode: int, offset: int, time: int) -> Finding:
        return Finding(
            finding=finding_id("default", "credit", client, "extraction", episode),
            revision=1,
            status="open",
            tier="named",
            family="extraction",
            model="credit",
            client=client,
            severity="high",
            risk=73.0,
            evalue=1000.0,
            budget=100.0,
            started=time,
            raised_at=time,
            updated_at=time,
            queries=episode * 7,
            title="",
            reason="",
            evidence=(),
            profile=None,
            exposure=Exposure(7, 7, 0.0, 7, 1, 2),
            response=(),
            lineage=Lineage(self.partition.topic, self.partition.number, offset, offset, "1", "", ("1",)),
        )


def make_engine(partition: Partition, arrays: Arrays | None) -> Any:
    if arrays is None:
        return Engine(partition)
    if set(arrays) != {"clients", "counts"}:
        raise ValueError("not the arrays of this engine")
    names = [bytes(name).ljust(16, b"\0") for name in arrays["clients"]]
    return Engine(partition, dict(zip(names, arrays["counts"].tolist(), strict=True)))


def record(client: str, at: int) -> bytes:
    return orjson.dumps(
        {
            "client": client,
            "model": "credit",
            "time": 1_795_255_200_000 + at,
            "input": {"vector": [at, 1.0, 2.0, 3.0]},
            "output": {"label": "yes"},
        }
    )


class Log:
    """Partitions that keep what was written, as a broker does, with the offsets of one group."""

    def __init__(self, records: Mapping[Partition, Sequence[bytes]]) -> None:
        self.records = {partition: list(lines) for partition, lines in records.items()}
        self.committed: dict[Partition, int] = {}
        self.first: dict[Partition, int] = {}  # what is older has expired


class ScriptedSource:
    """Reads a Log in batches of `size`; the test gives and takes partitions and decides when there is nothing more."""

    def __init__(self, log: Log, size: int, mine: Iterable[Partition] | None = None) -> None:
        self.log = log
        self.size = size
        self.owned = frozenset(log.records if mine is None else mine)
        self.position: dict[Partition, int] = {}
        self.paused: set[Partition] = set()
        self.pending: deque[Assignment] = deque([Assignment(self.owned, frozenset())])
        self.extra: deque[Arrival] = deque()
        self.fenced = False
        self.asked: list[frozenset[Partition]] = []  # what the group was asked for
        self.closed = False

    def rebalance(self, *, gained: Iterable[Partition] = (), lost: Iterable[Partition] = ()) -> None:
        change = Assignment(frozenset(gained), frozenset(lost))
        self.owned = (self.owned - change.lost) | change.gained
        for partition in change.lost:
            self.position.pop(partition, None)
            self.paused.discard(partition)
        self.pending.append(change)

    def poll(self, timeout: float) -> Iterable[Arrival]:
        arrivals: list[Arrival] = list(self.extra)
        self.extra.clear()
        for partition, start in self.position.items():
            first = self.log.first.get(partition, 0)
            if start < first:
                arrivals.append(Quarantined(partition, start, first, "expired"))
                continue
            lines = self.log.records[partition][start : start + self.size]
            if lines and partition not in self.paused:
                stop = start + len(lines)
                offsets = np.arange(start, stop, dtype=np.int64)
                arrivals.append(RawBatch(partition, lines, offsets, np.full(len(lines), -1, np.int64), stop))
        for arrival in arrivals:
            self.position[arrival.partition] = arrival.next_offset
        return arrivals

    def assigned(self) -> frozenset[Partition]:
        return self.owned

    def changes(self) -> Sequence[Assignment]:
        changes = list(self.pending)
        self.pending.clear()
        return changes

    def seek(self, partition: Partition, offset: int | None) -> None:
        if partition in self.owned:
            self.position[partition] = self.log.committed.get(partition, 0) if offset is None else offset

    def bounds(self, partition: Partition) -> Bounds | None:
        return Bounds(self.log.first.get(partition, 0), self.log.committed.get(partition, 0))

    def confirm(self, partitions: Iterable[Partition]) -> frozenset[Partition]:
        asked = frozenset(partitions)
        self.asked.append(asked)
        return frozenset() if self.fenced else asked & self.owned

    def commit(self, offsets: Mapping[Partition, int]) -> bool:
        if self.fenced or not self.owned.issuperset(offsets):
            return False
        self.log.committed.update(offsets)
        return True

    def pause(self, partitions: Iterable[Partition]) -> None:
        self.paused.update(partitions)

    def resume(self, partitions: Iterable[Partition]) -> None:
        self.paused.difference_update(partitions)

    def lag(self) -> Mapping[Partition, int]:
        return {partition: len(self.log.records[partition]) - at for partition, at in self.position.items()}

    def progress(self) -> Progress | None:
        return None

    @property
    def finished(self) -> bool:
        done = all(at >= len(self.log.records[partition]) for partition, at in self.position.items())
        return done and not self.extra and not self.pending

    def close(self) -> None:
        self.closed = True
