"""Results of replays, kept in a folder by the hash of the settings and that of the traffic, so that tuning goes on
where it was interrupted; and the processes that make them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path

import orjson

from monitor.config.trouble import Trouble
from monitor.console.tuning.measuring import Measured, Task, measure
from monitor.engine.partition import Origin, lineage
from monitor.record.raw import Partition
from monitor.runtime.fingerprints import digests, load_all
from monitor.runtime.learnt import config_hash

Report = Callable[[int, int], None]


class Kept:
    """The folder; it is made when the first result comes."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._version = lineage(Partition("", 0), Origin()).detector_version

    def of(self, task: Task) -> Measured | None:
        """The result of an earlier replay; None where there is none, or where it cannot be read."""
        try:
            return Measured.of(orjson.loads(self._path(task).read_bytes()))
        except (OSError, orjson.JSONDecodeError, KeyError, TypeError, ValueError):
            return None

    def keep(self, task: Task, found: Measured) -> None:
        """Whole or not at all; Trouble where it cannot be written."""
        path = self._path(task)
        writing = path.with_name(f"{path.name}.{os.getpid()}.writing")
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            writing.write_bytes(orjson.dumps(found.tree(), option=orjson.OPT_INDENT_2))
            writing.replace(path)
        except OSError as problem:
            mend = "name a folder with --folder that you may write"
            raise Trouble(what=f"cannot be written: {problem.strerror}", where=str(path), mend=mend) from problem

    def _path(self, task: Task) -> Path:
        own = config_hash(task.settings, digests(load_all(task.settings.engine, task.keys)))
        return self._folder / f"{own}-{task.traffic.digest}-{self._version}.json"


def measured(tasks: Sequence[Task], kept: Kept, jobs: int, report: Report) -> list[Measured]:
    """The results in the order of the tasks: those that are kept, and the rest from so many processes. Trouble where
    one fails for a reason that a person can mend."""
    found = {at: one for at, task in enumerate(tasks) if (one := kept.of(task)) is not None}
    missing = [at for at in range(len(tasks)) if at not in found]
    report(len(found), len(tasks))
    for at, result in _made([tasks[at] for at in missing], jobs):
        found[missing[at]] = result
        kept.keep(tasks[missing[at]], result)
        report(len(found), len(tasks))
    return [found[at] for at in range(len(tasks))]


def _made(tasks: Sequence[Task], jobs: int) -> Iterator[tuple[int, Measured]]:
    """Each result as it comes, with its place. One process more is not begun for a single task."""
    if jobs == 1 or len(tasks) < 2:
        yield from ((at, measure(task)) for at, task in enumerate(tasks))
        return
    with _pool(min(jobs, len(tasks))) as pool:
        waiting = {pool.submit(measure, task): at for at, task in enumerate(tasks)}
        for done in as_completed(waiting):
            yield waiting[done], done.result()


@contextmanager
def _pool(jobs: int) -> Iterator[ProcessPoolExecutor]:
    """Processes that begin anew, as our threads would not survive in copies; what waits is dropped at the end."""
    pool = ProcessPoolExecutor(jobs, mp_context=get_context("spawn"))
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)
