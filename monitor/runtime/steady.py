"""An engine outside the daemon, for replays and explanations: it leaves out the same records as the daemon does.

There is no log to read again, so a copy of its state is kept now and then, and the queries since (decision 0028).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from copy import deepcopy
from typing import Final, Generic, Protocol, TypeVar

from detectors.scoring.nesting import copied
from detectors.sketch.queries import Queries
from monitor.alerts.finding import Finding
from monitor.engine.partition import PartitionEngine
from monitor.engine.stream import Judged
from monitor.record.decode import Decoded, Decoder
from monitor.record.raw import RawBatch
from monitor.runtime.faults import NOT_THEIRS
from monitor.runtime.sifting import Sifting, prove, without
from monitor.runtime.snapshots import Arrays
from monitor.runtime.warmup import made_up

BATCHES: Final = 64  # that are kept, beside the copy of the state before them

Maker = Callable[[Arrays | None], PartitionEngine]  # a fresh engine, or one with that state


class Follower(Protocol):
    """Who watches an engine at work. It is copied with the engine, so that it knows nothing of what was tried in
    vain."""

    def look(self, queries: Queries) -> None:
        """These are about to be fed."""
        ...

    def hear(self, model: str, judged: Judged) -> None:
        """A block of them was judged."""
        ...


F = TypeVar("F", bound=Follower)


class Nobody:
    """Watches nothing."""

    def look(self, queries: Queries) -> None:
        """Does nothing."""

    def hear(self, model: str, judged: Judged) -> None:
        """Does nothing."""


class SteadyEngine(Generic[F]):
    """What `make` gives, fed with what `decoder` reads, and watched by a follower. `engine` and `follower` are as they
    stand now."""

    def __init__(self, make: Maker, decoder: Decoder, follower: F) -> None:
        self._make, self._decoder = make, decoder
        self._copy: tuple[Arrays | None, F] = (None, deepcopy(follower))
        self._since: list[Queries] = []
        self.follower = follower
        self.put_back(None)

    def feed(self, batch: RawBatch) -> tuple[Decoded, list[Finding]]:
        """The batch without what cannot be used, and what is found in it. Trouble where no record is to blame for a
        failure."""
        decoded, most = self._decoder.decode(batch), BATCHES
        try:
            found = self.judge(decoded.queries)
        except NOT_THEIRS:
            raise
        except Exception:  # noqa: BLE001  (whatever it is, the other records are used)
            decoded, found = self._sifted(batch, decoded)
            most = 1  # the way back is short, should it fail again soon
        self._since.append(decoded.queries)
        if len(self._since) >= most:
            self._copy, self._since = (self.copied(), deepcopy(self.follower)), []
        return decoded, found

    def _sifted(self, batch: RawBatch, decoded: Decoded) -> tuple[Decoded, list[Finding]]:
        """Finds out what has to be left out, and goes through the batch once more without it."""
        self._again(())
        sifting = Sifting(self, lambda state: self._prove(batch, state), lambda: None)
        sifting.through(decoded.queries)
        return without(batch, decoded, sifting.aside), self._again(sifting.parts)

    def _again(self, parts: Iterable[Queries]) -> list[Finding]:
        """From the copy up to this batch, and through these parts of it."""
        arrays, follower = self._copy
        self.follower = deepcopy(follower)
        self.put_back(arrays)
        for before in self._since:
            self.judge(before)
        return [finding for part in parts for finding in self.judge(part)]

    def _prove(self, batch: RawBatch, state: Arrays) -> None:
        prove(self._make(copied(state)), self._decoder.decode(made_up()).queries, batch)

    def judge(self, queries: Queries) -> list[Finding]:
        """What the engine says of these, whatever comes of it."""
        self.follower.look(queries)
        return self.engine.feed(queries)

    def copied(self) -> Arrays:
        """The state of the engine, which later queries do not change."""
        return self.engine.dump()

    def put_back(self, arrays: Arrays | None) -> None:
        """Goes on from a copy of the engine's state, or from none."""
        self.engine = self._make(None if arrays is None else copied(arrays))
        self.engine.listen(self.follower.hear)
