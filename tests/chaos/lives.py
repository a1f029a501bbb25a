"""Daemons on a stage: their settings, their lives, and what they say of themselves."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

import orjson
from chaos.kill_points import KillPoint
from chaos.nursery import Nursery

PATIENCE = 60.0  # seconds


def wait_until(true: Callable[[], bool], what: object = "", seconds: float = PATIENCE) -> None:
    """Looks ten times a second; an AssertionError with `what`, called where it can be, when that takes too long."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, what() if callable(what) else what
        time.sleep(0.1)


@dataclass(frozen=True)
class Place:
    """A daemon's settings and folder. `name` is its name in the group where that is static."""

    folder: Path
    brokers: str
    topic: str
    group: str
    sinks: str
    instance: str | None = None
    snapshots: Path | None = None
    kafka: str = "records = 150"
    runtime: str = ""
    session: int = 6
    pace: float = 0.0
    disk: Path | None = None  # where its state lies, if not in its folder

    @property
    def state(self) -> Path:
        return (self.disk or self.folder) / "state"

    @property
    def config(self) -> Path:
        """The settings, written."""
        self.folder.mkdir(parents=True, exist_ok=True)
        file = self.folder / "probewatch.toml"
        brokers = ", ".join(f'"{one}"' for one in self.brokers.split(","))
        file.write_text(
            f"""
[source.kafka]
brokers = [{brokers}]
topics = ["{self.topic}"]
group = "{self.group}"
session_seconds = {self.session}
{f'instance = "{self.instance}"' if self.instance else ""}
{self.kafka}
[runtime]
state = "{self.state}"
poll_seconds = 0.1
snapshot_seconds = 0.5
snapshot_records = 600
drain_seconds = 60
{f'snapshots = "{self.snapshots}"' if self.snapshots else ""}
{self.runtime}
[health]
port = 0
[log]
form = "json"
{self.sinks}
"""
        )
        return file


@dataclass
class Life:
    """One life of a daemon."""

    nursery: Nursery
    pid: int
    log: Path
    exit: int | None = None
    born: float = field(default_factory=time.monotonic)
    _port: int = field(default=0, repr=False)

    def lines(self) -> list[dict[str, object]]:
        """Its log; what is no JSON (stacks of a crash) as a line with the text."""
        return [_parsed(line) for line in self.log.read_bytes().splitlines()] if self.log.exists() else []

    def said(self, what: str) -> list[dict[str, object]]:
        """Its log lines with that message."""
        return [line for line in self.lines() if line.get("message") == what]

    def metrics(self) -> dict[str, float]:
        """Every series of the metrics page; empty while there is none."""
        started = self.said("starting")
        if not started:
            return {}
        try:
            with urlopen(f"http://127.0.0.1:{started[-1]['health_port']}/metrics", timeout=10) as answer:
                page = answer.read().decode()
        except (HTTPError, URLError, OSError):
            return {}
        rows = (line.rsplit(" ", 1) for line in page.splitlines() if not line.startswith("#"))
        return {name: float(value) for name, value in rows}

    def partitions(self) -> int:
        """How many partitions it reads."""
        return int(self.metrics().get("probewatch_partitions", 0))

    @property
    def running(self) -> bool:
        """Whether it still lives."""
        if self.exit is None:
            self.exit = self.nursery.ended(self.pid)
        return self.exit is None

    def send(self, number: int) -> None:
        """A signal."""
        if self.running:
            os.kill(self.pid, number)

    def ended(self, seconds: float = PATIENCE) -> int:
        """How it ended, once it has."""
        wait_until(lambda: not self.running, lambda: f"still running: {self.lines()[-5:]}", seconds)
        assert self.exit is not None
        return self.exit

    def kill(self) -> None:
        """kill -9."""
        self.send(signal.SIGKILL)
        self.ended()

    def stop(self) -> int:
        """Ends it in order; its exit code."""
        self.send(signal.SIGTERM)
        return self.ended()


class Lives:
    """The lives of the daemon at one place, one after the other."""

    def __init__(self, nursery: Nursery, place: Place) -> None:
        self.place = place
        self.all: list[Life] = []
        self._nursery = nursery

    @property
    def last(self) -> Life:
        return self.all[-1]

    def start(self, kill: KillPoint | None = None, clock: float | None = None) -> Life:
        """The next life; the one before has ended."""
        log = self.place.folder / f"log-{len(self.all):04d}"
        config = self.place.config
        self.all.append(Life(self._nursery, self._nursery.start(config, log, kill, clock, self.place.pace), log))
        return self.last

    def end(self) -> None:
        """Leaves nothing running, also after a failure."""
        for life in self.all:
            if life.running:
                os.kill(life.pid, signal.SIGKILL)
                os.kill(life.pid, signal.SIGCONT)
                life.ended()


MakeLives = Callable[..., Lives]


def _parsed(line: bytes) -> dict[str, object]:
    try:
        found: dict[str, object] = orjson.loads(line)
    except orjson.JSONDecodeError:
        return {"message": line.decode(errors="replace")}
    return found
