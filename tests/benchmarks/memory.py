"""Memory: what one engine holds of 100,000 clients, by array and by client, and what a snapshot of it costs.

Queries go into the engine as columns, without JSON, so that nothing else takes memory. Volumes over clients follow
Zipf's law: few heavy ones with full windows, many with a handful of queries; every client comes at least once. With
--over more clients come than the engine may remember: what it holds when it is full for the first time is compared
with what it holds at the end.
"""

from __future__ import annotations

import argparse
import os
import resource
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, fields, replace
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final

import numpy as np
import orjson
from goals import Goal, Report, at_most
from numpy.typing import NDArray
from printed import table

from detectors.features.layout import FIRST_BLOCK, PAGE
from detectors.features.windows import Windows
from detectors.sketch.queries import Queries
from monitor.config.engine import EngineSettings
from monitor.config.settings import Settings
from monitor.engine.partition import PartitionEngine
from monitor.record.decode import Decoder
from monitor.record.raw import Partition, RawBatch
from monitor.runtime.engines import engine_maker
from monitor.runtime.folder import SnapshotFolder
from monitor.runtime.keys import OPEN_KEYS
from monitor.runtime.snapshots import Snapshot
from monitor.runtime.warmup import warm_up

MIB: Final = 1 << 20
KIB: Final = 1 << 10
RSS_BARS: Final = {100_000: 1536 * MIB, 1_000_000: 4096 * MIB}
SMALL_BAR: Final = 3 * KIB  # a client with fewer queries than a first block
GROWTH_BAR: Final = 0.02  # after the ceiling: what a process takes for its own
LEAST: Final = 2_048  # clients, the lowest ceiling that can be set
CLIENT_BARS: Final = {"dense": 16 * KIB, "rows": 8 * KIB}
CHUNK: Final = 20_000
SAMPLES: Final = 2_000  # queries that are made once; the stream repeats their inputs in random order
START: Final = 1_790_000_000_000_000  # event time of the first query, microseconds
GAP: Final = 20_000
OWN: Final = {"models", "offset", "time", "client", "group", "address", "dense", "rows", "text"}  # not by the input
CHOSEN: Final = tuple(each.name for each in fields(Queries) if each.name not in OWN)
HERE: Final = Partition("memory", 0)


@dataclass(frozen=True, slots=True)
class Account:
    """What was measured; bytes and seconds. `before` and `fed` are resident bytes before and after feeding, `peak` the
    most until then, `peak_snapshot` the most until the snapshot was written. `came` clients came in all; `full_at` is
    what was resident when the engine was full for the first time (0: it never was), after `full_after` queries."""

    kind: str
    clients: int
    came: int
    evicted: int
    queries: int
    full_at: int
    full_after: int
    feed_seconds: float
    before: int
    fed: int
    peak: int
    peak_snapshot: int
    arrays: dict[str, int]
    small: float
    full: float
    snapshot_bytes: int
    dump_seconds: float
    save_seconds: float
    restore_seconds: float


def sample(kind: str) -> Queries:
    """Queries with natural variety, made by the decoder from records of one client."""
    rng = np.random.default_rng(7)
    answers = rng.dirichlet(np.full(10, 0.3), SAMPLES).round(4).tolist()
    vectors = rng.normal(size=(SAMPLES, 48)).round(4).tolist()
    cells = rng.integers(0, 9, (SAMPLES, 12)).tolist()
    inputs = {
        "dense": [{"vector": vector} for vector in vectors],
        "rows": [{"columns": {f"column-{at}": value for at, value in enumerate(row)}} for row in cells],
    }[kind]
    payloads = [
        orjson.dumps(
            {"client": "c", "model": "m", "time": 1_790_000_000_000, "input": i, "output": {"probabilities": a}}
        )
        for i, a in zip(inputs, answers, strict=True)
    ]
    none = np.full(SAMPLES, -1, np.int64)
    return Decoder(OPEN_KEYS).decode(RawBatch(HERE, payloads, np.arange(SAMPLES), none, SAMPLES)).queries


def volumes(clients: int, mean: float) -> NDArray[np.int64]:
    """Queries of each client by Zipf's law, at least one each, `mean` on average."""
    shares = 1 / np.arange(1, clients + 1)
    counts: NDArray[np.int64] = 1 + (shares / shares.sum() * clients * (mean - 1)).astype(np.int64)
    return counts


def stream(kind: str, counts: NDArray[np.int64]) -> Iterator[Queries]:
    """All queries in random order, as chunks of columns."""
    rng, inputs = np.random.default_rng(11), sample(kind)
    order = np.repeat(np.arange(len(counts), dtype=np.int32), counts)
    rng.shuffle(order)
    for start in range(0, len(order), CHUNK):
        clients = order[start : start + CHUNK].tolist()
        at = np.arange(start, start + len(clients), dtype=np.int64)
        yield _chunk(inputs, clients, at, rng.integers(0, len(inputs), len(clients)))


