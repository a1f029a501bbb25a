"""What the detection has to reach, and whether it did: one line for each bar."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from intervals import Rate, Share
from opponents import Duel
from scorecard import Card, Honest, Row

FOUND: Final = 0.95
MEDIAN: Final = 60
DILUTED: Final = 0.90
TOGETHER: Final = 0.90
UNSEEN: Final = 0.02
KNOWN: Final = 0.001  # of the clients, or one client
NOVELTY: Final = 10.0  # findings per 1,000 honest clients a day
FACTOR: Final = 2.0
COST: Final = 25.0  # microseconds
SKETCHING: Final = 2.0  # points


@dataclass(frozen=True, slots=True)
class Reached:
    """One bar: what was wanted, what was measured; `met` is None where it was not measured."""

    wanted: str
    figure: str
    met: bool | None

    @property
    def word(self) -> str:
        """For the table."""
        return "not measured" if self.met is None else "MET" if self.met else "**MISSED**"


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """What other commands measure: whether promised and delivered false findings agree and in words; microseconds of a
    query on the record of 48 numbers; points of detection that sketching costs. None: not measured."""

    promise: tuple[bool, str] | None = None
    cost: float | None = None
    sketching: float | None = None


def sheet(card: Card, against: Sequence[Duel] = (), elsewhere: Elsewhere | None = None) -> list[Reached]:
    """Every bar, in the order in which they were set."""
    more = Elsewhere() if elsewhere is None else elsewhere
    return [
        _families(card.families),
        _medians(card.attacks),
        _diluted(card.totals),
        _together(card),
        _right(card.totals),
        _known(card.honest_totals),
        _unseen(card.honest_totals),
        _novelty(card.honest_totals),
        _limits(card.attacks),
        _promise(more.promise),
        _rivals(against),
        _at_most("microseconds a query on the record of 48 numbers, one core", COST, more.cost),
        _at_most("points of detection that sketching costs", SKETCHING, more.sketching),
    ]


def _asked(rows: Iterable[Row]) -> list[Row]:
    return [row for row in rows if row.name[-1] != "limit"]


def _families(rows: Iterable[Row]) -> Reached:
    asked = _asked(rows)
    low = [row for row in asked if (row.share("within_100").value or 0.0) < FOUND]
    worst = ", ".join(f"{row.name[0]} {row.share('within_100')}" for row in low)
    figure = f"{len(asked) - len(low)} of {len(asked)} families" + (f"; below: {worst}" if low else "")
    return Reached("95 % of the attackers of every family found within 100 queries", figure, _met(asked, not low))


def _medians(rows: Iterable[Row]) -> Reached:
    asked = _asked(rows)
    slow = [row for row in asked if row.queries is None or row.queries[0] > MEDIAN]
    worst = ", ".join(f"{row.name[1]} {'never' if row.queries is None else f'{row.queries[0]:.0f}'}" for row in slow)
    figure = f"{len(asked) - len(slow)} of {len(asked)} kinds" + (f"; above: {worst}" if slow else "")
    return Reached(
        f"median queries to the first finding {MEDIAN} or fewer, of every kind", figure, _met(asked, not slow)
    )


def _diluted(rows: Iterable[Row]) -> Reached:
    of = [row for row in _asked(rows) if row.name[0] == "diluted-80"]
    share = Share(sum(row.within_500 for row in of), sum(row.clients for row in of))
    return _share("90 % of attackers diluted to 20 % found within 500 queries", share, DILUTED)


def _together(card: Card) -> Reached:
    of = [row for row in card.groups if row.name[0] == "group-of-20" and row.name[-1] != "limit"]
    share = Share(sum(row.whole for row in of), sum(row.campaigns for row in of))
    return _share("90 % of attacks split over 20 found as one campaign with 80 % of its members", share, TOGETHER)


def _right(rows: Iterable[Row]) -> Reached:
    asked = _asked(rows)
    share = Share(sum(row.right for row in asked), sum(row.found for row in asked))
    once = Share(sum(row.right_at_once for row in asked), share.whole)
    one = _share("family named correctly in 95 % of the found, all variants", share, FOUND)
    return replace(one, figure=f"{one.figure}; by the first finding {once}") if share.whole else one


def _honest(rows: Iterable[Honest], sort: str) -> Honest | None:
    return next((row for row in rows if row.name[0] == sort), None)


def _known(rows: Iterable[Honest]) -> Reached:
    wanted, row = "at most 1 of 1,000 honest clients of known kinds named", _honest(rows, "known")
    if row is None:
        return Reached(wanted, "", None)
    share = Share(row.named, row.clients)
    return Reached(wanted, f"{row.named} of {row.clients}: {share}", row.named <= max(1.0, KNOWN * row.clients))


def _unseen(rows: Iterable[Honest]) -> Reached:
    wanted, row = "at most 2 % of honest clients of kinds never seen named", _honest(rows, "unseen")
    if row is None:
        return Reached(wanted, "", None)
    share = Share(row.named, row.clients)
    return Reached(wanted, f"{row.named} of {row.clients}: {share}", row.named <= UNSEEN * row.clients)


def _novelty(rows: Sequence[Honest]) -> Reached:
    rate = Rate(sum(row.novel_findings for row in rows), sum(row.days for row in rows))
    wanted = "at most 10 novelty findings per 1,000 honest clients a day, after grouping"
    return Reached(wanted, str(rate), rate.value <= NOVELTY if rate.days else None)


def _limits(rows: Iterable[Row]) -> Reached:
    of = [row for row in rows if row.name[-1] == "limit"]
    share = Share(sum(row.novel for row in of), sum(row.clients for row in of))
    return _share("attackers that only novelty can see are in its findings", share, FOUND)


def _promise(promise: tuple[bool, str] | None) -> Reached:
    wanted = "promised and delivered false findings within a factor of two, budgets of 0.1 to 10"
    return Reached(wanted, "", None) if promise is None else Reached(wanted, promise[1], promise[0])


def _rivals(against: Sequence[Duel]) -> Reached:
    lost = [duel for duel in against if not duel.won]
    worse = ", ".join(f"{duel.kind} ({duel.rival} {duel.theirs.part}/{duel.theirs.whole})" for duel in lost)
    figure = f"{len(against) - len(lost)} of {len(against)} kinds" + (f"; not: {worse}" if lost else "")
    wanted = "better than every rival at equal false findings, in every kind"
    return Reached(wanted, figure if against else "", _met(against, not lost))


def _share(wanted: str, share: Share, bar: float) -> Reached:
    figure = f"{share.part} of {share.whole}: {share}" if share.whole else ""
    return Reached(wanted, figure, None if share.value is None else share.value >= bar)


def _at_most(wanted: str, most: float, figure: float | None) -> Reached:
    wanted = f"at most {most:.0f} {wanted}"
    return Reached(wanted, "" if figure is None else f"{figure:.3g}", None if figure is None else figure <= most)


def _met(measured: Sequence[object], met: bool) -> bool | None:
    return met if measured else None
