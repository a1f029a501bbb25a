"""The outbox: nothing that was accepted is lost or doubled, whatever happens to the process or the disk."""

from __future__ import annotations

import os
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from clock import Clock
from findings import EXAMPLE, STARTED, finding, several
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from monitor.alerts.finding import Finding
from monitor.config.sinks import OutboxSettings
from monitor.config.trouble import Trouble
from monitor.record.raw import Partition
from monitor.record.rejected import Rejected
from monitor.sinks.outbox import Outbox, Settled
from monitor.sinks.protocol import DELIVERED, Outcome

DAY = 86_400.0
RETRY = Outcome("retry", "busy")


@pytest.fixture
def clock() -> Clock:
    return Clock(1_000_000.0)


Open = Callable[..., Outbox]


@pytest.fixture
def open_outbox(tmp_path: Path, clock: Clock) -> Iterator[Open]:
    opened: list[Outbox] = []

    def opener(*sinks: str, **limits: float) -> Outbox:
        opened.append(Outbox(tmp_path / "state" / "outbox.db", sinks or ("a", "b"), OutboxSettings(**limits), clock))
        return opened[-1]

    yield opener
    for one in opened:
        one.close()


def names(outbox: Outbox, sink: str, now: float = 1e12) -> list[str]:
    return [due.finding.id for due in outbox.claim(sink, now, 10_000)]


def settle_all(outbox: Outbox, sink: str, outcome: Outcome, again_at: float = 0.0) -> int:
    due = outbox.claim(sink, 1e12, 10_000)
    outbox.settle(sink, [Settled(one.seq, outcome, again_at) for one in due])
    return len(due)


def test_every_sink_gets_each_alert_once_and_in_order(open_outbox: Open) -> None:
    outbox, alerts = open_outbox(), several(5)
    assert outbox.accept(alerts) == 5
    assert outbox.accept(alerts) == 0
    assert [due.finding for due in outbox.claim("a", 1e12, 3)] == alerts[:3]
    assert settle_all(outbox, "a", DELIVERED) == 5
    assert names(outbox, "a") == []
    assert names(outbox, "b") == [alert.id for alert in alerts]


def test_a_delivered_alert_is_remembered(open_outbox: Open) -> None:
    outbox = open_outbox()
    outbox.accept([EXAMPLE])
    settle_all(outbox, "a", DELIVERED)
    settle_all(outbox, "b", DELIVERED)
    outbox.close()
    again = open_outbox()
    assert again.accept([EXAMPLE, replace(EXAMPLE, revision=3)]) == 1
    assert names(again, "a") == [replace(EXAMPLE, revision=3).id]


def test_what_was_claimed_when_the_process_ended_comes_again_as_doubtful(open_outbox: Open) -> None:
    outbox = open_outbox("a")
    outbox.accept([EXAMPLE])
    assert [(due.tries, due.doubtful) for due in outbox.claim("a", 0, 10)] == [(0, False)]
    outbox.close()
    assert [(due.tries, due.doubtful) for due in open_outbox("a").claim("a", 0, 10)] == [(1, True)]


def test_a_clear_refusal_to_take_it_now_leaves_no_doubt(open_outbox: Open) -> None:
    outbox = open_outbox("a")
    outbox.accept([EXAMPLE])
    settle_all(outbox, "a", RETRY, again_at=50.0)
    assert outbox.claim("a", 49.0, 10) == []
    assert outbox.next_due("a", 49.0) == 50.0
    assert [due.doubtful for due in outbox.claim("a", 50.0, 10)] == [False]


def test_a_revision_waits_for_the_one_before_it(open_outbox: Open) -> None:
    outbox = open_outbox("a")
    first, second, other = EXAMPLE, replace(EXAMPLE, revision=3), finding(episode=9)
    outbox.accept([first])
    settle_all(outbox, "a", RETRY, again_at=2e12)
    outbox.accept([second, other])
    assert names(outbox, "a") == [other.id]
    assert set(names(outbox, "a", now=3e12)) == {first.id, second.id, other.id}


def test_a_refused_alert_is_a_dead_letter_and_can_be_replayed(open_outbox: Open) -> None:
    outbox = open_outbox()
    outbox.accept([EXAMPLE])
    settle_all(outbox, "a", Outcome("refused", "status 400"))
    assert outbox.waiting("a") == 0
    [letter] = outbox.dead_letters("alert", sink="a")
    assert (letter.sink, letter.alert, letter.reason) == ("a", EXAMPLE.id, "status 400")
    assert outbox.letters.counts("alert") == {"status 400": 1}
    assert outbox.letters.replay(sink="b") == 0
    assert outbox.letters.replay(sink="a") == 1
    assert outbox.dead_letters() == []
    assert names(outbox, "a") == [EXAMPLE.id]


