"""Between the loop and the engines: a record on which an engine fails costs itself, and nothing else (decision 0028).

The first failure says no more than that something between two offsets is in doubt. The partition goes back to where it
last stood, the log is read again from there, and what is in doubt is sifted when it comes.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from detectors.sketch.queries import Queries
from monitor.alerts.finding import Finding
from monitor.record.decode import Decoded
from monitor.record.raw import Partition, RawBatch
from monitor.runtime.faults import NOT_THEIRS, Fault
from monitor.runtime.partitions import Partitions
from monitor.runtime.sifting import Sifting, broken, prove, without
from monitor.runtime.snapshots import Arrays
from monitor.runtime.watch import Watch
from monitor.sources.protocol import Bounds

log = logging.getLogger(__name__)

ROUNDS: Final = 8  # times that a partition goes back in a row without getting past what is in doubt


class EngineFailed(Exception):  # noqa: N818  (what follows from it is no fault)
    """What the engine of a partition knows is of no use any more; the partition has to go back."""


@dataclass(slots=True)
class _Doubt:
    """Offsets between which a record made the engine fail, how often the partition went back for them, and how many
    culprits were found by now."""

    first: int
    last: int
    rounds: int = 0
    culprits: int = 0


class Sieve:
    """Feeds partitions. `sample` are queries of our own, by which a broken program is told from a hostile record."""

    def __init__(self, partitions: Partitions, sample: Callable[[], Queries], watch: Watch) -> None:
        self._partitions, self._sample, self._watch = partitions, sample, watch
        self._doubts: dict[Partition, _Doubt] = {}

    def feed(self, batch: RawBatch, decoded: Decoded) -> tuple[Decoded, list[Finding]]:
        """What is found in a batch, and the batch without what was set aside. EngineFailed where the partition has to
        go back; Trouble where the records are not to blame."""
        partition, queries = batch.partition, decoded.queries
        doubt = self._doubts.get(partition)
        try:
            if doubt is None or not len(queries) or queries.offset[-1] < doubt.first:
                return decoded, self._partitions.feed(partition, queries)
            certain = int(np.searchsorted(queries.offset, doubt.first))
            found = self._partitions.feed(partition, queries.span(0, certain)) if certain else []
            rest, more = self._sifted(batch, decoded, queries.span(certain, len(queries)), doubt)
        except NOT_THEIRS:
            raise
        except Exception as problem:  # noqa: BLE001  (whatever it is, the stream goes on)
            self._begin(partition, queries, Fault.of(problem))
            raise EngineFailed from None
        return rest, found + more

    def back(self, partition: Partition, bounds: Bounds | None) -> int | None:
        """Throws away what the engine knows; the offset to read from."""
        return self._partitions.back(partition, bounds)

    def drop(self, partition: Partition) -> None:
        """The partition is somebody else's."""
        self._doubts.pop(partition, None)

    def _begin(self, partition: Partition, queries: Queries, fault: Fault) -> None:
        """Something among these is in doubt from now on, beside what was before."""
        first, last = int(queries.offset[0]), int(queries.offset[-1])
        doubt = self._doubts.setdefault(partition, _Doubt(first, last))
        # twice is odd: something fails that depends on how the log is cut, so all that comes again is sifted
        doubt.first, doubt.last = (-1 if doubt.rounds else first), max(doubt.last, last)
        doubt.rounds += 1
        about = {"partition": str(partition), "first_offset": first, "last_offset": last, **fault.told}
        log.warning("the engine has failed; the partition goes back to where it last stood", extra=about)
        self._watch.failed("gone-back")
        if doubt.rounds > ROUNDS:
            what = f"the engine fails, and each time on other records: {fault}"
            raise broken(what, partition, first)

    def _sifted(
        self, batch: RawBatch, decoded: Decoded, queries: Queries, doubt: _Doubt
    ) -> tuple[Decoded, list[Finding]]:
        partition = batch.partition
        sifting = Sifting(self._partitions.state(partition), lambda state: self._prove(batch, state), self._watch.alive)
        with self._watch.turn():
            found = sifting.through(queries)
        doubt.culprits += len(sifting.culprits)
        self._tell(partition, sifting)
        if queries.offset[-1] >= doubt.last:
            del self._doubts[partition]
            self._partitions.keep(partition)
            if not doubt.culprits:
                self._watch.failed("not-again")
                log.warning("the engine did not fail again", extra={"partition": str(partition)})
        return without(batch, decoded, sifting.aside), found

    def _tell(self, partition: Partition, sifting: Sifting) -> None:
        for offset, fault in sifting.culprits.items():
            about = {"partition": str(partition), "offset": offset, **fault.told}
            log.error("a record on which the engine fails is set aside; please report this", extra=about)
        if sifting.untested:
            about = {"partition": str(partition), "records": len(sifting.untested)}
            log.error("records beside too many on which the engine fails are set aside", extra=about)

    def _prove(self, batch: RawBatch, state: Arrays) -> None:
        prove(self._partitions.spare(batch.partition, state), self._sample(), batch)
