"""What was said of each client: findings held against the truth about a scene's clients.

An attacker counts as found when a named finding names it, as its client or among its members, after its attack began.
Queries and seconds count from the attack's first query to that revision of the finding, by event time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from monitor.alerts.finding import Finding
from monitor.record.times import event_time

Times = NDArray[np.int64]

TRIED: Final = "tried-key"  # keys that were tried in vain: what is said of them is said of whoever tried them
SECOND: Final = 1_000_000  # microseconds
DAY: Final = 86_400 * SECOND
NOVELTY: Final = "novelty"

SCORES: Final = "score-only"  # asks about training records, which fingerprints tell from others

#: What content cannot tell from honest use, where the labels do not say it themselves; the manual says why.
LIMITS: Final = frozenset({"knockoff", "row-knockoff", "foreign-corpus", "adaptive-foreign", SCORES, "few-views"})


@dataclass(frozen=True, slots=True)
class Said:
    """One finding that names a client: when, after how many of its queries since its attack began (all, if honest)."""

    finding: str
    tier: str
    family: str
    queries: int
    seconds: float


@dataclass(slots=True)
class Client:
    """One client: what it is, when it came (`times`, ascending, microseconds), and what was said of it.

    `reached` are pairs of the attack's own count of queries and the best it had reached by then, in the unit of `goal`;
    the accounts of a campaign share them. `limit`: content cannot tell it from honest use.
    """

    kind: str
    family: str | None
    attack: bool
    unseen: bool
    variant: str = ""
    campaign: str = ""
    attack_from: int = 0
    goal: str = ""
    reached: tuple[tuple[int, float], ...] = ()
    limit: bool = False
    times: Times = field(default_factory=lambda: np.zeros(0, np.int64))
    said: list[Said] = field(default_factory=list)

    @property
    def named(self) -> list[Said]:
        """Findings of the named tier."""
        return [one for one in self.said if one.tier != NOVELTY]

    @property
    def novel(self) -> int:
        """Findings of the novelty tier."""
        return len(self.said) - len(self.named)

    @property
    def first(self) -> Said | None:
        """The first named finding; None where there is none."""
        return min(self.named, key=lambda one: (one.seconds, one.queries), default=None)

    @property
    def right(self) -> Said | None:
        """The first finding of the family that it is; None where there is none."""
        own = [one for one in self.named if one.family == self.family]
        return min(own, key=lambda one: (one.seconds, one.queries), default=None)

    @property
    def sort(self) -> str:
        """`asked` or `limit` for attackers, `known` or `unseen` for the honest."""
        if self.attack:
            return "limit" if self.limit else "asked"
        return "unseen" if self.unseen else "known"

    @property
    def days(self) -> int:
        """On how many days it came."""
        return len(np.unique(self.times // DAY))

    def begun(self, otherwise: int) -> int:
        """When its attack began, or its use of the service where it is honest."""
        if self.attack:
            return self.attack_from
        return int(self.times[0]) if len(self.times) else otherwise

    def by_then(self, when: int) -> int:
        """Its queries from the beginning of its attack until then."""
        since, until = np.searchsorted(self.times, self.attack_from), np.searchsorted(self.times, when, side="right")
        return max(0, int(until - since))

    def got(self, queries: int | None = None) -> float | None:
        """The best that it had reached after so many queries, or in the end; None where it had reached nothing."""
        until = [value for at, value in self.reached if queries is None or at <= queries]
        return until[-1] if until else None


@dataclass(slots=True)
class Joint:
    """A finding that names members: when each was first named, by the truth's name of the client."""

    family: str
    tier: str
    members: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Heard:
    """All that was said. `joint` are the findings with members; `accused` maps the number of a finding to its tier
    and the honest clients that it names; `early` counts attackers that were named before they attacked."""

    joint: dict[str, Joint]
    accused: dict[str, tuple[str, frozenset[str]]]
    early: int


def clients_of(labels: Mapping[str, Mapping[str, Any]]) -> dict[str, Client]:
    """The clients of a scene's labels file, by raw name. KeyError where it lacks what the scenes write."""
    clients = {
        name: Client(
            kind=label["kind"],
            family=label["family"],
            attack=label["attack"],
            unseen=label["unseen"],
            variant=label["variant"],
            campaign=label.get("campaign", ""),
            attack_from=event_time(label["attack_from"], -1, 0) if label.get("attack_from") else 0,
            goal=label.get("goal", ""),
            limit=label.get("limit", label["kind"] in LIMITS),
            reached=tuple((int(at), float(value)) for at, value in label.get("reached", ())),
        )
        for name, label in labels.items()
    }
    for name, owner in owners(clients).items():  # an attack on keys begins with the first that is tried
        clients[owner].attack_from = min(clients[owner].attack_from, clients[name].attack_from)
    return clients


def owners(clients: Mapping[str, Client]) -> dict[str, str]:
    """Of each client, the one that answers for it: whoever tried the key, else itself."""
    return {
        name: client.campaign if client.kind == TRIED and client.campaign in clients else name
        for name, client in clients.items()
    }


def hold(findings: Iterable[Finding], clients: Mapping[str, Client], pseudonym: Callable[[str], str]) -> Heard:
    """Write down at each client what was said of it, once for each finding, at the revision that named it first."""
    names, owner = {pseudonym(name): name for name in clients}, owners(clients)
    heard: set[tuple[str, str]] = set()
    joint: dict[str, Joint] = {}
    accused: dict[str, tuple[str, set[str]]] = {}
    early: set[str] = set()
    for finding in findings:
        whole = joint.setdefault(finding.finding, Joint(finding.family, finding.tier)) if finding.members else None
        for who in finding.members or (finding.client or "",):
            if who not in names or (finding.finding, who) in heard:
                continue
            heard.add((finding.finding, who))
            name = names[who]
            if whole is not None:
                whole.members[name] = finding.updated_at
            if not clients[name].attack:
                accused.setdefault(finding.finding, (finding.tier, set()))[1].add(name)
            if not _said(clients[owner[name]], finding):
                early.add(name)
    told = {number: (tier, frozenset(who)) for number, (tier, who) in accused.items()}
    return Heard(joint, told, len(early))


def _said(client: Client, finding: Finding) -> bool:
    """Note what was said of a client; False where an attacker is accused before it attacks."""
    when = finding.updated_at  # of this revision: members join later ones
    if when < client.attack_from:
        return finding.tier == NOVELTY  # strange before it attacks: neither found nor accused
    queries = client.by_then(when) if len(client.times) else finding.queries
    client.said.append(
        Said(finding.finding, finding.tier, finding.family, queries, (when - client.begun(when)) / SECOND)
    )
    return True
