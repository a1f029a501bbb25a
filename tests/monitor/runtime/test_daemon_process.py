"""The daemon as a real process on recorded files: to the end, by signal, and killed."""

import json
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from urllib.error import URLError

import pytest
from installed import DEADLINE, Daemon, metadata, run
from probing import records, write

from monitor.formats.native import parse


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return metadata(tmp_path_factory.mktemp("package"))


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return write(tmp_path_factory.mktemp("logs"), 16_000, partitions=2)


@pytest.fixture(scope="module")
def quiet(package: Path, logs: list[Path], tmp_path_factory: pytest.TempPathFactory) -> set[bytes]:
    """The alerts of a quiet replay."""
    alerts = tmp_path_factory.mktemp("quiet") / "alerts.ndjson"
    done = run(package, "replay", *logs, "--alerts", alerts, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["records"] == 16_000
    found = contents(alerts)
    assert len(found) >= 20
    return found


def contents(alerts: Path) -> set[bytes]:
    """The alerts, byte for byte."""
    lines = alerts.read_bytes().splitlines()
    assert len({parse(line).id for line in lines}) == len(lines), "an alert was delivered twice"
    return set(lines)


def settings(folder: Path, paths: list[Path], every: int = 1_000_000) -> Path:
    file = folder / "probewatch.toml"
    file.write_text(
        f"""
[source.files]
paths = {json.dumps([str(path) for path in paths])}
records = 500
[sinks.file]
type = "file"
path = "{folder}/alerts.ndjson"
[runtime]
state = "{folder}/state"
snapshot_records = {every}
[health]
port = 0
"""
    )
    return file


def test_to_the_end_of_its_files_and_again(package: Path, logs: list[Path], quiet: set[bytes], tmp_path: Path) -> None:
    config = settings(tmp_path, logs)
    first = run(package, "run", "--config", config)
    assert first.returncode == 0, first.stderr
    assert contents(tmp_path / "alerts.ndjson") == quiet
    assert [json.loads(line)["message"] for line in first.stderr.splitlines()][-1] == "ended"
    again = run(package, "run", "--config", config)
    assert again.returncode == 0, again.stderr
    assert contents(tmp_path / "alerts.ndjson") == quiet


def test_killed_in_the_middle_it_makes_the_same_alerts(
    package: Path, logs: list[Path], quiet: set[bytes], tmp_path: Path
) -> None:
    config = settings(tmp_path, logs, every=1_500)
    daemon = Daemon(package, config, tmp_path / "log")
    end = time.monotonic() + DEADLINE
    while time.monotonic() < end and len(list((tmp_path / "state").glob("snapshots/*.snapshot"))) < 3:
        time.sleep(0.01)
    daemon.process.kill()
    assert daemon.process.wait() == -signal.SIGKILL, "it ended before it could be killed"
    last = run(package, "run", "--config", config)
    assert last.returncode == 0, last.stderr
    assert any(json.loads(line).get("offset") for line in last.stderr.splitlines()), "no snapshot was used"
    assert contents(tmp_path / "alerts.ndjson") == quiet


def test_a_signal_ends_it_in_order(package: Path, tmp_path: Path) -> None:
    config = settings(tmp_path, [Path("-")])
    daemon = Daemon(package, config, tmp_path / "log", stdin=subprocess.PIPE)
    assert daemon.process.stdin is not None
    lines = [line for _, line in records(6_000)]
    daemon.process.stdin.write(b"".join(line + b"\n" for line in [*lines[:3_000], b"{no json", *lines[3_000:]]))
    daemon.process.stdin.flush()
    end = time.monotonic() + DEADLINE
    while daemon.metric("probewatch_records_received_total") < 6_001 and time.monotonic() < end:
        time.sleep(0.1)
    assert daemon.page("/readyz")[0] == 200
    assert daemon.page("/healthz")[0] == 200
    assert daemon.metric("probewatch_records_decoded_total") == 6_000
    assert daemon.metric('probewatch_records_rejected_total{reason="not-json"}') == 1
    other = run(package, "run", "--config", config)
    assert other.returncode == 2
    assert json.loads(other.stderr.splitlines()[-1])["message"] == "another process works in the state folder"
    daemon.process.send_signal(signal.SIGTERM)
    assert daemon.process.wait(60) == 0
    daemon.process.stdin.close()
    assert daemon.lines()[-1]["message"] == "ended"
    assert len(list((tmp_path / "state").glob("snapshots/*.snapshot"))) == 1
    with pytest.raises(URLError):
        daemon.page("/healthz")


def test_without_a_source_it_says_what_to_do(package: Path, tmp_path: Path) -> None:
    done = run(package, "run", PROBEWATCH__RUNTIME__STATE=str(tmp_path), PROBEWATCH__HEALTH__PORT="0")
    assert done.returncode == 2
    last = json.loads(done.stderr.splitlines()[-1])
    assert (last["message"], last["log.level"]) == ("no source is set", "critical")
    assert "source.kafka" in last["mend"]


def test_gateways_hear_of_what_it_finds_while_it_runs_and_after_a_restart(package: Path, tmp_path: Path) -> None:
    config = settings(tmp_path, [Path("-")])
    with config.open("a") as file:
        file.write('[response]\npage = true\ndelay_minutes = 0\nseverity = "medium"\nstrongest = "block"\n')
    told: list[dict[str, str]] = []
    for lines in ([line for _, line in records(6_000)], []):
        daemon = Daemon(package, config, tmp_path / "log", stdin=subprocess.PIPE)
        assert daemon.process.stdin is not None
        daemon.process.stdin.write(b"".join(line + b"\n" for line in lines))
        daemon.process.stdin.flush()
        end, before, told = time.monotonic() + DEADLINE, told, []
        while (not told or len(told) < len(before)) and time.monotonic() < end:
            time.sleep(0.2)
            with suppress(OSError):
                told = json.loads(daemon.page("/responses")[1])["entries"]
        assert told
        assert {entry["action"] for entry in told} <= {"throttle", "coarser scores", "label only", "challenge", "block"}
        daemon.process.send_signal(signal.SIGTERM)
        assert daemon.process.wait(DEADLINE) == 0
    assert {entry["finding"] for entry in told} >= {entry["finding"] for entry in before}, "the outbox remembers"
