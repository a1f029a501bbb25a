"""The whole way on real servers: a producer, Kafka, the daemon as a process, Elasticsearch; each time the documents
are those of a quiet replay of the same log, whatever happened on the way."""

import json
import signal
import subprocess
import sys
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest
from installed import DETECTORS, Daemon, metadata, run
from probing import write
from services.launch import Server
from watched import Watched, create

from monitor.formats.native import parse

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
    create(kafka.address, name, PARTITIONS)
    script = Path(__file__).with_name("producing.py")
    subprocess.run([sys.executable, script, kafka.address, name, *logs], check=True, timeout=PATIENCE)
    return name


def has_read(records: int) -> Callable[[Daemon], bool]:
    return lambda daemon: daemon.metric("probewatch_records_received_total") >= records


@pytest.fixture
def stage(tmp_path: Path, package: Path, kafka: Server, elasticsearch: Server, topic: str) -> Watched:
    given = {"topic": topic, "snapshots": 4_000, "patience": PATIENCE}
    return Watched(tmp_path, package, kafka.address, elasticsearch.address, partitions=PARTITIONS, **given)


def test_check_reaches_the_servers_and_misses_what_is_missing(stage: Watched) -> None:
    done = run(stage.package, "check", "--config", stage.config, "--json")
    rows = {row["name"]: row for row in map(json.loads, done.stdout.splitlines()) if "name" in row}
    disclosed = {name for name in rows if name.startswith("answers of ")}  # of the recorded day: more than is used
    assert {rows[name]["verdict"] for name in disclosed} == {"doubtful"}
    assert {row["verdict"] for name, row in rows.items() if name not in disclosed} == {"good"}
    assert f"({PARTITIONS} partitions)" in rows["source"]["text"]
    elsewhere = {
        "PROBEWATCH__SOURCE__KAFKA__TOPICS": '["no-such-topic"]',
        "PROBEWATCH__SINKS__SEARCH__NAMESPACE": "nowhere",
    }
    done = run(stage.package, "check", "--config", stage.config, "--json", **elsewhere)
    rows = {row["name"]: row for row in map(json.loads, done.stdout.splitlines()) if "name" in row}
    assert done.returncode == 2
    assert "there is no topic no-such-topic" in rows["source"]["text"]
    assert rows["sink search"]["text"] == "there is no data stream logs-probewatch.alert-nowhere"
    assert rows["sink search"]["mend"] == "run `probewatch siem install`"


def test_every_finding_arrives_once(stage: Watched, quiet: set[str]) -> None:
    daemon = stage.start()
    stage.wait(daemon, stage.read_everything)
    stage.wait(daemon, has_read(RECORDS))  # what has been handed over is not yet counted
    assert daemon.page("/readyz")[0] == 200
    received, decoded = (daemon.metric(f"probewatch_records_{what}_total") for what in ("received", "decoded"))
    assert (received, decoded) == (RECORDS, RECORDS - BROKEN)
    assert daemon.metric('probewatch_records_rejected_total{reason="not-json"}') == BROKEN
    stage.finish(daemon)
    assert stage.documents().keys() == quiet


def test_killed_twice_in_the_middle(stage: Watched, quiet: set[str]) -> None:
    for share in (0.25, 0.3):
        daemon = stage.start()
        stage.wait(daemon, has_read(int(share * RECORDS)))
        daemon.process.kill()
        assert daemon.process.wait() == -signal.SIGKILL
    last = stage.start()
    stage.finish(last)
    taken = [line for line in last.lines() if line["message"] == "partition taken"]
    assert any(line["offset"] for line in taken), "no snapshot was used"
    assert stage.documents().keys() == quiet


def test_the_search_server_cannot_be_reached_for_a_while(stage: Watched, quiet: set[str]) -> None:
    daemon = stage.start()
    stage.wait(daemon, has_read(RECORDS // 4))
    stage.gate.shut()
    stage.wait(daemon, stage.read_everything)
    assert daemon.metric("probewatch_outbox_alerts") > 0
    assert daemon.page("/readyz")[0] == 200
    stage.gate.open()
    stage.finish(daemon)
    assert stage.documents().keys() == quiet
