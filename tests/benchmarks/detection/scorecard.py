"""Who was found, how soon, what they had by then, and who was accused in vain: everything counted."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from itertools import pairwise
from math import isfinite
from statistics import median
from typing import Any, Final

import numpy as np
from campaigns import Campaign, Groups, campaigns, groups, strangers
from hearing import NOVELTY, TRIED, Client
from intervals import Rate, Share
from playing import Played

MICRO: Final = 1e6


@dataclass(frozen=True, slots=True)
class Row:
    """Counts over some attackers. `queries` and `seconds` are the median and the 90 % quantile from the attack's first
    query to the first named finding, over those found; `right` were named for what they are by some finding,
    `right_at_once` by the first; `reached` is the median of what each had reached by then (in
    the end, if it was never found), `reached_at_last` of what each had in the end, in the unit of `goal`."""

    name: tuple[str, ...]
    clients: int
    found: int
    right: int
    right_at_once: int
    within_100: int
    within_200: int
    within_500: int
    queries: tuple[float, float] | None
    seconds: tuple[float, float] | None
    goal: str
    reached: float | None
    reached_at_last: float | None
    novel: int
    first_queries: tuple[int, ...]

    def share(self, count: str) -> Share:
        """`found`, `within_100` and so on as a share of all, `right` and `right_at_once` of those found."""
        return Share(getattr(self, count), self.found if count.startswith("right") else self.clients)


@dataclass(frozen=True, slots=True)
class Honest:
    """Counts over honest clients of one kind: clients that a finding of either tier names, and findings (each one once,
    however many clients it names) that name one of them at least."""

    name: tuple[str, ...]
    clients: int
    days: int
    named: int
    novel: int
    named_findings: int
    novel_findings: int

    @property
    def named_rate(self) -> Rate:
        """Named findings per 1,000 of these clients a day."""
        return Rate(self.named_findings, self.days)

    @property
    def novel_rate(self) -> Rate:
        """Novelty findings per 1,000 of these clients a day."""
        return Rate(self.novel_findings, self.days)


@dataclass(frozen=True, slots=True)
class Cost:
    """Processor time of one query in microseconds: decoder and sketch, and engine (features, detectors, findings);
    bytes of state for each remembered client."""

    scene: str
    queries: int
    decoding: float
    engine: float
    bytes_a_client: float


@dataclass(frozen=True, slots=True)
class Card:
    """The whole account of one or several scenes. `strangers` are honest clients among the members of a named finding
    with members."""

    title: str
    attacks: list[Row]
    families: list[Row]
    honest: list[Honest]
    variants: list[Row]
    groups: list[Groups]
    totals: list[Row]
    honest_totals: list[Honest]
    costs: list[Cost]
    strangers: int
    early: int

    def tree(self) -> dict[str, Any]:
        """The same for JSON."""
        return {each.name: _tree(getattr(self, each.name)) for each in fields(self)}


def restored(tree: dict[str, Any]) -> Card:
    """The card that has that tree. KeyError or TypeError where it is something else."""
    kinds: dict[str, Callable[..., Any]] = {
        "attacks": Row, "families": Row, "variants": Row, "totals": Row, "honest": Honest, "honest_totals": Honest,
        "groups": Groups, "costs": Cost,
    }  # fmt: skip
    return Card(**{name: _restored(kinds.get(name), part) for name, part in tree.items()})


def _restored(kind: Callable[..., Any] | None, part: Any) -> Any:
    if kind is None:
        return part
    return [kind(**{name: tuple(x) if isinstance(x, list) else x for name, x in row.items()}) for row in part]


def _tree(part: Any) -> Any:
    return [asdict(row) for row in part] if isinstance(part, list) else part


def row(name: tuple[str, ...], clients: Sequence[Client]) -> Row:
    """Count some attackers."""
    first = [said for client in clients if (said := client.first) is not None]
    right = [said for client in clients if (said := client.right) is not None]
    queries = sorted(said.queries for said in first)
    goals = sorted({client.goal for client in clients if client.goal})
    one_goal = len(goals) == 1
    return Row(
        name=name,
        clients=len(clients),
        found=len(first),
        right=len(right),
        right_at_once=sum(said.family == client.family for client in clients if (said := client.first) is not None),
        within_100=sum(count <= 100 for count in queries),
        within_200=sum(count <= 200 for count in queries),
        within_500=sum(count <= 500 for count in queries),
        queries=_spread(queries),
        seconds=_spread([said.seconds for said in first]),
        goal=goals[0] if one_goal else "",
        reached=_middle(clients, [client.got(_until(client)) for client in clients]) if one_goal else None,
        reached_at_last=_middle(clients, [client.got() for client in clients]) if one_goal else None,
        novel=sum(client.novel > 0 for client in clients),
        first_queries=tuple(queries),
    )


def _until(client: Client) -> int | None:
    return None if client.first is None else client.first.queries


def _spread(values: Sequence[float]) -> tuple[float, float] | None:
    return (float(median(values)), float(np.quantile(values, 0.9))) if values else None


def _middle(clients: Sequence[Client], values: Sequence[float | None]) -> float | None:
    """The median of what attackers had reached; None where half of them had nothing. Who had nothing had least: of
    distances, which shrink, that is the largest."""
    shrinks = any(after < before for client in clients for (_, before), (_, after) in pairwise(client.reached))
    none = float("inf") if shrinks else float("-inf")
    middle = sorted(none if value is None else value for value in values)[len(values) // 2]
    return middle if isfinite(middle) else None


def grouped(clients: Iterable[Client], key: Callable[[Client], tuple[str, ...]]) -> list[Row]:
    """A row for each key, ascending."""
    return [row(name, of) for name, of in _split(clients, key)]


def _split(
    clients: Iterable[Client], key: Callable[[Client], tuple[str, ...]]
) -> list[tuple[tuple[str, ...], list[Client]]]:
    parts: dict[tuple[str, ...], list[Client]] = {}
    for client in clients:
        parts.setdefault(key(client), []).append(client)
    return sorted(parts.items())


def honest_row(name: tuple[str, ...], clients: Sequence[Client]) -> Honest:
    """Count some honest clients."""
    named = {said.finding for client in clients for said in client.said if said.tier != NOVELTY}
    novel = {said.finding for client in clients for said in client.said if said.tier == NOVELTY}
    return Honest(
        name=name,
        clients=len(clients),
        days=sum(client.days for client in clients),
        named=sum(bool(client.named) for client in clients),
        novel=sum(client.novel > 0 for client in clients),
        named_findings=len(named),
        novel_findings=len(novel),
    )


def honest_rows(clients: Iterable[Client], key: Callable[[Client], tuple[str, ...]]) -> list[Honest]:
    """A row for each key, ascending."""
    return [honest_row(name, of) for name, of in _split(clients, key)]


def card(title: str, played: Sequence[Played]) -> Card:
    """Count the clients of some scenes by family and kind, by variant and family, and in all."""
    told = [client for one in played for client in one.clients.values() if client.kind != TRIED]
    attackers = [client for client in told if client.attack]
    plain = [client for client in attackers if not client.variant]
    honest = [client for client in told if not client.attack]
    whole: list[Campaign] = [each for one in played for each in campaigns(one.clients, one.heard)]
    return Card(
        title=title,
        attacks=grouped(plain, lambda client: (client.family or "", client.kind, client.sort)),
        families=grouped(plain, lambda client: (client.family or "", client.sort)),
        honest=honest_rows(honest, lambda client: (client.sort, client.kind)),
        variants=grouped(
            (client for client in attackers if client.variant),
            lambda client: (client.variant, client.family or "", client.sort),
        ),
        groups=groups(whole),
        totals=grouped(attackers, lambda client: (client.variant, client.sort)),
        honest_totals=honest_rows(honest, lambda client: (client.sort,)),
        costs=[cost(one) for one in played if one.queries],
        strangers=sum(strangers(one.clients, one.heard) for one in played),
        early=sum(one.heard.early for one in played),
    )


def cost(one: Played) -> Cost:
    """What a scene took, by query and by client."""
    each = MICRO / one.queries
    return Cost(one.scene, one.queries, each * one.decoding, each * one.engine, one.size / max(one.remembered, 1))
