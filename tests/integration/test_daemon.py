"""The whole way on real servers: a producer, Kafka, the daemon as a process, Elasticsearch; each time the documents
are those of a quiet replay of the same log, whatever happened on the way."""

import json
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from elasticsearch import Elasticsearch
from gate import Gate
from installed import DETECTORS, Daemon, metadata, run
from kafka import KafkaAdminClient
from probing import write
from services.launch import Server

from monitor.formats.native import parse
from monitor.sinks.elasticsearch import stream_name
from monitor.sinks.siem import install

pytestmark = [pytest.mark.servers, pytest.mark.timeout(900)]

RECORDS = 100_000
PARTITIONS = 4
BROKEN = 40  # lines that are no records
PATIENCE = 300.0
ALL = DETECTORS | {
    name: f"detectors.{name}:{name.title()}"
    for name in ("access", "attribute", "cost", "inversion", "membership", "probes")
}


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return metadata(tmp_path_factory.mktemp("package"), ALL)


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    files = write(tmp_path_factory.mktemp("logs"), RECORDS - BROKEN, PARTITIONS)
    for file in files:
        lines = file.read_bytes().splitlines()
        step = len(lines) // (BROKEN // PARTITIONS)
        for at in range(BROKEN // PARTITIONS):
            lines.insert(at * step, b'{"client": "broken')
        file.write_bytes(b"".join(line + b"\n" for line in lines))
    return files


@pytest.fixture(scope="module")
def quiet(package: Path, logs: list[Path], tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """Ids of the alerts of a quiet replay."""
    alerts = tmp_path_factory.mktemp("quiet") / "alerts.ndjson"
    done = run(package, "replay", *logs, "--alerts", alerts, "--json")
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    assert (summary["records"], summary["rejected"]) == (RECORDS, {"not-json": BROKEN})
    found = {parse(line).id for line in alerts.read_bytes().splitlines()}
    assert len(found) > 100
    return found


@pytest.fixture(scope="module")
def topic(kafka: Server, logs: list[Path]) -> str:
    """The topic that a producer of its own has filled; each test reads it in a group of its own."""
    name = f"queries-{uuid.uuid4().hex[:8]}"
    admin = KafkaAdminClient(bootstrap_servers=kafka.address)
    settings = {"num_partitions": PARTITIONS, "replication_factor": 1, "configs": {"retention.ms": "-1"}}
    admin.create_topics({name: settings})
    admin.close()
    script = Path(__file__).with_name("producing.py")
    subprocess.run([sys.executable, script, kafka.address, name, *logs], check=True, timeout=PATIENCE)
    return name


class Stage:
    """One test's daemon, group and data stream."""

    def __init__(self, folder: Path, package: Path, kafka: Server, search: str, topic: str) -> None:
        self.folder = folder
        self.package = package
        self.namespace = uuid.uuid4().hex[:8]
        self.client = Elasticsearch(search)
        install(self.client, self.namespace)
        self.gate = Gate(*(urlsplit(search).hostname or "", urlsplit(search).port or 0))
        self.lives = 0
        (folder / "probewatch.toml").write_text(
            f"""
[source.kafka]
brokers = ["{kafka.address}"]
topics = ["{topic}"]
group = "{self.namespace}"
session_seconds = 6
[runtime]
state = "{folder}/state"
snapshot_records = 4_000
drain_seconds = 60
[sinks.search]
type = "elasticsearch"
hosts = ["http://127.0.0.1:{self.gate.port}"]
namespace = "{self.namespace}"
[health]
port = 0
"""
        )

    def start(self) -> Daemon:
        self.lives += 1
        return Daemon(self.package, self.folder / "probewatch.toml", self.folder / f"log{self.lives}")

    def wait(self, daemon: Daemon, done: Callable[[Daemon], bool]) -> None:
        end = time.monotonic() + PATIENCE
        while not done(daemon):
            assert daemon.process.poll() is None, daemon.lines()
            assert time.monotonic() < end, daemon.page("/metrics")
            time.sleep(0.1)

    def finish(self, daemon: Daemon) -> None:
        """Lets it read everything, and ends it in order."""
        self.wait(daemon, read_everything)
        daemon.process.send_signal(signal.SIGTERM)
        assert daemon.process.wait(PATIENCE) == 0, daemon.lines()
        assert daemon.lines()[-1]["undelivered"] == 0

    def documents(self) -> set[str]:
        stream = stream_name(self.namespace)
        self.client.indices.refresh(index=stream)
        answer = self.client.search(index=stream, size=10_000, source=False, track_total_hits=True)
        found = {hit["_id"] for hit in answer["hits"]["hits"]}
        assert answer["hits"]["total"]["value"] == len(found), "some id stands there twice"
        return found


def read_everything(daemon: Daemon) -> bool:
    _, page = daemon.page("/metrics")
    lags = [line.rsplit(" ", 1)[1] for line in page.splitlines() if line.startswith("probewatch_lag_records{")]
    return len(lags) == PARTITIONS and all(float(lag) == 0 for lag in lags)


def has_read(records: int) -> Callable[[Daemon], bool]:
    return lambda daemon: daemon.metric("probewatch_records_received_total") >= records


@pytest.fixture
def stage(tmp_path: Path, package: Path, kafka: Server, elasticsearch: Server, topic: str) -> Stage:
    return Stage(tmp_path, package, kafka, elasticsearch.address, topic)


def test_check_reaches_the_servers_and_misses_what_is_missing(stage: Stage) -> None:
    config = stage.folder / "probewatch.toml"
    rows = {
        row["name"]: row
        for row in map(json.loads, run(stage.package, "check", "--config", config, "--json").stdout.splitlines())
    }
    assert {row["verdict"] for row in rows.values()} == {"good"}
    assert f"({PARTITIONS} partitions)" in rows["source"]["text"]
    elsewhere = {
        "PROBEWATCH__SOURCE__KAFKA__TOPICS": '["no-such-topic"]',
        "PROBEWATCH__SINKS__SEARCH__NAMESPACE": "nowhere",
    }
    done = run(stage.package, "check", "--config", config, "--json", **elsewhere)
    rows = {row["name"]: row for row in map(json.loads, done.stdout.splitlines())}
    assert done.returncode == 2
    assert "there is no topic no-such-topic" in rows["source"]["text"]
    assert rows["sink search"]["text"] == "there is no data stream logs-probewatch.alert-nowhere"
    assert rows["sink search"]["mend"] == "run `probewatch siem install`"


def test_every_finding_arrives_once(stage: Stage, quiet: set[str]) -> None:
    daemon = stage.start()
    stage.wait(daemon, read_everything)
    assert daemon.page("/readyz")[0] == 200
    received, decoded = (daemon.metric(f"probewatch_records_{what}_total") for what in ("received", "decoded"))
    assert (received, decoded) == (RECORDS, RECORDS - BROKEN)
    assert daemon.metric('probewatch_records_rejected_total{reason="not-json"}') == BROKEN
    stage.finish(daemon)
    assert stage.documents() == quiet


def test_killed_twice_in_the_middle(stage: Stage, quiet: set[str]) -> None:
    for share in (0.25, 0.3):
        daemon = stage.start()
        stage.wait(daemon, has_read(int(share * RECORDS)))
        daemon.process.kill()
        assert daemon.process.wait() == -signal.SIGKILL
    last = stage.start()
    stage.finish(last)
    taken = [line for line in last.lines() if line["message"] == "partition taken"]
    assert any(line["offset"] for line in taken), "no snapshot was used"
    assert stage.documents() == quiet


def test_the_search_server_cannot_be_reached_for_a_while(stage: Stage, quiet: set[str]) -> None:
    daemon = stage.start()
    stage.wait(daemon, has_read(RECORDS // 4))
    stage.gate.shut()
    stage.wait(daemon, read_everything)
    assert daemon.metric("probewatch_outbox_alerts") > 0
    assert daemon.page("/readyz")[0] == 200
    stage.gate.open()
    stage.finish(daemon)
    assert stage.documents() == quiet
