"""All detectors side by side: which tests there are, what they say of blocks, and why."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from detectors.contract import Blocks, Detector, Floats, LearningDetector, Reason
from detectors.scoring.nesting import inside, nested
from monitor.engine.training import Training

VOLUMES: Final = ("access", "cost")  # families that count what a client asks for, whatever it asks


@dataclass(frozen=True, slots=True)
class Test:
    """One column of the bank's scores. `learnt`: its strengths are those of a detector that learns."""

    detector: str
    name: str
    family: str
    learnt: bool


class Bank:
    """Detectors in a fixed order. `sensitive` maps a model's name to keyed hashes of the columns that its operator has
    marked as sensitive, with their names, which the operator wrote down and a finding may therefore show; `training`
    to what is known of the records that it was trained on; `evaluators` to the pseudonyms of clients whose work it is
    to put the same set of inputs to one version after the other; `drills` are the pseudonyms of the groups of drills.
    `whole` (tests,) marks those that are asked about all queries of a client alone."""

    def __init__(
        self,
        detectors: Sequence[Detector],
        sensitive: Mapping[str, Mapping[int, str]] | None = None,
        training: Mapping[str, Training] | None = None,
        evaluators: Mapping[str, frozenset[bytes]] | None = None,
        drills: frozenset[bytes] = frozenset(),
    ) -> None:
        self.detectors = tuple(sorted(detectors, key=lambda detector: detector.name))
        self.sensitive: Mapping[str, Mapping[int, str]] = {} if sensitive is None else sensitive
        self.training: Mapping[str, Training] = {} if training is None else training
        self.evaluators: Mapping[str, frozenset[bytes]] = {} if evaluators is None else evaluators
        self.drills = drills
        self.tests = tuple(
            Test(detector.name, test, detector.family, isinstance(detector, LearningDetector))
            for detector in self.detectors
            for test in detector.tests
        )
        self.families = np.array([test.family for test in self.tests])
        self.learnt = np.array([test.learnt for test in self.tests], np.bool_)
        self.whole = self.learnt | np.isin(self.families, VOLUMES)
        self._learners = [detector for detector in self.detectors if isinstance(detector, LearningDetector)]
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

    def profile(self, blocks: Blocks, row: int) -> str | None:
        """The ordinary kind of traffic nearest to a block, as the first detector that knows one has it."""
        names = (detector.profile(blocks, row) for detector in self._learners)
        return next((name for name in names if name is not None), None)

    def looks(self, kind: int) -> tuple[str, ...]:
        """The features by which kinds of traffic are told apart, as the first detector has it that tells any apart."""
        return next((names for detector in self._learners if (names := detector.looks(kind))), ())

    def asked(self, kind: int) -> int:
        """How many learnt tests look at that kind of input: they share the novelty budget evenly (Bonferroni)."""
        return sum(len(detector.tests) for detector in self._learners if kind in detector.kinds)

    @property
    def learning(self) -> bool:
        """Whether a detector still knows too little to judge."""
        return any(detector.learning for detector in self._learners)

    def taught(self, lesson: Blocks) -> Bank:
        """The same bank, with the detectors that learn taught by these blocks of trusted clients."""
        return self._with(
            detector.taught(lesson) if isinstance(detector, LearningDetector) else detector
            for detector in self.detectors
        )

    def arrays(self) -> dict[str, NDArray[Any]]:
        """All that was learnt, as arrays."""
        parts = [nested(detector.name, detector.arrays()) for detector in self._learners]
        return {name: array for part in parts for name, array in part.items()}

    def restored(self, arrays: Mapping[str, NDArray[Any]]) -> Bank:
        """The same bank, knowing what `arrays` gave."""
        return self._with(
            detector.restored(inside(detector.name, arrays)) if isinstance(detector, LearningDetector) else detector
            for detector in self.detectors
        )

    def _with(self, detectors: Iterable[Detector]) -> Bank:
        return Bank(tuple(detectors), self.sensitive, self.training, self.evaluators, self.drills)
