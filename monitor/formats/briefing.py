"""What a person is told of a finding, in the order of ninety seconds: what, why, how far it got, what to do, how to
check. Chats, pagers and the long texts of other forms are laid out from it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from detectors.taxonomy import GAP, family
from monitor.alerts.finding import Evidence, Exposure, Finding
from monitor.alerts.guidance import GUIDANCE
from monitor.alerts.words import TESTS, claim, number, striking

PIECES: Final = 3  # pieces of evidence that are told
_MEMBERS: Final = 3  # of a campaign, by name
_STORM: Final = "folded"  # label of the finding about a storm
HELD_BACK: Final = "held_back"  # label by which a sink says how many alerts its ceiling kept it from telling


@dataclass(frozen=True, slots=True)
class Briefing:
    """Texts in plain words. `evidence` and `checks` are one line each; all others are a sentence or two."""

    title: str
    who: str
    reason: str
    state: str
    evidence: tuple[str, ...]
    exposure: str
    response: str
    mitigations: str
    attack: str
    false_alarm: str
    look: str
    checks: tuple[str, ...]

    def text(self) -> str:
        """All of it, one matter a line."""
        return "\n".join(
            (
                f"{self.title}. {self.reason}",
                f"Who: {self.who}. {self.state}",
                *(f"Evidence: {line}" for line in self.evidence),
                f"Exposure: {self.exposure}",
                f"What to do: {self.response}. {self.mitigations}".rstrip(),
                f"A false alarm if: {self.false_alarm} {self.look}",
                *(f"To check: {line}" for line in self.checks),
            )
        )


def brief(finding: Finding) -> Briefing:
    """The briefing of a finding whose texts are clean. What is withheld or not known is left out of the sentences."""
    of, guidance = family(finding.family), GUIDANCE[finding.family]
    told = [_measured(piece) for piece in finding.evidence[:PIECES]]
    techniques = ", ".join(f"{one.name} ({one.id})" for one in of.techniques)
    mitigations = ", ".join(f"{one.name} ({one.id})" for one in of.mitigations)
    return Briefing(
        title=finding.title or of.title,
        who=who(finding),
        reason=_reason(finding),
        state=_state(finding),
        evidence=tuple(_line(piece) for piece in told),
        exposure=_exposure(finding.exposure),
        response="; ".join(finding.response) or "look at it",
        mitigations=f"ATLAS: {mitigations}" if mitigations else "",
        attack=techniques or "no technique of ATLAS",
        false_alarm=guidance.false_alarm,
        look=guidance.look,
        checks=_checks(finding),
    )


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
    if not finding.evidence or _STORM in finding.labels or finding.family == GAP:
        return finding.reason
    piece = _measured(finding.evidence[0])
    numbers = ", ".join(number(one) for one in striking(piece))
    named = f"{piece.detector}/{piece.test}"
    said = f"The caller {claim(piece)}" if named in TESTS else f"The test {named} speaks against the caller"
    return f"{said}{f': {numbers}' if numbers else ''}."


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


def _exposure(exposure: Exposure) -> str:
    classes = f", {exposure.classes_seen} of {exposure.classes_known} classes" if exposure.classes_known else ""
    return (
        f"{exposure.answered:,} of {exposure.queries:,} queries answered, {exposure.distinct_inputs:,} different "
        f"inputs, about {exposure.output_bits:,.6g} bits disclosed{classes}"
    )


def _checks(finding: Finding) -> tuple[str, ...]:
    detectors = [
        f"probewatch detectors explain {piece.detector}" for piece in finding.evidence[:1] if finding.family != GAP
    ]
    return (f"probewatch alerts show {finding.finding[:12]}", *detectors)
