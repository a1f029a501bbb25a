"""An explanation as one HTML file that loads nothing, for light and dark, wide and narrow, screen and paper."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from detectors.taxonomy import ATLAS_EDITION
from detectors.taxonomy import family as taxonomy
from monitor.alerts.guidance import guidance
from monitor.alerts.words import TESTS, claim, measured, written
from monitor.console.evidence import bars, large
from monitor.console.explained import plots
from monitor.console.explained.account import Account, Number, leading
from monitor.console.explained.text import STREAMS, rebuilt, side
from monitor.console.explained.tracing import Test, who
from monitor.console.markup import Tile, document, facts, link, safe, table, tag
from monitor.console.words import short
from monitor.formats.native import moment

_FOOTER: Final = (
    f"Clients are pseudonyms, inputs are sketches: neither names nor inputs are on this page. ATLAS {ATLAS_EDITION}."
)


def page(account: Account) -> str:
    """The whole page. Everything that comes from records is escaped."""
    finding = account.finding
    return document(
        brand="probewatch explain",
        title=f"probewatch: {finding.title}, {_short(who(finding))}",
        headline=finding.title,
        lead=finding.reason,
        tiles=_tiles(account),
        body="\n".join((_rebuilt(account), *_sections(account))),
        footer=_FOOTER,
        klass=finding.severity,
    )


def _tiles(account: Account) -> tuple[Tile, ...]:
    finding = account.finding
    return (
        ("Severity", finding.severity, f"risk {finding.risk:.0f} of 100"),
        ("Client", _short(who(finding)), f"model {finding.model}"),
        ("Opened after", f"{finding.queries:,}", "queries"),
        ("E-value", large(finding.evalue), f"{large(finding.budget)} had to be beaten"),
        ("Status", finding.status, f"revision {finding.revision}, {moment(finding.updated_at)[:16]}Z"),
    )


def _short(told: str) -> str:
    """Of one client the beginning of its pseudonym, of several how many they are."""
    return told if " " in told else short(told)


def _rebuilt(account: Account) -> str:
    first, *rest = rebuilt(account)
    tone = {"same": "good", "differs": "critical", "absent": "critical"}.get(account.compared.verdict, "medium")
    more = tag("ul", "".join(tag("li", safe(line)) for line in rest), klass="plain") if rest else ""
    return tag("div", tag("p", safe(first)) + more, klass=f"note {tone}")


def _sections(account: Account) -> Iterator[str]:
    """Each part that there is something to say of."""
    parts = {
        "What its queries were": plots.timeline(account),
        "How the evidence grew": plots.evalues(
            account.paths, account.finding.budget, account.finding.queries, alone=len(account.finding.members) < 2
        ),
        "The numbers": _numbers(account),
        "Which test said what, and when": _words(account),
        "What would have kept it silent": _silence(account),
        "Is it a false alarm?": _doubt(account),
        "What it may have got, and where it comes from": _facts(account),
        "What is missing on this page": _missing(account),
    }
    for name, inside in parts.items():
        if inside:
            yield tag("section", tag("h2", safe(name)) + inside)


def _numbers(account: Account) -> str:
    lead = leading(account.finding)
    if lead is None:
        return ""
    head = tag("p", safe(f"The client {claim(lead)} ({lead.detector}/{lead.test})."), klass="soft")
    if not account.trace.blocks:
        return head + bars(lead)
    rows = (_number(one) for one in account.numbers)
    cohort = max((len(one.cohort) for one in account.numbers), default=0)
    heads = ("Number", "This client", "Usually", "Among others", "Block by block")
    shaded = f"Shaded: where nine in ten of {cohort} other clients of about the same volume lie. "
    caption = f"{shaded * bool(cohort)}Upright line: what is usual for the model. Dot: this client."
    return head + table(caption, heads, rows, heads[1:3])


def _number(one: Number) -> str:
    usual = "not known" if one.usual is None else written(one.feature, one.usual)
    rank = "" if one.rank is None else tag("small", safe(f"above {one.rank:.0%} of them"))
    name = safe(measured(one.feature)) + tag("small", tag("code", safe(one.feature)))
    cells = (
        tag("td", name),
        tag("td", safe(written(one.feature, one.value)) + rank, klass="n"),
        tag("td", safe(usual), klass="n"),
        tag("td", plots.strip(one)),
        tag("td", plots.spark(one)),
    )
    return tag("tr", "".join(cells))


def _words(account: Account) -> str:
    rows = (
        tag(
            "tr",
            tag("td", safe(said(word.test)) + tag("small", safe("/".join(word.test))))
            + tag("td", safe(STREAMS.get(word.stream, "of the group")))
            + tag("td", safe(f"{word.first:,}"), klass="n")
            + tag("td", safe(f"{word.at:,}"), klass="n")
            + tag("td", safe(f"{word.strongest:.2f} of {word.floor:.2f}"), klass="n")
            + tag("td", safe(large(word.evalue)), klass="n"),
            klass="some" if word.strongest >= word.floor else None,
        )
        for word in account.words
    )
    heads = ("Test", "Of which queries", "First word after", "Strongest after", "Strength, and needed", "E-value")
    spoke = any(word.strongest >= word.floor for word in account.words)
    told = f"After how many queries each test first gathered anything, and when most.{' Shaded: it spoke.' * spoke}"
    return table(told, heads, rows, heads[2:]) if account.words else ""


def said(test: Test) -> str:
    """What a test claims."""
    return TESTS.get("/".join(test), "/".join(test))


def _silence(account: Account) -> str:
    rows = (
        tag(
            "tr",
            tag("td", safe(measured(one.feature)) + tag("small", safe("/".join(one.test))))
            + tag("td", safe(written(one.feature, one.value)), klass="n")
            + tag("td", safe(f"{side(one)} {written(one.feature, one.limit)}")),
        )
        for one in account.silences
    )
    if not account.silences:
        return ""
    heads = ("Number", "It was", "Silent with")
    told = "Each alone would have kept its test from gathering evidence, block for block. The nearest first."
    return table(told, heads, rows, heads[1:2])


def _doubt(account: Account) -> str:
    beside = guidance(account.finding)
    told = f"Honest use that leaves the same trace: {beside.false_alarm} {beside.look}"
    return tag("p", safe(told), klass="soft")


def _facts(account: Account) -> str:
    finding, lineage, known = account.finding, account.finding.lineage, taxonomy(account.finding.family)
    got = finding.exposure
    left = facts(
        {
            "finding": tag("span", safe(finding.finding), klass="id"),
            "client": tag("span", safe(finding.client or ", ".join(finding.members)), klass="id"),
            "group": tag("span", safe(finding.group or "not known"), klass="id"),
            "nearest profile": safe(account.nearest or "not known yet"),
            "departs from it": safe("; ".join(account.departures) or "not known"),
            "exposure": safe(
                f"{got.answered:,} of {got.queries:,} queries answered, {got.distinct_inputs:,} distinct inputs,"
                f" {got.output_bits:,.0f} bits, {got.classes_seen} of {got.classes_known} classes"
            ),
            "response": safe(", then ".join(finding.response) or "none"),
        }
    )
    right = facts(
        {
            "technique": ", ".join(link(one.reference, f"{one.id} {one.name}") for one in known.techniques) or "none",
            "log": safe(f"{lineage.topic}-{lineage.partition}, {lineage.first_offset:,} to {lineage.last_offset:,}"),
            "opened": safe(moment(finding.raised_at)[:19] + "Z"),
            "last word": safe(moment(finding.updated_at)[:19] + "Z"),
            "made by": safe(f"detectors {lineage.detector_version}, settings {lineage.config_hash}"),
            "key": safe(", ".join(lineage.key_epochs)),
        }
    )
    return tag("div", left + right, klass="split")


def _missing(account: Account) -> str:
    return (
        tag("ul", "".join(tag("li", safe(line)) for line in account.missing), klass="plain") if account.missing else ""
    )
