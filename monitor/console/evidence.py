"""The evidence of one case as HTML: numbers beside the usual ones, exposure, other families, where it comes from."""

from __future__ import annotations

from typing import Final

from detectors.taxonomy import family as taxonomy
from monitor.alerts.finding import Contribution, Evidence, Finding
from monitor.alerts.words import SHARES, claim, measured, written
from monitor.console.cases import Case, main_evidence
from monitor.console.markup import facts, link, safe, tag
from monitor.formats.briefing import exposed
from monitor.formats.native import moment

_LARGE: Final = 1e6  # from here on numbers are written with an exponent


def panel(case: Case) -> str:
    """What an analyst asks of a case."""
    lead = case.lead
    piece = main_evidence(lead)
    numbers = "" if piece is None else tag("h3", safe(f"Numbers behind it: {claim(piece)}")) + bars(piece)
    left = tag("div", numbers + _others(case, piece))
    right = tag("div", tag("h3", "The claim") + _claim(lead) + tag("h3", "Where it comes from") + _lineage(case))
    return tag("div", tag("div", left + right, klass="columns"), klass="panel")


def bars(piece: Evidence) -> str:
    """One bar for each number, a black line where the usual value lies."""
    return tag("ul", "".join(_bar(one) for one in piece.contributions), klass="bars")


def _bar(one: Contribution) -> str:
    value, usual = written(one.feature, one.value), None if one.usual is None else written(one.feature, one.usual)
    beside = "usual value not known" if usual is None else f"usually {usual}"
    name, said = measured(one.feature), f"{value}, {beside}"
    low, high = scale(one)
    zero, at = _place(0.0, low, high), _place(one.value, low, high)
    parts = [
        tag("rect", klass="track", width="100%", height=7, y=2, rx=3),
        tag(
            "rect",
            klass="value",
            x=f"{min(zero, at):.2f}%",
            width=f"{max(abs(at - zero), 0.4):.2f}%",
            height=7,
            y=2,
            rx=3,
        ),
    ]
    if one.usual is not None:
        x = min(_place(one.usual, low, high), 99.6)
        parts.append(tag("rect", klass="usual", x=f"{x:.2f}%", width=2, height=11))
    label = tag("div", tag("span", safe(name)) + tag("span", safe(said)), klass="label")
    picture = tag("svg", "".join(parts), height=11, role="img", aria_label=f"{name}: {said}")
    return tag("li", label + picture, title=one.feature)


def scale(one: Contribution) -> tuple[float, float]:
    """The ends of a bar's scale: 0 to 1 for shares, otherwise from the smallest of the numbers or 0 to the largest.

    >>> scale(Contribution("near", 0.97, 0.05, 1.0)), scale(Contribution("straight", -0.4, 0.2, 1.0))
    ((0.0, 1.0), (-0.4, 0.2))
    """
    seen = [0.0, one.value] + ([] if one.usual is None else [one.usual])
    return min(seen), max(*seen, 1.0 if one.feature in SHARES else 0.0)


def _place(value: float, low: float, high: float) -> float:
    return 100 * (value - low) / (high - low) if high > low else 0.0


def _claim(lead: Finding) -> str:
    known = taxonomy(lead.family)
    others = "; ".join((*known.owasp, *known.nist)) or "none"
    return facts(
        {
            "finding": tag("span", safe(lead.finding), klass="id"),
            "client": tag("span", safe(lead.client or ", ".join(lead.members)), klass="id"),
            "technique": ", ".join(link(one.reference, f"{one.id} {one.name}") for one in known.techniques) or "none",
            "also known as": safe(others),
            "evidence": safe(f"e-value {large(lead.evalue)}; {large(lead.budget)} had to be beaten"),
            "exposure": safe(exposed(lead.exposure)),
            "response": safe(", then ".join(lead.response) or "none"),
            "mitigations": ", ".join(link(one.reference, f"{one.id} {one.name}") for one in known.mitigations)
            or "none",
        }
    )


def _lineage(case: Case) -> str:
    lead, lineage = case.lead, case.lead.lineage
    return facts(
        {
            "log": safe(f"{lineage.topic}-{lineage.partition}, {lineage.first_offset:,} to {lineage.last_offset:,}"),
            "first query": safe(moment(lead.started)[:19] + "Z"),
            "opened": safe(moment(lead.raised_at)[:19] + "Z"),
            "last word": safe(moment(lead.updated_at)[:19] + f"Z, revision {lead.revision}, {lead.status}"),
            "made by": safe(f"detectors {lineage.detector_version}, settings {lineage.config_hash}"),
            "key": safe(", ".join(lineage.key_epochs)),
        }
    )


def _others(case: Case, main: Evidence | None) -> str:
    """Evidence of the tests that did not lead, and the other findings about the same client."""
    pieces = [piece for piece in case.lead.evidence if piece is not main]
    rows = [
        f"{taxonomy(piece.family).title}: {claim(piece)} (strength {piece.strength:.2f}, e-value {large(piece.evalue)})"
        for piece in pieces
    ]
    rows += [
        f"{taxonomy(one.family).title}, {one.severity}, after {one.queries:,} queries, {one.finding[:12]}"
        for one in case.findings
        if one is not case.lead
    ]
    if not rows:
        return ""
    return tag("h3", "Other evidence and findings") + tag(
        "ul", "".join(tag("li", safe(row)) for row in rows), klass="plain"
    )


def large(value: float) -> str:
    """A number of any size.

    >>> large(15848.9), large(2.5e9)
    ('15,849', '2.5e+09')
    """
    return f"{value:,.0f}" if value < _LARGE else f"{value:.2g}"
