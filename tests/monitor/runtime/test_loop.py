import io
import itertools
import logging
import os
import random
import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from clock import Clock
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from standin import Log, ScriptedSource, make_engine, record

from monitor.config.runtime import LogSettings, RuntimeSettings
from monitor.config.sinks import OutboxSettings
from monitor.config.trouble import Trouble
from monitor.record import by_template
from monitor.record.decode import Decoder
from monitor.record.found import Inputs
from monitor.record.gathering import Gathering, Query
from monitor.record.group import Group
from monitor.record.raw import Partition
from monitor.record.read_record import RecordReader
from monitor.runtime.folder import SnapshotFolder
from monitor.runtime.health import Pulse
from monitor.runtime.keys import OPEN_KEYS
from monitor.runtime.logs import start_log
from monitor.runtime.loop import Loop
from monitor.runtime.metrics import Metrics
from monitor.runtime.partitions import Partitions
from monitor.runtime.snapshots import Snapshot, SnapshotStore
from monitor.runtime.watch import Clocks, Watch
from monitor.sinks.outbox import Outbox
from monitor.sources.protocol import Quarantined

P0, P1 = Partition("queries", 0), Partition("queries", 1)


@dataclass
class Process:
    """One life of the daemon over a folder and a log that outlive it."""

    folder: Path
    log: Log
    size: int = 5
    mine: tuple[Partition, ...] | None = None
    every: int = 20  # records between snapshots
    waiting: int = 100_000
    rebuild: int = 0
    clock: Clock = field(default_factory=lambda: Clock(1000.0))
    elsewhere: SnapshotStore | None = None  # None: snapshots lie in the folder
    executor: Executor | None = None  # None: they are written at once

    def __post_init__(self) -> None:
        self.source = ScriptedSource(self.log, self.size, self.mine)
        self.outbox = Outbox(self.folder / "outbox.db", ["a"], OutboxSettings(waiting=self.waiting))
        self.metrics = Metrics()
        self.store = SnapshotFolder(self.folder / "snapshots") if self.elsewhere is None else self.elsewhere
        self.partitions = Partitions(
            make_engine,
            self.store,
            self.clock,
            self.metrics,
            config_hash="c",
            key_epoch=OPEN_KEYS.epoch,
            rebuild=self.rebuild,
            executor=self.executor,
        )
        self.pulse = Pulse(self.clock, 60)
        watch = Watch(self.metrics, self.pulse, Clocks(self.clock, self.clock))
        runtime = RuntimeSettings(snapshot_records=self.every)
        self.loop = Loop(self.source, Decoder(OPEN_KEYS), self.partitions, self.outbox, runtime, watch)

    def step(self, turns: int = 1) -> None:
        for _ in range(turns):
            self.clock.now += 1
            self.loop.step()

    def finish(self) -> None:
        self.loop.run(lambda: False)

    def alerts(self) -> list[str]:
        with sqlite3.connect(self.folder / "outbox.db") as database:
            return [row[0] for row in database.execute("SELECT id FROM alerts ORDER BY id")]

    def value(self, name: str, **labels: str) -> float:
        found = self.metrics.registry.get_sample_value(f"probewatch_{name}", labels)
        return 0.0 if found is None else found


def some_log(seed: int = 1, records: int = 100) -> Log:
    chance = random.Random(seed)
    return Log({p: [record(f"client-{p.number}-{chance.randrange(4)}", at) for at in range(records)] for p in (P0, P1)})


@pytest.fixture(scope="module")
def quiet(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    process = Process(tmp_path_factory.mktemp("quiet"), some_log(), size=1000)
    process.finish()
    assert len(process.alerts()) > 20
    return process.alerts()


def test_a_quiet_run_commits_the_end_and_takes_every_finding(tmp_path: Path, quiet: list[str]) -> None:
    process = Process(tmp_path, some_log())
    process.finish()
    assert process.alerts() == quiet
    assert process.log.committed == {P0: 100, P1: 100}
    assert process.value("records_received_total") == 200
    assert process.value("records_decoded_total") == 200
    assert process.value("queries_total") == 200
    assert process.value("findings_total", family="extraction", tier="named", status="open") == len(quiet)


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lives=st.lists(st.tuples(st.integers(0, 8), st.integers(1, 9), st.integers(1, 60)), max_size=5))
def test_killed_anywhere_it_makes_the_same_alerts(
    tmp_path_factory: pytest.TempPathFactory, quiet: list[str], lives: list[tuple[int, int, int]]
) -> None:
    folder, log = tmp_path_factory.mktemp("killed"), some_log()
    for turns, size, every in lives:  # each life just ends: nothing is closed, saved or committed
        Process(folder, log, size=size, every=every).step(turns)
    last = Process(folder, log, size=7)
    last.finish()
    assert last.alerts() == quiet
    assert log.committed == {P0: 100, P1: 100}


