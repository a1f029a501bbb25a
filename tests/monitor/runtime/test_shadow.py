"""The shadow changes nothing of what is in force, says what it would find, and its faults are its own."""

from __future__ import annotations

import json
import time
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from findings import finding
from installed import KEY
from probing import records

from detectors.sketch.queries import Queries
from monitor.cli.root import root
from monitor.config.runtime import RuntimeSettings
from monitor.config.settings import Settings
from monitor.config.shadow import ShadowSettings
from monitor.config.trouble import Trouble
from monitor.formats.native import encode
from monitor.record.decode import Decoder
from monitor.record.keys import load_keys
from monitor.record.raw import Partition, RawBatch
from monitor.runtime.comparing import compared
from monitor.runtime.engines import engine_maker
from monitor.runtime.folder import SnapshotFolder
from monitor.runtime.metrics import Metrics
from monitor.runtime.partitions import Partitions
from monitor.runtime.shadow import Shadow, shadow_folder, shadow_of, shadowed, told
from monitor.sinks.outbox import Outbox

KEYS = load_keys(None, {"PROBEWATCH_KEY": KEY})
PART = Partition("q", 0)
CUT, WHOLE = 6_200, 7_000


@pytest.fixture(scope="module")
def queries() -> tuple[Queries, Queries]:
    lines, decoder = [line for _, line in records(WHOLE)], Decoder(KEYS)

    def part(start: int, stop: int) -> Queries:
        unknown = np.full(stop - start, -1, np.int64)
        return decoder.decode(RawBatch(PART, lines[start:stop], np.arange(start, stop), unknown, stop)).queries

    return part(0, CUT), part(CUT, WHOLE)


def held(settings: Settings, shadow: Shadow | None) -> Partitions:
    store = SnapshotFolder(settings.runtime.state / "snapshots")
    own = {"config_hash": settings.config_hash(), "key_epoch": "1", "beside": shadow}
    return Partitions(engine_maker(settings, KEYS), store, time.monotonic, Metrics(), **own)  # type: ignore[arg-type]


def test_a_detector_on_trial(queries: tuple[Queries, Queries], tmp_path: Path) -> None:
    trial = Settings(
        runtime=RuntimeSettings(state=tmp_path), shadow=ShadowSettings(detectors=("inversion", "membership"))
    )
    metrics = Metrics()
    shadow = shadow_of(trial, KEYS, time.monotonic, metrics)
    first = held(trial, shadow)
    first.take(PART)
    live = first.feed(PART, queries[0])
    first.advance(PART, CUT, 1)
    first.save(PART)
    assert first.saved() == {PART: CUT}
    # a new life: both go on from their snapshots
    again = held(trial, shadow_of(trial, KEYS, time.monotonic, metrics))
    assert again.take(PART) == CUT
    live += again.feed(PART, queries[1])

    alone = held(trial.model_copy(update={"runtime": RuntimeSettings(state=tmp_path / "alone")}), None)
    alone.take(PART)
    without = [one for part in queries for one in alone.feed(PART, part)]
    assert [encode(one) for one in live] == [encode(one) for one in without], "the shadow changes what is in force"
    led = {one.evidence[0].detector for one in live if one.evidence}
    assert not led & {"inversion", "membership"}

    whole = held(shadowed(trial), None)  # everything in force, in one life
    whole.take(Partition("other", 0))
    beside = list(told(shadow_folder(trial)))
    full = [one for part in queries for one in whole.feed(Partition("other", 0), part)]
    assert [one.id for one in beside] == [one.id for one in full]
    assert {one.evidence[0].detector for one in beside if one.evidence} & {"inversion", "membership"}
    counted = next(one for one in metrics.registry.collect() if one.name == "probewatch_shadow_findings")
    assert sum(sample.value for sample in counted.samples) == len(beside)

    outbox = Outbox(tmp_path / "outbox.db", [])
    outbox.accept(live)
    outbox.close()
    (tmp_path / "p.toml").write_text(f'[runtime]\nstate = "{tmp_path}"\n')
    shown = CliRunner().invoke(root, ["compare", "--config", str(tmp_path / "p.toml"), "--json"])
    tree = json.loads(shown.stdout)
    assert tree["both"] + tree["gone"] == len({one.finding for one in live})
    assert any(test.startswith(("inversion", "membership")) for test in tree["new_by_test"])
    assert len(tree["new_findings"]) == tree["new"]
    people = CliRunner().invoke(root, ["compare", "--config", str(tmp_path / "p.toml")]).stdout
    assert f"{tree['new']} only in the shadow" in people

    # another trial begins with nothing
    other = trial.model_copy(update={"shadow": ShadowSettings(detectors=("cost",))})
    shadow_of(other, KEYS, time.monotonic, metrics)
    assert list(told(shadow_folder(other))) == []