def test_only_the_letters_asked_for_are_replayed(open_outbox: Open) -> None:
    outbox = open_outbox("a")
    outbox.accept(several(3))
    settle_all(outbox, "a", Outcome("refused", "no"))
    letters = outbox.dead_letters()
    assert outbox.letters.replay(numbers=[letters[1].number]) == 1
    assert names(outbox, "a") == [letters[1].alert]


def test_a_hold_drops_nothing_and_ends_with_the_first_delivery(open_outbox: Open, clock: Clock) -> None:
    outbox = open_outbox("a")
    outbox.accept(several(2))
    settle_all(outbox, "a", Outcome("hold", "status 401"))
    clock.now += 60
    settle_all(outbox, "a", Outcome("hold", "status 403"))
    settle_all(outbox, "a", RETRY)
    assert outbox.held("a") == (1_000_000.0, "status 401")
    assert outbox.held_since("b") is None
    assert settle_all(outbox, "a", DELIVERED) == 2
    assert outbox.held("a") is None


def rejected(offset: int, reason: str = "not-json") -> Rejected:
    return Rejected(Partition("log", 1), offset, reason, "record: not JSON", 17)


def test_rejected_records_are_kept_and_counted_once(open_outbox: Open) -> None:
    outbox = open_outbox()
    assert outbox.reject([rejected(5), rejected(6), rejected(6, "too-large")]) == 3
    assert outbox.reject([rejected(5)]) == 0
    assert outbox.letters.counts("record") == {"not-json": 2, "too-large": 1}
    newest = outbox.dead_letters("record")[0]
    assert (newest.topic, newest.partition, newest.offset, newest.size) == ("log", 1, 6, 17)
    assert outbox.letters.replay() == 0


def test_a_flood_of_bad_records_is_bounded_and_counted(open_outbox: Open) -> None:
    outbox = open_outbox("a", letters=10)
    outbox.accept([EXAMPLE])
    settle_all(outbox, "a", Outcome("refused", "no"))
    for start in range(0, 100, 25):
        outbox.reject([rejected(start + n) for n in range(25)])
    assert [letter.offset for letter in outbox.dead_letters("record", limit=50)] == list(range(99, 89, -1))
    assert outbox.letters.counts("record") == {"not-json": 100, "dropped": 90}
    assert len(outbox.dead_letters("alert")) == 1


def test_it_is_full_when_one_sink_has_too_much_waiting(open_outbox: Open) -> None:
    outbox = open_outbox(waiting=3)
    outbox.accept(several(2))
    assert not outbox.full
    outbox.accept(several(3))
    assert outbox.full
    settle_all(outbox, "a", DELIVERED)
    assert outbox.full
    settle_all(outbox, "b", DELIVERED)
    assert not outbox.full


def test_old_alerts_are_forgotten_but_never_undelivered_ones(open_outbox: Open, clock: Clock) -> None:
    outbox, alerts = open_outbox("a", days=30), several(4)
    outbox.accept(alerts)
    first, second, third, _ = outbox.claim("a", 1e12, 10)
    outbox.settle("a", [Settled(first.seq, DELIVERED, 0), Settled(second.seq, Outcome("refused", "no"), 0)])
    outbox.settle("a", [Settled(third.seq, RETRY, 0)])
    outbox.close()
    clock.now += 31 * DAY
    outbox = open_outbox("a", days=30)
    outbox.accept([finding(episode=99)])
    known = {alert.id for alert in outbox.history.latest()}
    assert known == {*(alert.id for alert in alerts[1:]), finding(episode=99).id}
    assert outbox.accept(alerts) == 1  # the forgotten one is new again


def test_too_many_alerts_are_forgotten_but_never_undelivered_ones(open_outbox: Open) -> None:
    outbox = open_outbox("a", alerts=1_000)
    outbox.accept(several(1_500))
    due = outbox.claim("a", 1e12, 10_000)
    outbox.settle("a", [Settled(one.seq, DELIVERED, 0) for one in due[100:]])
    outbox.accept([finding(episode=n) for n in range(2_000, 3_000)])
    left = outbox.history.latest(limit=10_000)
    assert len(left) == 1_000 + 100
    assert {one.finding.id for one in due[:100]} <= {alert.id for alert in left}


