"""Detectors written in plain Python, one block at a time, as columns of the contract."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from detectors.contract import Blocks, Floats, Reason


class RowDetector(ABC):
    """Base for a detector that scores one block at a time: write `name`, `family`, `kinds`, `reads` and `score_one`.

    Slow next to columns (a few microseconds a block and feature), exact all the same. Reasons come by leaving out one
    feature at a time (occlusion, Zeiler and Fergus 2014): what the score loses without it. That fails where features
    stand in for each other; then all of them are named with the whole score.

    >>> class Greedy(RowDetector):
    ...     name, family, kinds, reads = "greedy", "cost", frozenset({0, 3}), frozenset({"rate"})
    ...     def score_one(self, features):
    ...         return features.get("rate", 0.0) / 100
    >>> Greedy().score(Blocks(3, {"rate": np.array([50.0, np.nan, 900.0])}, np.array([20, 30, 40]))).tolist()
    [[0.5], [0.0], [1.0]]
    """

    name: ClassVar[str]
    family: ClassVar[str]
    kinds: ClassVar[frozenset[int]]
    reads: ClassVar[frozenset[str]]
    tests: ClassVar[tuple[str, ...]] = ("score",)

    @abstractmethod
    def score_one(self, features: Mapping[str, float]) -> float:
        """Strength from the features that the block has (others are not in the mapping), 0 to 1; clipped, NaN is 0."""

    def score(self, blocks: Blocks) -> Floats:
        """Strength for each block, shape (n, 1)."""
        return np.array([self._strength(self._known(blocks, row)) for row in range(len(blocks))]).reshape(-1, 1)

    def reasons(self, blocks: Blocks, row: int, test: int) -> tuple[Reason, ...]:
        """What the score loses without each feature, the smallest loss first; features without a part are left out."""
        known = self._known(blocks, row)
        score = self._strength(known)
        lost = {name: score - self._strength({k: v for k, v in known.items() if k != name}) for name in known}
        shares = {name: loss for name, loss in lost.items() if loss > 0.0} or dict.fromkeys(known, score)
        return tuple(Reason(name, known[name], shares[name]) for name in sorted(shares, key=lambda name: shares[name]))

    def _known(self, blocks: Blocks, row: int) -> dict[str, float]:
        """The declared features that this block has."""
        values = {name: float(blocks.feature(name)[row]) for name in sorted(self.reads)}
        return {name: value for name, value in values.items() if not np.isnan(value)}

    def _strength(self, features: Mapping[str, float]) -> float:
        """A bounded strength; a block of which nothing is known is honest."""
        strength = self.score_one(dict(features)) if features else 0.0
        return 0.0 if np.isnan(strength) else float(np.clip(strength, 0.0, 1.0))
