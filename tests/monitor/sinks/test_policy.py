"""Which alerts a sink is told and how often: routes, repeats, ceilings, ends, and what is sent again."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import pytest
from clock import Clock
from findings import EXAMPLE, finding, several
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from monitor.alerts.finding import Finding, Severity, Status, Tier
from monitor.config import delivery
from monitor.config.delivery import DeliverySettings, RouteSettings
from monitor.formats.briefing import HELD_BACK
from monitor.sinks.erasing import erase
from monitor.sinks.form import Form
from monitor.sinks.outbox import Outbox
from monitor.sinks.policy import Pace, Policy, fits
from monitor.sinks.protocol import DELIVERED, Outcome
from monitor.sinks.worker import Backoff, Worker


class Far:
    """Takes everything, or answers as told."""

    def __init__(self, max_batch: int = 1) -> None:
        self.name, self.max_batch = "far", max_batch
        self.got: list[Finding] = []
        self.script: list[Outcome] = []

    def send(self, alerts: Sequence[Finding], doubtful: Collection[str] = ()) -> list[Outcome]:
        answer = self.script.pop(0) if self.script else DELIVERED
        if answer == DELIVERED:
            self.got += alerts
        return [answer] * len(alerts)

    def close(self) -> None:
        """Holds nothing."""


class Forgetful(Far):
    """Forgets, and is told again."""

    again_seconds = 300.0

    def __init__(self) -> None:
        super().__init__(10)
        self.repeated: list[list[str]] = []
        self.awake = True

    def again(self, alerts: Sequence[Finding]) -> bool:
        self.repeated.append([one.id for one in alerts])
        return self.awake


@pytest.fixture
def clock() -> Clock:
    return Clock(1_000_000.0)


@pytest.fixture
def outbox(tmp_path: Path, clock: Clock) -> Iterator[Outbox]:
    box = Outbox(tmp_path / "outbox.db", ["far"], clock=clock)
    yield box
    box.close()


def worker(far: Far, outbox: Outbox, clock: Clock, *, keeps: bool = False, mine: Any = None, **rules: Any) -> Worker:
    policy = Policy(DeliverySettings.model_validate(rules), keeps=keeps, mine=mine or (lambda _: True))
    return Worker(far, outbox, Backoff(first=1.0, ceiling=8.0, hold=30.0), clock, lambda: 1.0, clock, policy)


def run(one: Worker, clock: Clock, seconds: float = 0.0) -> None:
    """Steps until there is nothing to do, or for so many seconds."""
    end = clock.now + seconds
    for _ in range(10_000):
        rest = one.step()
        if rest is None or clock.now + rest > end:
            clock.now = end
            return
        clock.now += rest
    raise AssertionError("it never rests")


def revisions(*steps: tuple[Status, Severity], episode: int = 1) -> list[Finding]:
    return [
        finding(episode=episode, revision=n, status=status, severity=severity)
        for n, (status, severity) in enumerate(steps, 1)
    ]


def told(far: Far) -> list[tuple[int, str, str]]:
    return [(one.revision, one.status, one.severity) for one in far.got]


@pytest.mark.parametrize(
    ("route", "expected"),
    [
        ({}, True),
        ({"severity": "high"}, True),
        ({"severity": "critical"}, False),
        ({"families": ["inversion", "extraction"]}, True),
        ({"families": ["extraction"]}, False),
        ({"models": ["fraud-*", "cre*"]}, True),
        ({"models": ["fraud-*"]}, False),
        ({"models": ["CREDIT"]}, False),
        ({"groups": ["g1.k2v7t5mq4z"]}, True),
        ({"groups": ["g1.other"]}, False),
        ({"tiers": ["named"]}, True),
        ({"tiers": ["novelty"]}, False),
        ({"severity": "low", "families": ["inversion"], "models": ["*"], "tiers": ["novelty"]}, False),
    ],
)
def test_a_finding_has_to_fit_all_that_is_named(route: dict[str, Any], expected: bool) -> None:
    assert fits(EXAMPLE, RouteSettings.model_validate(route)) == expected


def test_the_words_of_the_settings_are_those_of_findings() -> None:
    assert get_args(delivery.Severity) == get_args(Severity)
    assert get_args(delivery.Tier) == get_args(Tier)


def test_a_family_that_is_none_is_refused() -> None:
    with pytest.raises(ValidationError, match="no such family"):
        RouteSettings(families=("theft",))


def test_what_is_not_for_a_sink_leaves_and_is_counted(outbox: Outbox, clock: Clock) -> None:
    far = Far(10)
    one = worker(far, outbox, clock, route={"severity": "high"})
    outbox.accept([*several(5, severity="medium"), *[replace(f, severity="critical") for f in several(8)[5:]]])
    run(one, clock)
    assert [f.severity for f in far.got] == ["critical"] * 3
    assert (one.stats.sent, one.stats.skipped, outbox.waiting("far")) == (3, 5, 0)
    assert outbox.dead_letters() == []


def test_a_finding_that_was_told_is_told_to_its_end(outbox: Outbox, clock: Clock) -> None:
    far = Far(10)
    one = worker(far, outbox, clock, route={"severity": "high"})
    outbox.accept(revisions(("open", "medium"), ("updated", "high"), ("updated", "medium"), ("closed", "low")))
    outbox.accept(revisions(("open", "medium"), ("closed", "medium"), episode=2))
    run(one, clock)
    assert told(far) == [(2, "updated", "high"), (3, "updated", "medium"), (4, "closed", "low")]
    assert one.stats.skipped == 3


def test_a_finding_is_not_told_again_within_the_interval_unless_it_rises_or_closes(
    outbox: Outbox, clock: Clock
) -> None:
    far = Far()
    one = worker(far, outbox, clock, repeat_minutes=60)
    steps = revisions(
        ("open", "medium"), ("updated", "medium"), ("updated", "high"), ("updated", "high"), ("closed", "high")
    )
    for step in steps:
        outbox.accept([step])
        run(one, clock)
        clock.now += 600
    assert told(far) == [(1, "open", "medium"), (3, "updated", "high"), (5, "closed", "high")]
    assert one.stats.folded == 2
    outbox.accept([finding(episode=2, revision=1), finding(episode=2, revision=2)])
    run(one, clock)
    clock.now += 3_600
    outbox.accept([finding(episode=2, revision=3)])
    run(one, clock)
    assert [f.revision for f in far.got[3:]] == [1, 3]


def test_what_was_told_is_known_after_a_restart_and_what_failed_was_not_told(
    outbox: Outbox, clock: Clock, tmp_path: Path
) -> None:
    far = Far()
    far.script = [Outcome("refused", "status 400")]
    one = worker(far, outbox, clock, repeat_minutes=60)
    outbox.accept(revisions(("open", "high"), ("updated", "high")))
    run(one, clock)
    assert told(far) == [(2, "updated", "high")]
    outbox.close()
    again = Outbox(tmp_path / "outbox.db", ["far"], clock=clock)
    other = worker(far, again, clock, repeat_minutes=60)
    again.accept([finding(revision=3)])
    run(other, clock)
    assert told(far) == [(2, "updated", "high")]
    assert other.stats.folded == 1
    again.close()


def test_a_ceiling_lets_the_rest_wait(outbox: Outbox, clock: Clock) -> None:
    far = Far(10)
    one = worker(far, outbox, clock, per_minute=4)
    outbox.accept(several(10))
    run(one, clock, 59)
    assert (len(far.got), outbox.waiting("far")) == (4, 6)
    run(one, clock, 2)
    assert len(far.got) == 8
    run(one, clock, 120)
    assert [f.id for f in far.got] == [f.id for f in several(10)]
    assert (one.stats.folded, one.stats.retried, one.stats.sent) == (0, 0, 10)


def test_a_ceiling_that_folds_counts_says_so_and_never_folds_an_end(
    outbox: Outbox, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    far = Far()
    one = worker(far, outbox, clock, per_minute=3, over="fold")
    outbox.accept(revisions(("open", "high")))
    outbox.accept(several(50)[2:])
    outbox.accept([finding(episode=1, revision=2, status="closed")])
    run(one, clock, 50)
    assert (len(far.got), one.stats.folded, outbox.waiting("far")) == (3, 45, 2)
    run(one, clock, 30)
    assert one.stats.sent == 5
    assert one.stats.sent + one.stats.folded == 50
    assert far.got[3].labels[HELD_BACK] == "45"
    assert HELD_BACK not in far.got[4].labels
    assert far.got[4].status == "closed"
    assert len([r for r in caplog.records if "beyond the ceiling" in r.getMessage()]) == 1
    assert "45 more alerts were not told here" in str(Form.named("slack").tree(far.got[3]))
    assert "45 more alerts were not told here" in str(Form.named("teams").tree(far.got[3]))


def test_an_alert_that_fails_keeps_its_turn_under_a_ceiling(outbox: Outbox, clock: Clock) -> None:
    far = Far()
    far.script = [Outcome("retry", "busy")] * 2
    one = worker(far, outbox, clock, per_minute=2, over="fold")
    outbox.accept(several(1))
    run(one, clock, 200)
    assert [f.id for f in far.got] == [f.id for f in several(1)]
    assert one.stats.retried == 2


@given(st.integers(1, 9), st.lists(st.floats(0, 30), max_size=60))
def test_no_minute_has_more_than_the_ceiling(most: int, gaps: list[float]) -> None:
    pace, now, sent = Pace(most), 0.0, []
    for gap in gaps:
        now += gap
        room = pace.room(now)
        assert room is not None
        if room:
            pace.spend(1, now)
            sent.append(now)
        else:
            assert 0 < pace.rest(now) < 60.001
    for start in sent:
        assert sum(start <= one < start + 59.999 for one in sent) <= most


def test_what_a_sink_may_not_be_told_is_withheld_on_the_way(outbox: Outbox, clock: Clock) -> None:
    far = Far(10)
    one = worker(far, outbox, clock, tell=["values", "lineage"])
    outbox.accept([EXAMPLE])
    run(one, clock)
    [shown] = far.got
    assert (shown.client, shown.group, shown.labels, shown.id) == (None, None, {}, EXAMPLE.id)
    assert shown.evidence == EXAMPLE.evidence
    assert shown.lineage == EXAMPLE.lineage


def test_open_findings_are_sent_again_until_they_have_closed(outbox: Outbox, clock: Clock) -> None:
    far, gone = Forgetful(), finding(episode=3, revision=1, status="open", model="elsewhere")
    one = worker(far, outbox, clock, keeps=True, mine=lambda f: f.model != "elsewhere")
    first, second = (revisions(("open", "high"), episode=n)[0] for n in (1, 2))
    outbox.accept([first, second, gone])
    run(one, clock)
    clock.now += 301
    one.step()
    assert far.repeated == [[first.id, second.id]], "what others read now is theirs to tell"
    closed = replace(first, revision=2, status="closed")
    outbox.accept([closed])
    run(one, clock)
    clock.now += 301
    far.awake = False
    one.step()
    one.step()
    assert far.repeated[1:] == [[second.id, closed.id]] * 2, "what nobody took is sent at the next look"
    far.awake = True
    one.step()
    clock.now += 1_200
    one.step()
    assert far.repeated[-1] == [second.id], "an end is repeated for a quarter of an hour"


def test_a_sink_of_the_far_side_that_forgets_begins_with_what_is_open(
    outbox: Outbox, clock: Clock, tmp_path: Path
) -> None:
    first = worker(Forgetful(), outbox, clock, keeps=True)
    outbox.accept(several(3))
    run(first, clock)
    later = Forgetful()
    worker(later, outbox, clock, keeps=True).step()
    assert Counter(later.repeated[0]) == Counter(f.id for f in several(3))


def test_rows_leave_with_their_alerts(outbox: Outbox, clock: Clock, tmp_path: Path) -> None:
    far = Far(50)
    one = worker(far, outbox, clock, keeps=True)
    outbox.accept(several(20))
    run(one, clock)
    assert len(outbox.memory.of("far", [f.finding for f in several(20)])) == 20
    clock.now += 200 * 86_400
    outbox.accept([finding(episode=10_000 + n) for n in range(1_001)])
    assert outbox.memory.of("far", [f.finding for f in several(20)]) == {}


@pytest.mark.parametrize(
    "link",
    [
        "ftp://k.example/{finding}",
        "https://k.example/{client}",
        "https://k.example/{finding!r}",
        "https://{",
        "{finding}",
    ],
)
def test_a_link_that_leads_nowhere_or_names_a_client_is_refused(link: str) -> None:
    with pytest.raises(ValidationError, match="an address such as"):
        delivery.LinkedSettings(link=link)


def test_a_link_is_filled_in_and_cannot_be_bent() -> None:
    link = "https://k.example/app/discover#/?_a=(q:(query:'probewatch.finding:{finding}'))&m={model}&r={id}&f={family}"
    assert delivery.LinkedSettings(link=link).link == link
    hostile = finding(model="a&b'/../#\n\u202e")
    made = Form.named("slack", link).address(hostile)
    assert made is not None
    assert made.startswith("https://k.example/app/discover#/")
    assert made.endswith(f"&m=a%26b%27%2F..%2F%23%3F%3F&r={hostile.id}&f=inversion")


def test_nothing_is_said_of_values_in_the_log(outbox: Outbox, clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    one = worker(Far(), outbox, clock, per_minute=1, over="fold", route={"severity": "high"})
    outbox.accept(several(5))
    run(one, clock, 100)
    assert EXAMPLE.client is not None
    assert EXAMPLE.client not in caplog.text


def test_who_is_erased_leaves_what_was_told_as_well(outbox: Outbox, clock: Clock, tmp_path: Path) -> None:
    far = Far(50)
    one = worker(far, outbox, clock, keeps=True)
    outbox.accept([EXAMPLE, finding(client="c1.other")])
    run(one, clock)
    outbox.close()
    assert EXAMPLE.client is not None
    assert erase(tmp_path / "outbox.db", [EXAMPLE.client], [], None).deleted == 1
    again = Outbox(tmp_path / "outbox.db", ["far"], clock=clock)
    left = again.memory.of("far", [EXAMPLE.finding, finding(client="c1.other").finding])
    assert list(left) == [finding(client="c1.other").finding]
    again.close()


def test_two_revisions_in_one_batch_wait_for_each_other(outbox: Outbox, clock: Clock) -> None:
    """What is folded depends on whether the earlier one has arrived."""
    far = Far(10)
    far.script = [Outcome("refused", "status 400")]
    one = worker(far, outbox, clock, repeat_minutes=60)
    outbox.accept(revisions(("open", "high"), ("updated", "high"), ("updated", "high")))
    run(one, clock)
    assert told(far) == [(2, "updated", "high")]
    assert (one.stats.refused, one.stats.sent, one.stats.folded) == (1, 1, 1)
