"""The only loop. Its order is the delivery guarantee:

poll -> decode -> feed -> accept into the outbox -> snapshot of state and offset, as one -> commit.

What a crash undoes, or a failure of an engine (sieve.py), is read again from the last snapshot and makes the same
findings with the same ids, which the outbox has already. An offset is committed only when everything before it is safe.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from monitor.alerts.finding import Finding
from monitor.config.runtime import RuntimeSettings
from monitor.config.trouble import Trouble
from monitor.record.decode import Decoder
from monitor.record.raw import Partition
from monitor.record.rejected import Rejected
from monitor.runtime.partitions import Partitions
from monitor.runtime.sieve import EngineFailed, Sieve
from monitor.runtime.warmup import made_up
from monitor.runtime.watch import Watch
from monitor.sinks.outbox import Outbox
from monitor.sources.protocol import Arrival, Assignment, Quarantined, Source

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Fed:
    """An arrival that went through the engine, and what has to be safe before its offset counts."""

    partition: Partition
    next_offset: int
    records: int
    findings: Sequence[Finding]
    rejected: Sequence[Rejected]
    contents: Mapping[int, bytes]  # of rejected records, by offset, where they are to be kept


class Loop:
    """Moves records from the source through the engines into the outbox, in one thread."""

    def __init__(
        self,
        source: Source,
        decoder: Decoder,
        partitions: Partitions,
        outbox: Outbox,
        settings: RuntimeSettings,
        watch: Watch,
    ) -> None:
        self._source = source
        self._decoder = decoder
        self._partitions = partitions
        self._outbox = outbox
        self._settings = settings
        self._watch = watch
        self._sieve = Sieve(partitions, lambda: self._decoder.decode(made_up()).queries, watch)
        self._arrived: deque[Arrival] = deque()  # read, and not fed yet
        self._unsafe: _Fed | None = None  # fed, and not in the outbox yet
        self._paused = False

    def run(self, stopping: Callable[[], bool]) -> None:
        """Goes on until told to stop or until the source has ended; then saves whatever is safe."""
        while not stopping() and not self._ended():
            with self._watch.turn():
                self.step()
        self._work()
        for partition in self._due(seconds=0, records=0):
            self._partitions.save(partition)
        self._commit(wait=True)

    def renew(self, decoder: Decoder, settings: RuntimeSettings) -> None:
        """Goes on with these, from the next batch on."""
        self._decoder, self._settings = decoder, settings

    def step(self) -> None:
        """One turn."""
        for change in self._source.changes():
            self._follow(change)
        self._arrived.extend(self._source.poll(self._settings.poll_seconds))
        self._watch.polled(self._source, self._partitions)
        self._pause_while(not self._work())
        self._save()

    def _follow(self, change: Assignment) -> None:
        """Forgets what is somebody else's now, and takes over what is ours."""
        for partition in change.lost:
            self._partitions.drop(partition)
            self._sieve.drop(partition)
        self._arrived = deque(arrival for arrival in self._arrived if arrival.partition not in change.lost)
        if self._unsafe is not None and self._unsafe.partition in change.lost:
            self._unsafe = None  # whoever has the partition now makes these findings again
        for partition in sorted(change.gained, key=str):
            self._source.seek(partition, self._partitions.take(partition, self._source.bounds(partition)))

    def _work(self) -> bool:
        """Feeds and accepts what has arrived; False where the outbox has no room and something has to wait."""
        if self._full():
            return False
        while self._accepted() and self._arrived:
            self._unsafe = self._feed(self._arrived.popleft())
        return self._unsafe is None

    def _full(self) -> bool:
        try:
            return self._outbox.full
        except Trouble as trouble:
            self._complain(trouble)
            return True

    def _feed(self, arrival: Arrival) -> _Fed | None:
        """What is to be safe before the arrival counts; None where the engine failed, and the arrival comes again."""
        if isinstance(arrival, Quarantined):
            told = [self._partitions.missed(arrival, self._watch.now())] if arrival.lost else []
            self._watch.quarantined(arrival, told)
            return _Fed(arrival.partition, arrival.next_offset, 1, told, (_letter(arrival),), {})
        begun = self._watch.begin()
        try:
            decoded, findings = self._sieve.feed(arrival, self._decoder.decode(arrival))
        except EngineFailed:
            self._go_back(arrival.partition)
            return None
        self._watch.fed(arrival, decoded, findings, begun)
        kept = self._outbox.contents(decoded.rejected, arrival) if decoded.rejected else {}
        return _Fed(arrival.partition, arrival.next_offset, len(arrival), findings, decoded.rejected, kept)

    def _go_back(self, partition: Partition) -> None:
        """Forgets what has arrived of a partition, and reads again from where its state is whole."""
        self._arrived = deque(arrival for arrival in self._arrived if arrival.partition != partition)
        self._source.seek(partition, self._sieve.back(partition, self._source.bounds(partition)))

    def _accepted(self) -> bool:
        """Whether everything that was fed is safe in the outbox; where it is not, it is tried now."""
        if self._unsafe is None:
            return True
        try:
            self._outbox.reject(self._unsafe.rejected, self._unsafe.contents)
            self._outbox.accept(self._unsafe.findings)
        except Trouble as trouble:
            self._complain(trouble)
            return False
        self._partitions.advance(self._unsafe.partition, self._unsafe.next_offset, self._unsafe.records)
        self._unsafe = None
        return True

    def _complain(self, trouble: Trouble) -> None:
        if not self._paused:  # once, not at every turn
            log.error("the outbox takes nothing", extra={"what": trouble.what, "mend": trouble.mend})

    def _pause_while(self, full: bool) -> None:
        if full:
            self._source.pause(self._source.assigned())  # each time: partitions may have come meanwhile
        elif self._paused:
            self._source.resume(self._source.assigned())
        if full != self._paused:
            log.warning("reading paused until the outbox has room" if full else "reading goes on")
        self._paused = full
        self._watch.full(full)

    def _save(self) -> None:
        """Begins the next snapshot that is due, and commits what is written. A large one is written while we go on."""
        if not self._partitions.busy:
            for partition in self._due(self._settings.snapshot_seconds, self._settings.snapshot_records):
                if not self._partitions.busy:
                    self._partitions.save(partition)
        self._commit(wait=False)

    def _due(self, seconds: float, records: int) -> list[Partition]:
        """Partitions of which a snapshot can be taken now. The state of one whose findings are not safe is ahead of its
        offset, and must not be saved; neither must one that the group has given away while we stood still (decision
        0018), which is asked once for all of them."""
        unsafe = None if self._unsafe is None else self._unsafe.partition
        due = [partition for partition in self._partitions.due(seconds, records) if partition != unsafe]
        ours = self._source.confirm(due) if due else ()
        for partition in due:
            if partition not in ours:
                self._partitions.postpone(partition)
                log.warning("no snapshot: the group does not count the partition as ours", extra=_named(partition))
        return [partition for partition in due if partition in ours]

    def _commit(self, *, wait: bool) -> None:
        """Commits the offsets whose snapshots are written."""
        saved = self._partitions.saved(wait=wait)
        if saved and not self._source.commit(saved):
            log.warning("offsets not committed; the partitions have moved, or the group is changing")

    def _ended(self) -> bool:
        return self._source.finished and not self._arrived and self._unsafe is None


def _named(partition: Partition) -> dict[str, str]:
    return {"partition": str(partition)}


def _letter(stretch: Quarantined) -> Rejected:
    last = max(stretch.first_offset, stretch.next_offset - 1)  # a file that breaks off has nothing behind the break
    detail = f"offsets {stretch.first_offset} to {last} could not be read"
    return Rejected(stretch.partition, stretch.first_offset, stretch.reason, detail, 0)
