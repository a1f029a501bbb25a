"""Which settings to take, what each changed line is for, and what it gives to an attacker: pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from detectors.features.layout import BLOCK
from monitor.console.tuning.measuring import Caught, Choice, Measured

ROUNDING: Final = 1e-9


@dataclass(frozen=True, slots=True)
class Gain:
    """What an attacker of one family gains: attackers that are named no more, and how many queries later half of all
    are named (None: half were never named, before or after)."""

    family: str
    clients: int
    lost: int
    later: float | None

    @property
    def worse(self) -> bool:
        """Whether it is a gain at all, and not a loss."""
        return self.lost > 0 or (self.later is not None and self.later > 0)

    def __str__(self) -> str:
        told = []
        if self.lost:
            told.append(f"{abs(self.lost)} of {self.clients} {'named no more' if self.lost > 0 else 'more are named'}")
        if self.later:
            queries = "query" if abs(self.later) == 1 else "queries"
            told.append(f"named {abs(self.later):g} {queries} {'later' if self.later > 0 else 'sooner'}")
        return f"{self.family}: {', '.join(told)}"


@dataclass(frozen=True, slots=True)
class Line:
    """One setting to be changed, and what that change does alone: false findings per 1,000 clients a day before and
    after, of both tiers, and what attackers gain or lose by it."""

    name: str
    before: float
    after: float
    rate: tuple[float, float]
    novelty: tuple[float, float]
    gains: tuple[Gain, ...]

    @property
    def loosens(self) -> bool:
        """Whether an attacker gains anything."""
        return any(gain.worse for gain in self.gains)

    def reason(self) -> str:
        """Why, in one line."""
        told = [f"named false findings per 1,000 clients a day {self.rate[0]:.3g} -> {self.rate[1]:.3g}"]
        if self.novelty[0] != self.novelty[1]:
            told.append(f"of the novelty tier {self.novelty[0]:.3g} -> {self.novelty[1]:.3g}")
        return "; ".join(told)


def chosen(runs: Sequence[Measured], current: Measured, accept: float, accept_novelty: float) -> Measured:
    """The run to take. Those that keep what the operator accepts (false findings per 1,000 clients a day, in each tier)
    come first, or, where none does, those with the fewest; of them the one that names most attackers, then soonest,
    then with the fewest false findings. What is in force stays where nothing is better."""
    fitting = [one for one in runs if one.rate <= accept and one.novelty_rate <= accept_novelty]
    if not fitting:
        least = min(_excess(one, accept, accept_novelty) for one in runs)
        fitting = [one for one in runs if _excess(one, accept, accept_novelty) <= least + ROUNDING]
    best = min(fitting, key=lambda one: (_worth(one), _distance(one.choice, current.choice)))
    return current if current in fitting and _worth(current) <= _worth(best) else best


def _excess(one: Measured, accept: float, accept_novelty: float) -> float:
    """How many times too many, in the tier where it is worst."""
    return max(one.rate / accept, one.novelty_rate / accept_novelty)


def _worth(one: Measured) -> tuple[float, float, float, float]:
    """The smaller the better."""
    delay = float("inf") if one.delay is None else one.delay // BLOCK  # less than a block is chance
    return (-one.found, delay, one.rate, one.novelty_rate)


def _distance(choice: Choice, other: Choice) -> float:
    """How far from what is in force: the fewest changes, and the smallest."""
    return sum(
        1 + abs(choice[name] - value) / (abs(value) + 1) for name, value in other.items() if choice[name] != value
    )


def combined(runs: Sequence[Measured], current: Measured, accept: float, accept_novelty: float) -> dict[str, float]:
    """The best value of each setting alone, put together: worth a replay of its own."""
    best = dict(current.choice)
    for name, value in current.choice.items():
        alone = [one for one in runs if all(one.choice[key] == current.choice[key] for key in best if key != name)]
        found = chosen(alone, current, accept, accept_novelty).choice[name]
        best[name] = found if found != value else value
    return best


def alone(best: Choice, current: Choice) -> list[dict[str, float]]:
    """For each line that would change, the settings in force with that line alone changed."""
    return [{**current, name: value} for name, value in best.items() if value != current[name]]


def one_less(best: Choice, current: Choice) -> list[dict[str, float]]:
    """What would change but for one line each, where there are several: is each of them needed?

    >>> one_less({"a": 1.0, "b": 2.0, "c": 3.0}, {"a": 0.0, "b": 0.0, "c": 3.0})
    [{'a': 0.0, 'b': 2.0, 'c': 3.0}, {'a': 1.0, 'b': 0.0, 'c': 3.0}]
    """
    changed = [name for name, value in best.items() if value != current[name]]
    return [{**best, name: current[name]} for name in changed] if len(changed) > 1 else []


def lines(best: Measured, current: Measured, single: Sequence[Measured]) -> list[Line]:
    """The lines to be changed, each with what it does alone; `single` are the runs of `alone`, in its order."""
    names = [name for name, value in best.choice.items() if value != current.choice[name]]
    return [
        Line(
            name,
            current.choice[name],
            best.choice[name],
            (current.rate, one.rate),
            (current.novelty_rate, one.novelty_rate),
            gains(one.caught, current.caught),
        )
        for name, one in zip(names, single, strict=True)
    ]


def gains(after: Mapping[str, Caught], before: Mapping[str, Caught]) -> tuple[Gain, ...]:
    """What attackers gain or lose, family by family; families for which nothing changes are left out."""
    return tuple(gain for gain in _gains(after, before) if gain.lost or gain.later)


def _gains(after: Mapping[str, Caught], before: Mapping[str, Caught]) -> Iterator[Gain]:
    for family, own in before.items():
        other = after[family]
        later = None if own.delay is None or other.delay is None else other.delay - own.delay
        yield Gain(family, own.clients, own.found - other.found, later)
