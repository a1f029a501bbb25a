"""A detector of somebody else that fails on one client's queries: the daemon on a real broker, killed while it sifts,
finds what a quiet replay of the log without those records finds, each once."""

from __future__ import annotations

import json
import signal
import time
import uuid
from pathlib import Path

import orjson
import pytest
from installed import DEADLINE, Daemon, metadata, run
from kafka import KafkaProducer
from probing import records
from services.launch import Server
from watched import create, written_at

from monitor.formats.native import parse

pytestmark = [pytest.mark.servers, pytest.mark.timeout(600)]

RECORDS = 10_000
# the places of one client's queries, which are all the same: what its first block needs, and what then fails
HAMMERING = (*range(1_000, 1_095, 5), *range(2_000, 8_000, 1_500))
WENT_BACK = "the engine has failed; the partition goes back to where it last stood"
SET_ASIDE = "a record on which the engine fails is set aside; please report this"
DETECTOR = '''
"""Takes for granted what does not hold for whoever repeats one input and nothing else."""

from typing import ClassVar

import numpy as np

from detectors.sketch.queries import ROWS


class Brittle:
    name, family, tests = "brittle", "extraction", ("variety",)
    kinds, reads = frozenset({ROWS}), frozenset({"repeat", "fill"})

    def score(self, blocks):
        for repeat, fill in zip(blocks.feature("repeat").tolist(), blocks.feature("fill").tolist()):
            if repeat > 0.94 and fill <= 30:
                raise ZeroDivisionError(f"what {repeat} comes of")
        return np.zeros((len(blocks), 1))

    def reasons(self, blocks, row, test):
        return ()
'''


def installed(folder: Path, detector: str) -> Path:
    """Our package, and beside it one of somebody else with that detector."""
    info = metadata(folder) / "brittle-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: brittle\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[probewatch.detectors]\nbrittle = brittle:Brittle\n")
    (folder / "brittle.py").write_text(detector)
    return folder


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return installed(tmp_path_factory.mktemp("package"), DETECTOR)


@pytest.fixture(scope="module")
def lines() -> list[bytes]:
    whole = [line for _, line in records(RECORDS)]
    same = next(one for one in map(orjson.loads, whole) if "columns" in one["input"] or "vector" in one["input"])
    for at in HAMMERING:
        there = orjson.loads(whole[at])
        whole[at] = orjson.dumps(same | {"client": {"id": "hammering"}, "time": there["time"]})
    return whole


def replayed(package: Path, folder: Path, lines: list[bytes]) -> tuple[dict[str, int], list[bytes]]:
    """What a replay rejects, and what it finds."""
    folder.mkdir()
    (folder / "log.ndjson").write_bytes(b"".join(line + b"\n" for line in lines))
    done = run(package, "replay", folder / "log.ndjson", "--alerts", folder / "alerts", "--json")
    assert done.returncode == 0, done.stderr
    assert "comes of" not in done.stderr
    return json.loads(done.stdout)["rejected"], (folder / "alerts").read_bytes().splitlines()


def test_killed_while_it_sifts(package: Path, lines: list[bytes], kafka: Server, tmp_path: Path) -> None:
    name = f"failing-{uuid.uuid4().hex[:8]}"
    create(kafka.address, name, 1)
    producer = KafkaProducer(bootstrap_servers=kafka.address, linger_ms=20)
    for line in lines:
        producer.send(name, value=line, partition=0, timestamp_ms=written_at(line, 0))
    producer.close()
    config = tmp_path / "probewatch.toml"
    config.write_text(
        f"""
[source.kafka]
brokers = ["{kafka.address}"]
topics = ["{name}"]
group = "{name}"
session_seconds = 6
records = 1_000
[sinks.file]
type = "file"
path = "{tmp_path}/alerts.ndjson"
[runtime]
state = "{tmp_path}/state"
snapshot_records = 2_500
[health]
port = 0
"""
    )
    for number, sign in enumerate((WENT_BACK, SET_ASIDE)):
        daemon = Daemon(package, config, tmp_path / f"log{number}")
        daemon.wait_for(sign)
        daemon.process.kill()
        assert daemon.process.wait() == -signal.SIGKILL
    last = Daemon(package, config, tmp_path / "log")
    end = time.monotonic() + DEADLINE
    lag = "probewatch_lag_records{"
    while lag not in (page := last.page("/metrics")[1]) or any(
        not line.endswith(" 0.0") for line in page.splitlines() if line.startswith(lag)
    ):
        assert time.monotonic() < end, page
        assert last.process.poll() is None, last.lines()[-5:]
        time.sleep(0.3)
    assert 0 < last.metric("probewatch_engine_failures_total") <= len(HAMMERING) - 19
    last.process.send_signal(signal.SIGTERM)
    assert last.process.wait(DEADLINE) == 0
    assert last.lines()[-1]["undelivered"] == 0

    shown = run(package, "dead-letters", "list", "--config", config, "--kind", "record", "--json", "--limit", "1000")
    letters = [json.loads(line) for line in shown.stdout.splitlines()]
    aside = sorted(letter["offset"] for letter in letters)
    assert {letter["reason"] for letter in letters} == {"engine-failed"}
    assert len(aside) == len(set(aside))
    assert set(aside) <= set(HAMMERING)
    assert aside == list(HAMMERING)[-len(aside) :], "from the first block on, all of that client"
    assert len(aside) == len(HAMMERING) - 19

    blank = [b"{" if at in aside else line for at, line in enumerate(lines)]
    rejected, expected = replayed(package, tmp_path / "blank", blank)
    assert rejected == {"not-json": len(aside)}
    assert len(expected) >= 5
    delivered = (tmp_path / "alerts.ndjson").read_bytes().splitlines()
    assert sorted(parse(line).id for line in delivered) == sorted(parse(line).id for line in expected)
    assert replayed(package, tmp_path / "whole", lines) == ({"engine-failed": len(aside)}, expected)
    told = (tmp_path / "log").read_text() + (tmp_path / "log1").read_text()
    assert "ZeroDivisionError" in told
    assert "brittle, line " in told
    assert "comes of" not in told
