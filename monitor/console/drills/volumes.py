"""Drills that any input can have: volume, refused keys, and the same inputs for one version after the other."""

from __future__ import annotations

from typing import Final

from monitor.console.drills.families import TEXT
from monitor.console.drills.service import Service
from monitor.console.drills.texts import ordinary

KEYS: Final = 12  # keys that are tried
PAST: Final = 100  # queries of the day before
DAY: Final = 86_400.0  # seconds


def _natural(ask: Service, count: int, gap: float | None, status: int = 200) -> None:
    if ask.template.kind == TEXT:
        ordinary(ask, count, gap)
        return
    for row in ask.draw(count):
        ask(row, gap=gap, status=status)


def cost(ask: Service) -> None:
    """A hundred ordinary queries over a day, then as many again in seconds, and again."""
    _natural(ask, PAST, DAY / PAST)
    while True:
        _natural(ask, PAST, 0.05)


def access(ask: Service) -> None:
    """One key after the other, each refused a few times."""
    while True:
        for key in range(KEYS):
            ask.account = key
            ask(ask.draw(1), status=401)


def property_inference(ask: Service) -> None:
    """One ordered set of inputs, for one version after the other."""
    probes, own = ask.draw(40), ask.template.version or "1"
    while True:
        for version in (own, f"{own}-drill"):
            ask(probes, version=version)
