"""One round's world: a log, daemons that share it, faulty ways to the far sides, and what has to arrive there."""

from __future__ import annotations

import time
import uuid
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from chaos.cluster import Cluster
from chaos.disk import Disk
from chaos.judge import Verdict, compare, documents, rejected
from chaos.lives import Life, Lives, Place, wait_until
from chaos.nursery import Nursery
from chaos.scene import Oracle, Scene
from chaos.way import Receiver, SearchWay, open_way
from elasticsearch import Elasticsearch
from wires import wire

from monitor.runtime.folder import SnapshotFolder
from monitor.siem.install import install
from monitor.sinks.bulk import stream_name

SECRET = "whsec_" + "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LTEyMw=="
RESTART = 1.0  # seconds between two starts, at least
PACE = 0.08  # seconds a turn of 100 records


@dataclass
class Judged:
    """What became of a round."""

    search: Verdict
    webhooks: Verdict
    letters: bool
    faults: list[str]
    ends: Counter[int]  # exits of daemons that nobody asked for, by code

    @property
    def good(self) -> bool:
        return self.search.good and self.webhooks.good and self.letters

    def __str__(self) -> str:
        letters = "" if self.letters else "; dead letters differ"
        exits = "".join(f"; {count} exits with {code}" for code, count in sorted(self.ends.items()))
        return f"search: {self.search}; webhooks: {self.webhooks}{letters}{exits}; faults: {', '.join(self.faults)}"


@dataclass
class World:
    """What faults may touch. `daemons` are four places; those that were started, and not told to stop, run again when
    they end, as under any supervisor."""

    scene: Scene
    daemons: Sequence[Lives]
    search: SearchWay
    receiver: Receiver
    disk: Disk
    cluster: Cluster | None
    chance: Random
    wanted: set[int] = field(default_factory=set)
    faults: list[str] = field(default_factory=list)
    ends: Counter[int] = field(default_factory=Counter)

    def start(self, number: int) -> None:
        """A daemon joins."""
        if number not in self.wanted:
            self.wanted.add(number)
            self.daemons[number].start()

    def leave(self, number: int) -> None:
        """A daemon ends in order."""
        self.wanted.discard(number)
        self.daemons[number].last.stop()

    def some(self) -> Lives:
        """One of those that are wanted."""
        return self.daemons[self.chance.choice(sorted(self.wanted))]

    def supervise(self) -> None:
        """Starts again what has ended by itself."""
        for number in self.wanted:
            lives = self.daemons[number]
            if not lives.last.running and time.monotonic() - lives.last.born > RESTART:
                if lives.last.exit not in (None, -9):
                    self.ends[lives.last.exit or 0] += 1
                lives.start()

    def read(self) -> int:
        """Records that stand in snapshots."""
        return sum(
            header["next_offset"] for _, _, header in SnapshotFolder(self.daemons[0].place.snapshots or Path()).latest()
        )

    def settle(self) -> None:
        """Every place gets its time without faults, until the log is read and nothing waits."""
        for number in range(len(self.daemons)):
            self.start(number)
        wait_until(self._done, self._complaint)
        for lives in self.daemons:
            assert lives.last.stop() == 0, lives.last.lines()[-5:]
            assert lives.last.said("ended")[-1]["undelivered"] == 0

    def _done(self) -> bool:
        self.supervise()
        return self.read() >= self.scene.records and not any(map(_waiting, (one.last for one in self.daemons)))

    def _complaint(self) -> str:
        last = [lives.last.lines()[-3:] for lives in self.daemons]
        return f"{self.read()} of {self.scene.records} read after {self.faults}; {last}"


def _waiting(life: Life) -> bool:
    metrics = life.metrics()
    waiting = [value for name, value in metrics.items() if name.startswith("probewatch_outbox_alerts{")]
    return len(waiting) != 2 or any(waiting)


@contextmanager
def world(
    nursery: Nursery, folder: Path, scene: Scene, brokers: str, cluster: Cluster | None, search: str, chance: Random
) -> Iterator[World]:
    """A stage with four places; nothing runs on it yet."""
    namespace = uuid.uuid4().hex[:8]
    with wire(search) as reached:
        install(reached, namespace)
    way, receiver = SearchWay(search, stream_name(namespace)), Receiver()
    disk = Disk(folder / "disk")
    with ExitStack() as stack:
        stack.callback(disk.remove)
        proxy, target = stack.enter_context(open_way(way)), stack.enter_context(open_way(receiver))
        (folder / "url").write_text(target)
        (folder / "secret").write_text(SECRET)
        sinks = _sinks(folder, proxy, namespace)
        assignment = chance.choice(["range", "cooperative-sticky"])
        static = chance.random() < 0.5
        daemons = []
        for number in range(4):
            place = Place(
                folder=folder / str(number),
                disk=disk.folder if number == 0 else None,
                brokers=brokers,
                topic=scene.topic,
                group=namespace,
                sinks=sinks,
                instance=f"daemon-{number}" if static else None,
                snapshots=folder / "snapshots",
                kafka=f'assignment = "{assignment}"\nrecords = 100',
                pace=PACE,
            )
            daemons.append(Lives(nursery, place))
            stack.callback(daemons[-1].end)
        made = World(scene, daemons, way, receiver, disk, cluster, chance)
        made.faults.append(f"{assignment}{', static' if static else ''}")
        yield made


def judge(world: World, oracle: Oracle) -> Judged:
    """Holds what has arrived against the oracle."""
    client = Elasticsearch(world.search.server)
    namespace = world.daemons[0].place.group
    found = compare(oracle.documents(namespace), documents(client, namespace))
    hooks = compare(oracle.payloads(), world.receiver.arrived())
    letters = rejected(lives.place.state / "outbox.db" for lives in world.daemons) == oracle.rejected
    client.indices.delete_data_stream(name=world.search.stream)
    client.close()
    return Judged(found, hooks, letters, world.faults, world.ends)


def _sinks(folder: Path, proxy: str, namespace: str) -> str:
    return f"""
[sinks.search]
type = "elasticsearch"
hosts = ["{proxy}"]
namespace = "{namespace}"
timeout_s = 1
[sinks.hook]
type = "webhook"
url = {{file = "{folder}/url"}}
secrets = [{{file = "{folder}/secret"}}]
networks = ["127.0.0.0/8"]
timeout_s = 1
"""
