"""Puts features on one robust scale, so that neither their units nor a few wild values decide a density."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from detectors.contract import Floats

LIMIT = 6.0  # in interquartile ranges; what lies beyond is equally strange


@dataclass(frozen=True, slots=True)
class Squash:
    """Median and scale of each feature, both (f,)."""

    middle: Floats
    scale: Floats

    @classmethod
    def fit(cls, rows: Floats) -> Squash:
        """From rows (n, f), NaN where not known.

        The scale is the interquartile range; for a feature that seldom moves, half its 1-99 % range; for one that
        never moves, 1, as features are dimensionless. One client moves neither (median and quartiles: Huber, Robust
        Statistics, 1981); a quarter of the rows does.
        """
        known = np.where(np.isnan(rows).all(axis=0), 0.0, rows)
        low, first, middle, third, high = np.nanquantile(known, (0.01, 0.25, 0.5, 0.75, 0.99), axis=0)
        scale = np.where(third > first, third - first, (high - low) / 2)
        return cls(middle, np.where(scale > 0, scale, 1.0))

    def __call__(self, rows: Floats) -> Floats:
        """(n, f) between -LIMIT and LIMIT; 0, the usual, where a feature is not known."""
        with np.errstate(over="ignore"):
            squashed = (np.clip(rows, -1e150, 1e150) - self.middle) / self.scale
        return np.where(np.isnan(squashed), 0.0, np.clip(squashed, -LIMIT, LIMIT))

    def undo(self, squashed: Floats) -> Floats:
        """Values in the features' own units."""
        return squashed * self.scale + self.middle
