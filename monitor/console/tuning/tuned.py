"""Tuning from logs to a recommendation: replays, the choice, and each changed line alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from monitor.config.settings import Settings
from monitor.console.tuning.choosing import Gain, Line, alone, chosen, combined, gains, lines, one_less
from monitor.console.tuning.keeping import Kept, measured
from monitor.console.tuning.measuring import Choice, Measured, Task
from monitor.console.tuning.plan import changed, in_force, one_by_one, whole_grid
from monitor.console.tuning.traffic import Traffic
from monitor.record.keys import Keys

Report = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Wish:
    """What the operator wants: a grid to try (empty: one setting after the other), and the false findings per 1,000
    clients a day that are accepted in each tier."""

    grid: Mapping[str, Sequence[float]]
    accept: float
    accept_novelty: float


@dataclass(frozen=True)
class Tuned:
    """What came out. `total` is what attackers gain or lose by all lines together."""

    traffic: Traffic
    wish: Wish
    runs: tuple[Measured, ...]
    current: Measured
    best: Measured
    lines: tuple[Line, ...]
    total: tuple[Gain, ...]

    @property
    def changes(self) -> dict[str, float]:
        """The settings to be written."""
        return {line.name: line.after for line in self.lines}

    @property
    def accepted(self) -> str:
        """What the operator accepts, in words."""
        return (
            f"{self.wish.accept:g} false findings per 1,000 clients a day, {self.wish.accept_novelty:g} of the novelty"
            " tier"
        )

    @property
    def kept(self) -> bool:
        """Whether what is recommended keeps what the operator accepts; otherwise it only comes nearest."""
        return self.best.rate <= self.wish.accept and self.best.novelty_rate <= self.wish.accept_novelty

    @property
    def loosens(self) -> bool:
        """Whether an attacker gains anything by it."""
        return any(line.loosens for line in self.lines) or any(gain.worse for gain in self.total)


def tune(traffic: Traffic, settings: Settings, keys: Keys, wish: Wish, kept: Kept, jobs: int, report: Report) -> Tuned:
    """Replays what has to be replayed, and chooses. Trouble where a value is out of range or a log cannot be read."""

    def play(choices: Sequence[Choice]) -> list[Measured]:
        tasks = [Task(choice, changed(settings, choice), keys, traffic) for choice in choices]
        return measured(tasks, kept, jobs, report)

    force = in_force(settings)
    runs = play(whole_grid(force, wish.grid) if wish.grid else one_by_one(force))
    current = runs[0]
    if not wish.grid:
        runs += play([combined(runs, current, wish.accept, wish.accept_novelty)])
    best = chosen(runs, current, wish.accept, wish.accept_novelty)
    while less := one_less(best.choice, current.choice):  # a line that changes nothing is not recommended
        runs += play(less)
        before, best = best, chosen(runs, current, wish.accept, wish.accept_novelty)
        if best.choice == before.choice:
            break
    single = play(alone(best.choice, current.choice))
    every: dict[str, Measured] = {}
    for one in (*runs, *single):
        every.setdefault(str(sorted(one.choice.items())), one)
    told = tuple(lines(best, current, single))
    return Tuned(traffic, wish, tuple(every.values()), current, best, told, gains(best.caught, current.caught))


def tree(tuned: Tuned) -> dict[str, Any]:
    """What came out, for machines."""
    return {
        "client_days": tuned.traffic.client_days,
        "queries": tuned.traffic.queries,
        "not_drilled": list(tuned.traffic.unfit),
        "current": _run(tuned.current),
        "best": _run(tuned.best),
        "kept": tuned.kept,
        "runs": [_run(one) for one in tuned.runs],
        "changes": [
            {
                "setting": line.name,
                "from": line.before,
                "to": line.after,
                "reason": line.reason(),
                "loosens": line.loosens,
                "attackers": [str(gain) for gain in line.gains],
            }
            for line in tuned.lines
        ],
        "loosens": tuned.loosens,
        "attackers": [str(gain) for gain in tuned.total],
    }


def _run(one: Measured) -> dict[str, Any]:
    return {
        "settings": dict(one.choice),
        "promised": one.choice["engine.budget"],
        "delivered": one.rate,
        "delivered_at_most": one.most,
        "novelty_promised": one.choice["engine.novelty_budget"],
        "novelty_delivered": one.novelty_rate,
        "attackers": one.attackers,
        "found": one.found,
        "delay": one.delay,
        "families": {
            family: {"clients": own.clients, "found": own.found, "rightly": own.rightly, "delay": own.delay}
            for family, own in one.caught.items()
        },
        "by_day": list(one.by_day().values()),
    }
