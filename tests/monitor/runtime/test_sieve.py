"""A record on which the engine fails costs itself: what is found is what the log without it would have given."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any, ClassVar

import orjson
import pytest
import recorded
from clock import Clock
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from standin import Engine, Log, ScriptedSource, make_engine, record

from detectors.sketch.queries import Queries
from monitor.alerts.finding import Finding
from monitor.config.runtime import RuntimeSettings
from monitor.config.sources import FileSettings
from monitor.config.trouble import Trouble
from monitor.engine.partition import PartitionEngine
from monitor.record.decode import Decoder
from monitor.record.keys import Keys
from monitor.record.raw import Partition
from monitor.runtime.folder import SnapshotFolder
from monitor.runtime.health import Pulse
from monitor.runtime.keys import OPEN_KEYS
from monitor.runtime.loop import Loop
from monitor.runtime.metrics import Metrics
from monitor.runtime.partitions import Beside, Partitions
from monitor.runtime.sieve import ROUNDS
from monitor.runtime.sifting import CULPRITS, FEW, OTHERS, STRETCH
from monitor.runtime.watch import Clocks, Watch
from monitor.sinks.outbox import Outbox
from monitor.sources.files import FileSource
from monitor.sources.protocol import Source

P0, P1 = Partition("queries", 0), Partition("queries", 1)
DEADLY = 666.0  # a latency that no engine of these tests survives
SECRET = "alice@example.org"


class Brittle(Engine):
    """Half of its state is new when it fails."""

    def feed(self, queries: Queries) -> list[Finding]:
        found = []
        for at, latency in enumerate(queries.latency_ms.tolist()):
            found += super().feed(queries.span(at, at + 1))
            if latency == DEADLY:
                raise ZeroDivisionError(SECRET)
        return found


def brittle(partition: Partition, arrays: Any) -> Any:
    return Brittle(partition, make_engine(partition, arrays).counts)


@dataclass
class Life:
    """One life of the daemon over a folder that outlives it."""

    folder: Path
    source: Source
    make: Callable[[Partition, Any], Any] = brittle
    every: int = 20  # records between snapshots
    keys: Keys = OPEN_KEYS
    beside: Beside | None = None
    rebuild: int = 0
    clock: Clock = field(default_factory=lambda: Clock(1000.0))

    def __post_init__(self) -> None:
        self.outbox = Outbox(self.folder / "outbox.db", ["a"])
        self.metrics, self.store = Metrics(), SnapshotFolder(self.folder / "snapshots")
        given: dict[str, Any] = {"config_hash": "c", "key_epoch": self.keys.epoch, "rebuild": self.rebuild}
        self.partitions = Partitions(self.make, self.store, self.clock, self.metrics, beside=self.beside, **given)
        watch = Watch(self.metrics, Pulse(self.clock, 60), Clocks(self.clock, self.clock))
        runtime = RuntimeSettings(snapshot_records=self.every)
        self.loop = Loop(self.source, Decoder(self.keys), self.partitions, self.outbox, runtime, watch)

    def finish(self) -> None:
        self.loop.run(lambda: False)

    def step(self, turns: int = 1) -> None:
        for _ in range(turns):
            self.clock.now += 1
            self.loop.step()

    def asked(self, query: str) -> list[Any]:
        with sqlite3.connect(self.folder / "outbox.db") as database:
            return database.execute(query).fetchall()

    def alerts(self) -> list[Any]:
        return self.asked("SELECT id, payload FROM alerts ORDER BY id")

    def aside(self) -> list[tuple[int, int]]:
        """Partition and offset of what was set aside."""
        return self.asked("SELECT partition, offset FROM letters WHERE reason = 'engine-failed' ORDER BY 1, 2")

    def value(self, name: str, **labels: str) -> float:
        found = self.metrics.registry.get_sample_value(f"probewatch_{name}_total", labels)
        return 0.0 if found is None else found


def deadly(line: bytes) -> bytes:
    return orjson.dumps(orjson.loads(line) | {"latency_ms": DEADLY})


def made(culprits: set[int], records: int = 120, clients: int = 4, blank: bool = False) -> Log:
    """Two partitions; records at those offsets kill an engine, or cannot be read at all."""

    def line(number: int, at: int) -> bytes:
        whole = record(f"client-{number}-{at * 7 % clients}", at)
        return whole if at not in culprits else b"{" if blank else deadly(whole)

    return Log({p: [line(p.number, at) for at in range(records)] for p in (P0, P1)})


def quiet(folder: Path, culprits: set[int], **given: int) -> list[Any]:
    """What is found where those records were never read."""
    folder.mkdir()
    life = Life(folder, ScriptedSource(made(culprits, blank=True, **given), 1_000))
    life.finish()
    assert len(life.alerts()) > 20
    return life.alerts()


CULPRITS_OF_ONE_LOG = {3, 50, 51, 77, 119}


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    culprits=st.sets(st.integers(0, 119), max_size=12),
    lives=st.lists(st.tuples(st.integers(0, 9), st.integers(1, 30), st.integers(1, 60)), max_size=4),
)
def test_killed_anywhere_it_finds_what_the_log_without_them_gives(
    tmp_path_factory: pytest.TempPathFactory, culprits: set[int], lives: list[tuple[int, int, int]]
) -> None:
    folder, log = tmp_path_factory.mktemp("brittle"), made(culprits)
    expected = quiet(tmp_path_factory.mktemp("quiet") / "life", culprits)
    for turns, size, every in lives:  # each life just ends: nothing is closed, saved or committed
        Life(folder, ScriptedSource(log, size), every=every).step(turns)
    last = Life(folder, ScriptedSource(log, 7))
    last.finish()
    assert last.alerts() == expected
    assert last.aside() == [(number, at) for number in (0, 1) for at in sorted(culprits)]
    assert log.committed == {P0: 120, P1: 120}


def test_it_is_told_without_a_word_of_the_record(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    life = Life(tmp_path, ScriptedSource(made(CULPRITS_OF_ONE_LOG), 20), every=60)
    life.finish()
    told = [one for one in caplog.records if one.getMessage().startswith("a record on which the engine fails")]
    assert Counter(one.__dict__["offset"] for one in told) == dict.fromkeys(CULPRITS_OF_ONE_LOG, 2)
    assert {one.__dict__["error"] for one in told} == {"ZeroDivisionError"}
    assert all(one.__dict__["place"].startswith(f"{__name__}, line ") for one in told)
    assert life.value("records_rejected", reason="engine-failed") == 2 * len(CULPRITS_OF_ONE_LOG)
    read = life.value("records_received")
    assert read == life.value("records_decoded") + life.value("records_rejected", reason="engine-failed")
    assert life.value("engine_failures", outcome="gone-back") == 8  # batches of 20 in which there are some
    assert life.value("engine_failures", outcome="not-again") == 0
    details = {row[0] for row in life.asked("SELECT detail FROM letters")}
    assert details == {"record: ZeroDivisionError while it was judged"}
    assert SECRET not in caplog.text + life.metrics.page().decode()


def test_a_failure_that_does_not_come_again_costs_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    left = [1]

    def once(partition: Partition, arrays: Any) -> Any:
        return brittle(partition, arrays) if left and left.pop() else make_engine(partition, arrays)

    life = Life(tmp_path / "once", ScriptedSource(made({50}), 20), make=once)
    life.finish()
    healthy = Life(tmp_path / "healthy", ScriptedSource(made({50}), 20), make=make_engine)
    healthy.finish()
    assert (life.alerts(), life.aside()) == (healthy.alerts(), [])
    assert life.value("engine_failures", outcome="not-again") == 1


class Broken(Engine):
    def feed(self, queries: Queries) -> list[Finding]:
        raise TypeError(SECRET)


def test_an_engine_that_fails_on_everything_ends_the_process_and_throws_nothing_away(tmp_path: Path) -> None:
    log = made(set())
    life = Life(tmp_path, ScriptedSource(log, 20), make=lambda partition, _: Broken(partition))
    with pytest.raises(Trouble, match="the engine fails on whatever it is fed: TypeError in ") as trouble:
        life.finish()
    assert "queries-0, from offset 0" in trouble.value.where
    assert SECRET not in str(trouble.value)
    assert (log.committed, life.aside()) == ({}, [])


@pytest.mark.parametrize("problem", [MemoryError, OSError(28, "full"), KeyboardInterrupt, SystemExit(3)])
def test_what_no_record_is_to_blame_for_is_not_caught(tmp_path: Path, problem: BaseException) -> None:
    class Failing(Engine):
        def feed(self, queries: Queries) -> list[Finding]:
            raise problem

    life = Life(tmp_path, ScriptedSource(made(set()), 20), make=lambda partition, _: Failing(partition))
    with pytest.raises(BaseException) as caught:  # noqa: PT011  (any of them)
        life.finish()
    assert isinstance(caught.value, type(problem) if not isinstance(problem, type) else problem)
    assert life.aside() == []


def test_an_engine_that_fails_by_chance_ends_the_process_after_a_while(tmp_path: Path) -> None:
    calls = count()

    class Moody(Brittle):
        """What goes well once fails when it is fed again."""

        def feed(self, queries: Queries) -> list[Finding]:
            if queries.offset.tolist() == [12] and next(calls) % 2:
                raise ZeroDivisionError(SECRET)
            return super().feed(queries)

    log = made({13})
    life = Life(tmp_path, ScriptedSource(log, 20, [P0]), make=lambda partition, _: Moody(partition))
    with pytest.raises(Trouble, match="each time on other records: ZeroDivisionError"):
        life.finish()
    assert life.value("engine_failures", outcome="gone-back") == ROUNDS + 1
    assert (log.committed, life.aside()) == ({}, [])


def test_a_failure_of_whole_batches_alone_sets_nothing_aside(tmp_path: Path) -> None:
    """What no record brings about by itself, however the log is cut the next time."""

    class Crowded(Engine):
        def feed(self, queries: Queries) -> list[Finding]:
            if 20 < len(queries) < 1_000:
                raise IndexError(SECRET)
            return super().feed(queries)

    def crowded(partition: Partition, arrays: Any) -> Any:
        return Crowded(partition, make_engine(partition, arrays).counts)

    life = Life(tmp_path / "crowded", ScriptedSource(made(set()), 30), make=crowded, every=100)
    life.finish()
    healthy = Life(tmp_path / "healthy", ScriptedSource(made(set()), 30), make=make_engine)
    healthy.finish()
    assert (life.alerts(), life.aside()) == (healthy.alerts(), [])


class Counted(Brittle):
    """Counts what the engines of a life have been through."""

    fed = restored = 0

    def feed(self, queries: Queries) -> list[Finding]:
        Counted.fed += len(queries)
        return super().feed(queries)


def counted(partition: Partition, arrays: Any) -> Any:
    Counted.restored += arrays is not None
    return Counted(partition, make_engine(partition, arrays).counts)


@pytest.mark.parametrize("clients", [2, 97])
def test_whoever_can_break_it_with_every_second_record_makes_it_slow_but_not_slower_and_slower(
    tmp_path: Path, clients: int
) -> None:
    costs = []
    for records in (600, 1_200):
        Counted.fed = Counted.restored = 0
        log = made(set(range(0, records, 2)), records, clients)
        life = Life(tmp_path / str(records), ScriptedSource(log, 200), make=counted, every=10**9)
        life.finish()
        costs.append((Counted.fed, Counted.restored))
        assert log.committed == {P0: records, P1: records}
        assert {at for _, at in life.aside()} >= set(range(0, records, 2))
        arrivals = 2 * records // 200
        assert Counted.restored <= arrivals * (CULPRITS + OTHERS + 4 + 2 * (1 + STRETCH // FEW))
    assert costs[1][0] < 2.1 * costs[0][0]
    assert costs[1][1] < 2.1 * costs[0][1]


def test_one_client_that_breaks_it_takes_nobody_along(tmp_path: Path) -> None:
    culprits = {at for at in range(400) if at * 7 % 20 == 3}  # all of one client of 20

    life = Life(tmp_path / "life", ScriptedSource(made(culprits, 400, 20), 400), make=brittle)
    life.finish()
    assert life.aside() == [(number, at) for number in (0, 1) for at in sorted(culprits)]
    assert life.alerts() == quiet(tmp_path / "quiet", culprits, records=400, clients=20)
    reasons = Counter(row[0] for row in life.asked("SELECT detail FROM letters"))
    assert reasons["record: ZeroDivisionError while it was judged"] == 2 * CULPRITS
    assert sum(reasons.values()) == 2 * len(culprits)


def test_beyond_what_is_looked_for_only_close_neighbours_are_taken_along(tmp_path: Path) -> None:
    culprits = {*range(CULPRITS + OTHERS), 1_000, 1_500}
    life = Life(tmp_path, ScriptedSource(made(culprits, 2_000, 97), 2_000, [P0]))
    life.finish()
    aside = {at for _, at in life.aside()}
    assert culprits <= aside
    assert len(aside) <= STRETCH + 2 * FEW
    assert all(min(abs(at - one) for one in culprits) < FEW for at in aside if at >= STRETCH)


def test_a_partition_that_went_to_somebody_else_is_not_claimed_back(tmp_path: Path) -> None:
    log = made({50})
    one = Life(tmp_path, ScriptedSource(log, 20, [P0]), every=20)
    one.step(2)
    other = SnapshotFolder(tmp_path / "snapshots")
    other.take(P0)  # and nobody has told us yet
    claims = sorted(file.name for file in (tmp_path / "snapshots").glob("claim-*"))
    one.step(4)
    assert one.value("engine_failures", outcome="gone-back") == 1
    assert sorted(file.name for file in (tmp_path / "snapshots").glob("claim-*")) == claims
    assert one.value("snapshots", outcome="fenced") > 0
    assert log.committed == {P0: 40}


def test_a_partition_that_is_lost_while_it_is_in_doubt_is_sifted_by_the_next_owner(tmp_path: Path) -> None:
    log = made({50})
    one = Life(tmp_path, ScriptedSource(log, 20), every=20)
    while not one.value("engine_failures", outcome="gone-back"):
        one.step()
    assert isinstance(one.source, ScriptedSource)
    one.source.rebalance(lost=[P0, P1])
    one.step()
    one.source.rebalance(gained=[P0, P1])
    one.finish()
    assert one.alerts() == quiet(tmp_path / "quiet", {50})
    assert one.aside() == [(0, 50), (1, 50)]


def test_without_a_snapshot_it_goes_back_to_where_reading_began(tmp_path: Path) -> None:
    log = made({50})

    class Late(ScriptedSource):
        """Begins where the log ends at the moment at which it is asked, as a group without offsets may be told to."""

        asked_for: ClassVar[list[int | None]] = []

        def seek(self, partition: Partition, offset: int | None) -> None:
            self.asked_for.append(offset)
            super().seek(partition, 40 if offset is None else offset)

        def bounds(self, partition: Partition) -> Any:
            return super().bounds(partition).__class__(0, 40 + len(self.asked_for))

    life = Life(tmp_path, Late(log, 20, [P0]), every=10**9)
    life.finish()
    assert Late.asked_for == [None, 40]
    assert life.aside() == [(0, 50)]


def test_state_that_is_built_again_is_sifted_and_tells_nothing_twice(tmp_path: Path) -> None:
    log = made({5, 50, 90})
    first = Life(tmp_path, ScriptedSource(log, 20), every=20)
    first.step(4)
    told = first.alerts()
    for file in (tmp_path / "snapshots").glob("*.snapshot"):
        file.write_bytes(file.read_bytes()[:-3])
    second = Life(tmp_path, ScriptedSource(log, 7), every=20, rebuild=1_000)
    second.finish()
    expected = quiet(tmp_path / "quiet", {5, 50, 90})
    assert second.alerts() == expected
    found = second.value("findings", family="extraction", tier="named", status="open")
    assert 0 < found == len(expected) - len(told)


class Noted:
    """What follows the engines: it has to hear of every good record once, and of no other."""

    def __init__(self) -> None:
        self.heard: dict[Partition, list[int]] = {P0: [], P1: []}

    def take(self, partition: Partition, next_offset: int | None) -> None:
        assert next_offset is None, "it follows on, whatever the engine goes back to"

    def drop(self, partition: Partition) -> None: ...

    def feed(self, partition: Partition, queries: Queries) -> None:
        own = self.heard[partition]
        own += [at for at in queries.offset.tolist() if not own or at > own[-1]]

    def save(self, partition: Partition, next_offset: int) -> None: ...


def test_what_follows_the_engines_hears_of_every_good_record(tmp_path: Path) -> None:
    noted = Noted()
    Life(tmp_path, ScriptedSource(made(CULPRITS_OF_ONE_LOG), 20), beside=noted).finish()
    assert noted.heard == dict.fromkeys((P0, P1), sorted(set(range(120)) - CULPRITS_OF_ONE_LOG))


def test_standard_input_cannot_go_back_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "log").write_bytes(b"".join(line + b"\n" for line in made({50}).records[P0]))
    with (tmp_path / "log").open() as log:
        monkeypatch.setattr("sys.stdin", log)
        life = Life(tmp_path, FileSource(FileSettings(paths=(Path("-"),))))
        with pytest.raises(Trouble, match="standard input cannot go to line 0") as trouble:
            life.finish()
    assert "into a file" in trouble.value.mend


class Real(PartitionEngine):
    """The engine itself, which fails when everything else about the queries is done."""

    def _flooded(self, queries: Queries, clocks: Any) -> Iterator[Any]:
        if DEADLY in queries.latency_ms:
            raise ZeroDivisionError(SECRET)
        yield from super()._flooded(queries, clocks)


def real(partition: Partition, arrays: Any) -> Any:
    of = (partition, recorded.engine_settings(), recorded.every())
    if arrays is None:
        return Real(*of, recorded.ORIGIN)
    return Real.restore(*of, arrays, recorded.ORIGIN)


def test_the_real_engine_finds_what_the_log_without_them_gives(tmp_path: Path) -> None:
    attacks = ("hop-skip-jump", "probe-replay", "coordinate-climb", "key-spray", "tried-key")
    lines = recorded.records(
        lambda _, label, one: (
            recorded.model(one) in ("digits", "hi")
            and (label["kind"] in attacks if label["attack"] else label["queries"] <= 100)
        )
    )
    culprits = (7, 600, 1_499, 1_500, 1_700, 1_701, len(lines) - 1)
    spoilt, blank = list(lines), list(lines)
    for at in culprits:
        spoilt[at], blank[at] = deadly(lines[at]), b"{"
    found = []
    for name, content in (("log", spoilt), ("blank", blank)):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "requests.ndjson").write_bytes(b"".join(line + b"\n" for line in content))
        settings = FileSettings(paths=(folder / "requests.ndjson",), records=500)
        first = Life(folder, FileSource(settings), make=real, every=700, keys=recorded.KEYS)
        first.step(4)
        last = Life(folder, FileSource(settings), make=real, every=700, keys=recorded.KEYS)
        last.finish()
        found.append((last.alerts(), last.aside()))
    (alerts, aside), (expected, none) = found
    assert len(expected) >= 5
    assert alerts == expected
    assert ([at for _, at in aside], none) == (list(culprits), [])
