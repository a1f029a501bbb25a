"""Delivery: one thread per sink, so that a slow or broken sink never holds up another."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Final

from monitor.config.trouble import Trouble
from monitor.sinks.outbox import Outbox
from monitor.sinks.policy import Policy
from monitor.sinks.protocol import Sink
from monitor.sinks.worker import Backoff, DeliveryStats, Worker

_LOOK: Final = 10.0  # seconds between two looks into the outbox for what another process has put there
_TROUBLED: Final = 5.0  # seconds to rest when the outbox itself cannot be written
_JOIN: Final = 60.0  # seconds that a sink gets to end the request it is in


class Delivery:
    """Drains the outbox into its sinks until it is stopped. What is not delivered by then stays in the outbox."""

    def __init__(
        self,
        outbox: Outbox,
        sinks: Sequence[Sink],
        backoff: Backoff | None = None,
        clock: Callable[[], float] = time.time,
        chance: Callable[[], float] = random.random,
        steady: Callable[[], float] = time.monotonic,
        policies: Mapping[str, Policy] = MappingProxyType({}),
    ) -> None:
        """`policies` are by the name of the sink; one without has everything told."""
        self._outbox = outbox
        chosen = Backoff() if backoff is None else backoff

        def made(sink: Sink, policy: Policy | None) -> _Line:
            return _Line(Worker(sink, outbox, chosen, clock, chance, steady, policy))

        self._made: Final = made
        self._lines: tuple[_Line, ...] = tuple(self._made(sink, policies.get(sink.name)) for sink in sinks)
        self._gone: set[str] = set()
        outbox.subscribe(self._hear)

    def start(self) -> None:
        """Starts one thread for each sink."""
        for line in self._lines:
            line.thread.start()

    def renew(self, names: Sequence[str], sinks: Sequence[Sink], policies: Mapping[str, Policy]) -> None:
        """From now on deliver to the sinks of these names: `sinks` are new, or stand in the place of those that have
        their names, all others stay as they are. Called by the thread that accepts alerts. Whoever goes ends the
        request that it is in; what waits for a sink waits for its successor, and stays in the outbox where there is
        none."""
        fresh = {sink.name for sink in sinks}
        gone = [line for line in self._lines if line.name in fresh or line.name not in names]
        self._ended(gone)
        lines = [self._made(sink, policies.get(sink.name)) for sink in sinks]
        self._outbox.serve(names)
        self._lines = (*(line for line in self._lines if line not in gone), *lines)
        self._gone = {*self._gone, *(line.name for line in gone)} - set(names)
        for line in lines:
            line.thread.start()

    def drain(self, seconds: float) -> dict[str, int]:
        """Waits until every sink has got everything or holds alerts back, at most so many seconds; what still waits,
        by sink."""
        deadline = time.monotonic() + seconds
        for line in self._lines:
            line.settled(deadline)
        return {line.name: self._outbox.waiting(line.name) for line in self._lines}

    def stop(self) -> None:
        """Lets each sink end the request it is in, ends the threads and closes the sinks."""
        self._ended(self._lines)

    def _ended(self, lines: Sequence[_Line]) -> None:
        for line in lines:
            line.end()
        for line in lines:
            if line.thread.ident is not None:
                line.thread.join(_JOIN)
            line.worker.sink.close()

    @property
    def gone(self) -> frozenset[str]:
        """Names of sinks that are no more."""
        return frozenset(self._gone)

    @property
    def stats(self) -> Mapping[str, DeliveryStats]:
        """Counts by sink."""
        return {line.name: line.worker.stats for line in self._lines}

    @property
    def broken(self) -> Mapping[str, str]:
        """Sinks whose thread has ended by a fault of the program, with the kind of fault. Empty when all is well."""
        return {line.name: line.fault for line in self._lines if line.fault}

    def _hear(self, count: int) -> None:
        for line in self._lines:
            line.hear(count)


class _Line:
    """A worker and its thread."""

    def __init__(self, worker: Worker) -> None:
        self.worker: Final = worker
        self.name: Final = worker.sink.name
        self.fault = ""
        self.thread: Final = threading.Thread(target=self._run, name=f"sink-{self.name}", daemon=True)
        self._state = threading.Condition()
        self._news = True
        self._idle = False
        self._ending = False

    def hear(self, count: int) -> None:
        """New alerts: wakes the thread."""
        with self._state:
            self.worker.stats.accepted += count
            self._news, self._idle = True, False
            self._state.notify_all()

    def end(self) -> None:
        """Ends the thread after the batch it is in."""
        with self._state:
            self._ending = True
            self._state.notify_all()

    def settled(self, deadline: float) -> None:
        """Waits until nothing is left to do, or nothing can be done, or the deadline (monotonic seconds) is over."""
        with self._state:
            self._state.wait_for(self._nothing_to_do, max(0.0, deadline - time.monotonic()))

    def _nothing_to_do(self) -> bool:
        return self._idle or self._ending or self.worker.holding or bool(self.fault)

    def _run(self) -> None:
        try:
            while not self._ending:
                self._rest(self._step())
        except BaseException as problem:
            self.fault = type(problem).__name__
            with self._state:
                self._state.notify_all()
            raise  # threading prints it; the health page shows it

    def _step(self) -> float | None:
        with self._state:
            self._news = False
        try:
            return self.worker.step()
        except Trouble:  # the disk is full, say: whoever accepts alerts hears of it too and stops reading
            return _TROUBLED

    def _rest(self, seconds: float | None) -> None:
        with self._state:
            self._idle = seconds is None and not self._news
            self._state.notify_all()
            wait = _LOOK if seconds is None else min(_LOOK, seconds)
            self._state.wait_for(lambda: self._ending or self._news, wait)