def test_the_history_shows_the_latest_revision_and_filters(open_outbox: Open) -> None:
    outbox = open_outbox()
    closed = replace(EXAMPLE, revision=3, status="closed", updated_at=EXAMPLE.updated_at + 5)
    other = finding(model="fraud", family="cost", updated_at=EXAMPLE.updated_at + 9)
    outbox.accept([EXAMPLE, other, closed])
    assert outbox.history.latest() == [other, closed]
    assert outbox.history.latest(model="credit") == [closed]
    assert outbox.history.latest(family="cost") == [other]
    assert outbox.history.latest(status="closed") == [closed]
    assert outbox.history.latest(status="updated", model="credit") == []
    assert outbox.history.latest(since=closed.updated_at + 1) == [other]
    assert outbox.history.latest(limit=1) == [other]
    for name in (EXAMPLE.finding, EXAMPLE.finding[:6], EXAMPLE.id):
        assert outbox.history.revisions(name) == [EXAMPLE, closed]


@pytest.mark.parametrize(("name", "what"), [("zzz", "no finding begins"), ("", "2 findings begin")])
def test_the_history_says_when_a_name_is_not_one_finding(open_outbox: Open, name: str, what: str) -> None:
    outbox = open_outbox()
    outbox.accept(several(2))
    with pytest.raises(Trouble, match=what):
        outbox.history.revisions(name)


def test_the_age_of_what_waits_is_known(open_outbox: Open, clock: Clock) -> None:
    outbox = open_outbox("a")
    assert outbox.oldest("a") is None
    outbox.accept(several(1))
    clock.now += 90.0
    outbox.accept(several(2))
    assert outbox.oldest("a") == clock.now - 90.0


def test_listeners_hear_of_new_alerts_only(open_outbox: Open) -> None:
    outbox, heard = open_outbox(), []
    outbox.subscribe(heard.append)
    outbox.accept(several(3))
    outbox.accept(several(4))
    outbox.accept(several(4))
    outbox.accept([])
    assert heard == [3, 1]


def test_an_alert_that_cannot_be_read_any_more_is_put_aside(open_outbox: Open, tmp_path: Path) -> None:
    outbox = open_outbox("a")
    outbox.accept(several(2))
    with sqlite3.connect(tmp_path / "state" / "outbox.db") as connection:
        connection.execute("UPDATE alerts SET payload = '{}' WHERE seq = 1")
    assert names(outbox, "a") == [several(2)[1].id]
    assert [letter.reason for letter in outbox.dead_letters()] == ["unreadable"]


def test_threads_may_use_it_together(open_outbox: Open) -> None:
    outbox, alerts = open_outbox("a"), several(200)
    taken: list[str] = []

    def produce(part: list[Finding]) -> None:
        for alert in part:
            outbox.accept([alert])

    threads = [threading.Thread(target=produce, args=(alerts[n::4],)) for n in range(4)]
    for thread in threads:
        thread.start()
    while len(taken) < len(alerts):
        due = outbox.claim("a", 1e12, 17)
        taken += [one.finding.id for one in due]
        outbox.settle("a", [Settled(one.seq, DELIVERED, 0) for one in due])
    for thread in threads:
        thread.join()
    assert sorted(taken) == sorted(alert.id for alert in alerts)


def test_the_file_is_private_and_syncs_every_commit(open_outbox: Open, tmp_path: Path) -> None:
    outbox = open_outbox()
    assert stat.S_IMODE((tmp_path / "state" / "outbox.db").stat().st_mode) == 0o600
    with outbox._database.reading() as connection:
        assert connection.execute("PRAGMA synchronous").fetchone() == (2,)
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_a_full_disk_is_trouble_and_nothing_is_half_accepted(open_outbox: Open) -> None:
    outbox = open_outbox("a")
    outbox.accept([EXAMPLE])
    with outbox._database.reading() as connection:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {pages + 2}")
    with pytest.raises(Trouble, match="the disk is full") as caught:
        outbox.accept(several(50))
    assert "outbox.db" in caught.value.where
    assert outbox.waiting("a") == 1
    with outbox._database.reading() as connection:
        connection.execute("PRAGMA max_page_count = 1000000")
    assert outbox.accept(several(50)) == 50


