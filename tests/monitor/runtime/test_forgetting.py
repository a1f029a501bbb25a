"""`probewatch forget` on what a real daemon has left behind, and on what it reads again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from installed import KEY, metadata, run
from probing import records, write

from monitor.formats.native import parse
from monitor.record.keys import load_keys
from monitor.record.pseudonyms import text
from monitor.runtime import audit
from monitor.runtime.forgetting import in_folders, search

RAW = "PROBEWATCH_KEY"


def settings(folder: Path, paths: list[Path]) -> Path:
    file = folder / "probewatch.toml"
    file.write_text(
        f"[source.files]\npaths = {json.dumps([str(path) for path in paths])}\n"
        f'[sinks.file]\ntype = "file"\npath = "{folder}/alerts.ndjson"\n'
        f'[runtime]\nstate = "{folder}/state"\nsnapshot_records = 1500\n[health]\nport = 0\n'
    )
    return file


def told(alerts: Path) -> set[bytes]:
    return set(alerts.read_bytes().splitlines())


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return metadata(tmp_path_factory.mktemp("package"))


def test_erased_from_all_that_is_kept_and_from_what_is_read_again(package: Path, tmp_path: Path) -> None:
    config = settings(tmp_path, write(tmp_path, 8_000, partitions=2))
    first = run(package, "run", "--config", config)
    assert first.returncode == 0, first.stderr
    state = tmp_path / "state"
    assert all(file.stat().st_mode & 0o077 == 0 for file in state.rglob("*"))
    names = load_keys(None, {RAW: KEY}).names
    whose = {text(names.client(who)): who for who, _ in records(8_000)}
    alerts = [parse(line) for line in told(tmp_path / "alerts.ndjson")]
    client = next(one.client for one in alerts if one.tier == "named" and one.client in whose)
    assert client is not None
    pseudonym = names.client(whose[client])
    assert len(search(in_folders([state]), [pseudonym])[2]) >= 2  # a snapshot and the outbox, at least

    stdin = tmp_path / "names"
    stdin.write_text(whose[client] + "\n")
    done = run(package, "forget", "--config", config, "--json", "-", stdin=stdin)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert (report["partitions"], report["left"]) == (2, [])
    assert report["deleted"] >= 1
    assert search(in_folders([state]), [pseudonym])[2] == ()
    assert all(file.stat().st_mode & 0o077 == 0 for file in state.rglob("*"))
    lines = [json.loads(line) for line in (state / "audit.log").read_text().splitlines()]
    assert [line["action"] for line in lines[-2:]] == ["erasure", "erasure searched"]
    assert lines[-1]["detail"]["left"] == 0
    assert whose[client] not in (state / "audit.log").read_text()
    assert audit.verify(state / "audit.log")[1] is None

    for file in state.glob("snapshots/*.snapshot"):  # as if they were lost: everything is read again
        file.unlink()
    before = told(tmp_path / "alerts.ndjson")
    again = run(package, "run", "--config", config)
    assert again.returncode == 0, again.stderr
    assert search(in_folders([state]), [pseudonym])[2] == ()
    new = [parse(line) for line in told(tmp_path / "alerts.ndjson") - before]
    assert all(client not in {one.client, *one.members} for one in new)
    (state / "snapshots" / "erasures-000001.json").unlink()  # that the list is what does it
    for file in state.glob("snapshots/*.snapshot"):
        file.unlink()
    assert run(package, "run", "--config", config).returncode == 0
    assert search(in_folders([state]), [pseudonym])[2] != ()


def test_what_is_left_is_told(package: Path, tmp_path: Path) -> None:
    config = settings(tmp_path, [])
    config.write_text(config.read_text().replace("[source.files]\npaths = []\n", ""))
    (tmp_path / "state").mkdir()
    name = load_keys(None, {RAW: KEY}).names.client("key-1")
    (tmp_path / "state" / "copy-of-a-snapshot").write_bytes(b"..." + name)
    done = run(package, "forget", "--config", config, "key-1")
    assert done.returncode == 1
    assert "left in" in done.stderr
    assert "copy-of-a-snapshot" in done.stderr
    assert "key-1" not in done.stdout + done.stderr


def test_a_list_that_cannot_be_read_stops_everything(package: Path, tmp_path: Path) -> None:
    config = settings(tmp_path, [])
    (tmp_path / "state" / "snapshots").mkdir(parents=True)
    (tmp_path / "state" / "snapshots" / "erasures-000001.json").write_text("[1]")
    config.write_text(config.read_text().replace("paths = []", 'paths = ["-"]'))
    for command in (("run",), ("forget", "key-1")):
        done = run(package, command[0], "--config", config, *command[1:])
        assert done.returncode == 2
        assert "the list of erased clients cannot be used" in done.stderr
