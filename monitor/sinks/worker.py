"""One sink's share of the delivery: takes what is due from the outbox, sends it, writes down what became of it.

No thread and no sleep in here: `step` does one batch and says how long to rest.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from monitor.sinks.outbox import Due, Outbox, Settled
from monitor.sinks.policy import Decision, Policy
from monitor.sinks.protocol import Fate, Outcome, Recurring, Sink

_log = logging.getLogger("probewatch.sinks")

_JUMP: Final = 5.0  # seconds between wall clock and steady clock that are no drift
_ANSWERS: Final[frozenset[Fate]] = frozenset({"delivered", "retry", "refused", "hold"})
_CLOSED_LATELY: Final = 900.0  # seconds for which the end of a finding is sent again where the far side forgets
_DOUBLINGS: Final = 32  # beyond them every ceiling is reached


@dataclass(frozen=True, slots=True)
class Backoff:
    """How long to rest after failures, in seconds: any time up to `first`, doubled with each failure in a row, at most
    `ceiling` (full jitter, so that many monitors do not come back at once). `hold` is the time between two attempts
    while somebody has to mend something."""

    first: float = 1.0
    ceiling: float = 300.0
    hold: float = 30.0

    def delay(self, failures: int, chance: float) -> float:
        """Seconds to rest after so many failures in a row; `chance` is a random number from 0 to 1.

        >>> [Backoff().delay(n, 0.5) for n in (1, 2, 5, 100)]
        [0.5, 1.0, 8.0, 150.0]
        """
        return chance * min(self.ceiling, self.first * 2.0 ** min(failures - 1, _DOUBLINGS))


@dataclass(slots=True)
class DeliveryStats:
    """Counts since the start of the process, of alerts. `accepted`: had to be delivered (what waited at the start is
    among them); `retried` and `held` count attempts. `skipped` are not for this sink, `folded` were not told by its
    rules about repeats and ceilings. `last_success` is in seconds since 1970, 0 before the first."""

    accepted: int = 0
    sent: int = 0
    retried: int = 0
    refused: int = 0
    held: int = 0
    skipped: int = 0
    folded: int = 0
    last_success: float = 0.0


class Worker:
    """Delivers the alerts of one sink. `step` is called by one thread only; `stats` may be read by any.

    `clock` is the wall clock in seconds since 1970, by which the outbox keeps when an alert is due; `steady` counts
    seconds and never goes back. Where the two part, somebody has set the clock, and whatever waits is due now."""

    def __init__(
        self,
        sink: Sink,
        outbox: Outbox,
        backoff: Backoff,
        clock: Callable[[], float],
        chance: Callable[[], float],
        steady: Callable[[], float],
        policy: Policy | None = None,
    ) -> None:
        self.sink: Final = sink
        self.stats: Final = DeliveryStats(accepted=outbox.waiting(sink.name))
        self._outbox = outbox
        self._backoff = backoff
        self._clock = clock
        self._chance = chance
        self._steady = steady
        self._apart: float | None = None  # wall clock less steady clock; None before the first step
        self._failures = 0
        self._rest_until = 0.0
        self._holding = False
        self._policy = Policy() if policy is None else policy
        self._again_at = 0.0
        self._folding = self._forgotten = False

    def step(self) -> float | None:
        """Delivers one batch, unless it is time to rest. Gives back for how many seconds there is nothing to do; None:
        until something new is accepted. Trouble where the outbox cannot be read or written."""
        now = self._clock()
        self._mind_the_clock(now)
        if now < self._rest_until:
            return self._rest_until - now
        self._repeat(now)
        room = self._policy.pace.room(self._steady()) if self._policy.ceiling else None
        if room == 0 and self._outbox.waiting(self.sink.name):
            return self._policy.pace.rest(self._steady())
        limit = self.sink.max_batch if room is None else max(1, min(room, self.sink.max_batch))
        due = self._outbox.claim(self.sink.name, now, limit)
        if not due:
            next_due = self._outbox.next_due(self.sink.name, now)
            return None if next_due is None else next_due - now
        outcomes = self._outcomes(due, now)
        now = self._clock()
        self._rest(outcomes, now)
        self._outbox.settle(
            self.sink.name,
            [
                Settled(one.seq, outcome, self._due_again(one, outcome, now), self._policy.keeps)
                for one, outcome in zip(due, outcomes, strict=True)
            ],
        )
        self._count(outcomes, now)
        return max(0.0, self._rest_until - now)

    @property
    def holding(self) -> bool:
        """Whether the sink said at the last attempt that it takes nothing until somebody mends something."""
        return self._holding

    def _mind_the_clock(self, now: float) -> None:
        """A clock that was set, now or while nobody ran, would keep alerts waiting for as long as it was set back."""
        apart = now - self._steady()
        if self._apart is None or abs(apart - self._apart) > _JUMP:
            self._outbox.hurry(self.sink.name)
            self._rest_until = 0.0
        self._apart = apart

    def _repeat(self, now: float) -> None:
        """Sends what is open once more, where the far side forgets; what fails is tried at the next look."""
        if not isinstance(self.sink, Recurring) or now < self._again_at:
            return
        known = self._outbox.memory.standing(self.sink.name, now - _CLOSED_LATELY)
        standing = [one for one in known if self._policy.mine(one)]
        taken = not standing or self.sink.again([self._policy.shown(one) for one in standing])
        if taken:
            self._again_at = now + self.sink.again_seconds
        elif not self._forgotten:
            _log.warning("open alerts could not be sent again", extra={"sink": self.sink.name})
        self._forgotten = not taken

    def _outcomes(self, due: Sequence[Due], now: float) -> list[Outcome]:
        """What becomes of each: what the policy lets through is sent, in one batch."""
        decisions = self._decisions(due, now)
        chosen = [one for one, decision in zip(due, decisions, strict=True) if decision == "send"]
        sent = iter(self._send(chosen) if chosen else [])
        outcomes = [
            next(sent) if decision == "send" else Outcome(decision, doubtful=one.doubtful)
            for one, decision in zip(due, decisions, strict=True)
        ]
        if self._policy.unsaid and not self._folding:
            _log.warning("alerts beyond the ceiling of the sink are folded", extra={"sink": self.sink.name})
        if any(outcome.verdict == "delivered" for outcome in outcomes):
            self._policy.said()
        self._folding = self._policy.unsaid > 0
        return outcomes

    def _decisions(self, due: Sequence[Due], now: float) -> list[Decision]:
        policy, steady = self._policy, self._steady()
        told = self._outbox.memory.of(self.sink.name, {one.finding.finding for one in due}) if policy.keeps else {}
        room, decisions, sent = policy.pace.room(steady), list[Decision](), set[str]()
        for one in due:
            if policy.keeps and one.finding.finding in sent:  # what becomes of the earlier revision decides
                decisions.append("later")
                continue
            decision = policy.decide(one.seq, one.finding, told, now=now, room=room)
            if decision == "send":
                sent.add(one.finding.finding)
                room = None if room is None else room - 1
            decisions.append(decision)
        policy.pace.spend(decisions.count("send"), steady)
        return decisions

    def _send(self, due: Sequence[Due]) -> list[Outcome]:
        doubtful = {one.finding.id for one in due if one.doubtful}
        try:
            outcomes = self.sink.send([self._policy.shown(one.finding) for one in due], doubtful)
            if len(outcomes) == len(due):
                return outcomes
            reason = "fault: an outcome is missing"
        except Exception as problem:  # noqa: BLE001  (a faulty sink must neither lose alerts nor stop the others)
            reason = f"fault: {type(problem).__name__}"  # the text of a foreign error may hold an address or a secret
        return [Outcome("retry", reason, doubtful=True)] * len(due)

    def _rest(self, outcomes: Sequence[Outcome], now: float) -> None:
        """Decides when the next batch may be tried."""
        verdicts = {outcome.verdict for outcome in outcomes}
        after = max((outcome.after for outcome in outcomes if outcome.after is not None), default=0.0)
        if "hold" in verdicts:
            rest = self._backoff.hold
        elif verdicts & _ANSWERS == {"retry"}:
            self._failures += 1
            rest = self._backoff.delay(self._failures, self._chance())
        else:
            self._failures, rest = self._failures if not verdicts & _ANSWERS else 0, 0.0
        self._rest_until = now + max(rest, after)

    def _due_again(self, one: Due, outcome: Outcome, now: float) -> float:
        """When an alert may be tried again: later than others that have not failed, which so get their turn."""
        if outcome.verdict == "later":
            return now + self._policy.pace.rest(self._steady())
        if outcome.verdict != "retry":
            return 0.0
        return max(self._rest_until, now) + self._backoff.delay(one.tries + 1, self._chance())

    def _count(self, outcomes: Sequence[Outcome], now: float) -> None:
        tally = Counter(outcome.verdict for outcome in outcomes)
        self.stats.skipped += tally["skipped"]
        self.stats.folded += tally["folded"]
        self.stats.sent += tally["delivered"]
        self.stats.retried += tally["retry"]
        self.stats.refused += tally["refused"]
        self.stats.held += tally["hold"]
        if tally["delivered"]:
            self.stats.last_success = now
        self._report(outcomes, tally["hold"] > 0, tally["delivered"] + tally["refused"] > 0)

    def _report(self, outcomes: Sequence[Outcome], held: bool, answered: bool) -> None:
        """Says once when the sink begins to hold alerts back, and once when it takes them again."""
        sink = {"sink": self.sink.name}
        if held and not self._holding:
            reason = next(outcome.reason for outcome in outcomes if outcome.verdict == "hold")
            _log.error("sink takes nothing until this is mended; alerts are kept", extra=sink | {"reason": reason})
        if self._holding and answered and not held:
            _log.warning("sink takes alerts again", extra=sink)
        self._holding = held or (self._holding and not answered)
        for reason in sorted({outcome.reason for outcome in outcomes if outcome.verdict == "refused"}):
            _log.warning("sink has refused alerts; they are dead letters now", extra=sink | {"reason": reason})
