"""Writes the scenarios of thresholds: python tests/golden/thresholds.py.

Recorded traffic lies far from most thresholds, and not every attack is in it: of numbers that move by a fifth, it
notices one in five. These scenarios stand where each number counts. For each gate of each named test they hold a window
in which the gate alone decides, half way between honest clients and the attack, so that what is said there moves with
either end of it. After a change of a detector that is meant to move thresholds run this, and read the diff.

A window is found exactly: each gate is a bound on one feature, joined by "all" (every bound holds) and "any" (one of
them is chosen); what contradicts itself is left, and another choice is taken.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Final

import numpy as np

from detectors.contract import Blocks
from detectors.registry import registered
from detectors.scoring.gates import AllOf, AnyOf, Feature, Formula, Gate, Not, Strength, WhereKnown
from detectors.scoring.named import NamedTests
from detectors.sketch.queries import KINDS

FILE: Final = Path(__file__).with_name("scenarios-thresholds.yaml")
HALF: Final = (0.5, 0.6, 0.4, 0.7, 0.3)  # where on a gate a window may stand, the best first
FIFTH: Final = 0.2
NOTICED: Final = 0.006  # a difference in strength; scenarios give or take 0.005
CHOICES: Final = 4_000  # ways of joining the bounds that are tried for one gate
_INFINITE: Final = float("inf")

Row = dict[str, float | None]

HEAD: Final = """\
# What each named test says of windows in which one number decides: `probewatch test tests/golden` runs it. Made by
# tests/golden/thresholds.py; after a change of a detector that is meant, run that, and read the diff.
tests:"""


@dataclass(frozen=True, slots=True)
class Bounds:
    """What features have to be so that all gates say what they should: intervals by name of the quantity, features that
    must not be known, and those that have to be."""

    within: Mapping[str, tuple[float, float]]
    unknown: frozenset[str] = frozenset()
    known: frozenset[str] = frozenset()

    def and_(self, other: Bounds) -> Bounds | None:
        """Both; None where that cannot be."""
        within = dict(self.within)
        for name, (low, high) in other.within.items():
            own = within.get(name, (-_INFINITE, _INFINITE))
            within[name] = max(own[0], low), min(own[1], high)
            if within[name][0] > within[name][1]:
                return None
        joined = Bounds(within, self.unknown | other.unknown, self.known | other.known)
        return None if joined.unknown & (joined.known | set(within)) else joined


NOTHING: Final = Bounds({})


def leaves(strength: Strength) -> Iterator[Gate]:
    """Every gate in it, some of them more than once."""
    match strength:
        case Gate():
            yield strength
        case AllOf(parts) | AnyOf(parts):
            for part in parts:
                yield from leaves(part)
        case Not(part):
            yield from leaves(part)
        case WhereKnown():
            yield from leaves(strength.known)
            yield from leaves(strength.unknown)


def ways(strength: Strength, share: float, *, least: bool) -> Iterator[Bounds]:
    """Each way in which the strength is `share` at least, or, without `least`, at most."""
    match strength:
        case Gate():
            yield _bound(strength, share, least)
        case Not(part):
            yield from ways(part, -share, least=not least)
        case WhereKnown():
            missing = Bounds({}, frozenset({strength.feature}))
            there = Bounds({}, known=frozenset({strength.feature}))
            yield from _all(([there], list(ways(strength.known, share, least=least))))
            yield from _all(([missing], list(ways(strength.unknown, share, least=least))))
        case AllOf(parts) | AnyOf(parts):
            several = [list(ways(part, share, least=least)) for part in parts]
            if isinstance(strength, AllOf) == least:
                yield from _all(several)
            else:
                for one in several:
                    yield from one


def _bound(gate: Gate, share: float, least: bool) -> Bounds:
    end = gate.honest + share * (gate.attack - gate.honest)
    above = (gate.attack > gate.honest) == least
    return Bounds({str(gate.measured): (end, _INFINITE) if above else (-_INFINITE, end)})


def _all(several: Sequence[Sequence[Bounds]], so_far: Bounds = NOTHING) -> Iterator[Bounds]:
    """Every choice of one from each that holds together."""
    if not several:
        yield so_far
        return
    for one in several[0]:
        joined = so_far.and_(one)
        if joined is not None:
            yield from _all(several[1:], joined)


def deciding(strength: Strength, gate: Gate, share: float, high: float) -> Iterator[Bounds]:
    """Each way in which that very gate decides, and stands at `share`: what is joined with it by "all" is `high` at
    least, what is joined by "any" 1 - `high` at most."""
    if strength is gate:
        value = gate.honest + share * (gate.attack - gate.honest)
        yield Bounds({str(gate.measured): (value, value)})
    match strength:
        case AllOf(parts) | AnyOf(parts):
            all_of = isinstance(strength, AllOf)
            limit = high if all_of else 1 - high
            for at, part in enumerate(parts):
                if any(one is gate for one in leaves(part)):
                    others = [list(ways(one, limit, least=all_of)) for n, one in enumerate(parts) if n != at]
                    yield from _all([list(deciding(part, gate, share, high)), *others])
        case WhereKnown():
            there = Bounds({}, known=frozenset({strength.feature}))
            missing = Bounds({}, frozenset({strength.feature}))
            yield from _all(([there], list(deciding(strength.known, gate, share, high))))
            yield from _all(([missing], list(deciding(strength.unknown, gate, share, high))))


def features(bounds: Bounds, gates: Sequence[Gate]) -> Row:
    """Values within the bounds: of formulas the last feature gives way."""
    found: Row = dict.fromkeys(sorted(bounds.unknown))
    formulas = {str(one.measured): one.measured for one in gates if isinstance(one.measured, Formula)}
    for name, (low, high) in sorted(bounds.within.items()):
        if name not in formulas:
            found[name] = _between(low, high)
    for name in bounds.known - found.keys():
        found[name] = 1.0
    for name, formula in formulas.items():
        if name in bounds.within:
            _solve(found, formula, name, bounds)
    return {name: None if value is None else float(f"{value:.6g}") for name, value in found.items()}


def _solve(row: Row, formula: Formula, name: str, bounds: Bounds) -> None:
    """Give the formula a value within its bounds, by the feature of it whose own bounds allow that."""
    first, last = (one.name for one in formula.operands if isinstance(one, Feature))
    (low, high), quotient = bounds.within[name], "/" in formula.text
    wanted, a, b = _between(low, high), row.get(first), row.get(last)
    if a is not None and b is not None and low <= (a / b if quotient else a * b) <= high:
        return
    a = 0.5 if a is None else a
    other = a if b is None else wanted * b if quotient else wanted / b
    least, most = bounds.within.get(first, (-_INFINITE, _INFINITE))
    row[first] = other if least <= other <= most else a
    row[last] = row[first] / wanted if quotient else wanted / row[first]


def _between(low: float, high: float) -> float:
    if low == -_INFINITE or high == _INFINITE:
        return high if low == -_INFINITE else low
    return (low + high) / 2


def distinct(strength: Strength) -> list[Gate]:
    """The gates, each object once: what two branches share is written once in the file, and moves in both."""
    found: list[Gate] = []
    for gate in leaves(strength):
        if not any(one is gate for one in found):
            found.append(gate)
    return found


def moved(strength: Strength, gate: Gate, other: Gate) -> Strength:
    """The same with another gate in the place of that very one, wherever it stands."""
    match strength:
        case AllOf(parts) | AnyOf(parts):
            return type(strength)(tuple(moved(part, gate, other) for part in parts))
        case Not(part):
            return Not(moved(part, gate, other))
        case WhereKnown():
            known, unknown = moved(strength.known, gate, other), moved(strength.unknown, gate, other)
            return replace(strength, known=known, unknown=unknown)
    return other if strength is gate else strength


def mutants(gate: Gate) -> Iterator[Gate]:
    """The gate with one of its numbers a fifth smaller or larger; 0 stays 0."""
    for end in ("honest", "attack"):
        number = getattr(gate, end)
        for by in (1 - FIFTH, 1 + FIFTH):
            if number and getattr(gate, "attack" if end == "honest" else "honest") != number * by:
                yield replace(gate, **{end: number * by})


def says(strength: Strength, row: Row) -> float:
    """What the test says of a window."""
    columns = {name: np.array([np.nan if value is None else value]) for name, value in row.items()}
    with np.errstate(all="ignore"):
        return float(np.clip(strength.evaluate(Blocks(0, columns, np.array([40])))[0], 0.0, 1.0))


def rows(strength: Strength) -> Iterator[Row]:
    """A window that is all attack, and for each gate one, or a few, that notice when one of its numbers moves."""
    every = list(leaves(strength))
    yield next(features(bounds, every) for bounds in ways(strength, 1.0, least=True))
    for gate in distinct(strength):
        unseen = [moved(strength, gate, other) for other in mutants(gate)]
        for bounds in islice(_ways_of(strength, gate), CHOICES):
            row = features(bounds, every)
            seen = [one for one in unseen if abs(says(one, row) - says(strength, row)) > NOTICED]
            if seen:
                yield row
                unseen = [one for one in unseen if not any(one is other for other in seen)]
            if not unseen:
                break


def _ways_of(strength: Strength, gate: Gate) -> Iterator[Bounds]:
    for high in (1.0, 0.85, 0.75):
        for share in HALF:
            yield from deciding(strength, gate, share, high)
    for share in (0.5, 0.75, 0.25):  # beside another one on the same feature
        yield from deciding(strength, gate, share, share)


def written(detector: type[NamedTests]) -> Iterator[str]:
    """The scenarios of a detector's tests, as YAML."""
    for name, strength in detector.expressions.items():
        base, *others = rows(strength)
        yield f"  - name: {detector.name}/{name}"
        yield f"    kind: {KINDS[max(detector.kinds)]}"
        yield f"    features: {_table(base)}"
        yield "    says:"
        for row in (base, *others):
            change = {key: row.get(key) for key in sorted({*base, *row}) if row.get(key) != base.get(key)}
            other = f", features: {_table(change)}" if change else ""
            yield f"      - {{test: {detector.name}/{name}, strength: {says(strength, row):.3f}{other}}}"


def _table(row: Row) -> str:
    told = (f"{name}: {'null' if value is None else f'{value:.6g}'}" for name, value in sorted(row.items()))
    return f"{{{', '.join(told)}}}"


def text() -> str:
    """All of the file."""
    lines = [line for _, kind in sorted(registered().items()) if issubclass(kind, NamedTests) for line in written(kind)]
    return "\n".join((HEAD, *lines)) + "\n"


if __name__ == "__main__":
    FILE.write_text(text())
