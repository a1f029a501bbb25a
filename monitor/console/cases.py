"""Findings put together by client and model, as an analyst works them, and held against the labels afterwards."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from detectors.features.layout import FIRST_BLOCK
from monitor.alerts.finding import RANKS, Evidence, Finding
from monitor.console.recordings import Label
from monitor.engine.verdicts import PRECEDENCE


@dataclass(frozen=True, slots=True)
class Case:
    """All findings about one client, or one campaign, of one model, in the order in which they opened."""

    findings: tuple[Finding, ...]

    @property
    def lead(self) -> Finding:
        """The first of the family that explains the others; its `queries` say how soon it was named."""
        return min(self.findings, key=lambda one: (_place(one.family), one.raised_at))

    @property
    def worst(self) -> Finding:
        """The one with the highest risk: of the case's severity."""
        return max(self.findings, key=lambda one: one.risk)

    @property
    def named(self) -> bool:
        """Whether an attack is named; otherwise this is a new kind of traffic."""
        return self.lead.tier == "named"

    @property
    def clients(self) -> tuple[str, ...]:
        """The pseudonyms that the case is about."""
        return self.lead.members if self.lead.client is None else (self.lead.client,)

    @property
    def families(self) -> tuple[str, ...]:
        """Families that were named, the leading one first."""
        return tuple(sorted({one.family for one in self.findings}, key=_place))


def cases(findings: Iterable[Finding]) -> list[Case]:
    """The cases, the highest risk first, equal ones in the order in which they opened."""
    grouped: dict[tuple[str, tuple[str, ...]], list[Finding]] = {}
    for finding in sorted(findings, key=lambda one: (one.raised_at, one.finding)):
        who = finding.members if finding.client is None else (finding.client,)
        grouped.setdefault((finding.model, who), []).append(finding)
    found = [Case(tuple(group)) for group in grouped.values()]
    return sorted(found, key=lambda one: (not one.named, -RANKS.index(one.worst.severity), -one.worst.risk))


def main_evidence(finding: Finding) -> Evidence | None:
    """The piece that carries the finding's own family; None where a finding has no evidence."""
    own = [piece for piece in finding.evidence if piece.family == finding.family]
    return max(own or finding.evidence, key=lambda piece: piece.evalue, default=None)


@dataclass(frozen=True, slots=True)
class Kind:
    """What one kind of honest client got: how many there were, and of them how many were named as which family."""

    name: str
    unseen: bool
    clients: int
    queries: int
    named: Counter[str]
    novel: int


@dataclass(frozen=True, slots=True)
class Missed:
    """Attackers of one kind that nothing was said of. `silent` of them sent too few queries to be asked about."""

    kind: str
    variant: str
    family: str
    clients: int
    fewest: int
    most: int
    silent: int


@dataclass(frozen=True, slots=True)
class Account:
    """The findings against the labels. `caught` attackers were named, `rightly` with the family of their attack."""

    attackers: int
    caught: int
    rightly: int
    kinds: tuple[Kind, ...]
    missed: tuple[Missed, ...]

    @property
    def honest(self) -> int:
        """Clients that did not attack."""
        return sum(kind.clients for kind in self.kinds)

    @property
    def accused(self) -> int:
        """Of them, how many were named as attackers."""
        return sum(kind.named.total() for kind in self.kinds)


def account(found: Sequence[Case], labels: Mapping[str, Label]) -> Account:
    """Who of the recording was named, and who was not."""
    named: dict[str, list[str]] = {}
    novel: set[str] = set()
    for case in found:
        for client in case.clients:
            if case.named:
                named.setdefault(client, []).extend(case.families)
            else:
                novel.add(client)
    attackers = {client: label for client, label in labels.items() if label.attack}
    return Account(
        attackers=len(attackers),
        caught=len(attackers.keys() & named.keys()),
        rightly=sum(label.family in named.get(client, ()) for client, label in attackers.items()),
        kinds=tuple(_kinds(labels, named, novel)),
        missed=tuple(_missed({client: label for client, label in attackers.items() if client not in named})),
    )


def _kinds(labels: Mapping[str, Label], named: Mapping[str, list[str]], novel: set[str]) -> Iterable[Kind]:
    honest = [(client, label) for client, label in labels.items() if not label.attack]
    for name, unseen in sorted({(label.kind, label.unseen) for _, label in honest}):
        mine = [(client, label) for client, label in honest if (label.kind, label.unseen) == (name, unseen)]
        families = Counter(named[client][0] for client, _ in mine if client in named)
        strange = sum(client in novel for client, _ in mine)
        yield Kind(name, unseen, len(mine), sum(label.queries for _, label in mine), families, strange)


def _missed(attackers: Mapping[str, Label]) -> Iterable[Missed]:
    grouped: dict[tuple[str, str, str], list[int]] = {}
    for label in attackers.values():
        grouped.setdefault((label.family or "", label.kind, label.variant), []).append(label.queries)
    for (family, kind, variant), queries in sorted(grouped.items()):
        silent = sum(count < FIRST_BLOCK for count in queries)
        yield Missed(kind, variant, family, len(queries), min(queries), max(queries), silent)


def _place(family: str) -> int:
    """Place in the order of precedence; families that stand in none (campaigns) lead."""
    return PRECEDENCE.index(family) if family in PRECEDENCE else -1
