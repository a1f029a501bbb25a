"""What is known of each partition that is ours: its engine, and up to where that engine has read."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from concurrent.futures import Executor
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np

from detectors.scoring.nesting import copied
from detectors.sketch.queries import Queries
from monitor.alerts.finding import Finding
from monitor.engine.changes import joined
from monitor.record.raw import Partition
from monitor.runtime.generations import program
from monitor.runtime.metrics import Metrics
from monitor.runtime.saving import Inline, Saving
from monitor.runtime.snapshots import Arrays, FencedError, Refused, Snapshot, SnapshotStore
from monitor.sources.protocol import Bounds, Quarantined

if TYPE_CHECKING:
    from monitor.engine.closest import Close
    from monitor.engine.partition import EngineStats, PartitionEngine
    from monitor.engine.stream import Marks

log = logging.getLogger(__name__)

# a fresh engine (None), or one with the state of a snapshot; ValueError with the reason where the arrays do not fit
EngineMaker = Callable[[Partition, Arrays | None], "PartitionEngine"]


@dataclass(frozen=True, slots=True)
class Origin:
    """Where the state of a partition came from: `snapshot` (as it was), `migrated` (of an older version, and `note`
    says what was done), `rebuilt` (from the log, of which everything before `told` made findings that are safe
    already), or `fresh`. `refused` says which snapshots could not be used, and why."""

    how: str
    next_offset: int | None
    told: int = 0
    program: str = ""
    note: str = ""
    refused: tuple[str, ...] = ()


class Beside(Protocol):
    """What follows the engines: it gets the same queries, but for those on which they fail, and is saved when they
    are."""

    def take(self, partition: Partition, next_offset: int | None) -> None:
        """A partition is ours, from this offset on (None: where the group stands)."""
        ...

    def drop(self, partition: Partition) -> None:
        """A partition is somebody else's."""
        ...

    def feed(self, partition: Partition, queries: Queries) -> None:
        """These queries were fed, whole records of them; after a failure of the engine they may come once more."""
        ...

    def save(self, partition: Partition, next_offset: int) -> None:
        """The engine is being saved, with everything before this offset."""
        ...


@dataclass(slots=True)
class _Held:
    engine: PartitionEngine
    next_offset: int | None  # None: nothing read yet, and no snapshot
    saved_at: float  # when the state of the last snapshot was copied, or one has failed
    unsaved: int  # records since that state
    told: int = 0  # what is found before this offset was found before
    marks: Marks | None = None  # where the engine stood at the last snapshot of ours; None: the next one is whole
    postponed: bool = False  # the last attempt failed: records alone do not make the next one due
    began: int | None = None  # where reading began, where that was without a snapshot
    keeps: bool = False  # a copy is wanted as soon as what was fed is safe
    kept: tuple[int, Arrays] | None = None  # since the last snapshot: where the engine stood once, and its state

    @property
    def rebuilding(self) -> bool:
        """Whether its state is not yet what stood there before."""
        return self.next_offset is not None and self.next_offset < self.told


class _Writing(NamedTuple):
    """A state that is being written: whose, of which engine, up to where it has read, how many records more than the
    one before, when it was copied, and where the engine stood."""

    partition: Partition
    held: _Held
    engine: PartitionEngine
    next_offset: int
    records: int
    at: float
    marks: Marks


