"""Hammering: somebody sends the very same input again and again, to watch the answers move.

A model with random answers gives them away by their mean. The trace is exact repeats and nothing else. Honest
look-alikes: pollers and smoke tests, which repeat a few inputs among others; raise `attack` where yours repeat one
alone. It fails where the input is changed by a bit each time, which `near` copies would show. Source: Tramer et al.,
Stealing Machine Learning Models via Prediction APIs, USENIX Security 2016, on averaging randomised answers.

>>> import numpy as np
>>> from detectors.checks import one_block
>>> same, poller = one_block(1, repeat=0.99, fill=40.0), one_block(1, repeat=0.60, fill=40.0)
>>> Hammer().score(same).round(2).tolist(), Hammer().score(poller).tolist()
([[1.0]], [[0.0]])
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
from annotated_types import Interval

from detectors.contract import Blocks, Floats, Reason
from detectors.sketch.queries import DENSE, ROWS


@dataclass(frozen=True, slots=True)
class Params:
    """What can be set, under `engine.detectors.hammer`."""

    honest: Annotated[float, Interval(ge=0, lt=1)] = 0.9
    """Share of exact repeats that ordinary callers reach."""

    attack: Annotated[float, Interval(gt=0, le=1)] = 0.98
    """Share of exact repeats that says hammering, for certain."""

    least: Annotated[int, Interval(ge=1, le=88)] = 40
    """Queries that a window has to hold before anything is said."""


class Hammer:
    """One window is nearly all repeats. Plain Python, a row at a time, which is quick enough for two numbers."""

    name: ClassVar[str] = "hammer"
    family: ClassVar[str] = "extraction"
    tests: ClassVar[tuple[str, ...]] = ("repeats",)
    kinds: ClassVar[frozenset[int]] = frozenset({DENSE, ROWS})
    reads: ClassVar[frozenset[str]] = frozenset({"repeat", "fill"})
    Params: ClassVar[type[Params]] = Params

    def __init__(self, params: Params | None = None) -> None:
        self._params = Params() if params is None else params

    def score(self, blocks: Blocks) -> Floats:
        """Strength of the one test for each block, (n, 1)."""
        rows = zip(blocks.feature("repeat").tolist(), blocks.feature("fill").tolist(), strict=True)
        return np.array([[self._strength(*row)] for row in rows]).reshape(len(blocks), 1)

    def reasons(self, blocks: Blocks, row: int, test: int) -> tuple[Reason, ...]:
        """The share of repeats, which decides."""
        repeat, fill = (float(blocks.feature(name)[row]) for name in ("repeat", "fill"))
        return (Reason("repeat", repeat, self._strength(repeat, fill)),)

    def _strength(self, repeat: float, fill: float) -> float:
        """0 to 1; 0 of what is not known."""
        given = self._params
        if not (repeat == repeat and fill == fill and fill >= given.least):  # NaN is not itself
            return 0.0
        width = max(given.attack - given.honest, 1e-9)
        return float(min(max((repeat - given.honest) / width, 0.0), 1.0))
