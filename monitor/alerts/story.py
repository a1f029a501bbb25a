"""The story of a finding from one revision to the next: what is new, why it was closed, and when what happened."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from monitor.alerts.finding import RANKS, Event, Finding, Point, Severity
from monitor.alerts.guidance import FOLDED
from monitor.alerts.words import claim

POINTS: Final = 12  # of a timeline: the first ones and the latest stay
_FIRST: Final = 3  # seen, halfway, named
_SIGNALS: Final = ("more signal", "more signals")
_CLIENTS: Final = ("more client", "more clients")
_CLAIMS: Final = 2  # new pieces of evidence that a sentence tells
_MINUTE: Final = 60_000_000  # microseconds

#: What happened at a point of the timeline.
EVENTS: Final[dict[Event, str]] = {
    "seen": "first query",
    "halfway": "evidence passed half of what names a client",
    "named": "named",
    "joined": "more clients",
    "grew": "severity rose",
    "quiet": "evidence came for the last time",
}


@dataclass(frozen=True, slots=True)
class Told:
    """What the latest revision of a finding said, as far as the next one is compared with it."""

    severity: Severity
    answered: int
    bits: float
    sweeps: int
    trained: int
    members: int
    evalue: float
    tests: tuple[str, ...]

    @classmethod
    def by(cls, finding: Finding) -> Told:
        """By this revision."""
        got = finding.exposure
        tests = tuple(f"{piece.detector}/{piece.test}" for piece in finding.evidence)
        return cls(
            severity=finding.severity,
            answered=got.answered,
            bits=got.output_bits,
            sweeps=got.sweeps,
            trained=got.trained,
            members=counted(finding),
            evalue=finding.evalue,
            tests=tests,
        )

    @classmethod
    def read(cls, tree: dict[str, Any]) -> Told:
        """What `dataclasses.asdict` gave; TypeError or KeyError where it is something else."""
        return cls(**{**tree, "tests": tuple(tree["tests"])})

    def rises(self, severity: Severity) -> bool:
        """Whether that severity is above the one that was told."""
        return RANKS.index(severity) > RANKS.index(self.severity)


def grown(told: Told, now: Finding) -> str:
    """What is new in a revision, in one sentence."""
    news = "; ".join(_news(told, now)) or "more of the same evidence, and nothing else"
    return f"Since revision {now.revision - 1}: {news}."


def closing(told: Told, last: Finding, quiet: int) -> str:
    """Why a finding is closed that nothing more spoke for in `quiet` microseconds; `last` is what is known of it."""
    news = "; ".join(_news(told, last))
    added = f" Since revision {last.revision}: {news}." if news else ""
    open_for = duration(last.updated_at - last.raised_at)
    lived = f"Its revisions span {open_for}." if last.revision > 1 else "It had one revision."
    return f"Closed because nothing new spoke for it in {duration(quiet)} of event time. {lived}{added}"


def _news(told: Told, now: Finding) -> list[str]:
    got, news = now.exposure, []
    if told.rises(now.severity):
        news.append(f"severity rose from {told.severity} to {now.severity}")
    fresh = [piece for piece in now.evidence if f"{piece.detector}/{piece.test}" not in told.tests]
    if fresh:
        more = f", and {len(fresh) - _CLAIMS} more" if len(fresh) > _CLAIMS else ""
        news.append(f"new evidence, the caller {', and '.join(claim(one) for one in fresh[:_CLAIMS])}{more}")
    if now.evalue >= 10 * told.evalue:
        news.append(f"the e-value grew from {told.evalue:.3g} to {now.evalue:.3g}")
    counts = (
        (got.answered - told.answered, "more query answered", "more queries answered"),
        (round(got.output_bits - told.bits), "more bit disclosed", "more bits disclosed"),
        (got.sweeps - told.sweeps, "more record swept whole", "more records swept whole"),
        (got.trained - told.trained, "more training record asked", "more training records asked"),
        (counted(now) - told.members, *(_SIGNALS if FOLDED in now.labels else _CLIENTS)),
    )
    return news + [f"{count:,} {one if count == 1 else many}" for count, one, many in counts if count > 0]


def counted(finding: Finding) -> int:
    """How many signals a storm has folded, or how many clients there are: not all of them may be known by name."""
    said = finding.labels.get(FOLDED) or finding.labels.get("clients") or ""
    return int(said) if said.isascii() and said.isdecimal() else len(finding.members)


def begun(started: int, halfway: int | None, opened: int, severity: Severity) -> tuple[Point, ...]:
    """The timeline of a finding that opens; `halfway` is None where that is not known."""
    between = () if halfway is None or not started <= halfway <= opened else (Point(halfway, "halfway"),)
    return Point(min(started, opened), "seen"), *between, Point(opened, "named", severity)


def followed(timeline: Sequence[Point], point: Point) -> tuple[Point, ...]:
    """The timeline with one point more, and without the oldest of those in the middle where they become too many."""
    longer = (*timeline, point)
    return longer if len(longer) <= POINTS else (*longer[:_FIRST], *longer[_FIRST + 1 :])


def since(timeline: Sequence[Point], started: int) -> tuple[Point, ...]:
    """The timeline of a finding of which an earlier first query has become known."""
    return tuple(replace(one, at=min(one.at, started)) if one.event == "seen" else one for one in timeline)


def duration(microseconds: int) -> str:
    """A span of time as people say it.

    >>> duration(95_000_000), duration(7_500_000_000), duration(90_000_000_000)
    ('2 minutes', '2 h 5 min', '1 d 1 h')
    """
    minutes = round(max(microseconds, 0) / _MINUTE)
    if minutes < 100:
        return f"{minutes} minute{'' if minutes == 1 else 's'}"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours < 24 else f"{hours // 24} d {hours % 24} h"
