"""The service as one caller sees it: answers are rounded as they are logged, and every query is written down."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from traffic.models import Floats, Inputs
from traffic.world import World


class OutOfBudget(Exception):
    """The caller has sent as many queries as it may."""


@dataclass
class Trace:
    """What one caller sent and got, in order. `answers` is None where the service failed or refused."""

    inputs: list[Any] = field(default_factory=list)
    answers: list[Any] = field(default_factory=list)
    versions: list[str] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    genuine: list[bool] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.inputs)

    def add(self, one: Any, answer: Any, version: str, status: int, genuine: bool = True) -> None:
        """Write one query down."""
        self.inputs.append(one)
        self.answers.append(answer)
        self.versions.append(version)
        self.statuses.append(status)
        self.genuine.append(genuine)

    def own(self) -> tuple[Inputs, Floats]:
        """The caller's own answered queries, without what it sent as camouflage."""
        pairs = [(x, a) for x, a, g in zip(self.inputs, self.answers, self.genuine, strict=True) if g and a is not None]
        return np.array([x for x, _ in pairs]), np.array([a for _, a in pairs])


@dataclass
class Service:
    """Ask for predictions until the budget is spent.

    `dilution` is the share of ordinary queries mixed in, `popular` that of inputs which many callers send alike;
    `deduplicate` answers an input asked before from the caller's own memory; `labels_only` callers get (and the log
    gets) no probabilities. `notes` is for the judge.
    """

    world: World
    rng: np.random.Generator
    budget: int
    labels_only: bool = False
    dilution: float = 0.0
    deduplicate: bool = False
    popular: float = 0.0
    trace: Trace = field(default_factory=Trace)
    notes: dict[str, Any] = field(default_factory=dict)
    _known: dict[bytes, Floats] = field(default_factory=dict)

    def __call__(self, inputs: Inputs, version: str = "1") -> Floats:
        """Probabilities (n, classes) with 4 decimals, one-hot where only the label is disclosed; raises OutOfBudget."""
        rows = self.world.clean(np.atleast_2d(inputs))
        answers = np.round(self.world.versions[version](rows), 4)
        for row, answer in zip(rows, answers, strict=True):
            self._send(row, answer, version)
        if self.labels_only:
            return np.asarray(np.eye(answers.shape[1])[answers.argmax(axis=1)], float)
        return answers

    def samples(self) -> None:
        """What an SDK's first page lets everybody send, in its order; some stop before the end."""
        kits = self.world.samples()
        kit = kits[self.rng.integers(len(kits))]
        self(kit[: int(self.rng.integers(3, len(kit) + 1))])

    def fails(self, one: Inputs, status: int, version: str = "1") -> None:
        """One query that is not answered."""
        self._spend()
        self.trace.add(self.world.clean(np.atleast_2d(one))[0], None, version, status)

    def _send(self, row: Inputs, answer: Floats, version: str) -> None:
        key = row.tobytes() + version.encode()
        if self.deduplicate and key in self._known:
            return
        self._known[key] = answer
        while self.dilution and self.rng.random() < self.dilution:
            self._aside(self.world.clean(self.world.draw(self.rng, 1)), version)
        while self.popular and self.rng.random() < self.popular:
            self._aside(self.world.famous(self.rng), version)
        self._spend()
        self.trace.add(row, answer, version, 200)

    def _aside(self, one: Inputs, version: str) -> None:
        """One query that is no part of what the caller is up to."""
        self._spend()
        self.trace.add(one[0], np.round(self.world.versions[version](one)[0], 4), version, 200, genuine=False)

    def _spend(self) -> None:
        if len(self.trace) >= self.budget:
            raise OutOfBudget
