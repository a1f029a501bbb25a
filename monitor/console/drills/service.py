"""A stand-in for a model: answers as its records do, smoothly in its inputs, and notes what was asked.

Nothing here asks a real model. The stand-in is a linear model of the logarithms of the answers in the sample, so that
confidences rise, fall and tip as an attack's search expects; what it says of an input means nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from monitor.console.drills.families import ROWS
from monitor.console.drills.templates import Floats, Json, Template

ACCOUNTS: Final = 5  # that a campaign has
_RIDGE: Final = 0.02  # of the mean variance of the inputs
_SURE: Final = 0.9  # mean certainty of the stand-in on the sample


class Enough(Exception):  # noqa: N818  (the end of a drill, no error)
    """So many queries were wanted, and no more."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One query of a drill: input and output as a record has them, version, status, which of its accounts sent it (from
    0), and how many seconds after the one before (None: as the rate has it)."""

    input: Json
    output: Json | None
    version: str | None
    status: int = 200
    account: int = 0
    gap: float | None = None
    request: Json | None = None


@dataclass
class Service:
    """Asks the stand-in of a template; Enough once `most` queries were asked."""

    template: Template
    most: int
    rng: np.random.Generator
    asked: list[Asked] = field(default_factory=list)
    account: int = 0

    def __post_init__(self) -> None:
        if not len(self.template.inputs):  # texts have no numbers: their answers are written beside them
            return
        encoded = self._encoded(self.template.inputs)
        self._middle, self._offset = encoded.mean(axis=0), self.template.scores.mean(axis=0)
        centred = encoded - self._middle
        inner = centred.T @ centred
        inner[np.diag_indices_from(inner)] += _RIDGE * float(np.trace(inner)) / len(inner) + 1e-9
        self._weights = np.linalg.solve(inner, centred.T @ (self.template.scores - self._offset))
        self._scale = 1.0
        for _ in range(12):  # as sure as models are
            if self.probabilities(self.template.inputs).max(axis=1).mean() >= _SURE:
                break
            self._scale *= 1.4

    def draw(self, count: int) -> Floats:
        """Natural inputs: those of the sample, (count, d)."""
        return np.array(self.template.inputs[self.rng.integers(len(self.template.inputs), size=count)])

    def probabilities(self, rows: Floats) -> Floats:
        """What the stand-in says, (n, classes); not noted as asked."""
        scores = self._scale * ((self._encoded(np.atleast_2d(rows)) - self._middle) @ self._weights) + self._offset
        raised = np.exp(scores - scores.max(axis=1, keepdims=True))
        return np.asarray(raised / raised.sum(axis=1, keepdims=True))

    def __call__(
        self, rows: Floats, *, version: str | None = None, status: int = 200, gap: float | None = None
    ) -> Floats:
        """Ask, and get the probabilities (n, classes)."""
        rows = np.atleast_2d(rows)
        found = self.probabilities(rows)
        for row, answer in zip(rows, found, strict=True):
            if len(self.asked) >= self.most:
                raise Enough
            output = self._output(answer) if status < 400 else None
            own = self.template.version if version is None else version
            self.asked.append(Asked(self.template.written(row), output, own, status, self.account, gap))
        return found

    def _output(self, answer: Floats) -> Json | None:
        form, best = self.template.answers, int(answer.argmax())
        output: dict[str, Any] = {}
        if form.labelled:
            output["label"] = form.labels[best]
        if form.probabilities is list:
            output["probabilities"] = [round(value, 4) for value in answer.tolist()]
        elif form.probabilities is dict:
            rounded = (round(value, 4) for value in answer.tolist())
            output["probabilities"] = dict(zip(form.labels, rounded, strict=True))
        if form.confidence:
            output["confidence"] = round(float(answer[best]), 4)
        return output or None

    def _encoded(self, rows: Floats) -> Floats:
        """Rows with a number for each category, and numbers between 0 and 1 of their range."""
        if self.template.kind != ROWS:
            return rows
        parts = []
        for at, column in enumerate(self.template.columns):
            if column.values:
                parts.append(np.eye(len(column.values))[np.rint(rows[:, at]).astype(int) % len(column.values)])
            else:
                parts.append(((rows[:, at] - column.low) / max(column.high - column.low, 1e-9))[:, None])
        return np.concatenate(parts, axis=1)
