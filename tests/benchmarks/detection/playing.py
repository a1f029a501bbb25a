"""Plays scenes through decoder and engine at default settings, several side by side, and writes down what came of it.

A scene is SCENE.ndjson.zst with SCENE.labels.json beside it, as `python -m traffic` writes them.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from queue import Empty
from typing import Any, Final, TypeVar

import numpy as np
import orjson
from hearing import SCORES, Client, Heard, clients_of, hold, owners
from owner import maker_for, name_of, training_of, warmed
from rich.console import Console
from rich.progress import Progress as Bar
from rich.progress import TaskID

from detectors.sketch.queries import Queries
from monitor.alerts.finding import Finding
from monitor.record.decode import Decoder
from monitor.record.pseudonyms import Pseudonyms, text
from monitor.record.raw import Partition
from monitor.runtime.keys import OPEN_KEYS
from monitor.runtime.replay import Tally, batches
from monitor.sources.protocol import Progress

PARTITION: Final = Partition("bench", 0)
PAUSE: Final = 0.2  # seconds between two looks at what the processes report

T = TypeVar("T")
Told = Callable[[int, int | None], None]  # bytes read, of how many


@dataclass(frozen=True, slots=True)
class Played:
    """One scene: its clients with what was said of them, and what it took. Seconds are processor time; `size` is bytes
    of state, of which there are `remembered` clients."""

    scene: str
    clients: dict[str, Client]
    heard: Heard
    queries: int
    rejected: int
    decoding: float = 0.0
    engine: float = 0.0
    size: int = 0
    remembered: int = 0


def quiet(read: int, total: int | None) -> None:
    """Progress that nobody wants to see."""


def truth(log: Path, fingerprints: bool = True) -> dict[str, Client]:
    """The clients of the scene that lies there. OSError where its labels are missing.

    Scores of training records are no limit where fingerprints of those records are loaded."""
    clients = clients_of(orjson.loads(log.with_name(f"{name_of(log)}.labels.json").read_bytes()))
    if fingerprints and training_of(log).is_file():
        for client in clients.values():
            client.limit = client.limit and client.kind != SCORES
    return clients


def decoded(log: Path, tally: Tally, told: Told = quiet) -> Iterator[Queries]:
    """The queries of a log, batch by batch. Trouble where it cannot be read."""
    decoder = Decoder(OPEN_KEYS)

    def progress(at: Progress) -> None:
        told(at.read, at.total)

    for batch in batches([log], tally, progress):
        found = decoder.decode(batch)
        tally.queries += len(found.queries)
        tally.rejected.update({record.offset: record.reason for record in found.rejected}.values())
        yield found.queries


class Watch:
    """Notes when each client came, by pseudonym."""

    def __init__(self) -> None:
        self._times: dict[bytes, list[int]] = {}

    def saw(self, queries: Queries) -> None:
        """Take a batch."""
        for client, when in zip(queries.client, queries.time.tolist(), strict=True):
            self._times.setdefault(client, []).append(when)

    def give(self, clients: dict[str, Client]) -> None:
        """Hand each client its times, those of the keys that it tried in vain among them."""
        names = Pseudonyms(OPEN_KEYS.pseudonyms, OPEN_KEYS.epoch)
        came: dict[str, list[int]] = {}
        for name, owner in owners(clients).items():
            came.setdefault(owner, []).extend(self._times.get(names.client(name), ()))
        for name, times in came.items():
            clients[name].times = np.sort(np.array(times, np.int64))


def pseudonyms() -> Callable[[str], str]:
    """From a raw name to the pseudonym that findings carry."""
    names = Pseudonyms(OPEN_KEYS.pseudonyms, OPEN_KEYS.epoch)
    return lambda name: text(names.client(name))


def play(log: Path, fingerprints: bool = True, told: Told = quiet) -> Played:
    """Play one scene. OSError where its labels are missing, Trouble where the log cannot be read."""
    clients, tally, watch = truth(log, fingerprints), Tally(), Watch()
    make = warmed(maker_for(log, fingerprints=fingerprints))
    findings: list[Finding] = []
    engine, spent, begun = None, 0.0, time.process_time()
    for queries in decoded(log, tally, told):
        engine = engine or make(PARTITION, None)
        watch.saw(queries)
        before = time.process_time()
        findings += engine.feed(queries)
        spent += time.process_time() - before
    decoding = time.process_time() - begun - spent
    watch.give(clients)
    heard = hold(findings, clients, pseudonyms())
    stats = engine.stats() if engine is not None else None
    size, remembered = (stats.bytes, stats.clients) if stats is not None else (0, 0)
    return Played(
        name_of(log), clients, heard, tally.queries, tally.rejected.total(), decoding, spent, size, remembered
    )


def side_by_side(work: Callable[..., T], logs: Sequence[Path], processes: int, *more: Any) -> list[T]:
    """`work(log, *more, told)` for each log, in at most so many processes, results in the order of the logs; with a bar
    on a terminal."""
    with _bars(logs) as told:
        if processes < 2 or len(logs) < 2:
            return [work(log, *more, lambda read, total, at=at: told(at, read, total)) for at, log in enumerate(logs)]
        context = get_context("spawn")
        reports = context.Queue()
        with ProcessPoolExecutor(processes, mp_context=context, initializer=_keep, initargs=(reports,)) as pool:
            jobs = [pool.submit(_apart, at, work, log, *more) for at, log in enumerate(logs)]
            _follow(jobs, reports, told)
            return [job.result() for job in jobs]


def cores() -> int:
    """Processes that fit on this machine."""
    return len(os.sched_getaffinity(0))


_reports: Any = None  # of a process that plays: where it says how far it is


def _keep(reports: Any) -> None:
    global _reports  # noqa: PLW0603  (what an initializer of a pool is for)
    _reports = reports


def _apart(at: int, work: Callable[..., T], log: Path, *more: Any) -> T:
    return work(log, *more, lambda read, total: _reports.put((at, read, total)))


def _follow(jobs: Iterable[Future[Any]], reports: Any, told: Callable[[int, int, int | None], None]) -> None:
    """Show what the processes report until all are done."""
    waiting = list(jobs)
    while any(not job.done() for job in waiting):
        try:
            told(*reports.get(timeout=PAUSE))
        except Empty:
            continue


@contextmanager
def _bars(logs: Sequence[Path]) -> Iterator[Callable[[int, int, int | None], None]]:
    with Bar(console=Console(stderr=True), disable=not sys.stderr.isatty()) as bar:
        tasks: list[TaskID] = [bar.add_task(name_of(log), total=None) for log in logs]
        yield lambda at, read, total: bar.update(tasks[at], completed=read, total=total)
