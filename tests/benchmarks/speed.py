"""Speed: end to end from a Kafka topic, and from a file, on one core, beside the least that any reader has to do.

Fills a topic of four partitions (zstd, keyed by client) from a process of its own, then lets each contender read all of
it in a fresh process that is pinned to one core; round by round, so that a busy neighbour hurts all of them; the best
round counts. Without --kafka only files are read.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final, TypeVar
from uuid import uuid4

from contenders import FILE, KAFKA, Load, Run, run
from load import fill_topic, remove_topic, write_file
from printed import keep, table

BAR: Final = 25_000  # records a second, of the product from Kafka
STAGES: Final = "product-stages"
MEANING: Final = {
    "floor": "Kafka, whole batches, JSON parsed, nothing else",
    "stock": "Kafka, kafka-python as it comes, JSON parsed",
    "product": "Kafka to outbox, snapshot and commit",
    "floor-file": "file, JSON parsed, nothing else",
    "product-file": "file to outbox and snapshot",
}

T = TypeVar("T")


def apart(work: Callable[..., T], *arguments: Any) -> T:
    """Do something in a fresh process."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(work, *arguments).result()


def measure(load: Load, rounds: int, core: int) -> tuple[dict[str, list[Run]], Run]:
    """All rounds of each contender, and one pass of the product with clocks in it."""
    names = (*KAFKA, *FILE) if load.bootstrap is not None else FILE
    runs: dict[str, list[Run]] = {name: [] for name in names}
    for number in range(rounds):
        for name in names:
            done = apart(run, name, load, core)
            runs[name].append(done)
            print(f"round {number + 1}, {name}: {done.records / done.wall:,.0f} records/s", flush=True)
    return runs, apart(run, STAGES, load, core)


def summary(runs: dict[str, list[Run]]) -> str:
    """The table of contenders: the best round of each, and what it is of the floor's best."""
    best = {name: (min(_wall(one) for one in of), min(_cpu(one) for one in of)) for name, of in runs.items()}
    rows = []
    for name, (wall, cpu) in best.items():
        floor = best["floor-file" if name.endswith("-file") else "floor"]
        rows.append([name, MEANING[name], f"{1e6 / wall:,.0f}", f"{cpu:.1f}", f"{cpu / floor[1]:.2f}"])
    return table(("", "what", "records/s", "CPU µs a record", "of the floor"), rows, 2)


def breakdown(staged: Run) -> str:
    """The table of stages."""
    other = staged.cpu - sum(staged.stages.values())
    rows = [
        [stage, f"{seconds / staged.records * 1e6:.2f}", f"{seconds / staged.cpu:.1%}"]
        for stage, seconds in {**staged.stages, "the rest": other}.items()
    ]
    return table(("stage", "CPU µs a record", "share"), rows)


def report(load: Load, runs: dict[str, list[Run]], staged: Run) -> str:
    """The whole account."""
    bytes_each = load.file.stat().st_size if load.file.exists() else 0
    head = (
        f"# Speed: {load.records:,} records on one core\n\n48 numbers and 10 probabilities a record, about 700 bytes "
        f"({bytes_each / load.records:.0f} packed); Zipf volumes over 10,000 clients; kernels warmed up; best of "
        f"{len(next(iter(runs.values())))} rounds; load of the machine {os.getloadavg()[0]:.1f}; "
        f"{staged.findings} revisions of findings.\n"
    )
    where = "Kafka" if load.bootstrap is not None else "a file"
    bar = ""
    if "product" in runs:
        reached = max(one.records / one.wall for one in runs["product"])
        bar = f"The bar is {BAR:,} records a second from Kafka: {'met' if reached >= BAR else 'missed'}.\n"
    return "\n".join([head, summary(runs), bar, f"## Where the time goes, from {where}\n", breakdown(staged)])


def save(folder: Path, text: str, runs: dict[str, list[Run]], staged: Run) -> None:
    """Write the account as Markdown, and every round as JSON."""
    tree = {"runs": {name: [asdict(one) for one in of] for name, of in runs.items()}, "stages": asdict(staged)}
    keep(folder, "speed", text, tree)


def _wall(one: Run) -> float:
    return one.wall / one.records * 1e6


def _cpu(one: Run) -> float:
    return one.cpu / one.records * 1e6


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the command line, fill, measure, print and save."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--records", type=int, default=200_000, help="records of the load (200,000)")
    asked.add_argument("--kafka", metavar="BOOTSTRAP", help="brokers, host:port; tests/services/broker/start has one")
    asked.add_argument("--rounds", type=int, default=3, help="passes of each contender (3)")
    asked.add_argument("--core", type=int, default=max(os.sched_getaffinity(0)), help="core to read on (the last)")
    asked.add_argument("--save", type=Path, metavar="FOLDER", help="keep the tables there, as Markdown and as JSON")
    wish = asked.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        topic = f"bench-{uuid4().hex[:8]}" if wish.kafka else ""
        load = Load(wish.records, Path(folder) / "load.ndjson.zst", wish.kafka, topic)
        write_file(load.file, load.records)
        try:
            if wish.kafka:
                apart(fill_topic, wish.kafka, topic, wish.records)
            runs, staged = measure(load, wish.rounds, wish.core)
        finally:
            if wish.kafka:
                remove_topic(wish.kafka, topic)
        text = report(load, runs, staged)
    print(text)
    if wish.save is not None:
        save(wish.save, text, runs, staged)


if __name__ == "__main__":
    main()
