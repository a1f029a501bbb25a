"""Delivery: order, rest, holds, dead letters, and sinks that leave each other alone."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from clock import Clock
from findings import EXAMPLE, finding, several
from hypothesis import given
from hypothesis import strategies as st

from monitor.alerts.finding import Finding
from monitor.config.sinks import OutboxSettings
from monitor.formats.native import parse
from monitor.sinks.delivery import Delivery
from monitor.sinks.ndjson import FileSink
from monitor.sinks.outbox import Outbox
from monitor.sinks.protocol import DELIVERED, Outcome
from monitor.sinks.worker import Backoff, Worker

RETRY = Outcome("retry", "busy")
HOLD = Outcome("hold", "status 401")
REFUSED = Outcome("refused", "status 400")


class Far:
    """The far side of a sink: answers as the script says, then takes everything."""

    def __init__(self, *script: Outcome | Exception, name: str = "far", max_batch: int = 10) -> None:
        self.name = name
        self.max_batch = max_batch
        self.script = list(script)
        self.got: list[str] = []
        self.doubts: list[set[str]] = []
        self.closed = False

    def send(self, alerts: Sequence[Finding], doubtful: Collection[str] = ()) -> list[Outcome]:
        self.doubts.append(set(doubtful))
        answer = self.script.pop(0) if self.script else DELIVERED
        if isinstance(answer, Exception):
            raise answer
        if answer.verdict == "delivered":
            self.got += [alert.id for alert in alerts]
        return [answer] * len(alerts)

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def clock() -> Clock:
    return Clock(1_000_000.0)


@pytest.fixture
def outbox(tmp_path: Path, clock: Clock) -> Iterator[Outbox]:
    box = Outbox(tmp_path / "outbox.db", ["far", "near"], OutboxSettings(), clock)
    yield box
    box.close()


def worker(far: Far, outbox: Outbox, clock: Clock, chance: float = 1.0) -> Worker:
    return Worker(far, outbox, Backoff(first=1.0, ceiling=8.0, hold=30.0), clock, lambda: chance, clock)


def ids(count: int) -> list[str]:
    return [alert.id for alert in several(count)]


def test_everything_arrives_in_order_and_in_batches(outbox: Outbox, clock: Clock) -> None:
    far = Far()
    one = worker(far, outbox, clock)
    outbox.accept(several(25))
    assert [one.step() for _ in range(4)] == [0.0, 0.0, 0.0, None]
    assert far.got == ids(25)
    assert asdict(one.stats) == {
        "accepted": 0,
        "sent": 25,
        "retried": 0,
        "refused": 0,
        "held": 0,
        "skipped": 0,
        "folded": 0,
        "last_success": clock.now,
    }


def test_rests_grow_with_failures_up_to_the_ceiling_and_end_with_success(outbox: Outbox, clock: Clock) -> None:
    far = Far(*[RETRY] * 6, max_batch=1)
    one = worker(far, outbox, clock)
    outbox.accept(several(8))
    rests = []
    for _ in range(6):
        rests.append(one.step())
        clock.now += rests[-1] or 0.0
    assert rests == [1.0, 2.0, 4.0, 8.0, 8.0, 8.0]
    assert one.step() == 0.0
    assert one.stats.retried == 6


def test_a_resting_sink_is_left_in_peace(outbox: Outbox, clock: Clock) -> None:
    far = Far(RETRY)
    one = worker(far, outbox, clock)
    outbox.accept(several(1))
    assert one.step() == 1.0
    clock.now += 0.75
    assert one.step() == 0.25
    assert len(far.doubts) == 1


@given(st.integers(1, 500), st.floats(0, 1))
def test_jitter_is_full_and_bounded(failures: int, chance: float) -> None:
    backoff = Backoff(first=0.5, ceiling=60.0)
    delay = backoff.delay(failures, chance)
    assert 0.0 <= delay <= min(60.0, 0.5 * 2.0 ** min(failures - 1, 60))
    assert delay == chance * backoff.delay(failures, 1.0)


def test_the_far_side_may_ask_for_a_longer_rest(outbox: Outbox, clock: Clock) -> None:
    one = worker(Far(Outcome("retry", "status 429", after=120.0)), outbox, clock)
    outbox.accept(several(1))
    assert one.step() == 120.0


def test_an_alert_that_always_fails_does_not_block_those_behind_it(outbox: Outbox, clock: Clock) -> None:
    class Picky(Far):
        def send(self, alerts: Sequence[Finding], doubtful: Collection[str] = ()) -> list[Outcome]:
            outcomes = [RETRY if alert.id == ids(1)[0] else DELIVERED for alert in alerts]
            self.got += [alert.id for alert, outcome in zip(alerts, outcomes, strict=True) if outcome is DELIVERED]
            return outcomes

    far = Picky(max_batch=1)
    one = worker(far, outbox, clock)
    outbox.accept(several(30))
    for _ in range(60):
        clock.now += one.step() or 0.0
    assert far.got == ids(30)[1:]
    assert outbox.waiting("far") == 1


@pytest.mark.parametrize("jump", [-86_400.0, -10.0, 400 * 86_400.0])
def test_a_clock_that_is_set_keeps_nothing_waiting(outbox: Outbox, clock: Clock, jump: float) -> None:
    far, steady = Far(RETRY, RETRY), Clock(0.0)
    one = Worker(far, outbox, Backoff(first=8.0), clock, lambda: 1.0, steady)
    outbox.accept(several(1))
    assert one.step() == 8.0
    clock.now += jump
    steady.now += 0.5
    one.step()
    assert len(far.doubts) == 2
    clock.now += 0.5
    steady.now += 0.5
    one.step()
    assert len(far.doubts) == 2, "a clock that ticks is no clock that was set"


def test_what_waited_for_a_clock_of_an_earlier_life_is_due_at_once(outbox: Outbox, clock: Clock) -> None:
    outbox.accept(several(1))
    first = worker(Far(RETRY), outbox, clock)
    first.step()
    clock.now -= 3 * 86_400.0
    far = Far()
    worker(far, outbox, clock).step()
    assert len(far.doubts) == 1


def test_a_refused_alert_becomes_a_dead_letter(outbox: Outbox, clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    one = worker(Far(REFUSED), outbox, clock)
    outbox.accept(several(2))
    assert (one.step(), one.step()) == (0.0, None)
    assert one.stats.refused == 2
    assert [letter.reason for letter in outbox.dead_letters(sink="far")] == ["status 400"] * 2
    assert [record.reason for record in caplog.records] == ["status 400"]  # type: ignore[attr-defined]


def test_a_hold_drops_nothing_and_is_said_once(outbox: Outbox, clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    far = Far(HOLD, HOLD, RETRY)
    one = worker(far, outbox, clock)
    outbox.accept(several(3))
    began = clock.now
    for expected in (30.0, 30.0, 1.0):
        assert one.step() == expected
        clock.now += expected
        assert one.holding
        assert outbox.held_since("far") == began
    clock.now += 60.0
    assert one.step() == 0.0
    assert far.got == ids(3)
    assert not one.holding
    assert outbox.held_since("far") is None
    assert [record.levelname for record in caplog.records] == ["ERROR", "WARNING"]
    assert one.stats.held == 6


def test_a_faulty_sink_loses_nothing_and_its_error_is_not_repeated(outbox: Outbox, clock: Clock) -> None:
    far = Far(RuntimeError("https://user:secret@far"))
    one = worker(far, outbox, clock)
    outbox.accept(several(2))
    assert one.step() == 1.0
    clock.now += 10.0
    assert one.step() == 0.0
    assert far.doubts == [set(), set(ids(2))]
    assert far.got == ids(2)


def test_an_outcome_that_is_missing_is_a_fault(outbox: Outbox, clock: Clock) -> None:
    class Short(Far):
        def send(self, alerts: Sequence[Finding], doubtful: Collection[str] = ()) -> list[Outcome]:
            return super().send(alerts, doubtful)[1:]

    one = worker(Short(), outbox, clock)
    outbox.accept(several(3))
    assert one.step() == 1.0
    assert outbox.waiting("far") == 3


def test_what_waited_at_the_start_counts_as_accepted(outbox: Outbox, clock: Clock) -> None:
    outbox.accept(several(4))
    assert worker(Far(), outbox, clock).stats.accepted == 4


def test_a_broken_sink_delays_no_other(outbox: Outbox) -> None:
    blocked = threading.Event()

    class Stuck(Far):
        def send(self, alerts: Sequence[Finding], doubtful: Collection[str] = ()) -> list[Outcome]:
            blocked.wait(30)
            return [RETRY] * len(alerts)

    far, near = Stuck(), Far(name="near")
    delivery = Delivery(outbox, [far, near])
    delivery.start()
    outbox.accept(several(50))
    while len(near.got) < 50:
        left = delivery.drain(0.05)
    assert near.got == ids(50)
    assert left["far"] == 50
    blocked.set()
    delivery.stop()
    assert (far.closed, near.closed) == (True, True)
    assert not delivery.broken


def test_drain_waits_for_what_was_accepted_just_before(outbox: Outbox) -> None:
    far, near = Far(RETRY, max_batch=3), Far(HOLD, name="near")
    delivery = Delivery(outbox, [far, near], Backoff(first=0.01, hold=60.0))
    delivery.start()
    for alert in several(20):
        outbox.accept([alert])
    left = delivery.drain(20.0)
    delivery.stop()
    assert left == {"far": 0, "near": 20}
    assert Counter(far.got) == Counter(ids(20))
    assert delivery.stats["far"].accepted == delivery.stats["far"].sent == 20


def test_a_delivery_that_was_never_started_can_be_stopped(outbox: Outbox) -> None:
    far = Far()
    Delivery(outbox, [far]).stop()
    assert far.closed


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_fault_of_our_own_is_loud(outbox: Outbox) -> None:
    class Fatal(Far):
        def send(self, alerts: Sequence[Finding], doubtful: Collection[str] = ()) -> list[Outcome]:
            raise SystemExit

    delivery = Delivery(outbox, [Fatal()])
    delivery.start()
    outbox.accept(several(1))
    delivery.drain(10.0)
    delivery.stop()
    assert delivery.broken == {"far": "SystemExit"}
    assert outbox.waiting("far") == 1


def test_a_disk_that_is_full_for_a_while_stops_no_thread(outbox: Outbox, clock: Clock) -> None:
    far = Far()
    one = worker(far, outbox, clock)
    outbox.accept(several(200))
    with outbox._database.reading() as connection:
        connection.execute("PRAGMA query_only = ON")
    delivery = Delivery(outbox, [far])
    delivery.start()
    delivery.stop()
    assert not delivery.broken
    with outbox._database.reading() as connection:
        connection.execute("PRAGMA query_only = OFF")
    while one.step() is not None:
        pass
    assert Counter(far.got) == Counter(ids(200))


DAEMON = """
import sys
from pathlib import Path
from monitor.sinks.delivery import Delivery
from monitor.sinks.ndjson import FileSink
from monitor.sinks.outbox import Outbox
from monitor.sinks.rotation import Rotation
from tests.findings import finding
folder, start = Path(sys.argv[1]), int(sys.argv[2])
outbox = Outbox(folder / "outbox.db", ["file"])
delivery = Delivery(outbox, [FileSink("file", folder / "alerts.ndjson", Rotation(bytes=30_000))])
delivery.start()
for episode in range(start, start + 100_000):
    outbox.accept([finding(episode=episode)])
    print(episode, flush=True)
