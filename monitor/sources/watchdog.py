"""Ends the process when a step of the loop does not return: a client that hangs would hold its partitions for ever."""

from __future__ import annotations

import faulthandler
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Final, Self

EXIT_HUNG: Final = 70
CHECKS: Final = 4  # in the time allowed


def dump_and_exit(what: str, seconds: float) -> None:
    """Say on standard error which step hangs and where every thread stands, and end the process with 70, at once:
    whatever hangs would hang an orderly end, too."""
    sys.stderr.write(f"{what} has not returned for {seconds:.0f} s; the stacks of all threads:\n")
    sys.stderr.flush()
    faulthandler.dump_traceback(all_threads=True)
    os._exit(EXIT_HUNG)


class Watchdog:
    """Watches steps of one thread from another.

    `seconds`: how long a step may take. `bark`: what to do with the name of a step and the seconds that it took."""

    def __init__(self, seconds: float, bark: Callable[[str, float], None] = dump_and_exit) -> None:
        self._seconds = seconds
        self._bark = bark
        self._step: tuple[str, float] | None = None  # its name, and when it began
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="watchdog", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopped.set()
        self._thread.join()

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """What happens inside has to return within the time allowed; a step inside a step has a time of its own, and
        the outer one goes on with a new one."""
        before, self._step = self._step, (name, time.monotonic())
        try:
            yield
        finally:
            self._step = None if before is None else (before[0], time.monotonic())

    def _watch(self) -> None:
        while not self._stopped.wait(self._seconds / CHECKS):
            step = self._step
            if step is not None and time.monotonic() - step[1] > self._seconds:
                self._bark(step[0], time.monotonic() - step[1])
                return
