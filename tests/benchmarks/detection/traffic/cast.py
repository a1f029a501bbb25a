"""Who plays in a scene: roles with their counts, names, addresses, tempo and budgets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from traffic.assistant import Assistant, TextService
from traffic.clock import times, volume
from traffic.judge import GOALS, TEXT_GOAL, reached
from traffic.models import Floats
from traffic.records import Identity, Played
from traffic.service import OutOfBudget, Service
from traffic.world import World

Rng = np.random.Generator
Behaviour = Callable[[Any, Rng], None]  # of a Service, or of a TextService
Deployed = World | Assistant
GROUPS = (
    "acme", "borealis", "cobalt", "delphi", "ember", "fjord", "granite", "harbor", "indigo", "juniper", "kestrel",
    "lumen", "meridian", "northwind", "orchard", "pinnacle", "quarry", "redwood", "summit", "tundra", "umbra",
    "vertex", "willow", "xenon", "yarrow", "zephyr",
)  # fmt: skip
AGENTS = ("sdk-py/2.4", "sdk-py/2.6", "sdk-js/1.9", "sdk-go/0.8", "curl/8.5", "okhttp/4.12", "mobile-app/5.1")

NEWCOMER = "newcomer"  # tries the service out: a few samples, a few inputs
REPEATING = frozenset({"square", "simba-pixel", "simba-dct", "zoo", "sign-opt"})  # ART asks the same more than once


@dataclass(frozen=True)
class Role:
    """One way of behaving. `family` is None for the honest; `labels_suffice` attackers often see no probabilities."""

    kind: str
    behaviour: Behaviour
    tempo: str
    family: str | None = None
    unseen: bool = False
    labels_suffice: bool = False
    variant: str = ""
    dilution: float = 0.0
    deduplicate: bool = False
    members: int = 1  # accounts that share the work
    limit: bool = False  # by content nobody can tell this attack from use
    popular: float = 0.0  # share of inputs that many others send as well
    samples: float = 0.0  # how often such a client begins with the samples of its SDK
    most: tuple[int, int] = (0, 0)  # bounds of its queries, where they are not the usual ones

    def label(self) -> dict[str, object]:
        """What the labels file says of such a client."""
        kind = {"kind": self.kind, "family": self.family, "attack": self.family is not None}
        limit = {"limit": True} if self.limit else {}
        return {**kind, "unseen": self.unseen, "variant": self.variant, **limit}


@dataclass
class Names:
    """Hands out client names, groups and addresses; heavy-tailed tenants."""

    rng: Rng
    prefix: str = "key"
    used: set[int] = field(default_factory=set)

    def identity(self) -> Identity:
        """A caller of some tenant, with an address of its own."""
        group = GROUPS[min(int(self.rng.pareto(0.9) * 2), 10**6) % len(GROUPS)]
        number = int(self.rng.integers(1, 10_000))
        while number in self.used:
            number = int(self.rng.integers(1, 10_000))
        self.used.add(number)
        return Identity(f"{group}/{self.prefix}-{number}", group, self.address(), str(self.rng.choice(AGENTS)))

    def address(self) -> str:
        """An address of a range kept for documentation or of a private network."""
        last, private = self.rng.integers(1, 255), f"10.{self.rng.integers(20, 60)}.{self.rng.integers(256)}"
        return f"{self.rng.choice(['203.0.113', '198.51.100', '192.0.2', private])}.{last}"


def variants(role: Role) -> list[Role]:
    """The slow and the two diluted forms of an attack; without repeats where the library repeats itself."""
    silent = [replace(role, variant="deduplicated", deduplicate=True)] if role.kind in REPEATING else []
    return [
        *silent,
        replace(role, variant="slow", tempo="slow"),
        replace(role, variant="diluted-50", dilution=0.5),
        replace(role, variant="diluted-80", dilution=0.8),
    ]


def budget(role: Role, rng: Rng) -> int:
    """How many queries: honest heavy-tailed (load tests more), attackers 100 to 300, diluted ones 500 and more; a
    campaign enough for each account to send some."""
    if role.most[1]:
        return int(rng.integers(*role.most))
    if role.tempo == "burst":
        return int(rng.integers(300, 700))
    if role.family is None:
        return volume(rng)
    if role.members > 1:
        return int(rng.integers(200, 401) * (1 + role.members / 20))
    return int(rng.integers(100, 301)) if role.dilution == 0 else int(rng.integers(500, 651))


def act(world: Deployed, role: Role, rng: Rng, count: int) -> Any:
    """Let a behaviour run against the service until its budget is spent; the Service or TextService it used."""
    ask: Service | TextService
    if isinstance(world, Assistant):
        ask = TextService(world, rng, count, dilution=role.dilution)
    else:
        bare = role.labels_suffice and bool(rng.random() < 0.5)
        ask = Service(world, rng, count, bare, role.dilution, role.deduplicate, role.popular)
    try:
        if isinstance(ask, Service) and rng.random() < role.samples:
            ask.samples()
        role.behaviour(ask, rng)
    except OutOfBudget:
        return ask
    raise AssertionError(f"{role.kind} stopped before its budget was spent")


def perform(world: Deployed, role: Role, names: Names, part: tuple[int, int], rng: Rng) -> tuple[Any, list[Played]]:
    """One client, or the accounts of one campaign, with their times in the days `part` (first, count)."""
    ask = act(world, role, rng, budget(role, rng))
    tempo = role.tempo
    if role.family is not None and tempo != "slow":
        tempo = str(rng.choice(["person", "machine", "machine", "steady"]))
    stamps, label = times(len(ask.trace), tempo, *part, rng), role.label()
    if role.family is not None:
        goal = GOALS.get(role.family, "") if isinstance(ask, Service) else TEXT_GOAL
        label |= {"goal": goal, "reached": reached(role.family, ask)}
    if role.members == 1:
        return ask, [Played(names.identity(), label, ask.trace, stamps, ask.labels_only)]
    return ask, _deal(ask, role, label, names, stamps, rng)


def _seats(count: int, members: int, rng: Rng) -> NDArray[np.int64]:
    """Who sends which query: in turn, by lot, or in batches of a handful; everybody sends some."""
    habit = rng.random()
    if habit < 0.5:
        return np.arange(count) % members
    if habit < 0.75:
        return np.concatenate([np.arange(members), rng.integers(members, size=count - members)])
    return np.arange(count) // int(rng.integers(3, 9)) % members


def _deal(
    ask: Service | TextService, role: Role, label: dict[str, object], names: Names, stamps: Floats, rng: Rng
) -> list[Played]:
    """One stream dealt to several accounts; what was reached counts the queries of all of them together."""
    people = [names.identity() for _ in range(role.members)]
    seats, trace, dealt = _seats(len(ask.trace), role.members, rng), ask.trace, []
    for seat, who in enumerate(people):
        own, places = type(trace)(), np.flatnonzero(seats == seat)
        for q in places:
            own.add(trace.inputs[q], trace.answers[q], trace.versions[q], trace.statuses[q], trace.genuine[q])
        told = {**label, "campaign": people[0].client}
        dealt.append(Played(who, told, own, stamps[places], ask.labels_only))
    return dealt
