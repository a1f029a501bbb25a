"""One replay of the traffic under one choice of settings, and what it came to, as plain numbers without any name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import median
from time import perf_counter
from typing import Any

from scipy.stats import chi2

from monitor.alerts.finding import Finding
from monitor.config.settings import Settings
from monitor.console.tuning.traffic import DAY, Attacker, Log, Traffic
from monitor.record.decode import Decoder
from monitor.record.keys import Keys
from monitor.record.limits import Limits
from monitor.record.raw import RawBatch
from monitor.runtime.replay import Tally, batches, judged
from monitor.runtime.weaving import told, woven

Choice = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Task:
    """One replay that is to be made: by a process of its own."""

    choice: Choice
    settings: Settings
    keys: Keys
    traffic: Traffic


@dataclass(frozen=True, slots=True)
class Caught:
    """Attackers of one family: how many there are, how many were named as anything and as that family, and after how
    many queries of the attack each of those that were named."""

    clients: int
    found: int
    rightly: int
    delays: tuple[int, ...]

    @property
    def delay(self) -> float | None:
        """Queries of the attack until half of all attackers are named; None where fewer than half are."""
        missed = self.clients - len(self.delays)
        middle = median([*self.delays, *[float("inf")] * missed]) if self.clients else float("inf")
        return None if middle == float("inf") else float(middle)


@dataclass(frozen=True)
class Measured:
    """What a replay came to. `named` and `novelty` count findings about nobody who attacks, by day since 1970."""

    choice: Choice
    named: Mapping[int, int]
    novelty: Mapping[int, int]
    client_days: int
    days: Mapping[int, int]
    caught: Mapping[str, Caught]
    seconds: float

    @property
    def false(self) -> int:
        """Named findings about nobody who attacks."""
        return sum(self.named.values())

    @property
    def rate(self) -> float:
        """The same per 1,000 clients a day."""
        return 1000 * self.false / max(self.client_days, 1)

    @property
    def most(self) -> float:
        """What that rate is at most, with a confidence of 95 % (Poisson)."""
        return float(1000 * chi2.ppf(0.95, 2 * (self.false + 1)) / 2 / max(self.client_days, 1))

    @property
    def novelty_rate(self) -> float:
        """Findings of the novelty tier about nobody who attacks, per 1,000 clients a day."""
        return 1000 * sum(self.novelty.values()) / max(self.client_days, 1)

    @property
    def attackers(self) -> int:
        """All of them."""
        return sum(one.clients for one in self.caught.values())

    @property
    def found(self) -> int:
        """Those that were named."""
        return sum(one.found for one in self.caught.values())

    @property
    def delay(self) -> float | None:
        """Queries until half of all attackers are named; None where fewer than half are."""
        delays = tuple(delay for one in self.caught.values() for delay in one.delays)
        return Caught(self.attackers, self.found, 0, delays).delay

    def by_day(self) -> dict[int, float]:
        """Named findings about nobody who attacks, per 1,000 clients, day by day."""
        return {day: 1000 * self.named.get(day, 0) / clients for day, clients in self.days.items() if clients}

    def tree(self) -> dict[str, Any]:
        """As JSON has it."""
        return {
            "choice": dict(self.choice),
            "named": [list(pair) for pair in self.named.items()],
            "novelty": [list(pair) for pair in self.novelty.items()],
            "client_days": self.client_days,
            "days": [list(pair) for pair in self.days.items()],
            "caught": {family: asdict(one) for family, one in self.caught.items()},
            "seconds": round(self.seconds, 3),
        }

    @classmethod
    def of(cls, tree: Mapping[str, Any]) -> Measured:
        """From what `tree` gave. KeyError, TypeError or ValueError where it is something else."""
        caught = {
            family: Caught(one["clients"], one["found"], one["rightly"], tuple(one["delays"]))
            for family, one in tree["caught"].items()
        }
        named, novelty, days = (dict(map(tuple, tree[name])) for name in ("named", "novelty", "days"))
        return cls(tree["choice"], named, novelty, tree["client_days"], days, caught, tree["seconds"])


def measure(task: Task) -> Measured:
    """Replays the traffic. Trouble where a log cannot be read."""
    begun, traffic, heard = perf_counter(), task.traffic, _Heard(task.traffic.attackers)
    for log in traffic.logs:
        for one in judged(_records(log, task.settings, task.keys), task.settings, task.keys, Tally()):
            heard.hear(one)
    named, novelty = heard.accused()
    return Measured(
        choice=dict(task.choice),
        named=named,
        novelty=novelty,
        client_days=traffic.client_days,
        days=dict(traffic.days),
        caught=_caught(traffic.attackers, heard.first, heard.families),
        seconds=perf_counter() - begun,
    )


class _Heard:
    """What was said of whom. A campaign names its members one after the other: every revision counts."""

    def __init__(self, attackers: Mapping[str, Attacker]) -> None:
        self.first: dict[str, int] = {}
        self.families: dict[str, set[str]] = {}
        self._attackers = attackers
        self._opened: dict[str, Finding] = {}
        self._rightly: set[str] = set()

    def hear(self, one: Finding) -> None:
        """One revision of a finding."""
        self._opened.setdefault(one.finding, one)
        for client, delay in _guilty(one, self._attackers):
            self._rightly.add(one.finding)
            if one.tier == "named":
                self.first.setdefault(client, delay)
                said = {one.family, *(piece.family for piece in one.evidence)}
                said |= {"campaign"} if len(one.members) > 1 else set()
                self.families.setdefault(client, set()).update(said)

    def accused(self) -> tuple[dict[int, int], dict[int, int]]:
        """Findings about nobody who attacks, by day: named ones, and those of the novelty tier."""
        named, novelty = Counter[int](), Counter[int]()
        for name, one in self._opened.items():
            if name not in self._rightly:
                (named if one.tier == "named" else novelty)[one.raised_at // DAY] += 1
        return dict(named), dict(novelty)


def _records(log: Log, settings: Settings, keys: Keys) -> Iterator[RawBatch]:
    """The log's own records, and its drills among them; each log is one partition."""
    if not log.drills:
        yield from batches([log.path], Tally())
        return
    decoder = Decoder(keys, Limits.of(settings.records))
    yield from woven([told([log.path], decoder, Tally()), log.drills], log.path.name)


def _guilty(one: Finding, attackers: Mapping[str, Attacker]) -> Iterator[tuple[str, int]]:
    """The attackers that a finding is about, each with its queries until then. What was said of a client before its
    drill began is said of an honest one."""
    for client in one.members if one.client is None else (one.client,):
        known = attackers.get(client)
        if known is None:
            continue
        if not known.times:
            yield client, one.queries
        elif one.updated_at >= known.times[0]:
            yield client, sum(time <= one.updated_at for time in known.times)


def _caught(
    attackers: Mapping[str, Attacker], first: Mapping[str, int], families: Mapping[str, set[str]]
) -> dict[str, Caught]:
    grouped: dict[str, list[str]] = {}
    for client, one in attackers.items():
        grouped.setdefault(one.family, []).append(client)
    return {family: _of_family(family, clients, first, families) for family, clients in sorted(grouped.items())}


def _of_family(
    family: str, clients: Sequence[str], first: Mapping[str, int], families: Mapping[str, set[str]]
) -> Caught:
    found = [client for client in clients if client in first]
    rightly = sum(family in families[client] for client in found)
    return Caught(len(clients), len(found), rightly, tuple(sorted(first[client] for client in found)))
