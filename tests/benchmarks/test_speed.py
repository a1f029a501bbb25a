"""The benchmarks of speed, memory and state on tiny loads, so that they cannot rot. Nothing here looks at a clock."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import attacks
import catchup
import everything
import goals
import group
import growth
import hostile
import latency
import load
import memory
import numpy as np
import orjson
import outsiders
import perevent
import pytest
import scale
import speed
import stages
import start
import state
from contenders import STAGES, Load, floor, product
from findings import finding
from load import Shape, records, write_file
from services.launch import Server

from detectors.sketch.queries import DENSE, ROWS, TEXT
from monitor.formats.native import render
from monitor.record.decode import Decoder
from monitor.record.raw import Partition, RawBatch
from monitor.runtime.keys import OPEN_KEYS
from monitor.runtime.snapshots import Snapshot
from monitor.runtime.stores import open_store

HERE = Partition("bench", 0)
KINDS = {"vectors": DENSE, "images": DENSE, "tables": ROWS, "prompts": TEXT}
CONSTRAINTS = Path(__file__).parents[2] / "constraints.txt"


def batch(lines: list[bytes], now: int = -1) -> RawBatch:
    return RawBatch(HERE, lines, np.arange(len(lines)), np.full(len(lines), now, np.int64), len(lines))


@pytest.fixture(scope="module")
def decoder() -> Decoder:
    return Decoder(OPEN_KEYS)


def test_speed_reads_every_record_once_sums_its_stages_and_knows_the_last_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    here = Load(4_000, tmp_path / "load.ndjson.zst")
    write_file(here.file, here.records)
    runs = {name: [floor(name, here)] for name in ("floor-file", "floor-memory")}
    runs["product-memory"] = [product("product-memory", here)]
    staged = product(STAGES, here)
    assert {"fields and pseudonyms", "kernel", "sketch", "snapshot and commit"} <= staged.stages.keys()
    report = speed.usual_report(here, runs, staged)
    report.finish(tmp_path / "out")
    report.finish(tmp_path / "out")
    assert "No earlier run is saved" in capsys.readouterr().out.partition("# Speed")[2].partition("# Speed")[0]
    saved = json.loads((tmp_path / "out" / "speed.json").read_bytes())
    assert saved["measured"]["runs"]["product-memory"][0]["records"] > 0
    assert "| vectors: product-memory, times the floor |" in (tmp_path / "out" / "speed.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_load_is_what_it_says(kind: str, decoder: Decoder, tmp_path: Path) -> None:
    lines = [line for _, line in records(200, Shape(kind, clients=50))]
    decoded = decoder.decode(batch(lines))
    assert (len(decoded.queries), decoded.rejected, decoded.unknown_fields) == (200, [], 0)
    assert set(decoded.queries.kind.tolist()) == {KINDS[kind]}
    assert kind != "vectors" or 650 < sum(map(len, lines)) / 200 < 750
    features = [perevent.Clients().features(orjson.loads(line)) for line in lines]
    assert all(math.isfinite(value) for each in features for value in each.values())


def test_partitions_get_equal_shares_and_a_client_stays_in_one() -> None:
    place = np.array(load.placed(1_000, 4))
    shares = np.bincount(place, load.volumes(1_000))
    assert shares.max() - shares.min() < 0.001


def test_rivals_read_what_we_read(tmp_path: Path) -> None:
    here = Load(300, tmp_path / "load.ndjson.zst")
    write_file(here.file, here.records)
    for name in ("tutorial-file", "tutorial-memory", "features-memory"):
        counted = outsiders.Counted(name, 300)
        outsiders.OUTSIDERS[name](here.place, counted)
        assert (counted.done.name, counted.done.records) == (name, 299)
    assert set(outsiders.OUTSIDERS) <= set(speed.MEANING)


def test_rivals_stand_on_the_versions_that_we_stand_on() -> None:
    ours = dict(line.split("==") for line in CONSTRAINTS.read_text().splitlines() if "==" in line)
    wanted = (Path(__file__).with_name("rivals.txt")).read_text().splitlines()
    theirs = dict(line.split("==") for line in wanted if "==" in line)
    both = {name: version for name, version in theirs.items() if name.partition("[")[0] in ours}
    assert both.keys() >= {"numpy", "orjson", "river", "kafka-python[crc32c,lz4,zstd,snappy]"}
    assert {name: ours[name.partition("[")[0]] for name in both} == both


def test_features_of_an_event() -> None:
    memory, answer = perevent.Memory(2), np.array([0.5, 0.3, 0.2])
    assert memory.features(np.array([0.0, 0.0], np.float32), answer, 5.0)["nearest"] == -1.0
    memory = perevent.Memory.unpacked(memory.packed())
    found = memory.features(np.array([3.0, 4.0], np.float32), answer, 7.5)
    assert (found["nearest"], found["gap"], round(found["margin"], 6)) == (5.0, 2.5, 0.2)


def test_figures_are_laid_beside_those_of_the_last_run() -> None:
    before = {"when": "then", "machine": "there", "figures": {"a": 2.0, "b": 4.0}}
    text = goals.compared(before, {"a": 3.0, "b": 4.1, "c": 1.0})
    assert "| a | 2 | 3 | **1.50** |" in text
    assert "| b | 4 | 4.1 | 1.02 |" in text
    assert "| c |  | 1 |  |" in text


def test_parts_that_are_gone_are_said(monkeypatch: pytest.MonkeyPatch) -> None:
    assert stages.gone() == []
    monkeypatch.setattr(stages, "PARTS", (("kernel", "monitor.engine.stream:nothing"), ("read", "monitor.none:One.x")))
    assert len(stages.gone()) == 2
    with stages.Stages().clocks():
        pass


def member(records: int, begun: float, ended: float) -> group.Member:
    return group.Member(records, begun, ended, 1.0, [(begun, 0), (ended, records)])


def test_processes_and_catching_up_are_judged() -> None:
    rounds = {1: [[member(1_000, 0.0, 1.0)]], 2: [[member(500, 0.0, 0.5), member(500, 0.1, 0.6)]]}
    (goal,) = scale.report(1_000, rounds).goals
    assert (goal.met, goal.reached) == (False, "1.67")
    (goal,) = catchup.report(member(1_000_000, 0.0, 10.0)).goals
    assert (goal.met, goal.reached) == (True, "3.2")


@pytest.mark.servers
def test_a_group_reads_every_record_from_kafka(kafka: Server, tmp_path: Path) -> None:
    with speed.loaded(2_000, Shape(partitions=2), kafka.address) as here:
        (one,) = group.together(here, [min(os.sched_getaffinity(0))])
        assert floor("floor", here).name == "floor"
    assert one.records == 2_000
    assert one.marks[-1][1] == 2_000


def test_a_gate_holds_back_until_all_are_there(tmp_path: Path) -> None:
    paused: list[frozenset[Partition]] = []
    source = SimpleNamespace(
        assigned=lambda: frozenset({HERE}), pause=paused.append, resume=lambda _: None, poll=lambda _: ["records"]
    )
    gate = group.Gate(source, tmp_path, 2, 2)
    source.poll = lambda _: []
    assert (gate.poll(0.1), gate.opened, paused) == ((), None, [frozenset({HERE})])
    (tmp_path / "member-other").write_text("1")
    assert gate.poll(0.1) == ()
    source.poll = lambda _: ["records"]
    assert (gate.opened is not None, gate.poll(0.1)) == (True, ["records"])


def test_probes_among_the_load_are_read(decoder: Decoder) -> None:
    lines = [line.replace(latency.UNSENT, b"1790000000000", 1) for _, line in latency.mixed(500)]
    decoded = decoder.decode(batch(lines))
    assert (len(decoded.queries), decoded.rejected) == (500, [])
    assert set(decoded.queries.kind.tolist()) == {DENSE, ROWS}
    assert set(decoded.queries.time.tolist()) == {1_790_000_000_000_000}


def test_openings_in_a_file_are_seen_once(tmp_path: Path) -> None:
    file = tmp_path / "alerts.ndjson"
    look = latency.FileLook(file)
    assert look() == []
    one = finding(client="a", family="evasion", revision=1, updated_at=1_790_000_000_000_000)
    file.write_bytes(orjson.dumps(render(one)) + b"\n" + orjson.dumps(render(replace(one, revision=2))) + b"\n{")
    assert [arrived.record for arrived in look()] == [1_790_000_000.0]
    assert look() == []


def test_delays_are_judged_where_there_are_enough() -> None:
    sent = latency.Sent(1_000, 0.0, 10.0)
    arrived = [latency.Arrived(float(at), at + 0.4, at + 0.2) for at in range(200)]
    passes = [
        latency.Measured("Elasticsearch", sent, arrived, 20.0, 0.0),
        latency.Measured("a file", sent, [], 0.0, 0.0),
    ]
    report = latency.report(5_000, passes)
    assert [(goal.met, goal.reached) for goal in report.goals] == [(True, "0.40 s"), (None, "")]
    assert "Elasticsearch, event.ingested | 100 | 180 | 0.20" in report.text


def test_a_made_state_is_one_that_the_daemon_takes(tmp_path: Path) -> None:
    config = start.written(tmp_path, "127.0.0.1:9092", "bench")
    assert start.give_state(config, "bench", 40, "rows") > 0
    keys = start.keys_of(None, {start.KEY_VARIABLE: start.KEY})
    kept = next(open_store(start.load(config, {}).settings).load(HERE, start.key_name(keys)))
    assert isinstance(kept, Snapshot)
    report = start.report(40, "rows", {"cold": [9.0], "warm": [2.0], "warm, with state": [7.0]}, 1 << 20)
    assert [goal.met for goal in report.goals] == [False, True]


@pytest.mark.parametrize("attack", attacks.attacks(), ids=lambda attack: attack.name)
def test_hostile_records_are_accepted_or_refused_as_they_say(attack: attacks.Attack, decoder: Decoder) -> None:
    lines = [attack.record(0), attack.record(1)]
    decoded = decoder.decode(batch(lines))
    assert len(decoded.rejected) == (2 if attack.name.startswith("refused") else 0)
    assert max(map(len, lines)) <= attacks.LIMITS.record or attack.name == "refused: too large"


def test_hostile_records_are_laid_beside_the_ordinary_one() -> None:
    some = [one for one in attacks.attacks() if one.name in ("smallest record", "refused: smallest")]
    best = hostile.measure(0.0, 1, primed=300, some=some)
    assert best["refused: smallest"].refused == best["refused: smallest"].records > 0
    report = hostile.report(best)
    assert set(report.figures) == {"smallest record, times", "refused: smallest, times"}


def test_curves_have_points_and_shapes() -> None:
    with growth.METER.clock():
        curves = [growth.over_window((0, 1), 30, 1), growth.over_detectors((1, 2), 400, 1)]
    assert [curve.at for curve in curves] == [[4.0, 12.0], [1.0, 2.0]]
    flat = growth.Curve("clients", "clients", growth.FLAT, [1.0, 10.0], [2.0, 4.0])
    line = growth.Curve("input", "numbers", growth.LINEAR, [1.0, 10.0, 100.0], [5.0, 10.0, 100.0])
    assert [(curve.reached, curve.goal.met) for curve in (flat, line)] == [(2.0, False), (pytest.approx(1.0), True)]


@pytest.mark.parametrize("kind", ["dense", "rows"])
def test_memory_accounts_for_every_array(kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    memory.main(["--clients", "60", "--mean", "12", "--kind", kind, "--save", str(tmp_path)])
    tree = json.loads((tmp_path / f"memory-{kind}.json").read_bytes())["measured"]
    assert tree["clients"] == 60
    assert tree["queries"] == int(memory.volumes(60, 12.0).sum())
    assert tree["arrays"]["entries"] > 0
    assert 0 < tree["full"] <= memory.CLIENT_BARS[kind]
    assert tree["snapshot_bytes"] > 0
    assert "bytes a client" in capsys.readouterr().out


def test_memory_beyond_the_ceiling_says_what_it_was_when_full() -> None:
    account = memory.measure("rows", memory.LEAST, 1.5, 1.2)
    assert (account.clients, account.came) == (memory.LEAST, int(memory.LEAST * 1.2))
    assert account.evicted > 0
    assert 0 < account.full_after <= account.queries
    assert memory.goals(account)[-1].wanted.startswith("no growth")


def test_the_state_that_comes_back_is_the_one_that_was_saved(tmp_path: Path) -> None:
    account = state.measure("rows", 80, 200, 1.0, 2)
    assert [one.what for one in account.saved] == ["whole", "changes", "changes"]
    assert [one.records for one in account.saved][1:] == [200, 200]
    assert len(state.report(account).goals) == 4


def asked(part: everything.Part, small: bool) -> Iterator[str]:
    yield from part.command(small, Path("out"), {"kafka": "here:9092", "search": "http://here"})


@pytest.mark.parametrize("part", everything.PARTS, ids=lambda part: part.name)
def test_every_part_is_a_script_that_takes_its_options(part: everything.Part) -> None:
    script = (everything.HERE / part.script).read_text(encoding="utf-8")
    for small in (False, True):
        options = [word for word in asked(part, small) if word.startswith("--")]
        assert "--save" in options
        assert [option for option in options if f'"{option}"' not in script] == []


def test_one_page_holds_the_bars_of_all_parts(tmp_path: Path) -> None:
    wanted = [goals.at_most("seconds", 5, 6.0), goals.at_least("records", 5, None)]
    goals.Report("scale", "# Scale", {"a": 1.0}, wanted).finish(tmp_path)
    parts = [part for part in everything.PARTS if part.name in ("scale", "growth")]
    text = everything.summary(parts, {"scale": (3.0, True), "growth": (1.0, False)}, tmp_path)
    assert "2 bars, 1 missed" in text
    assert "Did not run to the end: growth" in text
