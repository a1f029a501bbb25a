"""The page: one HTML file that loads nothing, for light and dark, wide and narrow, screen and paper."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from string import Template
from typing import Final

from detectors.features.layout import FIRST_BLOCK
from detectors.taxonomy import ATLAS_EDITION
from detectors.taxonomy import family as taxonomy
from monitor.alerts.words import claim, number, striking
from monitor.console.cases import Account, Case, Kind, Missed, main_evidence
from monitor.console.evidence import panel
from monitor.console.markup import Tile, document, link, safe, table, tag
from monitor.console.play import Played
from monitor.console.recordings import Label
from monitor.console.story import got, unheard
from monitor.console.timeline import timeline
from monitor.console.words import KINDS, short

_BODY: Final = Path(__file__).with_name("page.html")
_FOOTER: Final = (
    f"Everything on this page is in this file: it loads nothing. Links lead to MITRE ATLAS {ATLAS_EDITION}. Clients are"
    " pseudonyms, made with the key beside this file; raw names and raw inputs are not kept."
)
#: On paper every row shows its evidence.
_UNFOLDED: Final = """<script>
addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((one) => { one.open = true; }));
</script>
"""
_HEADS: Final = ("Severity", "Client", "Attack family", "Model", "Risk", "Queries until named", "Why")
_COMMANDS: Final = (
    "probewatch demo                                       this page again",
    "probewatch alerts list --file findings.ndjson         the findings, a line each",
    "probewatch alerts show ID --file findings.ndjson      one finding with its evidence",
    "probewatch replay YOUR-LOG --alerts findings.ndjson   your own log",
    "probewatch run --config probewatch.toml               watch Kafka",
)


def page(played: Played, found: Sequence[Case], held: Account, labels: Mapping[str, Label]) -> str:
    """The whole page. Everything that comes from records is escaped."""
    named = [case for case in found if case.named]
    traffic = played.traffic
    clients = {client for case in named for client in case.clients}
    headline = f"{len(clients)} of {traffic.clients:,} clients were named as attackers, and {held.caught} of them were"
    body = Template(_BODY.read_text(encoding="utf-8")).substitute(
        timeline=timeline(traffic, found),
        cases=_cases(found, labels),
        honest_lead=safe(_honest_lead(held)),
        honest=_honest(held.kinds),
        missed_lead=safe(_missed_lead(held)),
        missed=_missed(held.missed),
        first=FIRST_BLOCK,
        how=safe(_how(played)),
        commands="\n".join(safe(line) for line in _COMMANDS),
    )
    return document(
        brand="probewatch",
        title=f"probewatch: {headline}",
        headline=headline,
        lead=_lead(played),
        tiles=_tiles(played, found, held),
        body=body,
        footer=_FOOTER,
        script=_UNFOLDED,
    )


def _lead(played: Played) -> str:
    traffic, queries = played.traffic, played.tally.queries
    days = f"{_moment(traffic.start):%-d} to {_moment(traffic.end - 1):%-d %B %Y}"
    return (
        f"A recorded log of {queries:,} queries to {len(traffic.models)} models, {days}: ordinary use, and on its last"
        " day attacks that were really run against these models."
    )


def _tiles(played: Played, found: Sequence[Case], held: Account) -> tuple[Tile, ...]:
    named = {client for case in found if case.named for client in case.clients}
    novel = {client for case in found if not case.named for client in case.clients} - named
    return (
        ("Attackers named", f"{held.caught} of {held.attackers}", f"{held.rightly} under the right family"),
        ("Honest clients named", f"{held.accused} of {held.honest}", f"{len(held.kinds)} kinds of honest use"),
        ("Findings", f"{len(played.findings):,}", f"in {len(found):,} cases"),
        ("New kinds of traffic", f"{len(novel):,}", "clients, in a tier of their own"),
        ("Speed", f"{played.rate:,.0f}", f"queries a second, {played.seconds:.1f} s in all"),
    )


def _cases(found: Sequence[Case], labels: Mapping[str, Label]) -> str:
    if not found:
        return tag("p", "Nobody was named.")
    numeric = {"Risk", "Queries until named"}
    heads = "".join(tag("th", safe(head), scope="col", klass="n" if head in numeric else None) for head in _HEADS)
    bodies = "\n".join(_case(case, labels) for case in found)
    caption = tag("caption", safe(f"{len(found):,} cases. Open a row for its evidence."))
    return tag("table", caption + tag("thead", tag("tr", heads)) + bodies, klass="cards")


def _case(case: Case, labels: Mapping[str, Label]) -> str:
    lead, severity, known = case.lead, case.worst.severity, taxonomy(case.lead.family)
    who = short(case.clients[0]) if len(case.clients) == 1 else f"{len(case.clients)} clients"
    technique = "" if known.primary is None else tag("small", link(known.primary.reference, known.primary.id))
    piece = main_evidence(lead)
    why = "" if piece is None else safe(claim(piece)) + tag("small", safe("; ".join(map(number, striking(piece)))))
    cells = (
        tag("td", tag("span", safe(severity), klass="tag")),
        tag("td", tag("span", safe(who), klass="id") + _truth(case, labels)),
        tag("td", safe(known.title) + technique),
        tag("td", safe(lead.model), data_name="model"),
        tag("td", safe(f"{case.worst.risk:.0f}"), klass="n", data_name="risk"),
        tag("td", safe(f"{lead.queries:,}"), klass="n", data_name="named after queries:"),
        tag("td", why),
    )
    answer = safe(f"Evidence and response: {', then '.join(lead.response)}")
    more = tag("td", tag("details", tag("summary", answer) + panel(case)), colspan=len(_HEADS))
    return tag("tbody", tag("tr", "".join(cells), klass="head") + tag("tr", more, klass="more"), klass=severity)


def _truth(case: Case, labels: Mapping[str, Label]) -> str:
    """What the recording says about the clients of a case."""
    told = {}
    for label in (labels[client] for client in case.clients if client in labels):
        if not label.attack:
            told[f"in truth honest: {label.kind}"] = True
        elif label.family not in case.families:
            told[f"in truth {label.family}: {label.kind}"] = True
        else:
            told[f"in truth {label.kind}"] = False
    return "".join(
        "<br>" + tag("span", safe(text), klass="truth wrong" if bad else "truth") for text, bad in told.items()
    )


def _honest_lead(held: Account) -> str:
    return (
        f"Of {held.honest} honest clients {held.accused} were named. What each client really was is known, because the"
        " day was recorded; it is looked up after the findings were made, and for this page alone. Kinds marked with a"
        " star were kept from whoever set the thresholds, and appear on the last day only."
    )


def _honest(kinds: Sequence[Kind]) -> str:
    ordered = sorted(kinds, key=lambda kind: (not kind.named, not kind.novel, kind.unseen, kind.name))
    rows = (
        tag(
            "tr",
            tag("td", safe(kind.name + (" *" if kind.unseen else "")) + tag("small", safe(KINDS.get(kind.name, ""))))
            + "".join(tag("td", safe(f"{count:,}"), klass="n") for count in (kind.clients, kind.queries))
            + tag("td", safe(got(kind))),
            klass="some" if kind.named or kind.novel else None,
        )
        for kind in ordered
    )
    heads = ("Kind of honest client", "Clients", "Queries", "Findings")
    return table("What honest clients got, by kind", heads, rows, heads[1:3])


def _missed_lead(held: Account) -> str:
    wrong = held.caught - held.rightly
    return f"{held.attackers - held.caught} of {held.attackers} attackers were not named" + (
        f", and {wrong} were named as another family than their own." if wrong else "."
    )


def _missed(missed: Sequence[Missed]) -> str:
    if not missed:
        return ""
    rows = (
        tag(
            "tr",
            tag("td", safe(f"{one.kind} {one.variant}".strip()) + tag("small", safe(KINDS.get(one.kind, ""))))
            + tag("td", safe(taxonomy(one.family).title))
            + tag("td", safe(unheard(one))),
        )
        for one in missed
    )
    heads = ("Kind of attacker", "Attack family", "What there was to see")
    return table("Attackers that were not named, by kind", heads, rows)


def _how(played: Played) -> str:
    marked = "; ".join(f"{', '.join(columns)} of model {name}" for name, columns in played.recording.sensitive.items())
    return (
        "The log went through the decoder and the engine that the daemon runs, with the default settings and what an"
        f" operator of these models knows: sensitive columns are {marked or 'none'}. The engine learnt what is"
        " ordinary from this very log as it went along."
        " The same log, settings and key give the same findings, byte for byte."
    )


def _moment(microseconds: int) -> datetime:
    return datetime.fromtimestamp(microseconds // 1_000_000, UTC)
