"""What is known of each partition that is ours: its engine, and up to where that engine has read."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from detectors.sketch.queries import Queries
from monitor.alerts.finding import Finding
from monitor.record.raw import Partition
from monitor.runtime.metrics import Metrics
from monitor.runtime.snapshots import Arrays, Refused, Snapshot, SnapshotStore

if TYPE_CHECKING:
    from monitor.engine.partition import EngineStats, PartitionEngine

log = logging.getLogger(__name__)

# a fresh engine (None), or one with the state of a snapshot; ValueError with the reason where the arrays do not fit
EngineMaker = Callable[[Partition, Arrays | None], "PartitionEngine"]


@dataclass(slots=True)
class _Held:
    engine: PartitionEngine
    next_offset: int | None  # None: nothing read yet, and no snapshot
    saved_at: float
    unsaved: int  # records since the last snapshot


class Partitions:
    """The engines of our partitions. `epoch` names the key, `config_hash` the settings under which they run; `clock`
    counts seconds and never goes back."""

    def __init__(
        self,
        make: EngineMaker,
        store: SnapshotStore,
        clock: Callable[[], float],
        metrics: Metrics,
        *,
        config_hash: str,
        key_epoch: str,
    ) -> None:
        self._make = make
        self._store = store
        self._clock = clock
        self._metrics = metrics
        self._config_hash = config_hash
        self._key_epoch = key_epoch
        self.former_epoch: str | None = None  # of the key before, whose state may be gone on from
        self._held: dict[Partition, _Held] = {}
        self.standings: dict[str, list[dict[str, Any]]] = {}  # of each partition, when it was last saved

    def __contains__(self, partition: Partition) -> bool:
        return partition in self._held

    def take(self, partition: Partition) -> int | None:
        """Takes a partition over from its newest usable snapshot; the offset to read from, None where there is no
        snapshot and the group's own offset counts."""
        engine, next_offset = self._restored(partition)
        self._held[partition] = _Held(engine, next_offset, self._clock(), 0)
        self._metrics.restored.labels("fresh" if next_offset is None else "snapshot").inc()
        log.info("partition taken", extra={"partition": str(partition), "offset": next_offset})
        return next_offset

    def drop(self, partition: Partition) -> None:
        """Forgets a partition that is somebody else's now, with all that was not saved of it."""
        self.standings.pop(str(partition), None)
        if self._held.pop(partition, None) is not None:
            log.info("partition dropped", extra={"partition": str(partition)})

    def feed(self, partition: Partition, queries: Queries) -> list[Finding]:
        """What the engine of that partition says of these queries."""
        return self._held[partition].engine.feed(queries)

    def advance(self, partition: Partition, next_offset: int, records: int) -> None:
        """Everything before `next_offset` has been fed, and its findings are safe."""
        held = self._held[partition]
        held.next_offset = next_offset
        held.unsaved += records

    def due(self, seconds: float, records: int) -> Iterator[Partition]:
        """Partitions with something new whose last snapshot is so many seconds or records ago."""
        now = self._clock()
        for partition, held in self._held.items():
            if held.unsaved and (held.unsaved >= records or now - held.saved_at >= seconds):
                yield partition

    def save(self, partition: Partition) -> int | None:
        """Saves state and offset as one; the offset, None where that failed (the old snapshot stands, and reading goes
        on: nothing is lost but time at the next start)."""
        held = self._held[partition]
        if held.next_offset is None:
            return None
        held.saved_at = self._clock()  # also after a failure: a full disk is not asked at every step
        arrays, standings = held.engine.dump(), [one.tree() for one in held.engine.standings()]
        snapshot = Snapshot(partition, held.next_offset, self._config_hash, self._key_epoch, arrays, standings)
        self.standings[str(partition)] = standings
        try:
            self._store.save(snapshot)
        except OSError as problem:
            self._metrics.snapshots.labels("failed").inc()
            log.error(
                "snapshot failed; offsets are not committed",
                extra={"partition": str(partition), "error": problem.strerror},
            )
            return None
        held.unsaved = 0
        self._metrics.snapshots.labels("saved").inc()
        return held.next_offset

    def offsets(self) -> dict[Partition, int]:
        """Up to where each partition has been read, of those of which anything is known."""
        return {one: held.next_offset for one, held in self._held.items() if held.next_offset is not None}

    def forget(self, names: Iterable[bytes]) -> None:
        """Erases clients or addresses from all engines."""
        for name in names:
            for held in self._held.values():
                held.engine.forget(name)

    def age(self) -> float:
        """Seconds since the snapshot of the partition that waits longest for one; 0 where nothing is unsaved."""
        now = self._clock()
        return max((now - held.saved_at for held in self._held.values() if held.unsaved), default=0.0)

    def stats(self) -> list[EngineStats]:
        """Numbers of each engine."""
        return [held.engine.stats() for held in self._held.values()]

    def __len__(self) -> int:
        return len(self._held)

    def _restored(self, partition: Partition) -> tuple[PartitionEngine, int | None]:
        for kept in self._kept(partition):
            if isinstance(kept, Refused):
                self._refuse(partition, kept.reason, kept.place)
                continue
            try:
                engine = self._make(partition, kept.arrays)
            except ValueError as problem:
                self._refuse(partition, str(problem), f"offset {kept.next_offset}")
                continue
            if kept.config_hash != self._config_hash:
                log.warning("settings changed since the snapshot", extra={"partition": str(partition)})
            return engine, kept.next_offset
        return self._make(partition, None), None

    def _kept(self, partition: Partition) -> Iterator[Snapshot | Refused]:
        """What is kept of a partition, newest first: under our key, then under the key before. What is refused under
        ours is not told where the key before opens something."""
        if self.former_epoch is None:
            yield from self._store.load(partition, self._key_epoch)
            return
        refused = []
        for kept in self._store.load(partition, self._key_epoch):
            if isinstance(kept, Refused):
                refused.append(kept)
            else:
                yield kept
        for kept in self._store.load(partition, self.former_epoch):
            if not isinstance(kept, Refused):
                log.info("state of the key before", extra={"partition": str(partition), "offset": kept.next_offset})
                yield kept
        yield from refused

    def _refuse(self, partition: Partition, reason: str, place: str) -> None:
        self._metrics.refused.inc()
        log.error(
            "snapshot refused; the one before is tried, or learning starts anew",
            extra={"partition": str(partition), "reason": reason, "place": place},
        )