@pytest.mark.parametrize(
    ("prepare", "what"),
    [
        (lambda path: path.write_bytes(b"not a database at all" * 99), "not an outbox"),
        (lambda path: path.mkdir(), "cannot be opened"),
        (lambda path: sqlite3.connect(path).execute("PRAGMA user_version = 99"), "a newer version wrote it"),
    ],
)
def test_a_file_that_is_no_outbox_is_trouble(tmp_path: Path, prepare: Callable[[Path], object], what: str) -> None:
    prepare(tmp_path / "outbox.db")
    with pytest.raises(Trouble, match=what):
        Outbox(tmp_path / "outbox.db", ["a"])


def test_a_folder_that_cannot_be_made_is_trouble(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(Trouble, match="cannot be created"):
        Outbox(tmp_path / "file" / "outbox.db", ["a"])


ENDLESS = """
import sys
from pathlib import Path
from monitor.sinks.outbox import Outbox, Settled
from monitor.sinks.protocol import DELIVERED
from tests.findings import finding
outbox = Outbox(Path(sys.argv[1]), ["a"])
for episode in range(10_000):
    outbox.accept([finding(episode=2 * episode), finding(episode=2 * episode + 1)])
    print(episode, flush=True)
    if episode % 10 == 9:
        due = outbox.claim("a", 1e12, 5)
        outbox.settle("a", [Settled(one.seq, DELIVERED, 0.0) for one in due])
"""


def test_kill_9_loses_nothing_that_was_accepted(tmp_path: Path) -> None:
    path, root = tmp_path / "outbox.db", Path(__file__).parents[3]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    command = [sys.executable, "-c", ENDLESS, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if int(line) >= 60:
                process.send_signal(signal.SIGKILL)
                break
    said = int(line)
    outbox = Outbox(path, ["a"])
    with outbox._database.reading() as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    known = {alert.id for alert in outbox.history.latest(limit=100_000)}
    assert {finding(episode=n).id for n in range(2 * said + 2)} <= known
    assert len(known) % 2 == 0, "half a transaction"
    delivered = 5 * ((len(known) // 2) // 10)
    assert outbox.waiting("a") in {len(known) - delivered, len(known) - delivered + 5}
    outbox.close()


class Deliveries(RuleBasedStateMachine):
    """Whatever is accepted, claimed, settled and reopened, in any order: accepted = delivered + refused + waiting."""

    def __init__(self) -> None:
        super().__init__()
        import tempfile

        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name) / "outbox.db"
        self.outbox = Outbox(self.path, ["a"])
        self.accepted: set[str] = set()
        self.done: set[str] = set()
        self.now = 0.0

    @rule(start=st.integers(0, 12), count=st.integers(1, 4))
    def accept(self, start: int, count: int) -> None:
        alerts = [replace(EXAMPLE, finding=f"{n // 3:032x}", revision=n % 3) for n in range(start, start + count)]
        new = {alert.id for alert in alerts} - self.accepted
        assert self.outbox.accept(alerts) == len(new)
        self.accepted |= new

    @rule(verdicts=st.lists(st.sampled_from(["delivered", "refused", "retry", "hold"]), min_size=1, max_size=5))
    def deliver(self, verdicts: list[str]) -> None:
        self.now += 1.0
        due = self.outbox.claim("a", self.now, len(verdicts))
        outcomes = [Outcome(verdict, verdict) for verdict in verdicts]  # type: ignore[arg-type]
        pairs = list(zip(due, outcomes, strict=False))
        self.outbox.settle("a", [Settled(one.seq, outcome, self.now + 2.0) for one, outcome in pairs])
        finished = [one.finding.id for one, outcome in pairs if outcome.verdict in {"delivered", "refused"}]
        assert not self.done & set(finished), "claimed after it was done"
        self.done |= set(finished)

    @rule()
    def die_in_the_middle(self) -> None:
        self.outbox.claim("a", self.now, 2)
        self.outbox.close()
        self.outbox = Outbox(self.path, ["a"])

    @precondition(lambda self: self.done)
    @rule()
    def accept_again(self) -> None:
        assert (
            self.outbox.accept([replace(EXAMPLE, finding=one[:32], revision=int(one[33:])) for one in self.done]) == 0
        )

    @invariant()
    def nothing_is_lost_or_doubled(self) -> None:
        assert self.outbox.waiting("a") == len(self.accepted) - len(self.done)

    def teardown(self) -> None:
        self.outbox.close()
        self.folder.cleanup()


Deliveries.TestCase.settings = hypothesis_settings(max_examples=25, stateful_step_count=15, deadline=None)
TestDeliveries = Deliveries.TestCase


def test_times_of_the_example_are_event_time() -> None:
    assert EXAMPLE.started == STARTED
