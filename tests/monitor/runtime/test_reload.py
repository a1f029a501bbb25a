"""New settings for engines that have state, and for a daemon that runs: taken whole or not at all."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from installed import DEADLINE, KEY, Daemon, metadata
from probing import records

from detectors.sketch.queries import Queries
from monitor.cli.root import root
from monitor.config.engine import EngineSettings
from monitor.config.settings import Settings
from monitor.config.trouble import Trouble
from monitor.formats.native import parse
from monitor.record.decode import Decoder
from monitor.record.keys import load_keys
from monitor.record.raw import Partition, RawBatch
from monitor.runtime import audit
from monitor.runtime.engines import engine_maker
from monitor.runtime.folder import SnapshotFolder
from monitor.runtime.metrics import Metrics
from monitor.runtime.partitions import Partitions
from monitor.runtime.reload import changeable, changes, mixed
from monitor.runtime.running import ask, find, found
from monitor.sinks.outbox import Outbox

HALF, WHOLE = 6_000, 7_000


def test_what_differs_is_named_and_only_what_can_change_is_new() -> None:
    old = Settings()
    new = Settings.model_validate(
        {"engine": {"budget": 2, "storm": 99}, "runtime": {"state": "/x", "poll_seconds": 2}, "health": {"port": 1}}
    )
    assert list(changes(old, new)) == [
        "engine.budget",
        "engine.storm",
        "health.port",
        "runtime.poll_seconds",
        "runtime.state",
    ]
    assert [name for name in changes(old, mixed(old, new)) if not changeable(name)] == []
    assert list(changes(new, mixed(old, new))) == ["health.port", "runtime.state"]


def test_a_folder_in_which_nobody_works(tmp_path: Path) -> None:
    settings = Settings.model_validate({"runtime": {"state": str(tmp_path)}})
    assert find(settings) is None
    (tmp_path / "lock").write_text("")
    (tmp_path / "daemon.json").write_text('{"pid": 1, "address": "127.0.0.1", "port": 1}')
    assert find(settings) is None, "a daemon that was killed leaves its file"
    with pytest.raises(Trouble, match="no daemon runs here"):
        found(settings)


class Living:
    """A daemon that reads standard input, with its settings."""

    def __init__(self, package: Path, folder: Path) -> None:
        self.package, self.folder, self.config = package, folder, folder / "probewatch.toml"
        self.write()
        self.daemon = Daemon(package, self.config, folder / "log", stdin=subprocess.PIPE)
        self.fed = 0

    def write(self, more: str = "", port: int = 0, runtime: str = "") -> None:
        self.config.write_text(
            f'[source.files]\npaths = ["-"]\nrecords = 500\n[runtime]\nstate = "{self.folder}/state"\n{runtime}\n'
            f'[sinks.file]\ntype = "file"\npath = "{self.folder}/alerts.ndjson"\n[health]\nport = {port}\n{more}'
        )

    def feed(self, lines: list[bytes]) -> None:
        """Gives it these records, and waits until it has judged them."""
        stdin = self.daemon.process.stdin
        assert stdin is not None
        stdin.write(b"".join(line + b"\n" for line in lines))
        stdin.flush()
        self.fed += len(lines)
        self.until(lambda: self.daemon.metric("probewatch_records_received_total") >= self.fed)

    def until(self, done: Callable[[], bool]) -> None:
        end = time.monotonic() + DEADLINE
        while not done():
            assert self.daemon.process.poll() is None, self.daemon.lines()[-3:]
            assert time.monotonic() < end
            time.sleep(0.1)

    def call(self, *arguments: str) -> tuple[int, list[dict[str, object]], str]:
        """Exit code of a command, what it prints with --json, and its standard error."""
        given = [*arguments, "--config", str(self.config), "--json"]
        done = CliRunner(env={"PROBEWATCH_KEY": KEY}).invoke(root, given)
        return done.exit_code, [json.loads(line) for line in done.stdout.splitlines()], done.stderr

    def page(self, path: str) -> dict[str, object]:
        tree = json.loads(self.daemon.page(path)[1])
        assert isinstance(tree, dict)
        return tree

    @property
    def settings(self) -> Settings:
        return Settings.model_validate({"runtime": {"state": f"{self.folder}/state"}})


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return metadata(tmp_path_factory.mktemp("package"))


@pytest.fixture
def living(package: Path, tmp_path: Path) -> Iterator[Living]:
    one = Living(package, tmp_path)
    yield one
    one.daemon.process.kill()
    one.daemon.process.wait()
    assert one.daemon.process.stdin is not None
    one.daemon.process.stdin.close()


def test_a_daemon_is_told_things_while_it_runs(living: Living, package: Path, tmp_path: Path) -> None:
    lines = [line for _, line in records(WHOLE)]
    living.feed(lines[:HALF])
    before = {one.id for one in Outbox(tmp_path / "state" / "outbox.db", ["file"]).history.latest(limit=9_999)}
    assert ask(living.settings, "/readyz")[0] == 200

    # a silence for all that follows
    code, [made], _ = living.call(
        *("silence", "add", "--model", "digits", "--start", "2026-01-01T00:00:00Z", "--for", "30w", "--reason", "x")
    )
    assert code == 0
    living.until(lambda: living.daemon.metric("probewatch_silences_active") == (made["state"] == "active"))

    # bad settings, here and by signal: nothing changes
    living.write("[engine]\nbudget = -1\nstrom = 2\n")
    code, _, said = living.call("reload")
    assert (code, said.count("what:"), said.count("mend:")) == (2, 2, 2)
    living.daemon.process.send_signal(1)
    refused = living.daemon.wait_for("new settings refused; nothing has changed")
    assert len(refused["refused"]) == 2  # type: ignore[arg-type]

    # good ones: what can not change is named
    living.write("[engine]\nopen_findings = 9999\n[log]\nlevel = 'debug'\n", port=1, runtime="snapshot_seconds = 0.5")
    code, [outcome], said = living.call("reload")
    assert (code, outcome["refused"]) == (0, []), said
    assert outcome["taken"] == ["engine.open_findings", "log.level", "runtime.snapshot_seconds"]
    assert outcome["waits"] == ["health.port"]
    assert living.call("reload")[1][0]["taken"] == []

    living.feed(lines[HALF:])
    outbox = Outbox(tmp_path / "state" / "outbox.db", ["file"])
    after = outbox.history.latest(limit=9_999)
    assert len(after) > len(before)
    late = {one.id for one in after if one.id not in before and one.model == "digits"}
    kept = {one.id for one in outbox.history.latest(silenced=True, limit=9_999)}
    assert kept == late
    assert kept
    living.until(lambda: outbox.waiting("file") == 0)
    delivered = {parse(line).id for line in (tmp_path / "alerts.ndjson").read_bytes().splitlines()}
    assert before <= delivered
    assert not delivered & kept
    living.until(lambda: living.daemon.metric("probewatch_alerts_kept_back") >= len(kept))
    assert living.page("/silences")["silences"] == living.call("silence", "list")[1]
    look_at(living)
    told = [json.loads(line)["action"] for line in (tmp_path / "state" / "audit.log").read_text().splitlines()]
    assert (told.count("reload"), told.count("tap")) == (3, 2)
    assert audit.verify(tmp_path / "state" / "audit.log")[1] is None


def test_sinks_come_go_and_change_while_the_daemon_runs(living: Living, tmp_path: Path) -> None:
    """Nobody loses an alert: each has gone to every sink that was there when it was made, or waits for it."""
    lines = [line for _, line in records(8_000)]
    outbox = Outbox(tmp_path / "state" / "outbox.db", ["file", "other"])

    def got(name: str) -> set[str]:
        path = tmp_path / name
        return {parse(line).id for line in path.read_bytes().splitlines()} if path.exists() else set()

    def known() -> set[str]:
        latest = outbox.history.latest(limit=9_999)
        return {one.id for last in latest for one in outbox.history.revisions(last.finding)}

    living.feed(lines[:6_000])
    begun = known()
    living.write(f'[sinks.other]\ntype = "file"\npath = "{tmp_path}/other.ndjson"\n')
    code, [outcome], said = living.call("reload")
    assert (code, outcome["taken"], outcome["waits"]) == (0, ["sinks.other"], []), said
    living.feed(lines[6_000:6_600])
    both = known()
    living.until(lambda: outbox.waiting("other") == 0)
    assert got("other.ndjson") == both - begun
    assert both > begun

    # a bad one changes nothing, a good one in its place goes on where the one before has ended
    living.write('[sinks.other]\ntype = "webhook"\nurl = "https://127.0.0.1:1/"\nsecret = {file = "/nowhere"}\n')
    code, _, said = living.call("reload")
    assert (code, "mend:" in said) == (2, True)
    living.daemon.process.send_signal(1)
    living.daemon.wait_for("new settings refused; nothing has changed")
    living.write(f'[sinks.other]\ntype = "file"\npath = "{tmp_path}/moved.ndjson"\n')
    assert living.call("reload")[1][0]["taken"] == ["sinks.other"]
    living.feed(lines[6_600:7_200])
    third = known()
    living.until(lambda: outbox.waiting("other") == 0)
    assert got("moved.ndjson") == third - both
    assert got("other.ndjson") == both - begun

    # one that goes gets nothing more; the first sink has missed nothing of all this
    living.write()
    assert living.call("reload")[1][0]["taken"] == ["sinks.other"]
    living.feed(lines[7_200:])
    living.until(lambda: outbox.waiting("file") == 0)
    assert got("alerts.ndjson") == known() > third
    assert got("moved.ndjson") == third - both
    living.until(lambda: 'probewatch_outbox_alerts{sink="other"}' not in living.daemon.page("/metrics")[1])


def look_at(living: Living) -> None:
    """`top`, `tap` and `status` of a daemon that runs."""
    _, [top], _ = living.call("top", "--once", "--every", "1")
    assert top["ready"]
    assert (top["queries"], sum(top["lag"].values())) == (WHOLE, 0)  # type: ignore[attr-defined]
    assert top["noisiest"]
    nearest = top["closest"]
    assert [one["share"] for one in nearest] == sorted((one["share"] for one in nearest), reverse=True)  # type: ignore[attr-defined]
    assert all(0 < one["share"] < 1 and one["client"] and one["queries"] for one in nearest)  # type: ignore[attr-defined]
    assert nearest
    people = CliRunner().invoke(root, ["top", "--once", "--every", "1", "--config", str(living.config)])
    assert "closest to a finding" in people.stdout
    assert "\x1b" not in people.stdout
    _, [status, *_], _ = living.call("status")
    assert status["daemon"]["ready"]  # type: ignore[index]
    assert status["daemon"]["pid"] == living.daemon.process.pid  # type: ignore[index]
    assert status["outbox"]["waiting"] == {"file": 0}  # type: ignore[index]
    with ThreadPoolExecutor() as other:
        drawn = other.submit(living.call, "tap", "--records", "3", "--seconds", "20")
        time.sleep(1)
        lines = [line for _, line in records(100)]
        living.feed(lines)
        code, rows, said = drawn.result()
    assert (code, len(rows)) == (0, 3), said
    assert not any(json.loads(line)["client"]["id"].encode() in json.dumps(rows).encode() for line in lines)
    assert rows[0]["input"]["kind"] in {"dense", "rows", "text", "opaque"}  # type: ignore[index]
    assert living.call("tap", "--seconds", "0.1")[1:] == ([], "no record went by in 0.1 seconds\n")


def test_engines_go_on_with_their_state(tmp_path: Path) -> None:
    keys, part = load_keys(None, {"PROBEWATCH_KEY": KEY}), Partition("q", 0)
    lines, decoder = [line for _, line in records(WHOLE)], Decoder(keys)

    def queries(start: int, stop: int) -> Queries:
        offsets = np.arange(start, stop, dtype=np.int64)
        unknown = np.full(stop - start, -1, np.int64)
        return decoder.decode(RawBatch(part, lines[start:stop], offsets, unknown, stop)).queries

    first, rest, found = queries(0, HALF), queries(HALF, WHOLE), []
    changed = ({"open_findings": 9_999}, {"clients": 4_096}, {"models": 9, "clients": 2_048})
    for settings in ((), changed):
        store = SnapshotFolder(tmp_path / str(len(settings)))
        held = Partitions(
            engine_maker(Settings(), keys), store, time.monotonic, Metrics(), config_hash="a", key_epoch="1"
        )
        held.take(part)
        ids = [one.id for one in held.feed(part, first)]
        for one in settings:
            held.renew(engine_maker(Settings(engine=EngineSettings.model_validate(one)), keys), "b")
        found.append(ids + [one.id for one in held.feed(part, rest)])
    assert len(found[0]) > 10
    assert found[0] == found[1]
    with pytest.raises(ValueError, match="more models than the settings allow"):
        held.renew(engine_maker(Settings(engine=EngineSettings(models=1)), keys), "c")
    held.advance(part, WHOLE, 1)
    held.save(part)
    assert held.saved() == {part: WHOLE}, "the engine that refused has harmed nothing"
