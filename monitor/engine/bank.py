"""All detectors side by side: which tests there are, what they say of blocks, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from detectors.contract import Blocks, Detector, Floats, Reason


@dataclass(frozen=True, slots=True)
class Test:
    """One column of the bank's scores."""

    detector: str
    name: str
    family: str
    kinds: frozenset[int]


class Bank:
    """Detectors in a fixed order. `sensitive` maps a model's name to keyed hashes of the columns that its operator has
    marked as sensitive, with their names, which the operator wrote down and a finding may therefore show."""

    def __init__(self, detectors: Sequence[Detector], sensitive: Mapping[str, Mapping[int, str]] | None = None) -> None:
        self.detectors = tuple(sorted(detectors, key=lambda detector: detector.name))
        self.sensitive: Mapping[str, Mapping[int, str]] = {} if sensitive is None else sensitive
        self.tests = tuple(
            Test(detector.name, test, detector.family, detector.kinds)
            for detector in self.detectors
            for test in detector.tests
        )
        self.families = np.array([test.family for test in self.tests])
        self._owner = [(detector, at) for detector in self.detectors for at in range(len(detector.tests))]

    def __len__(self) -> int:
        return len(self.tests)

    def score(self, blocks: Blocks) -> Floats:
        """Strengths (n, tests); 0 where a detector can say nothing about this kind of input."""
        parts = [
            detector.score(blocks) if blocks.kind in detector.kinds else np.zeros((len(blocks), len(detector.tests)))
            for detector in self.detectors
        ]
        return np.concatenate(parts, axis=1) if parts else np.zeros((len(blocks), 0))

    def reasons(self, blocks: Blocks, row: int, test: int) -> tuple[Reason, ...]:
        """Why a test has its strength in one row."""
        detector, at = self._owner[test]
        return detector.reasons(blocks, row, at)