def _chunk(inputs: Queries, clients: list[int], at: NDArray[np.int64], which: NDArray[np.int64]) -> Queries:
    """Queries of these clients with the chosen inputs and answers; rows of the input tables are shared."""
    unknown = [b""] * len(clients)
    changed: dict[str, Any] = {name: getattr(inputs, name)[which] for name in CHOSEN}
    names = [blake2b(client.to_bytes(4), digest_size=16).digest() for client in clients]
    return replace(inputs, offset=at, time=START + at * GAP, client=names, group=unknown, address=unknown, **changed)


def arrays_of(engine: PartitionEngine) -> dict[str, int]:
    """Bytes of what the engine holds, by name; a benchmark may look inside."""
    sizes: dict[str, int] = {}
    for view in engine._views.values():
        windows = view.windows
        own = {name: getattr(windows, name) for name in ("names", "groups", "last", "peak")}
        for name, array in {**own, **windows.state._asdict()}.items():
            sizes[name] = sizes.get(name, 0) + array.nbytes
        table_bytes = sys.getsizeof(windows._table) + sum(map(sys.getsizeof, windows._table))
        sizes["table of clients"] = sizes.get("table of clients", 0) + table_bytes
        sizes["what teaches"] = sizes.get("what teaches", 0) + view.nbytes - windows.nbytes
    return sizes


def bytes_a_client(windows: Windows) -> tuple[float, float]:
    """Mean bytes of a client with fewer queries than a first block, and of one with a full window (0: none there)."""
    state, slots = windows.state, windows.in_use()
    own = (windows.names, windows.groups, windows.last, windows.peak, *state[:4])
    fixed = sum(array[:1].nbytes for array in own) + sys.getsizeof(windows._table) / max(len(windows), 1)
    page = state.entries[:1].nbytes + state.sketches[:1].nbytes + state.free[:1].nbytes
    held, counts = (state.pages[slots] >= 0).sum(axis=1), state.headers["count"][slots]
    few, many = held[counts < FIRST_BLOCK], held[counts >= state.pages.shape[1] * PAGE]
    small, full = (fixed + page * float(some.mean()) if len(some) else 0.0 for some in (few, many))
    return small, full


def resident() -> int:
    """Bytes of memory that the process holds now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def peak() -> int:
    """The most that it ever held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * KIB


def measure(kind: str, clients: int, mean: float, over: float = 1.0) -> Account:
    """Feed, look, snapshot, restore. `clients` is the ceiling; `over` times as many come."""
    most, came = max(clients, LEAST), int(clients * over)
    make = engine_maker(Settings(engine=EngineSettings(clients=most)), OPEN_KEYS)
    warm_up(Decoder(OPEN_KEYS), make)
    engine, before, begun, queries = make(HERE, None), resident(), time.perf_counter(), 0
    full_at, full_after = 0, 0
    for chunk in stream(kind, volumes(came, mean)):
        engine.feed(chunk)
        queries += len(chunk)
        if not full_at and engine.stats().clients >= most:
            full_at, full_after = resident(), queries
    feed_seconds, fed, highest = time.perf_counter() - begun, resident(), peak()
    held, (small, full) = arrays_of(engine), bytes_a_client(next(iter(engine._views.values())).windows)
    size, (dumped, saved, restored), at_snapshot = snapshot(engine, make)
    stats = engine.stats()
    return Account(
        kind=kind,
        clients=stats.clients,
        came=came,
        evicted=stats.evicted,
        queries=queries,
        full_at=full_at,
        full_after=full_after,
        feed_seconds=feed_seconds,
        before=before,
        fed=fed,
        peak=highest,
        peak_snapshot=at_snapshot,
        arrays=held,
        small=small,
        full=full,
        snapshot_bytes=size,
        dump_seconds=dumped,
        save_seconds=saved,
        restore_seconds=restored,
    )


def snapshot(engine: PartitionEngine, make: Any) -> tuple[int, tuple[float, float, float], int]:
    """Bytes of a snapshot; seconds to dump, to write, and to restore; the peak before restoring."""
    with tempfile.TemporaryDirectory() as folder:
        store, begun = SnapshotFolder(Path(folder)), time.perf_counter()
        arrays = engine.dump()
        dumped = time.perf_counter()
        store.save(Snapshot(HERE, 0, "", "", arrays))
        saved, most = time.perf_counter(), peak()
        del arrays
        size = sum(file.stat().st_size for file in Path(folder).iterdir())
        again = time.perf_counter()
        kept = next(store.load(HERE, ""))
        if not isinstance(kept, Snapshot):
            raise RuntimeError(f"the snapshot was refused: {kept.reason}")
        make(HERE, kept.arrays)
        restored = time.perf_counter()
    return size, (dumped - begun, saved - dumped, restored - again), most


