"""Snapshots: what they cost a record while a stream goes on, how long the loop stands still for them, and how soon the
next process is ready.

Queries go into one engine as columns, as in memory.py. First every client comes, and a whole snapshot is taken; then
the stream goes on at a rate, and after each interval what changed is saved. The loop stands still for as long as
`Partitions.save` takes, which is what it calls; the file is written by a thread meanwhile, for which nothing waits but
this benchmark. Seconds are of this machine and of its disk; processor time is that of the process, thread included.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import numpy as np
from goals import Report, at_most
from memory import CHUNK, HERE, MIB, _chunk, sample, stream, volumes
from printed import table

from detectors.sketch.queries import Queries
from monitor.config.engine import EngineSettings
from monitor.config.settings import Settings
from monitor.engine.partition import PartitionEngine
from monitor.record.decode import Decoder
from monitor.runtime.engines import engine_maker
from monitor.runtime.folder import SnapshotFolder
from monitor.runtime.keys import OPEN_KEYS
from monitor.runtime.metrics import Metrics
from monitor.runtime.partitions import EngineMaker, Partitions
from monitor.runtime.warmup import warm_up

COST_BAR: Final = 1.0  # microseconds a record
STILL_BAR: Final = 1.0  # seconds with 100,000 clients
READY_BAR: Final = 5.0


@dataclass(frozen=True, slots=True)
class Saved:
    """One snapshot: records since the one before, bytes, seconds in which the loop stood still, seconds until the file
    was safe, processor seconds."""

    what: str
    records: int
    size: int
    seconds: float
    safe: float
    processor: float


@dataclass(frozen=True, slots=True)
class Account:
    """All that was measured; `ready` is the seconds to read and restore after the last snapshot."""

    kind: str
    clients: int
    rate: int
    interval: float
    saved: list[Saved]
    ready: float


class Keeper:
    """Feeds and saves as the daemon does."""

    def __init__(self, make: EngineMaker, folder: Path) -> None:
        self._make, self._folder = make, folder
        self.store = SnapshotFolder(folder)
        self.partitions = self._owner(self.store)
        self.partitions.take(HERE)
        self.records = self._at = 0

    def _owner(self, store: SnapshotFolder) -> Partitions:
        thread = ThreadPoolExecutor(1)
        return Partitions(self._make, store, time.monotonic, Metrics(), config_hash="", key_epoch="", executor=thread)

    def feed(self, queries: Queries) -> None:
        """Some more."""
        self.partitions.feed(HERE, queries)
        self._at += len(queries)
        self.partitions.advance(HERE, self._at, len(queries))
        self.records += len(queries)

    def save(self) -> Saved:
        """One snapshot, timed. RuntimeError where it fails."""
        what = "changes" if self.store.follows(HERE) else "whole"
        begun, processor = time.perf_counter(), time.process_time()
        self.partitions.save(HERE)
        seconds = time.perf_counter() - begun
        if not self.partitions.saved(wait=True):
            raise RuntimeError("the snapshot was not saved")
        safe, processor = time.perf_counter() - begun, time.process_time() - processor
        newest = max(self._folder.glob("*.snapshot"), key=lambda file: file.name)
        records, self.records = self.records, 0
        return Saved(what, records, newest.stat().st_size, seconds, safe, processor)

    def restored(self) -> tuple[PartitionEngine, float]:
        """The engine that the next process would have, and the seconds that it takes to have it."""
        begun, other = time.perf_counter(), self._owner(SnapshotFolder(self._folder))
        other.take(HERE)
        return engine_of(other), time.perf_counter() - begun


def engine_of(partitions: Partitions) -> PartitionEngine:
    """The engine; a benchmark may look inside."""
    return partitions._held[HERE].engine


def measure(kind: str, clients: int, rate: int, interval: float, times: int) -> Account:
    """Fill, save, go on, save again and again; then restore. RuntimeError where another state comes back."""
    make = engine_maker(Settings(engine=EngineSettings(clients=max(clients, 2_048))), OPEN_KEYS)
    warm_up(Decoder(OPEN_KEYS), make)
    with tempfile.TemporaryDirectory() as folder:
        keeper = Keeper(make, Path(folder))
        for chunk in stream(kind, volumes(clients, 20.0)):
            keeper.feed(chunk)
        saved = [keeper.save()]
        more = goes_on(kind, clients, keeper.feed)
        for _ in range(times):
            more(int(rate * interval))
            saved.append(keeper.save())
        again, ready = keeper.restored()
        known = engine_of(keeper.partitions).dump()
        different = [name for name, array in again.dump().items() if array.tobytes() != known[name].tobytes()]
        if different:
            raise RuntimeError(f"another state came back: {', '.join(different)}")
    return Account(kind, clients, rate, interval, saved, ready)


def goes_on(kind: str, clients: int, feed: Callable[[Queries], None]) -> Callable[[int], None]:
    """What feeds so many more queries of known clients, by Zipf's law."""
    rng, inputs, at = np.random.default_rng(5), sample(kind), int(volumes(clients, 20.0).sum())
    shares = 1 / np.arange(1, clients + 1)

    def more(count: int) -> None:
        nonlocal at
        chosen = rng.choice(clients, count, p=shares / shares.sum())
        for start in range(0, count, CHUNK):
            own = chosen[start : start + CHUNK].tolist()
            offsets = np.arange(at, at + len(own), dtype=np.int64)
            feed(_chunk(inputs, own, offsets, rng.integers(0, len(inputs), len(own))))
            at += len(own)

    return more


