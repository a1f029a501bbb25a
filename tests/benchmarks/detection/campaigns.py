"""Accounts that act as one: whether a single finding names them, and whom it names in vain."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from statistics import median
from typing import Final

from hearing import NOVELTY, TRIED, Client, Heard
from intervals import Share

WHOLE: Final = 0.8  # of the members that one finding has to name


@dataclass(frozen=True, slots=True)
class Campaign:
    """One campaign. `queries` are those of all members together until a finding named `WHOLE` of them (None: none did),
    `covered` the largest share that one finding named, `family_told` what that finding called it."""

    kind: str
    family: str
    variant: str
    sort: str
    members: int
    found: bool
    covered: float
    family_told: str
    queries: int | None


@dataclass(frozen=True, slots=True)
class Groups:
    """Counts over campaigns: those of which a member is named, those that one finding names almost whole, those of them
    under their own family; medians of the share covered and of their queries together."""

    name: tuple[str, ...]
    campaigns: int
    found: int
    whole: int
    right: int
    covered: float
    queries: float | None

    @property
    def share(self) -> Share:
        """Named whole, of all."""
        return Share(self.whole, self.campaigns)


def campaigns(clients: Mapping[str, Client], heard: Heard) -> list[Campaign]:
    """Each campaign of a scene, in the order of the labels."""
    parts: dict[str, dict[str, Client]] = {}
    for name, client in clients.items():
        if client.attack and client.campaign and client.variant and client.kind != TRIED:
            parts.setdefault(client.campaign, {})[name] = client
    return [_judged(members, heard) for members in parts.values()]


def _judged(members: Mapping[str, Client], heard: Heard) -> Campaign:
    one = next(iter(members.values()))
    needed, best, when, told = _needed(len(members)), 0, None, ""
    for joint in heard.joint.values():
        times = sorted(at for name, at in joint.members.items() if name in members)
        if joint.tier == NOVELTY or not times:
            continue
        if len(times) > best:
            best, told = len(times), joint.family
        if len(times) >= needed and (when is None or times[needed - 1] < when):
            when = times[needed - 1]
    return Campaign(
        kind=one.kind,
        family=one.family or "",
        variant=one.variant,
        sort=one.sort,
        members=len(members),
        found=any(client.named for client in members.values()),
        covered=best / len(members),
        family_told=told,
        queries=None if when is None else sum(client.by_then(when) for client in members.values()),
    )


def _needed(members: int) -> int:
    """How many members of so many a finding has to name.

    >>> _needed(5), _needed(20), _needed(7)
    (4, 16, 6)
    """
    return ceil(WHOLE * members - 1e-9)


def groups(whole: Iterable[Campaign]) -> list[Groups]:
    """Counts by variant and family, ascending."""
    parts: dict[tuple[str, ...], list[Campaign]] = {}
    for one in whole:
        parts.setdefault((one.variant, one.family, one.sort), []).append(one)
    return [counted(name, of) for name, of in sorted(parts.items())]


def counted(name: tuple[str, ...], of: Sequence[Campaign]) -> Groups:
    """Count some campaigns."""
    caught = [one for one in of if one.queries is not None]
    return Groups(
        name=name,
        campaigns=len(of),
        found=sum(one.found for one in of),
        whole=len(caught),
        right=sum(one.family_told == one.family for one in caught),
        covered=float(median(one.covered for one in of)),
        queries=float(median(one.queries or 0 for one in caught)) if caught else None,
    )


def strangers(clients: Mapping[str, Client], heard: Heard) -> int:
    """Honest clients among the members of named findings with members."""
    named = [joint for joint in heard.joint.values() if joint.tier != NOVELTY]
    return len({name for joint in named for name in joint.members if not clients[name].attack})
