"""Queries among which some make the engine fail: in short stretches, one record at a time where a stretch fails.

A failure leaves an engine half-updated, so there is a copy of its state before each stretch. A record that fails alone
is left out, and all before it is fed again, from the copy. How queries are cut makes no difference to an engine, so
what is found is what would have been found had those records never been in the log (decision 0028).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Final, Protocol

import numpy as np

from detectors.sketch.queries import Queries
from monitor.alerts.finding import Finding
from monitor.config.trouble import Trouble
from monitor.record.decode import Decoded
from monitor.record.raw import Partition, RawBatch
from monitor.record.rejected import Rejected
from monitor.runtime.faults import NOT_THEIRS, Fault
from monitor.runtime.snapshots import Arrays

if TYPE_CHECKING:
    from monitor.engine.partition import PartitionEngine

ENGINE_FAILED: Final = "engine-failed"
STRETCH: Final = 128  # records that are fed together, with a copy of the state before them
CULPRITS: Final = 8  # decision 0028: each costs a restore; so many of an arrival are looked for,
OTHERS: Final = 8  # and as many again that are of other clients
FEW: Final = 16  # records that are left out together where there are more


class Engine(Protocol):
    """An engine whose state can be copied and put back."""

    def judge(self, queries: Queries) -> list[Finding]:
        """What it says of these queries."""
        ...

    def copied(self) -> Arrays:
        """Its state, which later queries do not change."""
        ...

    def put_back(self, arrays: Arrays) -> None:
        """Goes on from a copy, which stays as it is."""
        ...


class Sifting:
    """One arrival. `prove` is called with the state before it at the first failure, and raises where the failure is no
    property of the records; `alive` is called after whatever takes long.

    `parts` are what went through, as it went through; `culprits` are the offsets of records on which the engine failed,
    with what happened; `untested` those that were left out with them, where looking for more would cost too much."""

    def __init__(self, engine: Engine, prove: Callable[[Arrays], None], alive: Callable[[], None]) -> None:
        self._engine, self._prove, self._alive = engine, prove, alive
        self._clients: set[bytes] = set()  # of the culprits
        self.parts: list[Queries] = []
        self.culprits: dict[int, Fault] = {}
        self.untested: list[int] = []

    def through(self, queries: Queries) -> list[Finding]:
        """Feeds them, but for what fails. Raises what the engine raises where no single record is to blame."""
        return [finding for stretch in _cut(queries, STRETCH) for finding in self._stretch(stretch)]

    @property
    def aside(self) -> dict[int, str]:
        """Why each record was set aside, by its offset."""
        found = {at: f"record: {fault.kind} while it was judged" for at, fault in self.culprits.items()}
        return found | dict.fromkeys(self.untested, "record: left out beside too many on which judging failed")

    def _stretch(self, queries: Queries) -> list[Finding]:
        before = self._engine.copied()
        try:
            found = self._engine.judge(queries)
        except NOT_THEIRS:
            raise
        except Exception:  # noqa: BLE001  (told below, record by record)
            self._back(before)
            return self._roughly(queries) if self._many else self._one_by_one(queries, before)
        self.parts.append(queries)
        return found

    def _one_by_one(self, queries: Queries, before: Arrays) -> list[Finding]:
        good: list[Queries] = []
        found: list[Finding] = []
        for record in _cut(queries, 1):
            if self._hopeless(record):
                self.untested.append(int(record.offset[0]))
                continue
            try:
                found += self._engine.judge(record)
            except NOT_THEIRS:
                raise
            except Exception as problem:  # noqa: BLE001  (whatever it is, the stream goes on)
                self._note(record, problem, before)
                self._back(before)
                found = [finding for one in good for finding in self._engine.judge(one)]
            else:
                good.append(record)
        self.parts += good
        return found

    def _roughly(self, queries: Queries) -> list[Finding]:
        """Leaves out a few records together where enough was looked for."""
        offsets = np.unique(queries.offset).tolist()
        if len(offsets) > FEW:
            return [finding for part in _cut(queries, FEW) for finding in self._stretch(part)]
        self.untested += offsets
        return []

    @property
    def _many(self) -> bool:
        return len(self.culprits) >= CULPRITS + OTHERS

    def _hopeless(self, record: Queries) -> bool:
        theirs = not self._clients.isdisjoint(record.client)
        return self._many or (theirs and len(self.culprits) >= CULPRITS)

    def _note(self, record: Queries, problem: Exception, before: Arrays) -> None:
        if not self.culprits:
            self._prove(before)
        self.culprits[int(record.offset[0])] = Fault.of(problem)
        self._clients.update(record.client)

    def _back(self, before: Arrays) -> None:
        self._engine.put_back(before)
        self._alive()


def prove(spare: PartitionEngine, sample: Queries, batch: RawBatch) -> None:
    """Trouble where an engine in the state before a batch fails on our own queries as well."""
    try:
        spare.feed(sample)
    except NOT_THEIRS:
        raise
    except Exception as problem:  # noqa: BLE001  (told as what it is)
        what = f"the engine fails on whatever it is fed: {Fault.of(problem)}"
        raise broken(what, batch.partition, int(batch.offsets[0])) from None


def broken(what: str, partition: Partition, offset: int) -> Trouble:
    """That no record is to blame."""
    mend = (
        "install the program anew, and take detectors out that are not ours; where that does not help, move the newest"
        " snapshots of the partition away. No offset from there on was committed"
    )
    return Trouble(what=what, where=f"{partition}, from offset {offset}", mend=mend)


def without(batch: RawBatch, decoded: Decoded, aside: Mapping[int, str]) -> Decoded:
    """The batch as if the records at those offsets could not have been read, each with its reason."""
    if not aside:
        return decoded
    sizes = dict(zip(batch.offsets.tolist(), map(len, batch.payloads), strict=True))
    left_out = [Rejected(batch.partition, at, ENGINE_FAILED, why, sizes[at]) for at, why in sorted(aside.items())]
    return replace(decoded, queries=decoded.queries.without(list(aside)), rejected=[*decoded.rejected, *left_out])


def _cut(queries: Queries, records: int) -> Iterator[Queries]:
    """So many records at a time; those of one record stay together."""
    begins = np.flatnonzero(np.diff(queries.offset, prepend=-1)).tolist()[::records]
    for start, stop in zip(begins, [*begins[1:], len(queries)], strict=True):
        yield queries.span(start, stop)