"""


def test_kill_9_again_and_again_neither_loses_nor_doubles_an_alert(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    accepted = 0
    for kill in range(4):
        command = [sys.executable, "-c", DAEMON, str(tmp_path), str(accepted)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, text=True) as process:
            assert process.stdout is not None
            for line in process.stdout:
                if int(line) >= accepted + 40 + 13 * kill:
                    process.send_signal(signal.SIGKILL)
                    break
            accepted = int((process.stdout.read() or line).split()[-1]) + 1
    outbox = Outbox(tmp_path / "outbox.db", ["file"])
    delivery = Delivery(outbox, [FileSink("file", tmp_path / "alerts.ndjson")])
    delivery.start()
    assert delivery.drain(20.0) == {"file": 0}
    delivery.stop()
    lines = [line for path in tmp_path.glob("alerts.ndjson*") for line in path.read_bytes().splitlines()]
    counts = Counter(parse(line).id for line in lines)
    assert set(counts.values()) == {1}
    assert {finding(episode=n).id for n in range(accepted)} <= set(counts)
    assert len(counts) in {len(outbox.history.latest(limit=10**6))}
    outbox.close()


def test_revisions_reach_a_sink_in_their_order(outbox: Outbox, clock: Clock) -> None:
    far = Far(DELIVERED, RETRY, RETRY, max_batch=1)
    one = worker(far, outbox, clock)
    revisions = [replace(EXAMPLE, revision=n) for n in range(6)]
    outbox.accept(revisions)
    for _ in range(30):
        clock.now += one.step() or 0.0
    assert far.got == [alert.id for alert in revisions]


def test_sinks_change_while_alerts_wait(tmp_path: Path) -> None:
    """What waits for a sink waits for its successor; what is taken out keeps its place; the others are left alone."""
    outbox = Outbox(tmp_path / "outbox.db", ["far", "near", "odd"])
    far, near, odd = Far(HOLD, HOLD, HOLD, name="far"), Far(name="near"), Far(HOLD, HOLD, HOLD, name="odd")
    delivery = Delivery(outbox, [far, near, odd], Backoff(first=0.01, ceiling=0.01, hold=60.0))
    delivery.start()
    alerts = several(9)
    outbox.accept(alerts[:3])
    delivery.drain(10)
    assert (far.got, near.got, outbox.waiting("odd")) == ([], ids(3), 3)

    successor, extra = Far(name="far"), Far(name="extra")
    delivery.renew(["far", "near", "extra"], [successor, extra], {})
    assert (far.closed, odd.closed, near.closed) == (True, True, False)
    outbox.accept(alerts[3:6])
    assert delivery.drain(10) == {"near": 0, "far": 0, "extra": 0}
    assert (successor.got, extra.got, near.got) == (ids(6), ids(6)[3:], ids(6))
    assert (outbox.waiting("odd"), delivery.gone, set(delivery.stats)) == (3, {"odd"}, {"near", "far", "extra"})

    back = Far(name="odd")
    delivery.renew(["odd", "near"], [back], {})
    outbox.accept(alerts[6:])
    delivery.drain(10)
    assert (back.got, near.got, extra.got) == (ids(3) + ids(9)[6:], ids(9), ids(6)[3:])
    delivery.stop()
    assert near.closed
    assert back.closed
    outbox.close()
