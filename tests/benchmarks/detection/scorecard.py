"""Who was found, how soon, and who was accused in vain: findings held against the truth about a scene's clients.

An attacker counts as found when a named finding names it, as its client or among its members, after its attack began.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from statistics import median
from typing import Any, Final

import numpy as np

from monitor.alerts.finding import Finding
from monitor.record.times import event_time

TRIED: Final = "tried-key"  # keys that were tried in vain: what is said of them is said of whoever tried them

#: What content cannot tell from honest use; the manual says so.
LIMITS: Final = frozenset({"knockoff", "row-knockoff", "foreign-corpus", "adaptive-foreign", "score-only", "few-views"})
#: Families, and kinds of attack, that no detector of this version looks for.
UNBUILT: Final = frozenset({"backdoor-probing", "llm-leakage", "mutation-search"})


@dataclass(slots=True)
class Client:
    """One client: what it is, and what was said of it. `named` holds the client's queries at each named finding, and
    the family; `novel` counts findings of the novelty tier."""

    kind: str
    family: str | None
    attack: bool
    unseen: bool
    variant: str
    campaign: str
    attack_from: int
    named: list[tuple[int, str]] = field(default_factory=list)
    novel: int = 0

    @property
    def first(self) -> int | None:
        """Queries at the first named finding; None where there is none."""
        return min((queries for queries, _ in self.named), default=None)

    @property
    def right(self) -> int | None:
        """Queries at the first finding of the family that it is; None where there is none."""
        return min((queries for queries, family in self.named if family == self.family), default=None)

    @property
    def sort(self) -> str:
        """`asked`, `limit` or `unbuilt` for attackers, `known` or `unseen` for the honest."""
        if not self.attack:
            return "unseen" if self.unseen else "known"
        if self.family in UNBUILT or self.kind in UNBUILT:
            return "unbuilt"
        return "limit" if self.kind in LIMITS else "asked"


@dataclass(frozen=True, slots=True)
class Row:
    """Counts over some clients. `middle` and `late` are the median and the 90 % quantile of queries to the first named
    finding, over those found."""

    name: tuple[str, ...]
    clients: int
    found: int
    right: int
    within_100: int
    within_200: int
    right_within_200: int
    middle: float | None
    late: float | None
    novel: int


def clients_of(labels: Mapping[str, Mapping[str, Any]]) -> dict[str, Client]:
    """The clients of a scene's labels file, by raw name."""
    return {
        name: Client(
            kind=label["kind"],
            family=label["family"],
            attack=label["attack"],
            unseen=label["unseen"],
            variant=label["variant"],
            campaign=label.get("campaign", ""),
            attack_from=event_time(label["attack_from"], -1, 0) if label.get("attack_from") else 0,
        )
        for name, label in labels.items()
    }


def hold(findings: Iterable[Finding], clients: Mapping[str, Client], pseudonym: Callable[[str], str]) -> int:
    """Write down at each client what was said of it; returns how many attackers were named before they attacked."""
    names = {pseudonym(name): name for name in clients}
    heard: set[tuple[str, str]] = set()
    early: set[str] = set()
    for finding in findings:
        for who in finding.members if finding.client is None else (finding.client,):
            if who not in names or (finding.finding, who) in heard:
                continue
            heard.add((finding.finding, who))
            named = clients[names[who]]
            client = clients.get(named.campaign, named) if named.kind == TRIED else named
            if finding.tier == "novelty":
                client.novel += 1
            elif finding.updated_at >= named.attack_from:  # of this revision: members join later ones
                client.named.append((finding.queries, finding.family))
            else:
                early.add(who)
    return len(early)


def row(name: tuple[str, ...], clients: Sequence[Client]) -> Row:
    """Count some clients."""
    first = sorted(client.first for client in clients if client.first is not None)
    right = [client.right for client in clients if client.right is not None]
    return Row(
        name=name,
        clients=len(clients),
        found=len(first),
        right=len(right),
        within_100=sum(queries <= 100 for queries in first),
        within_200=sum(queries <= 200 for queries in first),
        right_within_200=sum(queries <= 200 for queries in right),
        middle=median(first) if first else None,
        late=float(np.quantile(first, 0.9)) if first else None,
        novel=sum(client.novel > 0 for client in clients),
    )


def grouped(clients: Iterable[Client], key: Callable[[Client], tuple[str, ...]]) -> list[Row]:
    """A row for each key, ascending."""
    groups: dict[tuple[str, ...], list[Client]] = {}
    for client in clients:
        groups.setdefault(key(client), []).append(client)
    return [row(name, groups[name]) for name in sorted(groups)]


@dataclass(frozen=True, slots=True)
class Card:
    """The whole account of one or several scenes."""

    title: str
    attacks: list[Row]
    honest: list[Row]
    variants: list[Row]
    groups: list[Row]
    totals: list[Row]
    early: int

    def tree(self) -> dict[str, Any]:
        """The same for JSON."""
        return asdict(self)


def card(title: str, clients: Iterable[Client], early: int) -> Card:
    """Count clients by family and kind, by variant and family, and in all."""
    told = [client for client in clients if client.kind != TRIED]
    attackers = [client for client in told if client.attack]
    plain = [client for client in attackers if not client.variant]
    varied = [client for client in attackers if client.variant]
    honest = [client for client in told if not client.attack]
    return Card(
        title=title,
        attacks=grouped(plain, lambda client: (client.family or "", client.kind, client.sort)),
        honest=grouped(honest, lambda client: (client.sort, client.kind)),
        variants=grouped(varied, lambda client: (client.variant, client.family or "", client.sort)),
        groups=grouped(_together(varied), lambda client: (client.family or "", client.sort)),
        totals=grouped(plain + honest, lambda client: ("attackers" if client.attack else "honest", client.sort)),
        early=early,
    )


def _together(clients: Iterable[Client]) -> list[Client]:
    """Each group of accounts as one: found when one of its members is, at that member's own count of queries."""
    groups: dict[str, list[Client]] = {}
    for client in clients:
        if client.campaign:
            groups.setdefault(client.campaign, []).append(client)
    whole = []
    for members in groups.values():
        one = members[0]
        said = [pair for member in members for pair in member.named]
        novel = sum(member.novel for member in members)
        whole.append(
            Client(one.kind, one.family, True, one.unseen, one.variant, one.campaign, one.attack_from, said, novel)
        )
    return whole
