"""What two lots of findings have in common: those in force, and those of a shadow or of another replay."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from monitor.alerts.finding import Finding
from monitor.alerts.opinions import Opinion

Key = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Compared:
    """Findings by who and what they are about (model, family, client or members or kind): in both lots, each pair with
    the one in force first, and in one of them only."""

    both: Sequence[tuple[Finding, Finding]]
    gone: Sequence[Finding]
    new: Sequence[Finding]

    def tree(self, verdicts: Mapping[str, Opinion]) -> dict[str, Any]:
        """Counts for people and machines; what people have said of findings that would be gone."""
        said = Counter(verdicts[one.finding].word for one in self.gone if one.finding in verdicts)
        return {
            "both": len(self.both),
            "gone": len(self.gone),
            "new": len(self.new),
            "graver": sum(other.risk > one.risk for one, other in self.both),
            "milder": sum(other.risk < one.risk for one, other in self.both),
            "sooner": sum(other.queries < one.queries for one, other in self.both),
            "later": sum(other.queries > one.queries for one, other in self.both),
            "gone_by_test": _by_test(self.gone),
            "new_by_test": _by_test(self.new),
            "gone_judged": dict(said),
        }


def compared(live: Iterable[Finding], other: Iterable[Finding], since: int) -> Compared:
    """Compare what was raised since then (event time); of each thing that is told several times the first counts."""
    first, second = _first(live, since), _first(other, since)
    return Compared(
        [(first[key], second[key]) for key in first if key in second],
        [one for key, one in first.items() if key not in second],
        [one for key, one in second.items() if key not in first],
    )


def _first(findings: Iterable[Finding], since: int) -> dict[Key, Finding]:
    found: dict[Key, Finding] = {}
    latest = {one.finding: one for one in sorted(findings, key=lambda one: one.revision)}
    for one in sorted(latest.values(), key=lambda one: (one.raised_at, one.finding)):
        if one.raised_at >= since:
            found.setdefault(_key(one), one)
    return found


def _key(one: Finding) -> Key:
    who = one.client or one.labels.get("kind") or " ".join(one.members)
    return one.model, one.family, who


def _by_test(findings: Iterable[Finding]) -> dict[str, int]:
    led = (f"{one.evidence[0].detector}/{one.evidence[0].test}" if one.evidence else one.family for one in findings)
    return dict(Counter(led).most_common())
