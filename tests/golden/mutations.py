"""Moves every number of every named test by a fifth, and says which scenarios notice: `make mutations`.

python tests/golden/mutations.py [PLAYED [SEED]]: PLAYED of them, drawn by SEED, are played through the recorded traffic
of the golden cases as well, about ten seconds each.
"""

from __future__ import annotations

import random
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import recorded
import test_golden
from thresholds import FILE, distinct, moved, mutants

from detectors.contract import Detector
from detectors.registry import registered
from detectors.scoring.gates import Gate, Strength
from detectors.scoring.named import NamedTests
from monitor.console.scenarios.form import Test, scenarios
from monitor.console.scenarios.saying import misses
from monitor.engine.bank import Bank

_RULE: Final = "-" * 60


@dataclass(frozen=True, slots=True)
class Mutant:
    """A named test with one number moved: its detector, and the test as it is then."""

    detector: type[NamedTests]
    test: str
    gate: Gate
    other: Gate

    @property
    def name(self) -> str:
        """DETECTOR/TEST."""
        return f"{self.detector.name}/{self.test}"

    @property
    def strength(self) -> Strength:
        """The test as it is now."""
        return moved(self.detector.expressions[self.test], self.gate, self.other)

    def alone(self) -> Detector:
        """A detector of that test and no other: asking all of them takes ten times as long."""
        return _made(self.detector, {self.test: self.strength})

    def whole(self) -> Detector:
        """The whole detector."""
        return _made(self.detector, {**self.detector.expressions, self.test: self.strength})

    def __str__(self) -> str:
        end = "honest" if self.gate.honest != self.other.honest else "attack"
        return f"{self.name}: {self.gate.measured}, {end} {getattr(self.gate, end)} -> {getattr(self.other, end):.4g}"


def _made(kind: type[NamedTests], expressions: Mapping[str, Strength]) -> Detector:
    return type(kind.__name__, (kind,), {"expressions": expressions})()


def every() -> Iterator[Mutant]:
    """All of them."""
    for _, kind in sorted(registered().items()):
        for test, strength in kind.expressions.items() if issubclass(kind, NamedTests) else ():
            for gate in distinct(strength):
                yield from (Mutant(kind, test, gate, other) for other in mutants(gate))


def stated() -> dict[str, Test]:
    """The scenarios of thresholds, by the test that they are about."""
    return {one.test.name: one.test for one in scenarios(FILE, None, {})}


def noticed(mutant: Mutant, by: Mapping[str, Test]) -> bool:
    """Whether a scenario of thresholds fails."""
    return any(misses(by[mutant.name], [mutant.alone()]))


def played(mutant: Mutant) -> list[str]:
    """The golden cases whose alerts are others, byte for byte."""
    found = []
    for case in test_golden.CASES:
        bank = test_golden.bank_of(case)
        detectors = [mutant.whole() if one.name == mutant.detector.name else one for one in bank.detectors]
        other = Bank(detectors, bank.sensitive, bank.training)
        if test_golden.alerts(test_golden.merged(case), other) != (case / "alerts.ndjson").read_bytes():
            found.append(f"{case.parent.name}/{case.name}")
    return found


def main(arguments: Sequence[str]) -> int:
    """Report; 1 where a number can move unnoticed."""
    some, seed = (*map(int, arguments), *(0, 1)[len(arguments) :])
    all_of, by = list(every()), stated()
    counts, unseen = Counter[str](), [one for one in all_of if not noticed(one, by)]
    for one in all_of:
        counts[one.name] += 1
    for name, count in counts.items():
        print(f"{name:28} {count - sum(one.name == name for one in unseen):4} of {count:4}")
    print(f"{_RULE}\nscenarios of thresholds notice {len(all_of) - len(unseen)} of {len(all_of)}")
    for one in unseen:
        print(f"    unnoticed: {one}")
    drawn = random.Random(seed).sample(all_of, min(some, len(all_of)))
    told = [(one, played(one)) for one in drawn]
    for one, cases in told:
        print(f"    {one}: {', '.join(cases) or 'no golden case'}", flush=True)
    if told:
        print(f"{_RULE}\ngolden alerts notice {sum(bool(cases) for _, cases in told)} of {len(told)} drawn by {seed}")
    return 1 if unseen else 0


if __name__ == "__main__":
    assert recorded.DAY.exists(), Path.cwd()
    sys.exit(main(sys.argv[1:]))
