"""Snapshots on their way to the store, one at a time: the loop stands still while state is copied, and goes on while
the copy is written.

One at a time, so that no more than one partition's state is in memory twice.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any, Generic, NamedTuple, TypeVar

from monitor.runtime.snapshots import Snapshot, SnapshotStore

About = TypeVar("About")


class Inline(Executor):
    """Does everything at once, in the caller's thread."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """What `fn` gives or raises, done already."""
        done: Future[Any] = Future()
        try:
            done.set_result(fn(*args, **kwargs))
        except Exception as problem:  # noqa: BLE001  (whoever asks for the result gets it)
            done.set_exception(problem)
        return done


class _Running(NamedTuple, Generic[About]):
    about: About
    written: Future[None]


class Saving(Generic[About]):
    """Has snapshots written to a store by an executor of one thread. `About` is what the caller wants to have back with
    each of them."""

    def __init__(self, store: SnapshotStore, executor: Executor) -> None:
        self._store, self._executor = store, executor
        self._running: _Running[About] | None = None

    @property
    def about(self) -> About | None:
        """Of the snapshot whose outcome nobody has asked for yet; None where there is none."""
        return None if self._running is None else self._running.about

    def begin(self, snapshot: Snapshot, about: About) -> None:
        """Begins to write it; the outcome of the one before must have been asked for."""
        if self._running is not None:
            raise RuntimeError("a snapshot is being written")
        self._running = _Running(about, self._executor.submit(self._store.save, snapshot))

    def ended(self, *, wait: bool) -> tuple[About, OSError | None] | None:
        """The snapshot that was written, or the error that it failed with; None where none is there, or where it goes
        on and nobody wants to `wait`."""
        running = self._running
        if running is None or not (wait or running.written.done()):
            return None
        problem = running.written.exception()
        self._running = None
        if problem is not None and not isinstance(problem, OSError):
            raise problem
        return running.about, problem
