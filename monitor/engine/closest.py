"""Who is nearest to being named: how much of the evidence that a finding needs has gathered, and of which test."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import log10
from typing import Final

import numpy as np

from detectors.scoring.evidence import DECADES, required_evalue
from monitor.config.engine import EngineSettings
from monitor.engine.view import View
from monitor.record.pseudonyms import text

LEAST: Final = 0.05  # of the evidence needed, below which nobody is worth a line


@dataclass(frozen=True, slots=True)
class Close:
    """A client of a model, the test that has gathered most against it, and which share of the evidence that a finding
    needs that is, on the scale of orders of magnitude, below 1."""

    model: str
    client: str
    detector: str
    test: str
    family: str
    share: float
    queries: int


def closest(views: Iterable[View], settings: EngineSettings, most: int) -> list[Close]:
    """The nearest clients of all views, each once for each model, the nearest first; none of whom a test has beaten its
    budget, which is a finding. Pure: asking changes nothing."""
    needed = max(log10(required_evalue(settings.budget)), 1e-9) / DECADES
    found: dict[tuple[str, str], Close] = {}
    for view in views:
        for close in _of(view, needed, most):
            known = found.get((close.model, close.client))
            if known is None or close.share > known.share:
                found[close.model, close.client] = close
    return sorted(found.values(), key=lambda one: (-one.share, one.model, one.client))[:most]


def _of(view: View, needed: float, most: int) -> Iterable[Close]:
    for stream in view.streams:
        slots = stream.windows.in_use()
        if not len(slots):
            continue
        gathered = np.where(view.bank.learnt, 0.0, stream.windows.capital[slots])
        test, height = gathered.argmax(axis=1), gathered.max(axis=1)
        height = np.where(height < needed, height, 0.0)
        for at in np.argsort(-height, kind="stable")[:most].tolist():
            if height[at] >= LEAST * needed:
                slot, of = int(slots[at]), view.bank.tests[int(test[at])]
                name = text(stream.windows.names[slot].tobytes())
                count = int(stream.windows.state.headers["count"][slot])
                share = float(f"{height[at] / needed:.3g}")
                yield Close(view.model, name, of.detector, of.name, of.family, share, count)
