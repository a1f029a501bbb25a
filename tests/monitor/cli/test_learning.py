"""`learn`, `status`, and what `check` says of a sample: as people and as machines get to read it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from clock import Clock
from installed import KEY, Invoke
from probing import write

from monitor.config.load import load
from monitor.record.decode import Decoder
from monitor.record.raw import Partition
from monitor.runtime.engines import engine_maker
from monitor.runtime.folder import SnapshotFolder
from monitor.runtime.keys import key_name, keys_of
from monitor.runtime.learnt import config_hash
from monitor.runtime.metrics import Metrics
from monitor.runtime.partitions import Partitions
from monitor.runtime.paths import snapshots_path
from monitor.runtime.replay import Tally, batches

RECORDS = 8_000


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return write(tmp_path, RECORDS, partitions=1)[0]


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = tmp_path / "probewatch.toml"
    file.write_text(f'[runtime]\nstate = "{tmp_path / "state"}"\n')
    return file


def learnt(config: Path, file: Path) -> Path:
    """The same settings, with what was learnt."""
    changed = config.with_name("learnt.toml")
    changed.write_text(config.read_text() + f'learnt = "{file}"\n')
    return changed


def lineage(alerts: str) -> set[str]:
    return {json.loads(line)["lineage"]["config_hash"] for line in alerts.splitlines()}


def test_what_was_learnt_is_told_and_replays_begin_with_it(
    invoke: Invoke, log: Path, config: Path, tmp_path: Path
) -> None:
    told = invoke("learn", log, "--config", config, "--out", tmp_path / "learnt", "--json")
    assert told.exit_code == 0, told.output
    summary = json.loads(told.stdout)
    assert (summary["records"], summary["queries"]) == (RECORDS, RECORDS)
    assert {"digits", "hi"} <= {standing["model"] for standing in summary["standings"]}
    settings = learnt(config, tmp_path / "learnt")
    bare = invoke("replay", log, "--config", config, "--alerts", "-")
    first = invoke("replay", log, "--config", settings, "--alerts", "-")
    again = invoke("replay", log, "--config", settings, "--alerts", "-")
    assert first.exit_code == 0, first.output
    assert first.stdout == again.stdout
    assert lineage(first.stdout) == {config_hash(load(settings, {}).settings)}
    assert lineage(first.stdout) != lineage(bare.stdout)
    checked = invoke("check", "--offline", "--config", settings).stdout
    assert "ok  learnt: " in checked


def test_people_read_what_was_learnt(invoke: Invoke, log: Path, config: Path, tmp_path: Path) -> None:
    with log.open("ab") as file:
        file.write(b"{broken\n")
        file.writelines(
            b'{"client": "c", "model": "rare", "time": 1790000000000, "input": {"vector": [1, 2, 3]}}\n'
            for _ in range(3)
        )
    told = invoke("learn", log, "--config", config, "--out", tmp_path / "learnt")
    assert "model digits, dense inputs of width 31: " in told.stdout
    assert "left out, with fewer than 256 queries: " in told.stdout
    assert "model rare" not in told.stdout
    assert "rejected: 1 not-json" in told.stdout
    assert f"written to {tmp_path / 'learnt'}" in told.stdout


def test_what_another_key_has_learnt_is_refused(
    invoke: Invoke, log: Path, config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    invoke("learn", log, "--config", config, "--out", tmp_path / "learnt")
    monkeypatch.setenv("PROBEWATCH_KEY", KEY[::-1].replace("=", "A"))
    settings = learnt(config, tmp_path / "learnt")
    refused = invoke("replay", log, "--config", settings)
    assert refused.exit_code == 2
    assert "what was learnt cannot be used: it was made with key" in refused.stderr
    assert "!!  learnt: " in invoke("check", "--offline", "--config", settings).stdout


def test_a_key_is_needed(invoke: Invoke, log: Path, config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PROBEWATCH_KEY")
    assert invoke("learn", log, "--config", config, "--out", "learnt").exit_code == 2


def save(config: Path, log: Path) -> Partitions:
    """A snapshot as the daemon writes it, after these records."""
    settings = load(config, {}).settings
    keys = keys_of(None, {"PROBEWATCH_KEY": KEY})
    partitions = Partitions(
        engine_maker(settings, keys),
        SnapshotFolder(snapshots_path(settings)),
        Clock(0.0),
        Metrics(),
        config_hash=config_hash(settings),
        key_epoch=key_name(keys),
    )
    here, decoder = Partition("requests", 3), Decoder(keys)
    partitions.take(here)
    for batch in batches([log], Tally()):
        partitions.feed(here, decoder.decode(batch).queries)
        partitions.advance(here, batch.next_offset, len(batch))
    partitions.save(here)
    assert here in partitions.saved(wait=True)
    return partitions


def test_status_reads_snapshots(invoke: Invoke, log: Path, config: Path, tmp_path: Path) -> None:
    assert "no model is known yet" in invoke("status", "--config", config).stdout
    assert invoke("status", "--config", config, "--json").stdout == ""
    assert not (tmp_path / "state").exists(), "looking leaves nothing behind"
    partitions = save(config, log)
    lines = [json.loads(line) for line in invoke("status", "--config", config, "--json").stdout.splitlines()]
    assert {line["partition"] for line in lines} == {"requests-3"}
    assert [line["standing"] for line in lines] == json.loads(json.dumps(partitions.standings["requests-3"]))
    digits = next(line["standing"] for line in lines if line["standing"]["model"] == "digits")
    assert digits["distances"] == "learnt"
    brief = invoke("status", "--config", config).stdout.splitlines()
    assert len(brief) == 1 + len(lines)
    assert any(line.startswith("  digits, dense: ") and "learns" in line for line in brief)
    people = invoke("status", "--config", config, "--detail").stdout
    assert people.startswith("partition requests-3, as of 20")
    assert "    learning: " in people
    assert "speaks: evasion" in people
    assert "blind on this kind of input" not in people, "both detectors here look at dense inputs and rows"


def test_status_passes_over_what_it_cannot_read(invoke: Invoke, log: Path, config: Path) -> None:
    save(config, log)
    folder = snapshots_path(load(config, {}).settings)
    (folder / "other-0.000000001.snapshot").write_bytes(b"not ours")
    (folder / "other-0.x.snapshot").write_bytes(b"not ours")
    told = invoke("status", "--config", config)
    assert told.exit_code == 0
    assert "partition other" not in told.stdout


def test_a_dropped_partition_is_no_longer_told(invoke: Invoke, log: Path, config: Path) -> None:
    partitions = save(config, log)
    partitions.drop(Partition("requests", 3))
    assert partitions.standings == {}
