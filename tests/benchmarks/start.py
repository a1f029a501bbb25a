"""From the start of the daemon's process until it is ready: `probewatch run` on a real Kafka.

`cold` has an empty folder for compiled kernels (NUMBA_CACHE_DIR) and no state, as the first start after an upgrade;
`warm` finds the kernels compiled; `warm, with state` finds a snapshot too, of as many clients as said, made by feeding
an engine as memory.py does. Ready is when /readyz answers 200, asked twenty times a second: the group is formed, the
partition is assigned and restored. The group is new each time, so that no session of an earlier process has to run out.
"""

from __future__ import annotations

import argparse
import os
import signal
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final
from unittest.mock import patch
from uuid import uuid4

from goals import Report, at_most
from installed import KEY, REPOSITORY, Daemon
from load import make_topic, remove_topic
from memory import stream, volumes
from printed import table

from monitor.config.load import load
from monitor.record.keys import KEY_VARIABLE
from monitor.record.raw import Partition
from monitor.runtime.engines import engine_maker
from monitor.runtime.keys import key_name, keys_of
from monitor.runtime.learnt import config_hash
from monitor.runtime.snapshots import Snapshot
from monitor.runtime.stores import open_store

WARM_BAR: Final = 5.0  # seconds
COLD_BAR: Final = 15.0
PATIENCE: Final = 300.0
CACHE: Final = "NUMBA_CACHE_DIR"
MEAN: Final = 5.0  # queries of a client
SETTINGS: Final = """
[source.kafka]
brokers = ["{kafka}"]
topics = ["{topic}"]
group = "{topic}-{group}"
[runtime]
state = "{state}"
[health]
port = 0
"""


def written(folder: Path, kafka: str, topic: str) -> Path:
    """Settings with a group and a state of their own."""
    group = uuid4().hex[:8]
    state, config = folder / f"state-{group}", folder / f"{group}.toml"
    state.mkdir()
    config.write_text(SETTINGS.format(kafka=kafka, topic=topic, group=group, state=state))
    return config


def give_state(config: Path, topic: str, clients: int, kind: str) -> int:
    """Put a snapshot where a daemon with these settings looks for it; its bytes."""
    environment = {KEY_VARIABLE: KEY}
    settings, keys = load(config, environment).settings, keys_of(None, environment)
    partition = Partition(topic, 0)
    engine = engine_maker(settings, keys)(partition, None)
    for chunk in stream(kind, volumes(clients, MEAN)):
        engine.feed(chunk)
    store = open_store(settings)
    store.take(partition)
    store.save(Snapshot(partition, 0, config_hash(settings), key_name(keys), engine.dump()))
    return sum(file.stat().st_size for file in settings.runtime.state.rglob("*") if file.is_file())


def ready_after(config: Path, restored: bool) -> float:
    """Seconds from the start of the process. RuntimeError where it ends, or begins with another state."""
    begun = time.perf_counter()
    daemon = Daemon(REPOSITORY, config, config.with_suffix(".log"))
    try:
        while daemon.page("/readyz")[0] != 200:
            if time.perf_counter() - begun > PATIENCE:
                raise RuntimeError(f"not ready: {daemon.lines()[-3:]}")
            time.sleep(0.05)
        took = time.perf_counter() - begun
        state = next(line["state"] for line in daemon.lines() if line["message"] == "partition taken")
        if (state == "snapshot") != restored:
            raise RuntimeError(f"the daemon began with {state} state")
        return took
    finally:
        daemon.process.send_signal(signal.SIGTERM)
        daemon.process.wait(PATIENCE)


def measure(kafka: str, clients: int, kind: str, rounds: int) -> tuple[dict[str, list[float]], int]:
    """Seconds of each round by kind of start; bytes of the state."""
    topic = f"bench-{uuid4().hex[:8]}"
    make_topic(kafka, topic, 1)
    found: dict[str, list[float]] = {"cold": [], "warm": [], "warm, with state": []}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        stateful = written(folder, kafka, topic)
        size = give_state(stateful, topic, clients, kind)
        try:
            for number in range(rounds):
                with patch.dict(os.environ, {CACHE: str(folder / "cache")}):
                    if number == 0:
                        found["cold"].append(ready_after(written(folder, kafka, topic), restored=False))
                    found["warm"].append(ready_after(written(folder, kafka, topic), restored=False))
                    found["warm, with state"].append(ready_after(stateful, restored=True))
                print({how: f"{of[-1]:.1f} s" for how, of in found.items()}, flush=True)
        finally:
            remove_topic(kafka, topic)
    return found, size


def report(clients: int, kind: str, found: dict[str, list[float]], size: int) -> Report:
    """The slowest start of each kind counts."""
    rows = [[how, *(f"{each:.2f}" for each in (min(of), max(of)))] for how, of in found.items()]
    text = (
        f"# From start to ready\n\nThe state is that of {clients:,} {kind} clients, {size / 2**20:,.0f} MiB; the "
        "process is new each time.\n\n"
    )
    worst = {how: max(of) for how, of in found.items()}
    goals = [
        at_most(f"ready within {WARM_BAR:g} s, {clients:,} clients restored", WARM_BAR, worst["warm, with state"]),
        at_most(f"ready within {COLD_BAR:g} s with no kernel compiled", COLD_BAR, worst["cold"]),
    ]
    heads = ("start", "quickest, s", "slowest, s")
    return Report("start", text + table(heads, rows), {f"{how}, s": one for how, one in worst.items()}, goals, found)


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the command line, measure, print and save."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--kafka", metavar="BOOTSTRAP", required=True, help="brokers, host:port")
    asked.add_argument("--clients", type=int, default=100_000, help="clients of the state (100,000)")
    asked.add_argument("--kind", choices=("dense", "rows"), default="dense", help="what their inputs are (dense)")
    asked.add_argument("--rounds", type=int, default=2, help="warm starts of each kind (2)")
    asked.add_argument("--save", type=Path, metavar="FOLDER", help="keep the table there, and the figures")
    wish = asked.parse_args(arguments)
    found, size = measure(wish.kafka, wish.clients, wish.kind, wish.rounds)
    report(wish.clients, wish.kind, found, size).finish(wish.save)


if __name__ == "__main__":
    main()