class Partitions:
    """The engines of our partitions. `key_epoch` names the key, `config_hash` the settings under which they run;
    `former_epoch` is the key before, whose state may be gone on from. `clock` counts seconds and never goes back;
    `rebuild` is the most records that are read again where no snapshot fits; `beside` is told of everything;
    `executor` writes snapshots, in one thread at most."""

    def __init__(
        self,
        make: EngineMaker,
        store: SnapshotStore,
        clock: Callable[[], float],
        metrics: Metrics,
        *,
        config_hash: str,
        key_epoch: str,
        former_epoch: str | None = None,
        rebuild: int = 0,
        beside: Beside | None = None,
        executor: Executor | None = None,
    ) -> None:
        self._make = make
        self._store = store
        self._saving: Saving[_Writing] = Saving(store, Inline() if executor is None else executor)
        self._saved: dict[Partition, int] = {}  # whose offsets nobody has asked for yet
        self._clock = clock
        self._metrics = metrics
        self._config_hash = config_hash
        self._key_epoch = key_epoch
        self._key_epochs = (key_epoch,) if former_epoch is None else (key_epoch, former_epoch)
        self._rebuild = rebuild
        self._beside = beside
        self.origins: dict[str, dict[str, Any]] = {}  # where the state of each partition came from
        self._held: dict[Partition, _Held] = {}
        self.standings: dict[str, list[dict[str, Any]]] = {}  # of each partition, when it was last saved

    def __contains__(self, partition: Partition) -> bool:
        return partition in self._held

    def take(self, partition: Partition, bounds: Bounds | None = None) -> int | None:
        """Takes a partition over from its newest usable snapshot; the offset to read from, None where there is no
        snapshot and the group's own offset counts. With `bounds` of the log, state that cannot be read is built again
        from it."""
        self._settle()
        try:
            self._store.take(partition)
        except OSError as problem:
            log.error("partition not claimed", extra={"partition": str(partition), "error": problem.strerror})
        engine, origin = self._restored(partition, bounds)
        began = None if bounds is None else bounds.start
        self._held[partition] = _Held(engine, origin.next_offset, self._clock(), 0, origin.told, began=began)
        if self._beside is not None:
            self._beside.take(partition, origin.next_offset)
        self._metrics.restored.labels(origin.how).inc()
        self.origins[str(partition)] = asdict(origin)
        told = {"partition": str(partition), "offset": origin.next_offset, "state": origin.how}
        notes = {"told": origin.told, "program": origin.program, "note": origin.note}
        log.info("partition taken", extra=told | {name: value for name, value in notes.items() if value})
        return origin.next_offset

    def drop(self, partition: Partition) -> None:
        """Forgets a partition that is somebody else's now, with all that was not saved of it."""
        self.standings.pop(str(partition), None)
        self.origins.pop(str(partition), None)
        self._saved.pop(partition, None)
        if self._beside is not None:
            self._beside.drop(partition)
        if self._held.pop(partition, None) is not None:
            log.info("partition dropped", extra={"partition": str(partition)})

    def feed(self, partition: Partition, queries: Queries) -> list[Finding]:
        """What the engine of that partition says of these queries, and has not said before. Where it raises, its state
        is of no use any more (`back`)."""
        held = self._held[partition]
        known = int(np.searchsorted(queries.offset, held.told)) if held.told else 0
        if known:
            held.engine.feed(queries.span(0, known))
        found = held.engine.feed(queries.span(known, len(queries)) if known else queries)
        if self._beside is not None:
            self._beside.feed(partition, queries)
        return found

    def state(self, partition: Partition) -> State:
        """The engine of that partition as one whose state can be copied and put back."""
        return State(self, partition)

    def copied(self, partition: Partition) -> Arrays:
        """The state of its engine, which later queries do not change."""
        return self._held[partition].engine.dump()

    def spare(self, partition: Partition, arrays: Arrays) -> PartitionEngine:
        """Another engine in that state."""
        return self._make(partition, copied(arrays))

    def put_back(self, partition: Partition, arrays: Arrays) -> None:
        """Throws the state of its engine away for a copy of before."""
        self._held[partition].engine, self._held[partition].marks = self.spare(partition, arrays), None

    def keep(self, partition: Partition) -> None:
        """Has a copy of its state kept as soon as what was fed is safe, until the next snapshot: the way back is short
        then, however soon and however often its engine fails."""
        self._held[partition].keeps = True

    def back(self, partition: Partition, bounds: Bounds | None = None) -> int | None:
        """Throws the state of its engine away for what stood last, here or in the newest usable snapshot; the offset to
        read from, None where that is the group's own. It stays ours: no new claim, and nothing for who follows."""
        self._settle()
        held = self._held[partition]
        if held.kept is not None:
            held.next_offset, arrays = held.kept
            self.put_back(partition, arrays)
            return held.next_offset
        held.engine, origin = self._restored(partition, bounds)
        held.next_offset, held.told, held.marks, held.unsaved = origin.next_offset, origin.told, None, 0
        return held.began if origin.next_offset is None else origin.next_offset

    def missed(self, stretch: Quarantined, now: int) -> Finding:
        """What is to be told of a stretch that the log has lost; `now` in microseconds since 1970."""
        engine = self._held[stretch.partition].engine
        return engine.missed(stretch.first_offset, stretch.next_offset, stretch.reason, now)

    def advance(self, partition: Partition, next_offset: int, records: int) -> None:
        """Everything before `next_offset` has been fed, and its findings are safe."""
        held = self._held[partition]
        held.next_offset = next_offset
        held.unsaved += records
        if held.keeps:
            held.keeps, held.kept = False, (next_offset, self.copied(partition))

    def due(self, seconds: float, records: int) -> list[Partition]:
        """Partitions with something new whose last snapshot is so many seconds or records ago, the oldest first."""
        now, found = self._clock(), []
        for partition, held in self._held.items():
            many = held.unsaved >= records and not held.postponed
            if held.unsaved and not held.rebuilding and (many or now - held.saved_at >= seconds):
                found.append(partition)
        return sorted(found, key=lambda one: self._held[one].saved_at)

    def postpone(self, partition: Partition) -> None:
        """The snapshot that is due cannot be taken now; it is tried again after the time between two snapshots."""
        held = self._held[partition]
        held.saved_at, held.postponed = self._clock(), True

    @property
    def busy(self) -> bool:
        """Whether a snapshot is being written, so that the next one has to wait."""
        self._look(wait=False)
        return self._saving.about is not None

    def save(self, partition: Partition) -> None:
        """Copies state and offset as one, and has them written; `saved` says what came of it. Waits for the one that is
        being written. Where that fails the old snapshot stands, and reading goes on: nothing is lost but time at the
        next start."""
        self._settle()
        held = self._held[partition]
        if held.next_offset is None:
            return
        standings = [one.tree() for one in held.engine.standings()]
        self.standings[str(partition)] = standings
        told = held.marks if held.marks is not None and held.engine.tells(held.marks) else None
        partial = told is not None and self._store.follows(partition)
        arrays = held.engine.changes(told) if partial and told is not None else held.engine.dump()
        about = (partition, held.next_offset, self._config_hash, self._key_epoch)
        marks, held.marks = held.engine.marks(), None
        writing = _Writing(partition, held, held.engine, held.next_offset, held.unsaved, self._clock(), marks)
        self._saving.begin(Snapshot(*about, arrays, standings, partial), writing)
        if self._beside is not None:
            self._beside.save(partition, held.next_offset)

    def saved(self, *, wait: bool = False) -> dict[Partition, int]:
        """Offsets of the partitions that are still ours and were saved since this was asked last; with `wait`, after
        the one that is being written."""
        self._look(wait=wait)
        saved, self._saved = self._saved, {}
        return {partition: offset for partition, offset in saved.items() if partition in self._held}

    def _settle(self) -> None:
        self._look(wait=True)

    def _look(self, *, wait: bool) -> None:
        """Takes down what came of the snapshot that was being written, if that is over."""
        ended = self._saving.ended(wait=wait)
        if ended is None:
            return
        written, problem = ended
        ours = self._held.get(written.partition) is written.held
        if problem is not None:
            self._failed(written.partition, problem, ours)
            return
        self._metrics.snapshots.labels("saved").inc()
        if ours:
            self._note(written)

    def _note(self, written: _Writing) -> None:
        """The partition stands in a snapshot now; of an engine that was put back since, marks say nothing."""
        held = written.held
        held.saved_at, held.postponed, held.unsaved = written.at, False, max(0, held.unsaved - written.records)
        held.marks = written.marks if held.engine is written.engine else None
        if held.kept is not None and held.kept[0] <= written.next_offset:
            held.kept = None
        self._saved[written.partition] = written.next_offset

    def _failed(self, partition: Partition, problem: OSError, ours: bool) -> None:
        self._metrics.snapshots.labels("fenced" if isinstance(problem, FencedError) else "failed").inc()
        if ours:
            self.postpone(partition)  # a full disk is not asked at every step
        log.error(
            "snapshot failed; offsets are not committed",
            extra={"partition": str(partition), "error": problem.strerror},
        )

    def renew(self, make: EngineMaker, config_hash: str) -> None:
        """Goes on with engines of another make, each with the state of the one before it; ValueError with the reason
        where one of them refuses that state: then nothing has changed."""
        self._settle()
        fresh = {partition: make(partition, held.engine.dump()) for partition, held in self._held.items()}
        for partition, engine in fresh.items():
            held = self._held[partition]
            held.engine, held.marks, held.kept = engine, None, None
        self._make, self._config_hash = make, config_hash

    def offsets(self) -> dict[Partition, int]:
        """Up to where each partition has been read, of those of which anything is known."""
        return {one: held.next_offset for one, held in self._held.items() if held.next_offset is not None}

    def forget(self, names: Iterable[bytes]) -> None:
        """Erases clients or addresses from all engines."""
        self._settle()
        for name in names:
            for held in self._held.values():
                held.engine.forget(name)
                held.marks = held.kept = None  # changes say nothing of whoever sent no query since

    def age(self) -> float:
        """Seconds since the snapshot of the partition that waits longest for one; 0 where nothing is unsaved."""
        now = self._clock()
        return max((now - held.saved_at for held in self._held.values() if held.unsaved), default=0.0)

    def stats(self) -> list[EngineStats]:
        """Numbers of each engine."""
        return [held.engine.stats() for held in self._held.values()]

    def closest(self, most: int) -> list[Close]:
        """The clients of all partitions that are nearest to a finding, the nearest first."""
        found = [one for held in self._held.values() for one in held.engine.closest(most)]
        return sorted(found, key=lambda one: -one.share)[:most]

    def __len__(self) -> int:
        return len(self._held)

    def _restored(self, partition: Partition, bounds: Bounds | None) -> tuple[PartitionEngine, Origin]:
        refused: list[Refused] = []
        for kept in self._store.load(partition, *self._key_epochs):
            if isinstance(kept, Snapshot):
                try:
                    engine = self._make(partition, joined(kept.arrays, kept.changes) if kept.changes else kept.arrays)
                except ValueError as problem:
                    kept = Refused(kept.place or f"offset {kept.next_offset}", str(problem), kept.next_offset)
                else:
                    return engine, self._taken_over(partition, kept, refused)
            self._refuse(partition, kept.reason, kept.place)
            refused.append(kept)
        return self._make(partition, None), self._anew(refused, bounds)

    def _taken_over(self, partition: Partition, kept: Snapshot, refused: list[Refused]) -> Origin:
        """The state of a snapshot, of whichever version of the program, and of whichever of our keys."""
        if kept.config_hash != self._config_hash:
            log.warning("settings changed since the snapshot", extra={"partition": str(partition)})
        how = "migrated" if kept.migrated else "snapshot"
        older = kept.program if kept.program != program() else ""
        before = "" if kept.key_epoch == self._key_epoch else "made with the key before"
        note = "; ".join(filter(None, (kept.migrated, before)))
        return Origin(how, kept.next_offset, 0, older, note, reasons(refused))

    def _anew(self, refused: list[Refused], bounds: Bounds | None) -> Origin:
        """No state: where there was some, it is built again from as much of the log as is there and allowed."""
        if not refused or bounds is None:
            return Origin("fresh", None, refused=reasons(refused))
        told = max([bounds.start, *(one.next_offset for one in refused if one.next_offset is not None)])
        start = max(bounds.first, told - self._rebuild)
        if start >= told:
            return Origin("fresh", told, refused=reasons(refused))
        return Origin("rebuilt", start, told, refused=reasons(refused))

    def _refuse(self, partition: Partition, reason: str, place: str) -> None:
        self._metrics.refused.inc()
        log.error(
            "snapshot refused; the one before is tried, or state is built again from the log",
            extra={"partition": str(partition), "reason": reason, "place": place},
        )


class State:
    """The engine of one partition, for what has to try (sifting.py)."""

    def __init__(self, partitions: Partitions, partition: Partition) -> None:
        self._partitions, self._partition = partitions, partition

    def judge(self, queries: Queries) -> list[Finding]:
        """As `Partitions.feed`."""
        return self._partitions.feed(self._partition, queries)

    def copied(self) -> Arrays:
        """As `Partitions.copied`."""
        return self._partitions.copied(self._partition)

    def put_back(self, arrays: Arrays) -> None:
        """As `Partitions.put_back`."""
        self._partitions.put_back(self._partition, arrays)


def reasons(refused: list[Refused]) -> tuple[str, ...]:
    """What is wrong with each, newest first."""
    return tuple(one.reason for one in refused)
