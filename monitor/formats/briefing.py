"""What a person is told of a finding, in the order of ninety seconds: what, why, what is new, how far it got, what to
do, when it is a false alarm, how to check, where it comes from.

Chats, pagers and the long texts of other forms are laid out from it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from detectors.taxonomy import GAP, family
from monitor.alerts.finding import Evidence, Exposure, Finding, Lineage, Point
from monitor.alerts.guidance import FOLDED, checks, guidance
from monitor.alerts.response import ACTIONS
from monitor.alerts.story import EVENTS
from monitor.alerts.words import TESTS, claim, number, striking
from monitor.formats.native import moment

PIECES: Final = 3  # pieces of evidence that are told
_MEMBERS: Final = 3  # of a campaign, by name
HELD_BACK: Final = "held_back"  # label by which a sink says how many alerts its ceiling kept it from telling


@dataclass(frozen=True, slots=True)
class Briefing:
    """Texts in plain words. `evidence`, `timeline` and `checks` are one line each; all others are a sentence or two,
    empty where nothing is known."""

    title: str
    who: str
    reason: str
    state: str
    change: str
    timeline: tuple[str, ...]
    evidence: tuple[str, ...]
    profile: str
    exposure: str
    response: str
    mitigations: str
    attack: str
    false_alarm: str
    look: str
    checks: tuple[str, ...]
    lineage: str

    def text(self) -> str:
        """All of it, one matter a line."""
        return "\n".join(
            (
                f"{self.title}. {self.reason}",
                f"Who: {self.who}. {self.state}",
                *([f"What is new: {self.change}"] if self.change else []),
                *(f"Evidence: {line}" for line in self.evidence),
                *([f"Nearest ordinary profile: {self.profile}"] if self.profile else []),
                *([f"Timeline: {'; '.join(self.timeline)}"] if self.timeline else []),
                f"Exposure: {self.exposure}",
                f"What to do: {self.what_to_do}",
                f"A false alarm if: {self.false_alarm} {self.look}",
                *(f"To check: {line}" for line in self.checks),
                *([f"Where it comes from: {self.lineage}"] if self.lineage else []),
            )
        )

    @property
    def what_to_do(self) -> str:
        """The answers, and what ATLAS calls them."""
        return f"{self.response}. {self.mitigations}".rstrip()


def brief(finding: Finding) -> Briefing:
    """The briefing of a finding whose texts are clean. What is withheld or not known is left out of the sentences."""
    of, beside = family(finding.family), guidance(finding)
    told = [_measured(piece) for piece in finding.evidence[:PIECES]]
    techniques = ", ".join(f"{one.name} ({one.id})" for one in of.techniques)
    mitigations = ", ".join(f"{one.name} ({one.id})" for one in of.mitigations)
    return Briefing(
        title=_title(finding),
        who=who(finding),
        reason=_reason(finding),
        state=_state(finding),
        change=finding.change,
        timeline=tuple(_point(point) for point in finding.timeline),
        evidence=tuple(_line(piece) for piece in told),
        profile=finding.profile or "",
        exposure=exposed(finding.exposure),
        response="; ".join(map(_answer, finding.response)) or "look at it",
        mitigations=f"ATLAS: {mitigations}" if mitigations else "",
        attack=techniques or "no technique of ATLAS",
        false_alarm=beside.false_alarm,
        look=beside.look,
        checks=checks(finding),
        lineage=_lineage(finding.lineage),
    )


def _title(finding: Finding) -> str:
    title = finding.title or family(finding.family).title
    return title if not finding.is_test or title.startswith("TEST") else f"TEST: {title}"


def who(finding: Finding) -> str:
    """Who is meant, as far as it may be told.

    A client or a few members by pseudonym, many by their number, otherwise "a client".
    """
    if finding.family == GAP:
        return "nobody, it is about the log"
    if finding.client is not None:
        return f"client {finding.client}"
    counted = (finding.labels.get(name) for name in ("clients", "folded_clients"))
    several = next((count for count in counted if count), str(len(finding.members) or ""))
    named = ", ".join(finding.members[:_MEMBERS])
    if not several:
        return "a client"
    count = "1 client" if several == "1" else f"{several} clients"
    rest = ", ..." if len(finding.members) > _MEMBERS else ""
    return f"{count} ({named}{rest})" if named else count


def _measured(piece: Evidence) -> Evidence:
    """Without numbers that are none."""
    numbers = tuple(
        replace(one, usual=None if one.usual is None or one.usual != one.usual else one.usual)
        for one in piece.contributions
        if one.value == one.value
    )
    return replace(piece, contributions=numbers)


def _reason(finding: Finding) -> str:
    """The finding's own sentence; of one whose numbers are withheld, what the test claims."""
    withheld = finding.evidence and not any(piece.contributions for piece in finding.evidence)
    if not withheld or FOLDED in finding.labels or finding.family == GAP:
        return finding.reason
    piece = finding.evidence[0]
    named = f"{piece.detector}/{piece.test}"
    return f"The caller {claim(piece)}." if named in TESTS else f"The test {named} speaks against the caller."


def _line(piece: Evidence) -> str:
    numbers = "; ".join(f"{number(one)}, carries {_share(one.share)}" for one in striking(piece))
    return f"{piece.detector}/{piece.test}, strength {piece.strength:.2f}{f': {numbers}' if numbers else ''}"


def _share(share: float) -> str:
    return f"{min(max(share, 0.0), 1.0):.0%}" if share == share else "0%"


def _state(finding: Finding) -> str:
    beaten = f"e-value {finding.evalue:.3g} against {finding.budget:.3g}"
    status = {"open": "New", "updated": "Grown", "closed": "Quiet again"}[finding.status]
    risk = f"risk {finding.risk:.0f} of 100"
    return f"{status}, revision {finding.revision}, {finding.severity}, {risk}, {beaten}{unsaid(finding)}"


def unsaid(finding: Finding) -> str:
    """That others were not told here, by the ceiling of this sink; empty where none were."""
    count = finding.labels.get(HELD_BACK)
    return f". {count} more alerts were not told here, by the ceiling of this sink" if count else ""


def exposed(exposure: Exposure) -> str:
    """How far the client has got, as one line; of sweeps and training records only where there were any."""
    classes = f", {exposure.classes_seen} of {exposure.classes_known} classes" if exposure.classes_known else ""
    sweeps = f", {exposure.sweeps:,} records swept whole" if exposure.sweeps else ""
    trained = f", {exposure.trained:,} training records asked" if exposure.trained else ""
    return (
        f"{exposure.answered:,} of {exposure.queries:,} queries answered, {exposure.distinct_inputs:,} different "
        f"inputs, about {exposure.output_bits:,.6g} bits disclosed{classes}{sweeps}{trained}"
    )


def _point(point: Point) -> str:
    severity = f" ({point.severity})" if point.event in ("named", "grew") and point.severity else ""
    return f"{moment(point.at)[:19]}Z {EVENTS[point.event]}{severity}"


def _answer(response: str) -> str:
    """With the ids of ATLAS, where a gateway can give that answer."""
    action = ACTIONS.get(response)
    return response if action is None else f"{response} ({', '.join(one.id for one in action.mitigations)})"


def _lineage(lineage: Lineage) -> str:
    if not lineage.topic:  # withheld
        return ""
    epochs = f", keys {', '.join(lineage.key_epochs)}" if lineage.key_epochs else ""
    return (
        f"{lineage.topic}-{lineage.partition}, offsets {lineage.first_offset} to {lineage.last_offset}, "
        f"version {lineage.detector_version}, settings {lineage.config_hash}{epochs}"
    )
