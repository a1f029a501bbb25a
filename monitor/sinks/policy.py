"""Which alerts a sink is told, how much of them and how often; the same for every kind of sink.

No clock and no database in here: what a sink was told before and what time it is are given.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import Final, Literal

from monitor.alerts.finding import RANKS, Finding, Severity
from monitor.config.delivery import DeliverySettings, RouteSettings
from monitor.formats.allowed import PARTS, withhold
from monitor.formats.briefing import HELD_BACK

Decision = Literal["send", "skipped", "folded", "later"]

_MINUTE: Final = 60.0


@dataclass(frozen=True, slots=True)
class Told:
    """What a sink was last told of a finding, and when, in seconds since 1970."""

    severity: Severity
    at: float


def fits(finding: Finding, route: RouteSettings) -> bool:
    """Whether a finding fits everything that the route names."""
    return (
        RANKS.index(finding.severity) >= RANKS.index(route.severity)
        and (not route.families or finding.family in route.families)
        and (not route.models or any(fnmatchcase(finding.model, name) for name in route.models))
        and (not route.groups or finding.group in route.groups)
        and (not route.tiers or finding.tier in route.tiers)
    )


class Pace:
    """Counts what was sent in the last minute, of a ceiling; None: there is no ceiling. Seconds of a steady clock."""

    def __init__(self, per_minute: int | None) -> None:
        self._most = per_minute
        self._sent: deque[float] = deque()

    def room(self, now: float) -> int | None:
        """How many may be sent now; None: as many as there are."""
        if self._most is None:
            return None
        while self._sent and now - self._sent[0] >= _MINUTE:
            self._sent.popleft()
        return self._most - len(self._sent)

    def rest(self, now: float) -> float:
        """Seconds until the next one may be sent."""
        return 0.0 if self.room(now) != 0 else self._sent[0] + _MINUTE - now

    def spend(self, count: int, now: float) -> None:
        """So many were sent."""
        if self._most is not None:
            self._sent.extend([now] * count)


class Policy:
    """The rules of one sink. One thread uses it."""

    def __init__(
        self,
        settings: DeliverySettings | None = None,
        *,
        keeps: bool = False,
        mine: Callable[[Finding], bool] = lambda _: True,
    ) -> None:
        """`keeps`: what was told has to be remembered whatever the rules. `mine` says whether a finding is still of a
        partition that this process reads; others are told by whoever reads theirs."""
        self._rules: Final = DeliverySettings() if settings is None else settings
        self.mine: Final = mine
        self._withheld: Final = [part for part in PARTS if part not in self._rules.tell]
        self._folds: Final = self._rules.per_minute is not None and self._rules.over == "fold"
        self.pace: Final = Pace(self._rules.per_minute)
        self.keeps: Final = (
            keeps or self._folds or self._rules.repeat_minutes > 0 or self._rules.route.severity != "low"
        )
        self._stand_in: int | None = None  # the one alert beyond the ceiling that waits, and speaks for the folded
        self._unsaid = 0

    @property
    def ceiling(self) -> bool:
        """Whether nothing may be taken from the outbox while there is no room."""
        return self._rules.per_minute is not None and not self._folds

    def decide(self, seq: int, finding: Finding, told: Mapping[str, Told], *, now: float, room: int | None) -> Decision:
        """What becomes of an alert; `room` is how many more may be sent in this minute. `told` is by finding."""
        before = told.get(finding.finding)
        if before is None and not fits(finding, self._rules.route):
            return "skipped"
        if before is not None and self._repeats(finding, before, now):
            return "folded"
        if room is None or room > 0:
            if seq == self._stand_in:
                self._stand_in = None
            return "send"
        return self._beyond(seq, ends=finding.status == "closed" and before is not None)

    def shown(self, finding: Finding) -> Finding:
        """The finding as the sink may see it, with the number of those that were folded since the last one."""
        kept = withhold(finding, self._withheld) if self._withheld else finding
        if self._unsaid == 0:
            return kept
        return replace(kept, labels={**kept.labels, HELD_BACK: str(self._unsaid)})

    @property
    def unsaid(self) -> int:
        """Alerts that were folded by the ceiling, and of which the sink has not been told yet that there were some."""
        return self._unsaid

    def said(self) -> None:
        """Something was delivered: the folded ones have been spoken for."""
        self._unsaid = 0

    def _repeats(self, finding: Finding, before: Told, now: float) -> bool:
        quiet = 0 <= now - before.at < self._rules.repeat_minutes * _MINUTE
        risen = RANKS.index(finding.severity) > RANKS.index(before.severity)
        return quiet and not risen and finding.status != "closed"

    def _beyond(self, seq: int, *, ends: bool) -> Decision:
        if not self._folds or ends:
            return "later"
        if self._stand_in is None or self._stand_in == seq:
            self._stand_in = seq
            return "later"
        self._unsaid += 1
        return "folded"
