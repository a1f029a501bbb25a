"""The demo told on a terminal: who was named and why, what honest look-alikes got, who was missed, what comes next."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from shlex import quote
from shutil import which
from textwrap import wrap
from typing import Final

from click import style

from detectors.taxonomy import family as taxonomy
from monitor.alerts.words import claim, number, plain, striking
from monitor.console.cases import Account, Case, Kind, Missed, main_evidence
from monitor.console.play import Played
from monitor.console.recordings import Label
from monitor.console.words import COLOURS, KINDS, short

WIDTH: Final = 100  # columns
_WHY: Final = 39  # the column at which reasons begin
_MODEL: Final = 8  # columns of a model's name
_NUMBERS: Final = 1  # of a reason


def introduction(sensitive: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """What is going to be played, and with which settings."""
    yield style("probewatch demo: a recorded attack day, through the decoder and the engine of the daemon", bold=True)
    marked = "; ".join(f"{', '.join(columns)} of {model}" for model, columns in sensitive.items())
    yield f"Settings: the defaults; sensitive columns, as the operator would mark them: {marked or 'none'}"


def story(played: Played, found: Sequence[Case], held: Account, labels: Mapping[str, Label]) -> Iterator[str]:
    """The account of a day, line by line."""
    yield from _numbers(played)
    yield from _named([case for case in found if case.named], held, labels)
    yield from _novelty([case for case in found if not case.named], played, labels)
    yield from _honest(held)
    yield from _missed(held)


def pointers(folder: Path, found: Sequence[Case], labels: Mapping[str, Label]) -> Iterator[str]:
    """Where the files are, and what to do with them: an honest client that was named is looked at first."""
    page, findings, settings = (folder / name for name in ("report.html", "findings.ndjson", "probewatch.toml"))
    yield from _head("FILES")
    yield f"  {page}  the same as a page, with the evidence of every finding"
    yield f"  {findings}  every revision of every finding, for machines"
    yield f"  {folder / 'key.toml'}  the key of the pseudonyms: the next run gives the same bytes"
    yield f"  {settings}  settings that read the log beside it, for run, explain and tune"
    yield from _head("NEXT")
    if which("probewatch") is None:
        yield f"  export PATH={quote(str(Path(sys.executable).parent))}:$PATH"
    if found:
        wrong = [case for case in found if case.named and _innocent(case, labels)]
        identity = (wrong or found)[0].lead.finding[:12]
        yield f"  export PROBEWATCH_KEY_FILE={quote(str(folder / 'key.toml'))}"
        yield f"  probewatch alerts show {identity} --file {quote(str(findings))}"
        yield f"  probewatch explain {identity} --file {quote(str(findings))} --config {quote(str(settings))}"
    if kinds := [case for case in found if not case.named]:
        kind = max(kinds, key=lambda one: len(one.clients)).lead.finding[:12]
        yield f"  probewatch run --config {quote(str(settings))}     reads that log, for silence, profile and feedback"
        yield f'  probewatch profile name {kind} probes --reason "of operations" --config {quote(str(settings))}'
    yield "  probewatch replay YOUR-LOG --alerts findings.ndjson     your own log, a record a line"
    yield "  probewatch record                                       what a record looks like"
    yield "  probewatch run --config probewatch.toml                 watch Kafka"


def _innocent(case: Case, labels: Mapping[str, Label]) -> bool:
    return all(name in labels and not labels[name].attack for name in case.clients)


def _head(text: str, beside: str = "") -> Iterator[str]:
    yield ""
    yield style(text, bold=True) + (f"  {beside}" if beside else "")


def _numbers(played: Played) -> Iterator[str]:
    traffic, tally = played.traffic, played.tally
    yield (
        f"{tally.queries:,} queries of {traffic.clients:,} clients to {len(traffic.models)} models"
        f" in {played.seconds:.1f} s: {played.rate:,.0f} queries a second"
    )
    if tally.rejected:
        yield f"{tally.rejected.total():,} records could not be read"


def _named(found: Sequence[Case], held: Account, labels: Mapping[str, Label]) -> Iterator[str]:
    clients = {client for case in found for client in case.clients}
    yield from _head("NAMED", f"{len(clients)} clients; {held.caught} of {held.attackers} attackers are among them")
    yield f"  {'severity':8}  {'client':8}  {'model':8}  {'after':>5}  because"
    for name, claimed, members in _by_claim(found):
        known = taxonomy(name)
        first, *more = wrap(
            f"{known.title} {known.primary.id if known.primary else ''}: {claimed}", WIDTH, subsequent_indent="  "
        )
        yield style(known.title, bold=True) + first.removeprefix(known.title)
        yield from more
        for case in members:
            yield from _case(case, labels)


def _by_claim(found: Sequence[Case]) -> Iterator[tuple[str, str, list[Case]]]:
    """The cases by family and claim, families in the order in which they come."""
    families: dict[str, dict[str, list[Case]]] = {}
    for case in found:
        piece = main_evidence(case.lead)
        claims = families.setdefault(case.lead.family, {})
        claims.setdefault("" if piece is None else claim(piece), []).append(case)
    for name, claims in families.items():
        for claimed, members in claims.items():
            yield name, claimed, members


def _case(case: Case, labels: Mapping[str, Label]) -> Iterator[str]:
    lead, severity = case.lead, case.worst.severity
    who = short(case.clients[0]) if len(case.clients) == 1 else f"{len(case.clients)} keys"
    lines = wrap(_why(case, labels), WIDTH - _WHY, break_on_hyphens=False) or [""]
    colour = style(f"{severity:8}", fg=COLOURS[severity])
    yield f"  {colour}  {who:8}  {_cut(lead.model):8}  {lead.queries:5,}  {lines[0]}"
    yield from (" " * _WHY + line for line in lines[1:])


def _cut(model: str) -> str:
    name = plain(model)
    return name if len(name) <= _MODEL else name[: _MODEL - 1] + "\u2026"


def _why(case: Case, labels: Mapping[str, Label]) -> str:
    piece = main_evidence(case.lead)
    told = "" if piece is None else ", ".join(number(one) for one in striking(piece, _NUMBERS))
    kinds = {label.kind: label for client in case.clients if (label := labels.get(client)) is not None}
    wrong = [f"honest: {kind}" for kind, label in kinds.items() if not label.attack]
    wrong += [f"in truth {label.family}" for label in kinds.values() if label.attack and _other(case, label)]
    return told + (f" [{', '.join(wrong)}]" if wrong else "")


def _other(case: Case, label: Label) -> bool:
    return label.family not in case.families


def _novelty(found: Sequence[Case], played: Played, labels: Mapping[str, Label]) -> Iterator[str]:
    clients = sum(len(case.clients) for case in found)
    yield from _head("NEW KINDS OF TRAFFIC", f"{len(found)}, of {clients} clients" if found else "none")
    for case in sorted(found, key=lambda one: -len(one.clients)):
        who = short(case.clients[0]) if len(case.clients) == 1 else f"{len(case.clients)} clients"
        beside = f"{plain(case.lead.model)}  {case.lead.finding[:12]}  {_why(case, labels)}"
        yield from wrap(f"  {case.worst.severity:8}  {who:10} {beside}", WIDTH, subsequent_indent=" " * _WHY)
    large = {
        model for model, count in played.traffic.models.items() if count >= sum(played.traffic.models.values()) / 20
    }
    if learning := sorted(large & played.tally.learning):
        names = ", ".join(map(plain, learning))
        yield from _wrapped(
            f"what is usual for {names} was still being learnt: a day has too few honest clients for it"
        )


def _honest(held: Account) -> Iterator[str]:
    yield from _head("HONEST LOOK-ALIKES", f"{held.honest} clients of {len(held.kinds)} kinds; {held.accused} named")
    for kind in held.kinds:
        if kind.named or kind.novel:
            yield from _wrapped(f"{kind.name} ({KINDS.get(kind.name, 'honest')}): {got(kind)}")
    quiet = [kind for kind in held.kinds if not kind.named and not kind.novel]
    yield from _wrapped("nothing for " + ", ".join(f"{kind.name} {kind.clients}" for kind in quiet))


def got(kind: Kind) -> str:
    """What the clients of an honest kind got, in words."""
    parts = [f"{count} of {kind.clients} named as {name}" for name, count in kind.named.items()]
    if kind.novel:
        parts.append(f"{kind.novel} of {kind.clients} called a new kind of traffic")
    return ", ".join(parts) or "nothing"


def _missed(held: Account) -> Iterator[str]:
    missed = held.attackers - held.caught
    yield from _head("MISSED", f"{missed} attacker{'' if missed == 1 else 's'}")
    for one in held.missed:
        variant = f", {one.variant}" if one.variant else ""
        yield from _wrapped(f"{one.kind}{variant} ({one.family}): {unheard(one)}")
    yield from _wrapped(f"{held.caught - held.rightly} were caught under the name of another family")


def unheard(one: Missed) -> str:
    """How many attackers of a kind were missed, with how many queries each, and how many never were asked about."""
    each = f"{one.fewest:,}" if one.fewest == one.most else f"{one.fewest:,} to {one.most:,}"
    silent = f", {one.silent} of them too short to be asked about" if one.silent else ""
    return f"{one.clients} {'client' if one.clients == 1 else 'clients'} of {each} queries{silent}"


def _wrapped(text: str) -> Iterable[str]:
    return wrap(text, WIDTH, initial_indent="  ", subsequent_indent="    ", break_on_hyphens=False)
