"""From queries to one finding of a new kind of traffic, and to silence once the kind has a name."""

from __future__ import annotations

import os
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import recorded
from queries import START, Query, columns

from detectors.sketch.queries import Queries
from monitor.alerts.finding import Finding
from monitor.config.engine import EngineSettings, ModelSettings
from monitor.engine.partition import PartitionEngine

pytestmark = pytest.mark.skipif(
    os.environ.get("NUMBA_DISABLE_JIT") == "1", reason="hundreds of clients before a tail is known"
)
PEOPLE, NEWCOMERS, EACH, SECOND = 400, 6, 24, 1_000_000


def person(number: int) -> list[Query]:
    """A client with habits of its own: how often it repeats itself, and what it mostly gets for an answer."""
    random = np.random.default_rng([7, number])
    repeats, favourite = random.beta(1, 6), random.dirichlet(np.full(5, 0.8))
    asked: list[str] = []
    for at in range(EACH):
        again = at > 0 and random.random() < repeats
        asked.append(str(random.choice(asked)) if again else f"{number}-{at}")
    answers = [int(random.choice(5, p=favourite)) for _ in asked]
    return [
        Query(client=f"p{number}", exact=one, label=f"l{answer}") for one, answer in zip(asked, answers, strict=True)
    ]


def newcomer(number: int) -> list[Query]:
    """Asks the same seven things in turn, and half of the time it is told to come back later."""
    return [
        Query(client=f"n{number}", exact=f"{number}/{at % 7}", label=f"l{at % 2}", status=503 if at % 2 else 200)
        for at in range(EACH)
    ]


@cache
def log() -> Queries:
    clients = [*map(person, range(PEOPLE)), *map(newcomer, range(NEWCOMERS))]
    asked = [query for client in clients for query in client]
    return columns([replace(query, time=START + at * SECOND) for at, query in enumerate(asked)])


def found(profiles: dict[str, str]) -> list[Finding]:
    settings = EngineSettings(known={"m": ModelSettings(profiles=profiles)})
    engine = PartitionEngine(recorded.PARTITION, settings, recorded.every())
    return [one for one in engine.feed(log()) if one.tier == "novelty"]


def test_newcomers_share_a_finding_and_are_silent_once_they_have_a_name() -> None:
    last = found({})[-1]
    assert last.client is None
    assert (len(last.members), last.labels["clients"]) == (6, "6")
    assert last.reason.startswith("6 clients began to send this kind of traffic")
    named = found({"patient robots": last.labels["kind"]})
    assert not {one.finding for one in named if set(one.members) & set(last.members)}
