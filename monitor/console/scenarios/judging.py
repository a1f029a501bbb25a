"""Findings held against what a scenario expects: pure, so that stored alerts can be judged like fresh ones."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from monitor.alerts.finding import RANKS, Finding, Severity
from monitor.console.scenarios.form import NONE, Expected, Test
from monitor.console.words import short
from monitor.record.pseudonyms import Pseudonyms, text

CAMPAIGN: Final = "campaign"
TOLD: Final = 4  # findings that a miss shows


@dataclass(frozen=True, slots=True)
class Outcome:
    """One finding as a scenario sees it: its first revision, and the worst severity and most members of any."""

    finding: Finding
    severity: Severity
    members: int
    families: frozenset[str]

    @property
    def clients(self) -> frozenset[str]:
        """Pseudonyms that it is about."""
        own = () if self.finding.client is None else (self.finding.client,)
        return frozenset((*own, *self.finding.members))

    def __str__(self) -> str:
        who = f"{self.members} clients" if self.finding.client is None else f"client {short(self.finding.client)}"
        return (
            f"{self.finding.family}, {self.severity}, after {self.finding.queries} queries, {who},"
            f" model {self.finding.model} ({self.finding.finding[:12]})"
        )


@dataclass(frozen=True, slots=True)
class Miss:
    """An expectation that does not hold: its place in the scenario (None: of the whole test), what was expected, and
    what there is instead."""

    place: int | None
    expected: str
    got: tuple[str, ...]


def outcomes(revisions: Iterable[Finding]) -> list[Outcome]:
    """The findings, in the order in which they opened."""
    grouped: dict[str, list[Finding]] = {}
    for one in revisions:
        grouped.setdefault(one.finding, []).append(one)
    return [_outcome(group) for group in grouped.values()]


def _outcome(group: Sequence[Finding]) -> Outcome:
    last = max(group, key=lambda one: len(one.members))
    worst = max((one.severity for one in group), key=RANKS.index)
    behind = {piece.family for one in group for piece in one.evidence if one.members}
    # several clients that do one piece of work are a campaign, whatever their attack is called
    together = {CAMPAIGN} if last.tier == "named" and last.family != "access" and len(last.members) > 1 else set[str]()
    first = group[0] if not last.members else last
    return Outcome(first, worst, len(last.members), frozenset({group[0].family} | behind | together))


def misses(test: Test, found: Sequence[Outcome], names: Pseudonyms, rejected: int) -> list[Miss]:
    """What does not hold, in the order of the file; empty where all does."""
    wanted = () if test.expect == NONE else test.expect
    missed = [miss for at, one in enumerate(wanted) if (miss := _missed(at, one, found, names)) is not None]
    fitting = [one for one in wanted if one.family != NONE]
    beyond = [one for one in found if not any(_explains(it, one, names) for it in fitting)]
    for tier, most in (("named", test.tolerate.named), ("novelty", test.tolerate.novelty)):
        others = [one for one in beyond if one.finding.tier == tier]
        if most is not None and len(others) > most:
            told = "no" if most == 0 else f"at most {most}"
            missed.append(Miss(None, f"{told} other findings of the {tier} tier", _told(others)))
    if rejected > test.tolerate.rejected:
        missed.append(Miss(None, f"at most {test.tolerate.rejected} records are rejected", (f"{rejected} were",)))
    return missed


def _missed(at: int, wanted: Expected, found: Sequence[Outcome], names: Pseudonyms) -> Miss | None:
    about = [one for one in found if _about(wanted, one, names)]
    if wanted.family == NONE:
        return Miss(at, f"{_who(wanted, names)}: nothing", _told(about)) if about else None
    if any(_holds(wanted, one) for one in about):
        return None
    return Miss(at, described(wanted, names), _told(about) or ("nothing",))


def _told(found: Sequence[Outcome]) -> tuple[str, ...]:
    """The first few of them in words."""
    more = (f"and {len(found) - TOLD} more",) if len(found) > TOLD else ()
    return (*map(str, found[:TOLD]), *more)


def _explains(wanted: Expected, one: Outcome, names: Pseudonyms) -> bool:
    """Whether a finding is no surprise: it is the one expected, or about a client that was expected to be named."""
    return _about(wanted, one, names) and (wanted.client is not None or wanted.family in one.families)


def _about(wanted: Expected, one: Outcome, names: Pseudonyms) -> bool:
    client = wanted.client is None or text(names.client(wanted.client)) in one.clients
    return client and wanted.model in (None, one.finding.model)


def _holds(wanted: Expected, one: Outcome) -> bool:
    return (
        wanted.family in one.families
        and RANKS.index(one.severity) >= RANKS.index(wanted.severity)
        and (wanted.within is None or one.finding.queries <= wanted.within)
        and one.members >= wanted.members
    )


def described(wanted: Expected, names: Pseudonyms) -> str:
    """An expectation in words, with the pseudonym in place of the name."""
    told = [wanted.family]
    if wanted.severity != "low":
        told.append(f"{wanted.severity} or more")
    if wanted.within is not None:
        told.append(f"within {wanted.within} queries")
    if wanted.members:
        told.append(f"{wanted.members} members or more")
    return f"{_who(wanted, names)}: {', '.join(told)}"


def _who(wanted: Expected, names: Pseudonyms) -> str:
    who = "anybody" if wanted.client is None else f"client {short(text(names.client(wanted.client)))}"
    return who if wanted.model is None else f"{who}, model {wanted.model}"
