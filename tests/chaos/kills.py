"""Many kills: a daemon is killed again and again until it has come through its log, then the judge looks."""

from __future__ import annotations

import signal
import time
import uuid
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from chaos.judge import Verdict, compare, documents, rejected
from chaos.kill_points import draw
from chaos.lives import Life, Lives, Place, wait_until
from chaos.nursery import Nursery
from chaos.scene import Oracle, Scene
from elasticsearch import Elasticsearch
from wires import wire

from monitor.siem.install import install
from monitor.sinks.bulk import stream_name

OUTSIDE = 0.15  # share of lives that are killed from outside, at any time
READING = 0.8  # seconds of reading, at most, in such a life
REACHED = 4.0  # seconds of reading in which any other reaches its kill point, or is killed then
STARTING = 10.0  # seconds until it reads
ROLLOVERS = 0.04  # share of lives after which the data stream rolls over


@dataclass
class Killed:
    """One passage through the log: how often it was killed, where, and what arrived."""

    verdict: Verdict
    letters: bool  # whether the dead letters are those of the oracle
    kills: int
    where: Counter[str] = field(default_factory=Counter)
    rollovers: int = 0

    @property
    def good(self) -> bool:
        return self.verdict.good and self.letters


def passage(
    nursery: Nursery, folder: Path, scene: Scene, oracle: Oracle, brokers: str, search: str, chance: Random, most: int
) -> Killed:
    """Reads the whole log and delivers everything, killed up to `most` times on the way."""
    client, namespace = Elasticsearch(search), uuid.uuid4().hex[:8]
    with wire(search) as reached:
        install(reached, namespace)
    sinks = f'[sinks.search]\ntype = "elasticsearch"\nhosts = ["{search}"]\nnamespace = "{namespace}"\n'
    place = Place(folder, brokers, scene.topic, namespace, sinks, instance="only")
    lives = Lives(nursery, place)
    where: Counter[str] = Counter()
    rollovers = 0
    try:
        while sum(where.values()) < most and not _through(place, scene):
            point = None if chance.random() < OUTSIDE else draw(chance)
            life = lives.start(point)
            _let(life, STARTING, lambda life=life: bool(life.said("partition taken")))
            _let(life, READING * chance.random() if point is None else REACHED)
            by_itself = not life.running
            life.kill()
            assert life.exit == -signal.SIGKILL, (point, life.exit, life.lines()[-3:])
            where[point.step if point is not None and by_itself else "from outside"] += 1
            if chance.random() < ROLLOVERS:
                client.indices.rollover(alias=stream_name(namespace))
                rollovers += 1
        last = lives.start()
        wait_until(lambda: _lag(last.metrics(), len(scene.parts)) == 0, lambda: last.lines()[-5:])
        assert last.stop() == 0, last.lines()[-5:]
    finally:
        lives.end()
    assert last.said("ended")[-1]["undelivered"] == 0
    verdict = compare(oracle.documents(namespace), documents(client, namespace))
    letters = rejected([place.state / "outbox.db"]) == oracle.rejected
    client.indices.delete_data_stream(name=stream_name(namespace))
    client.close()
    return Killed(verdict, letters, sum(where.values()), where, rollovers)


def _let(life: Life, seconds: float, over: Callable[[], bool] = lambda: False) -> None:
    """Lets it live."""
    end = time.monotonic() + seconds
    while life.running and time.monotonic() < end and not over():
        time.sleep(0.02)


def _lag(metrics: dict[str, float], partitions: int) -> float:
    lags = [value for name, value in metrics.items() if name.startswith("probewatch_lag_records{")]
    return sum(lags) if len(lags) == partitions else float("inf")


def _through(place: Place, scene: Scene) -> bool:
    """Whether the snapshots stand at the end of the log."""
    from monitor.runtime.folder import SnapshotFolder

    ends = [header["next_offset"] for _, _, header in SnapshotFolder(place.state / "snapshots").latest()]
    return sum(ends) >= scene.records
