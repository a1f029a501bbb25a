"""Abuse that needs no cunning: multiplied volume, a stolen key found by trial, one principal over many models."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from traffic.cast import Names, Role, act
from traffic.clock import Days, times
from traffic.records import Identity, Played
from traffic.service import Trace
from traffic.world import World

Rng = np.random.Generator
ACCESS = {"family": "access", "attack": True, "unseen": True, "variant": "", "part": "attack"}


def _history(who: Identity, usual: Role, trace: Trace, days: Days, rng: Rng) -> Played:
    """What the client did in the learning days."""
    stamps = times(len(trace), "person", *days.part("learning"), rng)
    return Played(who, {**usual.label(), "part": "learning"}, trace, stamps)


def volume_burst(world: World, usual: Role, names: Names, days: Days, rng: Rng, count: int = 900) -> list[Played]:
    """An ordinary client of the learning days that sends many times its volume within a minute later."""
    who = names.identity()
    before, after = act(world, usual, rng, int(rng.integers(40, 90))), act(world, usual, rng, count)
    label = {"kind": "volume-burst", "family": "cost", "attack": True, "unseen": True, "variant": "", "part": "attack"}
    return [
        _history(who, usual, before.trace, days, rng),
        Played(who, label, after.trace, times(len(after.trace), "burst", *days.part("attack"), rng)),
    ]


def key_spray(world: World, usual: Role, names: Names, days: Days, rng: Rng) -> list[Played]:
    """One address tries many keys, all refused; then it has a stolen one, which its owner used before."""
    owner, address = names.identity(), names.address()
    before = act(world, usual, rng, int(rng.integers(40, 90)))
    label = {**ACCESS, "kind": "key-spray", "campaign": owner.client}
    tried = [replace(names.identity(), address=address, agent="curl/8.5") for _ in range(int(rng.integers(8, 16)))]
    played = [_history(owner, usual, before.trace, days, rng)]
    now = float(times(1, "person", *days.part("attack"), rng)[0])
    probe = world.clean(world.draw(rng, 1))[0]
    for who in tried:
        refused = Trace()
        for _ in range(int(rng.integers(2, 7))):
            refused.add(probe, None, "1", int(rng.choice([401, 401, 401, 403])))
        stamps = now + np.cumsum(rng.exponential(2.0, len(refused)))
        now = float(stamps[-1]) + float(rng.exponential(5.0))
        played.append(Played(who, {**label, "kind": "tried-key"}, refused, stamps))
    use = act(world, usual, rng, int(rng.integers(80, 160)))
    stolen = replace(owner, address=address, agent="curl/8.5")
    return [*played, Played(stolen, label, use.trace, now + np.cumsum(rng.lognormal(np.log(2.0), 0.6, len(use.trace))))]


def many_models(world: World, usual: Role, names: Names, days: Days, rng: Rng) -> list[Played]:
    """One key goes through every model it can name, many of which it may not use."""
    suffixes = ("beta", "eu", "us", "large", "small", "internal", "legacy", "canary")
    asked = act(world, usual, rng, int(rng.integers(100, 200))).trace
    foreign = [f"{world.name}-{suffixes[q // 4 % len(suffixes)]}" for q in range(len(asked))]
    models = [world.name if q % 12 >= 8 else model for q, model in enumerate(foreign)]
    for q, model in enumerate(models):
        if model.endswith(("internal", "legacy", "canary", "large")):
            asked.answers[q], asked.statuses[q] = None, 403
    label = {**ACCESS, "kind": "many-models"}
    return [
        Played(names.identity(), label, asked, times(len(asked), "machine", *days.part("attack"), rng), models=models)
    ]
