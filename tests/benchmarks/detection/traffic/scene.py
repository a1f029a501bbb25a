"""Plays a scene: learning days with honest clients and a few slow attackers, then attack days."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from traffic.abuse import key_spray, many_models, volume_burst
from traffic.assistant import Assistant
from traffic.cast import NEWCOMER, Deployed, Names, Role, perform, variants
from traffic.clock import Days
from traffic.outage import outages, strike
from traffic.records import Played
from traffic.roster import Roles

SEEDS = {"tune": 1, "held": 2}


@dataclass(frozen=True)
class Size:
    """How many clients play: honest ones of known kinds in the learning days only, throughout, in the attack days
    only; newcomers that try the service out; of each unseen honest kind, each attack, each variant of it; `rare`
    attackers in the learning days (one in a hundred of those who then do more than try the service out)."""

    learning: int = 300
    throughout: int = 0
    attack: int = 920
    newcomers: int = 1200
    unseen_each: int = 14
    attackers_each: int = 6
    variants_each: int = 2
    campaigns: tuple[int, ...] = (5, 20)
    abuse_each: int = 4
    rare: int = 3


@dataclass
class Game:
    """A scene being played: its clients so far, and the services that the attackers of each kind used.

    Every client has its own random stream, so that a change of one client moves no other."""

    world: Deployed
    seed: int
    names: Names
    days: Days
    cast: list[Played] = field(default_factory=list)
    attacks: dict[str, list[Any]] = field(default_factory=lambda: defaultdict(list))
    families: dict[str, str] = field(default_factory=dict)
    streams: int = 0

    def stream(self) -> np.random.Generator:
        """The next client's random stream."""
        self.streams += 1
        return np.random.default_rng([self.seed, 11, self.streams])

    def send(self, role: Role, part: str, count: int = 1) -> None:
        """Let `count` clients play the role in a part of the days."""
        for _ in range(count):
            ask, played = perform(self.world, role, self.names, self.days.part(part), self.stream())
            for one in played:
                one.label["part"] = part
            self.cast += played
            if role.family is not None:
                self.attacks[role.kind].append(ask)
                self.families[role.kind] = role.family

    def abuse(self, usual: Role) -> None:
        """One client of each plain abuse of a model; before it, they use the service as `usual` says."""
        if isinstance(self.world, Assistant):
            return
        for one in (volume_burst, key_spray, many_models):
            self.cast += one(self.world, usual, self.names, self.days, self.stream())


def honest_counts(roles: Sequence[Role], total: int) -> list[int]:
    """Ordinary users are four times as many as any other kind; nobody is left out unless nobody is wanted."""
    weights = np.array([4.0 if role.kind == "user" else 0.0 if role.kind == NEWCOMER else 1.0 for role in roles])
    counts = np.maximum(min(total, 1), np.rint(total * weights / weights.sum()))
    return [int(count) for count in np.where(weights > 0, counts, 0)]


def play(world: Deployed, roles: Roles, size: Size, seed: int, days: Days, prefix: str = "key") -> Game:
    """Play one scene of the size given."""
    known, unseen, attacks = roles
    game = Game(world, seed, Names(np.random.default_rng([seed, 3]), prefix), days)
    for part, total in (("learning", size.learning), ("throughout", size.throughout), ("attack", size.attack)):
        for role, count in zip(known, honest_counts(known, total), strict=True):
            game.send(role, part, count)
    for role in known:
        if role.kind == NEWCOMER:
            game.send(role, "throughout", size.newcomers)
    picker = np.random.default_rng([seed, 12])
    for _ in range(size.rare):
        game.send(replace(attacks[int(picker.integers(len(attacks)))], variant="slow", tempo="slow"), "learning")
    for role in unseen:
        game.send(role, "attack", size.unseen_each)
    for role in attacks:
        if role.members > 1:  # a network is a campaign as it is
            game.send(role, "attack", min(1, size.attackers_each))
            continue
        game.send(role, "attack", size.attackers_each)
        for variant in variants(role):
            game.send(variant, "attack", size.variants_each)
        for members in size.campaigns:
            game.send(replace(role, variant=f"group-of-{members}", members=members), "attack")
    for _ in range(size.abuse_each):
        game.abuse(known[0])
    windows, rng = outages(days, np.random.default_rng([seed, 26])), np.random.default_rng([seed, 27])
    dispatched(game.cast, game.names)
    for played in game.cast:
        if not played.label["attack"]:
            strike(played, windows, rng)
    share_addresses(game.cast, game.names)
    return game


def dispatched(cast: list[Played], names: Names) -> None:
    """One integrator, many tenants: their keys send from its address, in turn, in jobs of a dozen tenants."""
    tenants = [played for played in cast if played.label["kind"] == "integrator-tenant"]
    address, agent = names.address(), "integrator/3.1"
    for start in range(0, len(tenants), 12):
        job = tenants[start : start + 12]
        begin, gap = min(float(played.stamps[0]) for played in job), float(names.rng.uniform(0.3, 2.0))
        for seat, played in enumerate(job):
            turns = np.arange(len(played.stamps)) * len(job) + seat
            played.stamps = begin + gap * (turns + names.rng.uniform(0, 0.3, len(turns)))
            played.identity = replace(played.identity, group="integrator", address=address, agent=agent)


def share_addresses(cast: list[Played], names: Names) -> None:
    """Several tenants behind one address (NAT), and many addresses behind one key."""
    behind = names.address()
    for place, played in enumerate(p for p in cast if p.label["kind"] == "nat-user"):
        behind = names.address() if place % 8 == 0 else behind
        played.identity = replace(played.identity, address=behind)
    for played in cast:
        if played.label["kind"] == "many-users":
            played.addresses = [names.address() for _ in range(len(played.trace))]
