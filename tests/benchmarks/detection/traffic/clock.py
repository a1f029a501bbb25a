"""When queries arrive: sessions and nights of persons, jobs of programs, steady pollers, slow attackers, bursts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

START = 1_772_409_600.0  # Monday, 2 March 2026, 00:00 UTC
DAY = 86_400.0
Rng = np.random.Generator


@dataclass(frozen=True)
class Days:
    """How many days the learning part and the attack part have."""

    learning: int = 2
    attack: int = 2

    def part(self, name: str) -> tuple[int, int]:
        """First day and number of days of `learning`, `attack` or `throughout`."""
        parts = {"learning": (0, self.learning), "attack": (self.learning, self.attack)}
        return parts.get(name, (0, self.learning + self.attack))


def volume(rng: Rng, low: int = 30, high: int = 1500) -> int:
    """A heavy-tailed number of queries."""
    return int(np.clip(rng.lognormal(np.log(65), 0.85), low, high))


def times(count: int, tempo: str, first_day: int, days: int, rng: Rng) -> NDArray[np.float64]:
    """Ascending event times (seconds since 1970) of `count` queries within the days given."""
    begin = START + first_day * DAY
    if tempo == "steady":
        period = rng.uniform(0.3, 0.95) * days * DAY / max(count, 1)
        drift = np.abs(rng.normal(0, 0.01 * period, count)).cumsum() * 0.1
        return begin + rng.uniform(0, 0.04) * DAY + np.arange(count) * period + drift
    if tempo == "burst":
        return begin + rng.uniform(0.4, days - 0.2) * DAY + np.cumsum(rng.exponential(0.05, count))
    if tempo == "night":
        start = begin + (rng.integers(days) + rng.uniform(1, 4) / 24) * DAY
        return start + np.cumsum(rng.lognormal(np.log(0.4), 0.5, count))
    per_session, gap = {"person": (18, 7.0), "machine": (90, 0.6), "slow": (25, 70.0)}[tempo]
    return _sessions(count, per_session, gap, begin, days, rng)


def _sessions(count: int, per_session: float, gap: float, begin: float, days: int, rng: Rng) -> NDArray[np.float64]:
    """Sessions in working hours (programs and slow callers also at night), log-normal gaps within."""
    sizes: list[int] = []
    while sum(sizes) < count:
        sizes.append(1 + rng.poisson(per_session * rng.lognormal(0, 0.4)))
    hours = rng.uniform(7.5, 19.0, len(sizes)) if per_session < 20 else rng.uniform(0, 22.5, len(sizes))
    starts = np.sort(rng.integers(days, size=len(sizes)) * DAY + hours * 3600)
    pairs = zip(starts, sizes, strict=True)
    stamps = [start + np.cumsum(rng.lognormal(np.log(gap), 0.7, size)) for start, size in pairs]
    return begin + np.sort(np.concatenate(stamps))[:count]
