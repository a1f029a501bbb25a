"""A scorecard as Markdown tables, for people and for the results that are kept beside this code."""

from __future__ import annotations

from typing import Final

from printed import share, table
from scorecard import Card, Row

ATTACKS: Final = ("clients", "found", "right family", "≤ 100", "≤ 200", "median", "p90", "novelty")
HONEST: Final = ("clients", "named", "novelty")
SORTS: Final = {
    "asked": "looked for",
    "limit": "honest limit",
    "unbuilt": "not built yet",
    "known": "kind known from the learning days",
    "unseen": "kind never seen before",
}


def headline(card: Card) -> str:
    """The figures that sum it up."""
    sums = {row.name[1]: row for row in card.totals}
    asked, known = sums.get("asked"), sums.get("known")
    lines = []
    if asked is not None:
        lines.append(f"attackers found within 200 queries: **{share(asked.within_200, asked.clients)}**")
        lines.append(f"the same, with the right family named: {share(asked.right_within_200, asked.clients)}")
    if known is not None:
        lines.append(f"honest clients of known kinds named: **{share(known.found, known.clients)}**")
        lines.append(f"honest clients of known kinds in the novelty tier: {share(known.novel, known.clients)}")
    if "unseen" in sums:
        lines.append(f"honest clients of kinds never seen before named: {_named(sums['unseen'])}")
    apart = [sort for sort in ("limit", "unbuilt") if sort in sums]
    lines += [f"not counted above, {SORTS[sort]}: {_named(sums[sort])} found" for sort in apart]
    if card.early:
        lines.append(f"attackers named before they attacked, which is a false finding: {card.early}")
    return "".join(f"- {line}\n" for line in lines)


def render(card: Card) -> str:
    """The whole scorecard."""
    parts = [f"# {card.title}\n", headline(card)]
    if card.attacks:
        rows = [[*_words(row), *_counts(row)] for row in card.attacks]
        parts += ["## Attackers\n", table(("family", "kind", "", *ATTACKS), rows, 3)]
    if card.honest:
        rows = [[*_words(row, sort_first=True), row.clients, row.found, row.novel] for row in card.honest]
        parts += ["## Honest clients\n", table(("kind", "", *HONEST), rows, 2)]
    if card.variants:
        rows = [[*_words(row), *_counts(row)] for row in card.variants]
        parts += ["## Attackers who hide\n", table(("variant", "family", "", *ATTACKS), rows, 3)]
    if card.groups:
        rows = [[*_words(row), *_counts(row)] for row in card.groups]
        parts += [
            "## Groups of five accounts as one, found when a member is\n",
            table(("family", "", "groups", *ATTACKS[1:]), rows, 2),
        ]
    return "\n".join(parts)


def _named(row: Row) -> str:
    return share(row.found, row.clients)


def _words(row: Row, *, sort_first: bool = False) -> list[str]:
    """The names of a row, its sort last and in words; the common sort has none."""
    *names, sort = (*row.name[1:], row.name[0]) if sort_first else row.name
    return [*names, "" if sort == "asked" else SORTS[sort]]


def _counts(row: Row) -> list[object]:
    soon = ["" if queries is None else f"{queries:.0f}" for queries in (row.middle, row.late)]
    return [row.clients, row.found, row.right, row.within_100, row.within_200, *soon, row.novel]
