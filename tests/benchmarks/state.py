"""Snapshots: what they cost a record while a stream goes on, how long the loop stands still for them, and how soon the
next process is ready.

Queries go into one engine as columns, as in memory.py. First every client comes, and a whole snapshot is taken; then
the stream goes on at a rate, and after each interval what changed is saved. Seconds are of this machine and of its
disk; processor time is that of the process.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import numpy as np
from memory import CHUNK, HERE, MIB, _chunk, sample, stream, volumes
from printed import keep, table

from monitor.config.settings import Settings
from monitor.engine.changes import joined
from monitor.engine.partition import PartitionEngine
from monitor.record.decode import Decoder
from monitor.runtime.engines import engine_maker
from monitor.runtime.folder import SnapshotFolder
from monitor.runtime.keys import OPEN_KEYS
from monitor.runtime.snapshots import Snapshot
from monitor.runtime.warmup import warm_up

COST_BAR: Final = 1.0  # microseconds a record
READY_BAR: Final = 5.0  # seconds with 100,000 clients


@dataclass(frozen=True, slots=True)
class Saved:
    """One snapshot: records since the one before, bytes, seconds in which the loop stood still (to gather, and in
    all), and processor seconds."""

    what: str
    records: int
    size: int
    gathered: float
    seconds: float
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
    """Saves as the daemon does: a whole one first, changes while the store takes them."""

    def __init__(self, engine: PartitionEngine, folder: Path) -> None:
        self.engine, self.store, self.folder = engine, SnapshotFolder(folder), folder
        self.marks = engine.marks()
        self.offset = 0

    def save(self, records: int) -> Saved:
        """One snapshot, timed."""
        partial = self.store.follows(HERE)
        begun, processor = time.perf_counter(), time.process_time()
        arrays = self.engine.changes(self.marks) if partial else self.engine.dump()
        self.marks = self.engine.marks()
        gathered = time.perf_counter() - begun
        self.offset += records
        self.store.save(Snapshot(HERE, self.offset, "", "", arrays, (), partial))
        seconds, processor = time.perf_counter() - begun, time.process_time() - processor
        newest = max(self.folder.glob("*.snapshot"), key=lambda file: file.name)
        what = "changes" if partial else "whole"
        return Saved(what, records, newest.stat().st_size, gathered, seconds, processor)


def measure(kind: str, clients: int, rate: int, interval: float, times: int) -> Account:
    """Fill, save, go on, save again and again; then restore."""
    make = engine_maker(Settings(), OPEN_KEYS)
    warm_up(Decoder(OPEN_KEYS), make)
    engine, filled = make(HERE, None), 0
    for chunk in stream(kind, volumes(clients, 20.0)):
        engine.feed(chunk)
        filled += len(chunk)
    with tempfile.TemporaryDirectory() as folder:
        keeper = Keeper(engine, Path(folder))
        saved = [keeper.save(filled)]
        rng, inputs = np.random.default_rng(5), sample(kind)
        shares = 1 / np.arange(1, clients + 1)
        count, at = int(rate * interval), filled
        for _ in range(times):
            chosen = rng.choice(clients, count, p=shares / shares.sum())
            for start in range(0, count, CHUNK):
                own = chosen[start : start + CHUNK].tolist()
                offsets = np.arange(at, at + len(own), dtype=np.int64)
                engine.feed(_chunk(inputs, own, offsets, rng.integers(0, len(inputs), len(own))))
                at += len(own)
            saved.append(keeper.save(count))
        begun = time.perf_counter()
        kept = next(SnapshotFolder(Path(folder)).load(HERE, ""))
        if not isinstance(kept, Snapshot):
            raise RuntimeError(f"the snapshot was refused: {kept.reason}")
        again = make(HERE, joined(kept.arrays, kept.changes))
        ready = time.perf_counter() - begun
        known = engine.dump()
        different = [name for name, array in again.dump().items() if array.tobytes() != known[name].tobytes()]
        if different:
            raise RuntimeError(f"another state came back: {', '.join(different)}")
    return Account(kind, clients, rate, interval, saved, ready)


def report(account: Account) -> str:
    """The account as Markdown."""
    rows = [
        [
            one.what,
            f"{one.records:,}",
            f"{one.size / MIB:,.0f}",
            f"{one.gathered:.2f}",
            f"{one.seconds:.2f}",
            f"{one.processor:.2f}",
            f"{one.processor / one.records * 1e6:.2f}",
        ]
        for one in account.saved
    ]
    later = account.saved[1:]
    records = sum(one.records for one in later)
    stood, cost = (sum(parts) / records * 1e6 for parts in zip(*((o.seconds, o.processor) for o in later), strict=True))
    bars = [
        f"{COST_BAR:g} µs of processor time a record, the first one apart: {cost:.2f}, {_met(cost <= COST_BAR)}",
        f"{READY_BAR:g} s to read and restore: {account.ready:.2f} s, {_met(account.ready <= READY_BAR)}",
        f"the loop stood still for {stood:.2f} µs a record, the disk included",
    ]
    title = (
        f"# State: {account.clients:,} {account.kind} clients, {account.rate:,} records/s, every {account.interval:g} s"
    )
    heads = ("snapshot", "records since", "MiB", "gathered, s", "stood still, s", "processor, s", "µs a record")
    return "\n".join([title + "\n", "".join(f"- {bar}\n" for bar in bars), table(heads, rows)])


def _met(met: bool) -> str:
    return "met" if met else "**missed**"


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
    account = measure(wish.kind, wish.clients, wish.rate, wish.interval, wish.times)
    text = report(account)
    print(text)
    if wish.save is not None:
        keep(wish.save, f"state-{wish.kind}", text, asdict(account))


if __name__ == "__main__":
    main()
