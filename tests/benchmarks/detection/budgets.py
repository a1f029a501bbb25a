"""Promised against delivered: the same traffic at several alert budgets, and how many honest clients' findings came."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from hearing import TRIED, hold
from intervals import Rate, Share
from owner import maker_for, name_of
from playing import PARTITION, Played, Told, Watch, decoded, pseudonyms, quiet, truth
from printed import table
from scorecard import Honest, honest_rows, row

from monitor.config.engine import EngineSettings
from monitor.runtime.replay import Tally

BUDGETS: Final = (0.1, 0.3, 1.0, 3.0, 10.0)  # of both tiers
FACTOR: Final = 2.0
TIERS: Final = ("named", "novelty")


@dataclass(frozen=True, slots=True)
class Delivered:
    """What came at one budget: honest clients by sort and kind, by sort, and attackers found within 200 queries."""

    budget: float
    honest: list[Honest]
    totals: list[Honest]
    found: Share

    def rate(self, tier: str, sort: str = "known") -> Rate:
        """False findings of a tier per 1,000 honest clients a day, kinds of that sort together."""
        of = next((one for one in self.totals if one.name == (sort,)), None)
        return Rate(0, 0) if of is None else of.named_rate if tier == "named" else of.novel_rate

    def kept(self, tier: str) -> bool | None:
        """Whether the promise is kept within a factor of two, as far as so many clients can tell: the 95 % interval of
        what came meets half to twice the budget. None where nobody came."""
        rate = self.rate(tier)
        low, high = rate.interval
        return low <= FACTOR * self.budget and high >= self.budget / FACTOR if rate.days else None


def deliver(log: Path, fingerprints: bool = True, told: Told = quiet) -> list[Played]:
    """Play one scene at each budget, decoded once. OSError where its labels are missing."""
    engines = [
        maker_for(log, EngineSettings(budget=budget, novelty_budget=budget), fingerprints=fingerprints)(PARTITION, None)
        for budget in BUDGETS
    ]
    findings: list[list[Any]] = [[] for _ in BUDGETS]
    tally, watch = Tally(), Watch()
    for queries in decoded(log, tally, told):
        watch.saw(queries)
        for engine, found in zip(engines, findings, strict=True):
            found += engine.feed(queries)
    played = []
    for found in findings:
        clients = truth(log, fingerprints)
        watch.give(clients)
        played.append(
            Played(name_of(log), clients, hold(found, clients, pseudonyms()), tally.queries, tally.rejected.total())
        )
    return played


def delivered(scenes: Sequence[Sequence[Played]]) -> list[Delivered]:
    """What came at each budget, all scenes together."""
    counted = []
    for budget, played in zip(BUDGETS, zip(*scenes, strict=True), strict=True):
        told = [client for one in played for client in one.clients.values() if client.kind != TRIED]
        honest = [client for client in told if not client.attack]
        asked = row((), [client for client in told if client.sort == "asked" and not client.variant])
        counted.append(
            Delivered(
                budget,
                honest_rows(honest, lambda client: (client.sort, client.kind)),
                honest_rows(honest, lambda client: (client.sort,)),
                asked.share("within_200"),
            )
        )
    return counted


def promise(came: Sequence[Delivered]) -> tuple[bool, str]:
    """Whether every promise to known kinds was kept within a factor of two, and which were not."""
    broken = [
        f"{tier} {one.budget:g} delivered {one.rate(tier)}" for tier in TIERS for one in came if one.kept(tier) is False
    ]
    told = f"{len(TIERS) * len(came) - len(broken)} of {len(TIERS) * len(came)} budgets"
    return not broken, told + (f"; not: {', '.join(broken)}" if broken else "")


def report(title: str, came: Sequence[Delivered]) -> str:
    """The account as Markdown."""
    head = ("promised", *(f"{tier}, {sort}" for tier in TIERS for sort in ("known kinds", "kinds never seen")),
            "attackers found within 200")  # fmt: skip
    rows = [
        [f"{one.budget:g}", *(one.rate(tier, sort) for tier in TIERS for sort in ("known", "unseen")), one.found]
        for one in came
    ]
    kept, words = promise(came)
    return "\n".join(
        [
            f"# {title}\n",
            f"- within a factor of two for known kinds, as far as the clients can tell: {words}: "
            f"{'MET' if kept else '**MISSED**'}\n",
            "False findings per 1,000 honest clients a day, with 95 % intervals; attackers in per cent.\n",
            table(head, rows),
            *(part for tier in TIERS for part in (f"## {tier} findings by kind\n", _kinds(came, tier))),
        ]
    )


def _kinds(came: Sequence[Delivered], tier: str) -> str:
    """Rates of the kinds of which any client drew a finding at any budget, the rest in one line."""
    rows, silent = [], 0
    for at, first in enumerate(came[0].honest):
        rates = [one.honest[at].named_rate if tier == "named" else one.honest[at].novel_rate for one in came]
        if any(rate.events for rate in rates):
            rows.append([first.name[1], "never seen" if first.name[0] == "unseen" else "", first.clients, *rates])
        else:
            silent += 1
    rows.append([f"{silent} further kinds", "", "", *(0 for _ in came)])
    return table(("kind", "", "clients", *(f"{one.budget:g}" for one in came)), rows, 2)


def restored(tree: dict[str, Any]) -> list[Delivered]:
    """What `tree` was given; KeyError or TypeError where it is something else."""
    return [
        Delivered(one["budget"], _rows(one["honest"]), _rows(one["totals"]), Share(**one["found"]))
        for one in tree["budgets"]
    ]


def _rows(rows: Sequence[dict[str, Any]]) -> list[Honest]:
    return [Honest(**{**row, "name": tuple(row["name"])}) for row in rows]


def tree(came: Sequence[Delivered]) -> dict[str, Any]:
    """The same for JSON; `promise` is what the bar sheet reads."""
    return {"promise": promise(came), "budgets": [asdict(one) for one in came]}