@pytest.mark.parametrize("place", ["accept", "save", "commit"])
def test_killed_between_any_two_steps_it_loses_nothing(
    tmp_path: Path, quiet: list[str], place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Dies right after the named step, at each of its first calls in turn."""

    class Killed(BaseException):
        pass

    log, deaths = some_log(), 0
    for life in (1, 2, 3, 2, 1):
        process, calls = Process(tmp_path, log), itertools.count(1)
        owner = {"accept": process.outbox, "save": process.store, "commit": process.source}[place]
        original: Callable[..., object] = getattr(owner, place)

        def dying(
            *args: object, original: Callable[..., object] = original, life: int = life, calls: Iterator[int] = calls
        ) -> object:
            done = original(*args)
            if next(calls) == life:
                raise Killed
            return done

        monkeypatch.setattr(owner, place, dying)
        try:
            process.finish()
        except Killed:
            deaths += 1
    assert deaths >= 2
    last = Process(tmp_path, log)
    last.finish()
    assert last.alerts() == quiet


def test_offsets_never_run_ahead_of_the_snapshot(tmp_path: Path) -> None:
    process = Process(tmp_path, some_log(), every=10)
    for _ in range(15):
        process.step()
        for partition, committed in process.log.committed.items():
            newest = next(iter(process.store.load(partition, OPEN_KEYS.epoch)))
            assert isinstance(newest, Snapshot)
            assert newest.next_offset == committed


def test_partitions_move_between_two_processes_and_back(tmp_path: Path, quiet: list[str]) -> None:
    log = some_log()
    one, two = Process(tmp_path, log, every=10), Process(tmp_path, log, size=3, mine=())
    one.step(4)
    one.source.rebalance(lost=[P1])
    two.source.rebalance(gained=[P1])
    for _ in range(6):
        one.step()
        two.step()
    two.source.rebalance(lost=[P1])
    one.source.rebalance(gained=[P1])
    two.step()
    one.finish()
    assert one.alerts() == quiet
    assert len(two.partitions) == 0


def test_a_zombie_commits_nothing(tmp_path: Path) -> None:
    process = Process(tmp_path, some_log(), every=5)
    process.source.fenced = True
    process.step(3)
    assert process.log.committed == {}


def test_what_arrived_of_a_lost_partition_is_forgotten(tmp_path: Path, quiet: list[str]) -> None:
    process = Process(tmp_path, some_log(), waiting=1)
    process.step(6)  # full by now: something is read and waits
    assert process.source.paused == {P0, P1}
    process.source.rebalance(lost=[P1])
    deliver_all(process.outbox)
    process.step(2)
    process.source.rebalance(gained=[P1])
    while not process.source.finished:
        deliver_all(process.outbox)
        process.step()
    deliver_all(process.outbox)
    process.finish()
    assert process.alerts() == quiet


def deliver_all(outbox: Outbox) -> None:
    from monitor.sinks.outbox import Settled
    from monitor.sinks.protocol import DELIVERED

    while due := outbox.claim("a", 1e12, 100):
        outbox.settle("a", [Settled(one.seq, DELIVERED, 0.0) for one in due])


def test_a_full_outbox_pauses_reading_and_drops_nothing(tmp_path: Path, quiet: list[str]) -> None:
    process = Process(tmp_path, some_log(), waiting=3)
    process.step(30)
    taken, read = len(process.alerts()), process.value("records_received_total")
    assert 3 <= taken < len(quiet)
    assert process.source.paused == {P0, P1}
    assert process.value("outbox_full") == 1
    process.step(30)
    assert process.value("records_received_total") == read
    assert process.pulse.alive
    while not process.source.finished:
        deliver_all(process.outbox)
        process.step()
    deliver_all(process.outbox)
    process.finish()
    assert process.alerts() == quiet
    assert process.value("outbox_full") == 0


@contextmanager
def full(outbox: Outbox, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """While the outbox takes nothing, as on a full disk."""

    def refuse(_: object) -> int:
        raise Trouble(what="the disk is full", where="here", mend="free some space")

    with monkeypatch.context() as now:
        now.setattr(outbox, "accept", refuse)
        yield


def test_a_disk_that_is_full_for_a_while_loses_nothing(
    tmp_path: Path, quiet: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    process = Process(tmp_path, some_log(), every=10)
    process.step(3)

    committed = dict(process.log.committed)
    with full(process.outbox, monkeypatch):
        process.step(5)
    assert process.log.committed.items() >= committed.items()
    for partition in (P0, P1):  # the state that ran ahead of the outbox was not saved
        newest = next(iter(process.store.load(partition, OPEN_KEYS.epoch)))
        assert isinstance(newest, Snapshot)
        assert newest.next_offset <= 20
    process.finish()
    assert process.alerts() == quiet


def test_stopped_while_the_outbox_takes_nothing_it_goes_on_later(
    tmp_path: Path, quiet: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = Process(tmp_path, some_log(), every=10)
    first.step(4)

    with full(first.outbox, monkeypatch):
        first.step(2)
        first.loop.run(lambda: True)
    second = Process(tmp_path, some_log())
    second.finish()
    assert second.alerts() == quiet


def test_a_snapshot_that_fails_holds_the_commit_back_and_nothing_else(
    tmp_path: Path, quiet: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    process = Process(tmp_path, some_log(), every=10)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as now:
        now.setattr(os, "fsync", full)
        process.step(6)
    assert process.log.committed == {}
    assert process.value("snapshots_total", outcome="failed") >= 2
    process.finish()
    assert process.alerts() == quiet
    assert process.log.committed == {P0: 100, P1: 100}


def test_snapshots_that_do_not_fit_fall_back_and_then_begin_anew(tmp_path: Path, quiet: list[str]) -> None:
    first = Process(tmp_path, some_log(), every=10)
    first.step(5)
    [*_, newest] = sorted((tmp_path / "snapshots").glob("queries-0.*"))
    newest.write_bytes(newest.read_bytes()[:-3])
    foreign = Snapshot(P1, 40, "c", OPEN_KEYS.epoch, {"other": np.zeros(3)})
    first.store.save(foreign)
    second = Process(tmp_path, first.log)
    second.finish()
    assert second.value("snapshots_refused_total") == 2
    assert second.alerts() == quiet


def broken(folder: Path, pattern: str = "queries-*.snapshot") -> None:
    """Every snapshot of that name is torn."""
    for file in folder.glob(f"snapshots/{pattern}"):
        file.write_bytes(file.read_bytes()[:-3])


def test_state_that_cannot_be_read_is_built_again_and_nothing_is_told_twice(tmp_path: Path, quiet: list[str]) -> None:
    first = Process(tmp_path, some_log(), every=10)
    first.step(4)
    told = first.alerts()
    broken(tmp_path)
    second = Process(tmp_path, first.log, size=7, every=10, rebuild=1_000)
    second.step()
    assert second.partitions.origins["queries-0"]["how"] == "rebuilt"
    assert (second.source.position[P0], second.log.committed[P0]) != (0, 0)
    assert second.alerts() == told
    second.finish()
    assert second.alerts() == quiet
    assert second.value("partitions_taken_total", how="rebuilt") == 2
    assert second.value("findings_total", family="extraction", tier="named", status="open") == len(quiet) - len(told)


def test_state_that_is_being_built_again_is_not_saved_before_it_is_whole(tmp_path: Path) -> None:
    first = Process(tmp_path, some_log(), every=10)
    first.step(8)
    committed = dict(first.log.committed)
    broken(tmp_path)
    second = Process(tmp_path, first.log, size=3, every=1, rebuild=1_000)
    while second.source.position.get(P0, 0) < committed[P0] - 3:
        second.step()
        assert second.log.committed == committed


def test_only_so_much_is_read_again(tmp_path: Path) -> None:
    first = Process(tmp_path, some_log(), every=10)
    first.step(8)
    at = first.log.committed[P0]
    broken(tmp_path)
    first.log.first[P1] = at - 2  # older records have expired
    second = Process(tmp_path, first.log, rebuild=12)
    second.step()
    assert second.partitions.origins["queries-0"]["next_offset"] == at - 12
    assert second.partitions.origins["queries-1"]["next_offset"] == at - 2
    assert second.value("records_missed_total", partition="queries-1", reason="expired") == 0
    third = Process(tmp_path, first.log, rebuild=0)
    third.step()
    assert (third.partitions.origins["queries-0"]["how"], third.source.position[P0] > at) == ("fresh", True)


def test_records_that_expired_before_they_were_read_are_told_loudly(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    first = Process(tmp_path, some_log(), every=10)
    first.step(5)
    at = first.log.committed[P0]
    first.log.first[P0] = at + 8
    second = Process(tmp_path, first.log)
    second.finish()
    [line] = [record for record in caplog.records if "gone from the log" in record.getMessage()]
    assert (line.levelname, line.__dict__["partition"], line.__dict__["records"]) == ("ERROR", "queries-0", 8)
    assert second.value("records_missed_total", partition="queries-0", reason="expired") == 8
    gap = {"first_offset": at, "next_offset": at + 8, "reason": "expired"}
    assert second.pulse.origins["queries-0"]["gaps"] == [gap]
    assert second.pulse.origins["queries-1"]["gaps"] == []
    [letter] = second.outbox.dead_letters("record")
    assert (letter.reason, letter.offset) == ("expired", at)


def test_a_store_that_cannot_be_claimed_stops_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    process = Process(tmp_path, some_log())

    def refuse(_: Partition) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(process.store, "take", refuse)
    process.step(3)
    assert process.value("queries_total") > 0
    assert process.log.committed == {}


def test_a_process_that_lost_its_partition_saves_and_commits_nothing(tmp_path: Path, quiet: list[str]) -> None:
    log = some_log()
    one = Process(tmp_path, log, every=10)
    one.step(4)
    two = Process(tmp_path, log, every=10)
    two.step(1)
    committed = dict(log.committed)
    one.step(4)
    assert one.value("snapshots_total", outcome="fenced") >= 1
    assert log.committed == committed
    two.finish()
    assert two.alerts() == quiet


def test_a_stretch_that_cannot_be_read_is_a_dead_letter(tmp_path: Path) -> None:
    process = Process(tmp_path, some_log(records=10))
    process.step()
    process.source.extra.append(Quarantined(P0, 5, 8, "bad-checksum"))
    process.finish()
    [letter] = process.outbox.dead_letters("record")
    assert (letter.reason, letter.topic, letter.partition, letter.offset) == ("bad-checksum", "queries", 0, 5)
    assert letter.detail == "offsets 5 to 7 could not be read"
    assert process.value("stretches_quarantined_total", reason="bad-checksum") == 1


def test_a_record_on_which_the_decoder_fails_stops_neither_this_life_nor_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, together = RecordReader.read, by_template.inputs

    def failing(self: RecordReader, one: dict[str, Any], *others: Any) -> Query:
        if one["input"]["vector"][0] == 13:
            raise ZeroDivisionError(one["client"])
        return read(self, one, *others)

    def failing_together(group: Group, gathering: Gathering, *others: Any) -> Inputs:
        if (gathering.numbers[group.span(("input", "vector"))[0]] == 13).any():
            raise ZeroDivisionError(group.text)
        return together(group, gathering, *others)

    monkeypatch.setattr(RecordReader, "read", failing)
    monkeypatch.setattr(by_template, "inputs", failing_together)
    log = Log({P0: [record(f"client-{n % 3}", n) for n in range(40)]})
    Process(tmp_path, log, every=5).step(6)  # has come past it, and is killed
    process = Process(tmp_path, log, every=5)
    process.finish()
    assert log.committed == {P0: 40}
    assert process.value("records_rejected_total", reason="decoder-failed") <= 1
    with sqlite3.connect(tmp_path / "outbox.db") as connection:
        letters = connection.execute("SELECT partition, offset, reason, detail FROM letters").fetchall()
    assert letters == [(0, 13, "decoder-failed", "record: ZeroDivisionError while it was decoded")]


def test_ready_when_every_assigned_partition_is_restored(tmp_path: Path) -> None:
    process = Process(tmp_path, some_log(), mine=())
    process.step()
    assert not process.pulse.ready
    process.source.rebalance(gained=[P0])
    process.step()
    assert process.pulse.ready
    process.source.owned |= {P1}  # given to us, and not taken over yet
    process.step()
    assert not process.pulse.ready


SECRETS = ["alice@example.org", "Tr0ub4dor-secret-input", "10.66.77.88", "grüße-私密"]


def hostile() -> list[bytes]:
    lines = [
        *(record(name, 1) for name in SECRETS),
        *(
            f'{{"client": "{name}", "model": {{"{name}": 1}}, "input": {{"text": "{name}"}}}}'.encode()
            for name in SECRETS
        ),
        *(f'{{"client": "c", "model": "m", "input": {{"vector": ["{name}"]}}}}'.encode() for name in SECRETS),
        *(
            f'{{"client": "c", "model": "m", "input": {{"columns": {{"{name}": 1}}}}, "time": "{name}"}}'.encode()
            for name in SECRETS
        ),
        *(f"{name} is no JSON".encode() for name in SECRETS),
        *(f'{{"client": "{name}"'.encode() for name in SECRETS),
        *(
            f'{{"client": {{"id": "{name}", "id": "{name}"}}, "model": "m", "input": {{"text": "x"}}}}'.encode()
            for name in SECRETS
        ),
        *(
            f'{{"client": {{"id": "c", "address": "{name}"}}, "model": "m", "input": {{"text": "{name}"}}}}'.encode()
            for name in SECRETS
        ),
        "\ud800".encode("utf-8", "surrogatepass") + SECRETS[1].encode(),
    ]
    return lines * 8  # so that the stand-in engine makes findings of them


@pytest.mark.parametrize("form", ["json", "text"])
def test_nothing_that_is_written_holds_an_input_or_a_name(
    tmp_path: Path, form: str, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    stream = io.StringIO()
    root = logging.getLogger()
    before = root.handlers[:]
    start_log(LogSettings.model_validate({"form": form, "level": "debug"}), stream)
    try:
        process = Process(tmp_path, Log({P0: hostile()}), every=7)
        process.finish()
    finally:
        root.handlers[:] = before
    assert process.value("records_received_total") == len(hostile())
    rejected = sum(
        sample.value
        for metric in process.metrics.registry.collect()
        for sample in metric.samples
        if sample.name == "probewatch_records_rejected_total"
    )
    assert process.value("records_decoded_total") + rejected == len(hostile())
    assert 0 < rejected < len(hostile())
    captured = capfd.readouterr()
    written = [stream.getvalue(), captured.out, captured.err, process.metrics.page().decode()]
    files = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) >= 3
    for name in SECRETS:
        for text in written:
            assert name not in text
            assert name.encode("unicode_escape").decode() not in text
        for content in files:
            assert name.encode() not in content


def test_no_snapshot_of_a_partition_that_the_group_has_given_away(tmp_path: Path) -> None:
    """What a process does that stood still for longer than its session, and does not know it yet."""
    log = Log({P0: [record(f"client-{n % 3}", n) for n in range(200)]})
    process = Process(tmp_path, log, every=20)
    process.step(8)
    before = [file.read_bytes() for file in sorted((tmp_path / "snapshots").iterdir())]
    committed = dict(log.committed)
    assert before
    process.source.fenced = True
    process.step(20)
    assert [file.read_bytes() for file in sorted((tmp_path / "snapshots").iterdir())] == before
    assert log.committed == committed
    process.source.fenced = False  # the group was only busy: the next one is taken in time
    process.clock.now += 60
    process.step()
    assert log.committed != committed


def test_the_group_is_asked_once_for_all_partitions_that_are_due(tmp_path: Path) -> None:
    process = Process(tmp_path, some_log(), every=10)  # both partitions get five records a turn
    process.step(2)
    assert process.source.asked == [{P0, P1}]
    assert process.log.committed == {P0: 10, P1: 10}


def test_a_partition_that_the_group_has_given_away_holds_no_other_back(tmp_path: Path) -> None:
    process = Process(tmp_path, some_log(), every=10)
    process.step()
    process.source.owned = frozenset({P1})  # and nobody has told us yet
    process.step()
    assert process.source.asked == [{P0, P1}]
    assert process.log.committed == {P1: 10}
    assert {file.name.split(".")[0] for file in (tmp_path / "snapshots").glob("queries-*")} == {"queries-1"}


def test_a_disk_that_takes_no_snapshot_is_not_asked_at_every_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def full(self: SnapshotFolder, snapshot: Snapshot) -> None:
        asked.append(snapshot.next_offset)
        raise OSError(28, "No space left on device")

    log = Log({P0: [record(f"client-{n % 3}", n) for n in range(200)]})
    process = Process(tmp_path, log, every=20)
    with monkeypatch.context() as patched:
        patched.setattr(SnapshotFolder, "save", full)
        process.step(20)
    assert asked == [20]
    process.clock.now += 60
    process.step()
    assert log.committed[P0] > 20
