"""The thief's copy of the model: ridge regression on log-probabilities, in closed form, so that it can be refitted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from traffic.models import Floats, Inputs


@dataclass(frozen=True)
class Ridge:
    """Scores of a linear copy: inputs @ weights + offset."""

    weights: Floats
    offset: Floats

    @classmethod
    def fit(cls, inputs: Inputs, answers: Floats, ridge: float = 0.01) -> Self:
        """Fit to (n, d) inputs and (n, classes) probabilities or one-hot labels; the ridge is relative."""
        scores = np.log(np.clip(answers, 1e-3, 1.0))
        middle, offset = inputs.mean(axis=0), scores.mean(axis=0)
        centred = inputs - middle
        inner = centred @ centred.T  # fewer inputs than pixels: the dual form is the smaller one
        inner[np.diag_indices_from(inner)] += ridge * max(float(np.trace(inner)), 1e-9) / np.sqrt(len(inner))
        weights = centred.T @ np.linalg.solve(inner, scores - offset)
        return cls(weights, offset - middle @ weights)

    def __call__(self, inputs: Inputs) -> Floats:
        """Scores (n, classes); the largest is the label."""
        return np.asarray(inputs @ self.weights + self.offset, float)
