"""A scorecard as Markdown, for people and for the results that are kept beside this code."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from bars import Reached
from intervals import Rate, Share, lasted, percent
from opponents import Duel, Rival
from printed import table
from scorecard import Card, Honest, Row

ATTACKS: Final = (
    "clients", "found", "right family", "≤ 100", "≤ 200", "≤ 500", "queries", "p90", "time", "p90",
    "reached by then (in the end)", "novelty",
)  # fmt: skip
HONEST: Final = ("clients", "named", "named findings", "novelty clients", "novelty findings")
ALL: Final = "**all**"
SORTS: Final = {
    "asked": "looked for",
    "limit": "honest limit",
    "known": "kind known from the learning days",
    "unseen": "kind never seen before",
}
VARIANTS: Final = {"": "attackers", "deduplicated": "without repeats"}


def headline(card: Card) -> str:
    """The figures that sum it up."""
    lines = [
        f"{VARIANTS.get(row.name[0], row.name[0])} found within 200 queries: **{row.share('within_200')}** of "
        f"{row.clients}; family right in {row.share('right')} of the found"
        for row in card.totals
        if row.name[1] == "asked"
    ]
    lines += [
        f"honest, {SORTS[row.name[0]]}: {row.clients} clients, named **{Share(row.named, row.clients)}**; "
        f"per 1,000 a day {row.named_rate} named and {row.novel_rate} novelty findings"
        for row in card.honest_totals
    ]
    lines += [f"{SORTS['limit']}: {_of(row)} found" for row in card.totals if row.name == ("", "limit")]
    lines.append(f"honest clients among the members of a named finding: {card.strangers}")
    if card.early:
        lines.append(f"attackers named before they attacked, which is a false finding: {card.early}")
    return "".join(f"- {line}\n" for line in lines)


def render(card: Card, sheet: Sequence[Reached] = (), against: Sequence[Rival] = (), duels: Sequence[Duel] = ()) -> str:
    """The whole scorecard; shares are in per cent with 95 % intervals, `queries` and `time` are medians."""
    parts = [f"# {card.title}\n", headline(card)]
    if card.attacks:
        rows = [[*_words(row.name), *_counts(row)] for row in card.attacks]
        parts += ["## Attackers\n", table(("family", "kind", "", *ATTACKS), rows, 3)]
        rows = [[*_words(row.name), *_counts(row)] for row in card.families]
        parts += [_goals(card.attacks), "## Attackers by family\n", table(("family", "", *ATTACKS), rows, 2)]
    if card.variants:
        rows = [[*_words(row.name), *_counts(row)] for row in card.variants]
        parts += ["## Attackers who hide\n", table(("variant", "family", "", *ATTACKS), rows, 3)]
    if card.groups:
        parts += ["## Accounts that act as one\n", _groups(card)]
    if card.honest:
        rows = [[*_words(row.name, sort_first=True), *_honest(row)] for row in (*card.honest, *_sums(card))]
        parts += [HONEST_WORDS, table(("kind", "", *HONEST), rows, 2)]
    if against:
        parts += ["## Other detectors on the same scenes\n", _rivals(against, card), _duels(duels)]
    if card.costs:
        parts += ["## What it takes\n", _costs(card)]
    if sheet:
        rows = [[one.wanted, one.figure, one.word] for one in sheet]
        parts += ["## What it has to reach\n", table(("bar", "measured", ""), rows, 3)]
    return "\n".join(parts)


HONEST_WORDS: Final = (
    "## Honest clients\n\nClients named, and findings per 1,000 clients a day; a finding counts once, however many it "
    "names.\n"
)


def _sums(card: Card) -> list[Honest]:
    """The totals, named so that they come out as rows of the same table."""
    return [_renamed(row) for row in card.honest_totals]


def _renamed(row: Honest) -> Honest:
    return Honest((row.name[0], ALL), *(getattr(row, name) for name in Honest.__slots__[1:]))


def _words(name: tuple[str, ...], *, sort_first: bool = False) -> list[str]:
    """The names of a row, its sort last and in words; the common sort has none."""
    *names, sort = (*name[1:], name[0]) if sort_first else name
    return [*names, "" if sort == "asked" else SORTS[sort]]


def _counts(row: Row) -> list[object]:
    queries = ("", "") if row.queries is None else tuple(f"{count:.0f}" for count in row.queries)
    seconds = ("", "") if row.seconds is None else tuple(lasted(count) for count in row.seconds)
    shares: list[object] = [row.share(name) for name in ("found", "right", "within_100")]
    shares += [percent(row.share(name)) for name in ("within_200", "within_500")]
    return [row.clients, *shares, *queries, *seconds, _reached(row), row.novel]


def _reached(row: Row) -> str:
    """What the attacker had when it was found, and what it would have had.

    >>> from scorecard import row as count
    >>> _reached(count((), []))
    ''
    """
    if not row.goal:
        return ""
    then, last = ("nothing" if value is None else f"{value:.3g}" for value in (row.reached, row.reached_at_last))
    return f"{then} ({last})"


def _goals(rows: Sequence[Row]) -> str:
    """What it is that was reached."""
    goals: dict[str, list[str]] = {}
    for row in rows:
        if row.goal:
            goals.setdefault(row.goal, []).append(row.name[0])
    words = (f"{', '.join(dict.fromkeys(families))}: {goal}" for goal, families in goals.items())
    return "Reached, by the median attacker. " + "; ".join(words) + ".\n" if goals else ""


def _honest(row: Honest) -> list[object]:
    if row.name[-1] == ALL:
        return [row.clients, row.named, row.named_rate, row.novel, row.novel_rate]
    return [row.clients, row.named, _rate(row.named_rate), row.novel, _rate(row.novel_rate)]


def _rate(rate: Rate) -> str:
    """Without its interval, which for the few clients of one kind is as wide as can be."""
    return f"{rate.value:.1f}" if rate.events else "0"


def _of(row: Row) -> str:
    return f"{row.found} of {row.clients}"


def _groups(card: Card) -> str:
    head = ("variant", "family", "", "campaigns", "a member named", "one finding names 80 %", "its family right",
            "share named (median)", "queries of all together")  # fmt: skip
    rows = [
        [*_words(row.name), row.campaigns, row.found, row.share, f"{row.right} of {row.whole}",
         f"{100 * row.covered:.0f} %", "" if row.queries is None else f"{row.queries:.0f}"]
        for row in card.groups
    ]  # fmt: skip
    return table(head, rows, 3)


def _rivals(against: Sequence[Rival], card: Card) -> str:
    asked = [row for row in card.attacks if row.name[-1] == "asked"]
    ours = Share(sum(row.found for row in asked), sum(row.clients for row in asked))
    flagged = Share(sum(row.named for row in card.honest_totals), sum(row.clients for row in card.honest_totals))
    rows: list[list[object]] = [["**probewatch**", "default", ours, flagged]]
    rows += [[one.name, one.setting, one.found, one.flagged] for one in against]
    return table(("detector", "setting", "attackers found", "honest clients flagged"), rows, 2)


def _duels(duels: Sequence[Duel]) -> str:
    rows = [
        [duel.kind, duel.ours, _median(duel.median), duel.rival, duel.theirs, _median(duel.their_median),
         "better" if duel.won else "**worse**"]
        for duel in duels
    ]  # fmt: skip
    head = ("kind", "probewatch", "queries", "best rival, recalibrated", "found", "queries", "")
    return "### Each kind against its best rival at equal false findings\n\n" + table(head, rows)


def _median(queries: float | None) -> str:
    return "" if queries is None else f"{queries:.0f}"


def _costs(card: Card) -> str:
    rows = [
        [one.scene, f"{one.queries:,}", f"{one.decoding:.1f}", f"{one.engine:.1f}", f"{one.bytes_a_client:,.0f}"]
        for one in card.costs
    ]
    head = ("scene", "queries", "decoder and sketch, µs a query", "features and detectors, µs a query",
            "bytes a client")  # fmt: skip
    return table(head, rows)
