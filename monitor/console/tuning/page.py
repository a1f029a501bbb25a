"""What tuning came to as one HTML file that loads nothing."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

from detectors.taxonomy import family as taxonomy
from monitor.console.markup import Tile, document, safe, table, tag
from monitor.console.tuning import plots
from monitor.console.tuning.choosing import Line
from monitor.console.tuning.measuring import Measured
from monitor.console.tuning.tuned import Tuned

_FOOTER: Final = (
    "Whoever is not labelled, and plays no drill, is taken for honest: a finding about an attacker whom nobody knows of"
    " counts as an accusation in vain. Rates are per 1,000 clients a day, a client counted on every day on which it"
    " came."
)


def page(tuned: Tuned) -> str:
    """The whole page."""
    changes = len(tuned.lines)
    headline = f"{changes} setting{'s' * (changes != 1)} to change" if changes else "Nothing to change"
    return document(
        brand="probewatch tune",
        title=f"probewatch: {headline}",
        headline=headline,
        lead=_lead(tuned),
        tiles=_tiles(tuned),
        body="\n".join(_sections(tuned)),
        footer=_FOOTER,
    )


def _lead(tuned: Tuned) -> str:
    traffic = tuned.traffic
    days = [datetime.fromtimestamp(day * 86_400, UTC) for day in traffic.days]
    drills = sum(len(log.drills) for log in traffic.logs)
    span = f"{days[0]:%-d %b %Y} to {days[-1]:%-d %b %Y}"
    told = f"{traffic.queries:,} queries from {span}, replayed {len(tuned.runs)} times"
    told += f", with {drills:,} records of drills among them" if drills else ""
    unkept = "" if tuned.kept else " No choice keeps that: this comes nearest."
    return f"{told}. Accepted: {tuned.accepted}.{unkept}"


def _tiles(tuned: Tuned) -> tuple[Tile, ...]:
    now, best = tuned.current, tuned.best
    return (
        ("Attackers named", f"{best.found} of {best.attackers}", f"in force: {now.found}"),
        ("Queries until half are", _delay(best), f"in force: {_delay(now)}"),
        ("False, named", f"{best.rate:.3g}", f"in force: {now.rate:.3g}; promised: {best.choice['engine.budget']:g}"),
        ("False, novelty", f"{best.novelty_rate:.3g}", f"in force: {now.novelty_rate:.3g}"),
        ("Clients a day", f"{tuned.traffic.client_days / max(len(tuned.traffic.days), 1):,.0f}", "on average"),
    )


def _sections(tuned: Tuned) -> Iterator[str]:
    parts = {
        "What to change, and what that gives to an attacker": _changes(tuned),
        "Promised and delivered": plots.promised(tuned),
        "What each choice names, and accuses in vain": plots.power(tuned),
        "How much the days differ": plots.days(tuned),
        "Attack by attack": _families(tuned),
        "Everything that was tried": _runs(tuned),
    }
    for name, inside in parts.items():
        if inside:
            yield tag("section", tag("h2", safe(name)) + inside)


def _changes(tuned: Tuned) -> str:
    if not tuned.lines:
        return tag("p", "What is in force is best of what was tried.", klass="soft")
    rows = [_change(line) for line in tuned.lines]
    heads = ("Setting", "From", "To", "Why", "What an attacker gains")
    told = table("Each line alone, with everything else as it is in force.", heads, rows, heads[1:3])
    if len(rows) < 2:
        return told
    whole = "; ".join(map(str, tuned.total)) or "nothing that was measured"
    return told + tag("p", safe(f"All lines together, for attackers: {whole}."), klass="soft")


def _change(line: Line) -> str:
    gains = "; ".join(map(str, line.gains)) or "nothing that was measured"
    cells = (
        tag("td", tag("code", safe(line.name)), klass="name"),
        tag("td", safe(f"{line.before:g}"), klass="n"),
        tag("td", safe(f"{line.after:g}"), klass="n"),
        tag("td", safe(line.reason())),
        tag("td", tag("span", safe(gains), klass="truth wrong" if line.loosens else None)),
    )
    return tag("tr", "".join(cells))


def _families(tuned: Tuned) -> str:
    rows = []
    for family, now in tuned.current.caught.items():
        best = tuned.best.caught[family]
        cells = (
            tag("td", safe(taxonomy(family).title)),
            tag("td", safe(str(now.clients)), klass="n"),
            tag("td", safe(f"{now.found} ({now.rightly} rightly)"), klass="n"),
            tag("td", safe("-" if now.delay is None else f"{now.delay:g}"), klass="n"),
            tag("td", safe(f"{best.found} ({best.rightly} rightly)"), klass="n"),
            tag("td", safe("-" if best.delay is None else f"{best.delay:g}"), klass="n"),
        )
        rows.append(tag("tr", "".join(cells), klass=None if best.found == best.clients else "some"))
    heads = ("Attack", "Accounts", "Named, in force", "after", "Named, recommended", "after")
    told = "Accounts that attack, how many were named, and after how many queries half of them were. Shaded: not all."
    return table(told, heads, rows, heads[1:]) if rows else ""


def _runs(tuned: Tuned) -> str:
    rows = (_run(one, tuned) for one in sorted(tuned.runs, key=lambda one: tuple(one.choice.values())))
    heads = ("Budget", "Novelty budget", "Vote", "False, named", "at most", "False, novelty", "Named", "after", "")
    return table("One replay a line.", heads, rows, heads[:-1])


def _run(one: Measured, tuned: Tuned) -> str:
    mark = " and ".join(
        name for name, other in (("in force", tuned.current), ("recommended", tuned.best)) if one.choice == other.choice
    )
    values = [f"{value:g}" for value in one.choice.values()]
    values += [
        f"{one.rate:.2f}",
        f"{one.most:.2f}",
        f"{one.novelty_rate:.2f}",
        f"{one.found} of {one.attackers}",
        _delay(one),
    ]
    cells = "".join(tag("td", safe(value), klass="n") for value in values) + tag("td", safe(mark))
    return tag("tr", cells, klass="some" if mark else None)


def _delay(one: Measured) -> str:
    return "-" if one.delay is None else f"{one.delay:g}"