def goals(account: Account) -> list[Goal]:
    """What is wanted of so many clients, and of each."""
    bar, each = RSS_BARS.get(account.clients), CLIENT_BARS[account.kind]
    found = []
    if bar is not None:
        what = f"{bar / MIB:,.0f} MiB for {account.clients:,} {account.kind} clients"
        found.append(at_most(what, bar / MIB, account.peak / MIB, "{:,.0f} MiB"))
        found.append(at_most(f"{what}, a snapshot included", bar / MIB, account.peak_snapshot / MIB, "{:,.0f} MiB"))
    few = account.small / KIB if account.small else None
    found.append(
        at_most(f"{SMALL_BAR / KIB:.0f} KiB for a client with few queries", SMALL_BAR / KIB, few, "{:.2f} KiB")
    )
    many = account.full / KIB if account.full else None
    found.append(at_most(f"{each / KIB:.0f} KiB for a {account.kind} client", each / KIB, many, "{:.2f} KiB"))
    if account.came > account.clients:
        grown = account.fed / account.full_at - 1 if account.full_at else None
        what = f"no growth once {account.clients:,} clients are there"
        found.append(at_most(f"{what} ({GROWTH_BAR:.0%} is none)", GROWTH_BAR, grown, "{:+.1%}"))
    return found


def report(account: Account) -> Report:
    """The whole account."""
    figures = [
        ["clients that came", f"{account.came:,}"],
        ["clients that had to leave", f"{account.evicted:,}"],
        ["resident before feeding", f"{account.before / MIB:,.0f} MiB"],
        *(
            [[f"resident when full, after {account.full_after:,} queries", f"{account.full_at / MIB:,.0f} MiB"]]
            if account.full_at
            else []
        ),
        ["resident after feeding", f"{account.fed / MIB:,.0f} MiB"],
        ["peak while feeding", f"{account.peak / MIB:,.0f} MiB"],
        ["peak with a snapshot", f"{account.peak_snapshot / MIB:,.0f} MiB"],
        [f"a client with fewer than {FIRST_BLOCK} queries", f"{account.small / KIB:.2f} KiB"],
        ["a client with a full window", f"{account.full / KIB:.2f} KiB"],
        ["snapshot", f"{account.snapshot_bytes / MIB:,.0f} MiB"],
        ["dump", f"{account.dump_seconds:.2f} s"],
        ["write and sync", f"{account.save_seconds:.2f} s"],
        ["read and restore", f"{account.restore_seconds:.2f} s"],
        ["feeding, a query", f"{account.feed_seconds / account.queries * 1e6:.1f} µs"],
    ]
    total = sum(account.arrays.values())
    arrays = [
        [name, f"{size / MIB:,.1f}", f"{size / account.clients:,.0f}"]
        for name, size in sorted(account.arrays.items(), key=lambda pair: -pair[1])
    ]
    text = "\n".join(
        [
            f"# Memory: {account.clients:,} {account.kind} clients, {account.queries:,} queries, one engine\n",
            table(("", "measured"), figures),
            f"## By array, {total / MIB:,.0f} MiB in all\n",
            table(("array", "MiB", "bytes a client"), arrays),
        ]
    )
    told = {
        "peak, MiB": account.peak / MIB,
        "peak with a snapshot, MiB": account.peak_snapshot / MIB,
        "a client with few queries, KiB": account.small / KIB,
        "a client with a full window, KiB": account.full / KIB,
        "snapshot, MiB": account.snapshot_bytes / MIB,
        "feeding, µs a query": account.feed_seconds / account.queries * 1e6,
    }
    name = f"memory-{account.kind}" + (f"-{account.clients}" if account.clients > 100_000 else "")
    return Report(name, text, told, goals(account), asdict(account))


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the command line, feed, print and save."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--clients", type=int, default=100_000, help="clients that the engine may remember (100,000)")
    asked.add_argument("--mean", type=float, default=20.0, help="queries of a client, on average (20)")
    asked.add_argument("--kind", choices=sorted(CLIENT_BARS), default="dense", help="what the inputs are (dense)")
    asked.add_argument("--over", type=float, default=1.0, help="so many times as many clients come (1.0)")
    asked.add_argument("--save", type=Path, metavar="FOLDER", help="keep the tables there, as Markdown and as JSON")
    wish = asked.parse_args(arguments)
    report(measure(wish.kind, wish.clients, wish.mean, wish.over)).finish(wish.save)


if __name__ == "__main__":
    main()
