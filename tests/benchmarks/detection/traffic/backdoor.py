"""Backdoor-trigger probing: the same small patch, or the same values in two columns, on a few bases; then the next."""

from __future__ import annotations

import numpy as np

from traffic.evasion import Attack
from traffic.models import Floats
from traffic.pictures import patched
from traffic.service import Service

Rng = np.random.Generator


def _seen(ask: Service, before: Floats, after: Floats) -> None:
    """Note how many of the bases a candidate sent to one and the same other label."""
    usual, now = before.argmax(axis=1), after.argmax(axis=1)
    collapsed = max(float(((now == label) & (usual != label)).sum() / max(1, (usual != label).sum())) for label in now)
    ask.notes.setdefault("collapses", []).append((collapsed, len(ask.trace)))


def trigger_patches(ask: Service, rng: Rng) -> None:
    """The same small patch on each of a few bases, then the next patch; one of a dozen is the model's own trigger."""
    world, side = ask.world, ask.world.side
    bases = world.draw(rng, int(rng.integers(4, 9)))
    before, size = ask(bases), max(2, side // 6)
    while True:
        for turn in rng.permutation(12):
            corner = (int(rng.integers(side - size + 1)), int(rng.integers(side - size + 1)))
            patch = rng.integers(0, 2, (size, size, world.channels)).astype(float)
            if turn == 0 and world.trigger is not None:
                corner, patch = (world.trigger.places[0], world.trigger.places[1]), world.trigger.values
            _seen(ask, before, ask(patched(bases, side, corner, patch)))


def trigger_values(ask: Service, rng: Rng) -> None:
    """The same values in two columns of many bases, then other values; one pair in a dozen is the model's trigger."""
    world = ask.world
    bases = world.draw(rng, int(rng.integers(5, 13)))
    before = ask(bases)
    numbers = [place for place, column in enumerate(world.columns) if not column.values]
    while True:
        for turn in rng.permutation(12):
            places = rng.choice(numbers, 2, replace=False)
            low, high = (np.array([getattr(world.columns[p], end) for p in places]) for end in ("low", "high"))
            values = low + rng.uniform(0.6, 1.0, 2) * (high - low)
            if turn == 0 and world.trigger is not None:
                places, values = np.array(world.trigger.places), world.trigger.values
            rows = bases.copy()
            rows[:, places] = values
            _seen(ask, before, ask(rows))


ATTACKS: dict[str, Attack] = {"trigger-patches": trigger_patches}
TABLE_ATTACKS: dict[str, Attack] = {"trigger-values": trigger_values}
