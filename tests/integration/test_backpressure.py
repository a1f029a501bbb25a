"""A search server that is away fills the outbox to its ceiling; then reading pauses, and nothing is dropped."""

from __future__ import annotations

import time
import uuid
from pathlib import Path

import psutil
import pytest
from installed import DETECTORS, Daemon, metadata, run
from probing import records
from services.launch import Server
from watched import Watched

from monitor.formats.native import parse

pytestmark = [pytest.mark.servers, pytest.mark.timeout(600)]

RECORDS = 40_000
CEILING = 25
WATCHED_SECONDS = 20
SOME = DETECTORS | {name: f"detectors.{name}:{name.title()}" for name in ("access", "attribute", "cost", "inversion")}


def is_full(daemon: Daemon) -> bool:
    """Whether reading is paused, and the gauge of what waits, which is read every few seconds, has caught up."""
    return daemon.metric("probewatch_outbox_full") == 1 and daemon.metric("probewatch_outbox_alerts") >= CEILING


def test_a_sink_that_is_away_fills_the_outbox_pauses_reading_and_loses_nothing(
    tmp_path: Path, kafka: Server, elasticsearch: Server
) -> None:
    package = metadata(tmp_path / f"package-{uuid.uuid4().hex}", SOME)
    lines = [line for _, line in records(RECORDS)]
    (tmp_path / "log.ndjson").write_bytes(b"\n".join(lines) + b"\n")
    replayed = run(package, "replay", tmp_path / "log.ndjson", "--alerts", tmp_path / "alerts.ndjson")
    assert replayed.returncode == 0, replayed.stderr
    quiet = {parse(line).id for line in (tmp_path / "alerts.ndjson").read_bytes().splitlines()}
    assert len(quiet) > 2 * CEILING
    more = f"[outbox]\nwaiting = {CEILING}\n"
    stage = Watched(tmp_path, package, kafka.address, elasticsearch.address, partitions=1, more=more)
    stage.produce((line, None, []) for line in lines)
    stage.gate.shut()

    daemon = stage.start()
    stage.wait(daemon, is_full)
    waiting, read = (daemon.metric(f"probewatch_{name}") for name in ("outbox_alerts", "records_received_total"))
    assert waiting >= CEILING
    assert read < RECORDS, "reading went on to the end"
    memory = psutil.Process(daemon.process.pid)
    before, end = memory.memory_info().rss, time.monotonic() + WATCHED_SECONDS
    while time.monotonic() < end:
        time.sleep(1)
        assert memory.memory_info().rss < before + (16 << 20), "memory grows while nothing is read"
    assert daemon.metric("probewatch_records_received_total") == read
    assert daemon.metric("probewatch_outbox_alerts") == pytest.approx(waiting, abs=0)
    assert daemon.page("/healthz")[0] == 200, "a pause is no stall"
    assert stage.documents() == {}

    daemon.process.kill()
    daemon.process.wait()
    again = stage.start()  # what waits is still there, and so is the pause
    stage.wait(again, is_full)
    assert again.metric("probewatch_outbox_alerts") >= CEILING
    stage.gate.open()
    stage.finish(again)
    assert set(stage.documents()) == quiet