def report(account: Account) -> Report:
    """The whole account."""
    rows = [
        [one.what, f"{one.records:,}", f"{one.size / MIB:,.0f}", f"{one.seconds:.2f}", f"{one.safe:.2f}",
         f"{one.processor:.2f}",
         f"{one.processor / one.records * 1e6:.2f}"]
        for one in account.saved
    ]  # fmt: skip
    later = account.saved[1:]
    records = sum(one.records for one in later)
    stood, cost = (sum(parts) / records * 1e6 for parts in zip(*((o.seconds, o.processor) for o in later), strict=True))
    whole, longest = account.saved[0].seconds, max(one.seconds for one in later)
    clients = f"{account.clients:,} clients"
    goals = [
        at_most(
            f"the loop stands still {STILL_BAR:g} s for a whole snapshot of {clients}", STILL_BAR, whole, "{:.2f} s"
        ),
        at_most(f"the loop stands still {STILL_BAR:g} s for what changed", STILL_BAR, longest, "{:.2f} s"),
        at_most(f"{COST_BAR:g} µs of processor time a record, the first one apart", COST_BAR, cost, "{:.2f} µs"),
        at_most(f"{READY_BAR:g} s to read and restore {clients}", READY_BAR, account.ready, "{:.2f} s"),
    ]
    title = (
        f"# State: {account.clients:,} {account.kind} clients, {account.rate:,} records/s, every {account.interval:g} s"
    )
    heads = ("snapshot", "records since", "MiB", "stood still, s", "safe after, s", "processor, s", "µs a record")
    still = f"Standing still takes {stood:.2f} µs a record, the first one apart.\n"
    figures = {
        "whole, stood still s": whole,
        "changes, stood still s": longest,
        "changes, µs a record": cost,
        "restored, s": account.ready,
    }
    return Report(
        f"state-{account.kind}", "\n".join([title + "\n", table(heads, rows), still]), figures, goals, asdict(account)
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the command line, measure, print and save."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--clients", type=int, default=100_000, help="clients (100,000)")
    asked.add_argument("--kind", choices=("dense", "rows"), default="dense", help="what the inputs are (dense)")
    asked.add_argument("--rate", type=int, default=20_000, help="records a second (20,000)")
    asked.add_argument("--interval", type=float, default=30.0, help="seconds between two snapshots (30)")
    asked.add_argument("--times", type=int, default=4, help="snapshots after the first (4)")
    asked.add_argument("--save", type=Path, metavar="FOLDER", help="keep the tables there, as Markdown and as JSON")
    wish = asked.parse_args(arguments)
    report(measure(wish.kind, wish.clients, wish.rate, wish.interval, wish.times)).finish(wish.save)


if __name__ == "__main__":
    main()
