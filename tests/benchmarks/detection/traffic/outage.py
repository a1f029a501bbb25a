"""Outages of the service: whoever asks meanwhile fails, tries again in their own way, and gets through afterwards."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from traffic.clock import DAY, START, Days
from traffic.models import Floats
from traffic.records import Played

Rng = np.random.Generator
Windows = Sequence[tuple[float, float]]


def outages(days: Days, rng: Rng) -> Windows:
    """About every other day the service fails for a few minutes to half an hour of a working day."""
    windows = []
    for day in range(days.learning + days.attack):
        start = START + day * DAY + rng.uniform(8.0, 18.0) * 3600
        length = float(np.clip(rng.lognormal(np.log(480), 0.6), 120, 1800))
        if rng.random() < 0.6:
            windows.append((start, start + length))
    return windows


def _attempts(now: float, until: float, rng: Rng) -> Floats:
    """When a client tries again: after growing pauses, every few seconds, or not before the morning after."""
    habit = rng.random()
    if habit < 0.5:
        tries = now + np.cumsum(rng.uniform(0.8, 1.2) * 2.0 ** np.arange(int(rng.integers(2, 8))))
    elif habit < 0.8:
        tries = now + np.cumsum(rng.uniform(1.0, 6.0) * rng.uniform(0.8, 1.2, int(rng.integers(3, 25))))
    else:
        tries = np.zeros(0)
    return np.concatenate([[now], tries[tries < until]])


def strike(played: Played, windows: Windows, rng: Rng) -> None:
    """Let the outages fall on one client. What fell into one is sent again when it is over."""
    for start, end in windows:
        inside = np.flatnonzero((played.stamps >= start) & (played.stamps < end))
        if len(inside):
            _delay(played, int(inside[0]), end, rng)


def _delay(played: Played, first: int, end: float, rng: Rng) -> None:
    """The query `first` fails until `end`; it and those that were due meanwhile follow after that."""
    tries = _attempts(float(played.stamps[first]), end, rng)
    old, new = played.trace, type(played.trace)()
    for place in range(len(old)):
        if place == first:
            for _ in tries:
                new.add(old.inputs[first], None, old.versions[first], int(rng.choice([502, 503, 503, 504])))
        new.add(old.inputs[place], old.answers[place], old.versions[place], old.statuses[place], old.genuine[place])
    after = played.stamps[first:].copy()
    waiting = int((after < end).sum())
    after[:waiting] = end + rng.exponential(40.0) + np.cumsum(rng.lognormal(np.log(0.8), 0.5, waiting))
    played.stamps = np.concatenate([played.stamps[:first], tries, np.maximum.accumulate(after)])
    played.trace = new
    played.label["outage"] = True
