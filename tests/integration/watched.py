"""A daemon on real servers for one test: its topic, group, data stream, settings and lives."""

from __future__ import annotations

import json
import signal
import time
import uuid
from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

import orjson
from elasticsearch import Elasticsearch
from elasticsearch.helpers import scan
from gate import Gate
from installed import Daemon, run
from kafka import KafkaAdminClient, KafkaProducer
from wires import wire

from monitor.siem.install import install
from monitor.sinks.bulk import stream_name

PATIENCE = 240.0
SETTINGS = """
[source.kafka]
brokers = ["{kafka}"]
topics = ["{topic}"]
group = "{name}"
session_seconds = 6
[runtime]
state = "{folder}/state"
snapshot_records = {snapshots}
drain_seconds = 60
[sinks.search]
type = "elasticsearch"
hosts = ["http://127.0.0.1:{port}"]
namespace = "{name}"
{key}
[health]
port = 0
"""


class Watched:
    """`more` are settings beside those above; `key` goes into the section of the search server. `topic` is there
    already; without it one is made. `patience` is in seconds."""

    def __init__(
        self,
        folder: Path,
        package: Path,
        kafka: str,
        search: str,
        *,
        partitions: int,
        more: str = "",
        key: str = "",
        topic: str | None = None,
        snapshots: int = 500,
        patience: float = PATIENCE,
    ) -> None:
        self.folder, self.package, self.partitions, self.patience = folder, package, partitions, patience
        self.name = uuid.uuid4().hex[:8]
        self.topic, self.brokers = topic or f"queries-{self.name}", kafka
        self.client = Elasticsearch(search)
        with wire(search) as reached:
            install(reached, self.name)
        self.gate = Gate(*(urlsplit(search).hostname or "", urlsplit(search).port or 0))
        if topic is None:
            create(kafka, self.topic, partitions)
        self.config = folder / "probewatch.toml"
        given = {"kafka": kafka, "topic": self.topic, "name": self.name, "folder": folder, "port": self.gate.port}
        self.config.write_text(SETTINGS.format(**given, key=key, snapshots=snapshots) + more)
        self.lives = 0

    def produce(self, messages: Iterable[tuple[bytes, bytes | None, list[tuple[str, bytes]]]]) -> None:
        """Writes value, key and headers of each into partition 0."""
        producer = KafkaProducer(bootstrap_servers=self.brokers, compression_type="zstd", linger_ms=20)
        at = 0
        for value, key, headers in messages:
            at = written_at(value, at)
            producer.send(self.topic, value=value, key=key, headers=headers, partition=0, timestamp_ms=at)
        producer.flush()
        producer.close()

    def start(self) -> Daemon:
        """One more life."""
        self.lives += 1
        return Daemon(self.package, self.config, self.folder / f"log{self.lives}")

    def wait(self, daemon: Daemon, done: Callable[[Daemon], bool]) -> None:
        """Until it is so."""
        end = time.monotonic() + self.patience
        while not done(daemon):
            assert daemon.process.poll() is None, daemon.lines()[-5:]
            assert time.monotonic() < end, daemon.page("/metrics")[1]
            time.sleep(0.2)

    def read_everything(self, daemon: Daemon) -> bool:
        """Whether no record is left in the log."""
        _, page = daemon.page("/metrics")
        lags = [line.rsplit(" ", 1)[1] for line in page.splitlines() if line.startswith("probewatch_lag_records{")]
        return len(lags) == self.partitions and all(float(lag) == 0 for lag in lags)

    def finish(self, daemon: Daemon) -> None:
        """Lets it read everything, and ends it in order."""
        self.wait(daemon, self.read_everything)
        daemon.process.send_signal(signal.SIGTERM)
        assert daemon.process.wait(self.patience) == 0, daemon.lines()[-5:]
        assert daemon.lines()[-1]["undelivered"] == 0

    def documents(self) -> dict[str, dict[str, object]]:
        """What the search server has, by id; no id twice."""
        stream = stream_name(self.name)
        self.client.indices.refresh(index=stream)
        hits = list(scan(self.client, index=stream, size=5_000, preserve_order=False))  # a search alone ends at 10,000
        found = {hit["_id"]: hit["_source"] for hit in hits}
        assert len(hits) == len(found), "some id stands there twice"
        return found

    def told(self, *arguments: str) -> list[dict[str, object]]:
        """What a command prints with --json, read."""
        done = run(self.package, *arguments, "--config", self.config, "--json")
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]


def create(kafka: str, topic: str, partitions: int) -> None:
    """Makes a topic that keeps everything."""
    admin = KafkaAdminClient(bootstrap_servers=kafka)
    made = {"num_partitions": partitions, "replication_factor": 1, "configs": {"retention.ms": "-1"}}
    admin.create_topics({topic: made})
    admin.close()


def written_at(line: bytes, before: int) -> int:
    """The time of a record in milliseconds, for the log; that of the one before where it has none."""
    try:
        given = orjson.loads(line)["time"]
        return given if isinstance(given, int) else int(datetime.fromisoformat(given).timestamp() * 1_000)
    except (ValueError, KeyError):
        return before