def test_a_fault_of_the_shadow_is_its_own(
    queries: tuple[Queries, Queries], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    trial = Settings(runtime=RuntimeSettings(state=tmp_path), shadow=ShadowSettings(detectors=("cost",)))
    metrics = Metrics()
    shadow = Shadow(trial, KEYS, time.monotonic, metrics)
    live = held(trial, shadow)
    live.take(PART)
    monkeypatch.setattr(Partitions, "feed", lambda *_: 1 / 0)
    shadow.feed(PART, queries[1])
    monkeypatch.undo()
    live.feed(PART, queries[1].span(0, 50))
    assert metrics.registry.get_sample_value("probewatch_shadow_broken") == 1
    assert [record.error for record in caplog.records if record.levelname == "ERROR"] == ["ZeroDivisionError"]  # type: ignore[attr-defined]
    live.advance(PART, WHOLE, 1)
    live.save(PART)
    assert live.saved() == {PART: WHOLE}
    live.drop(PART)


def test_what_comes_again_after_a_failure_is_known_to_the_shadow(
    queries: tuple[Queries, Queries], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trial = Settings(runtime=RuntimeSettings(state=tmp_path), shadow=ShadowSettings(detectors=("cost",)))
    shadow, fed = Shadow(trial, KEYS, time.monotonic, Metrics()), list[int]()
    monkeypatch.setattr(Partitions, "feed", lambda _self, _partition, given: fed.extend(given.offset.tolist()) or [])
    shadow.take(PART, None)
    for start, stop in ((0, 50), (0, 20), (20, 50), (40, 70)):
        shadow.feed(PART, queries[1].span(start, stop))
    assert fed == list(range(CUT, CUT + 70))


def test_settings_that_are_wrong_are_told(tmp_path: Path) -> None:
    with pytest.raises(Trouble, match="there is no detector inversoin"):
        shadowed(Settings(shadow=ShadowSettings(detectors=("inversoin",))))
    (tmp_path / "next.toml").write_text("[engine]\nbudget = -1\n")
    with pytest.raises(ExceptionGroup):
        shadowed(Settings(shadow=ShadowSettings(settings=tmp_path / "next.toml")))
    (tmp_path / "next.toml").write_text("[engine]\nbudget = 5\n")
    assert shadowed(Settings(shadow=ShadowSettings(settings=tmp_path / "next.toml"))).engine.budget == 5
    assert shadow_of(Settings(), KEYS, time.monotonic, Metrics()) is None


def test_compared_is_who_and_what() -> None:
    one, other = finding(episode=1), finding(episode=2, risk=99.0, queries=5)
    early = finding(family="cost", raised_at=1)
    new = finding(family="evasion")
    found = compared([one, early], [other, new], since=2)
    assert [(a.finding, b.finding) for a, b in found.both] == [(one.finding, other.finding)]
    assert (list(found.gone), [one.family for one in found.new]) == ([], ["evasion"])
    tree = found.tree({})
    assert (tree["graver"], tree["sooner"], tree["later"]) == (1, 1, 0)


def test_two_files_are_compared(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(encode(finding()) + b"\n")
    (tmp_path / "b").write_bytes(encode(finding(family="cost")) + b"\n")
    shown = CliRunner().invoke(root, ["compare", "--live", f"{tmp_path}/a", "--other", f"{tmp_path}/b", "--json"])
    tree = json.loads(shown.stdout)
    assert (tree["both"], tree["gone"], tree["new"]) == (0, 1, 1)


def test_nothing_ran_in_the_shadow(tmp_path: Path) -> None:
    (tmp_path / "p.toml").write_text(f'[runtime]\nstate = "{tmp_path}"\n')
    said = CliRunner().invoke(root, ["compare", "--config", str(tmp_path / "p.toml")])
    assert said.exit_code == 2
    assert "what:  nothing has run in the shadow here" in said.stderr
