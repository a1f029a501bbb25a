"""What the operator's own models say of raw inputs, before these become sketches: one number a query, and nothing else.

A judge is given one input as float32, as the record has it (8-bit images over 255), and says how far it lies from what
it knows. Inputs are judged one by one: a network's last digits depend on the size of its batch, and findings must not.
Ready-made sketches hold no input to judge.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from detectors.sketch.queries import DENSE
from monitor.record.found import Inputs
from monitor.record.gathering import Gathering
from monitor.record.sketched import Premade

Judge = Callable[[NDArray[np.float32]], float]
"""From the elements of one input (size,) to a number, NaN where it can not say; never raises."""

Judges = Mapping[str, Judge]
"""By the name of the watched model."""

_LARGEST: Final = np.float32(1e18)  # as in sketches: larger magnitudes count as this one


def integrity(judges: Judges, models: Sequence[str], inputs: Inputs, gathering: Gathering) -> NDArray[np.float32]:
    """What the judge of each query's model says of its input, (n,); NaN where there is none, or it can not say."""
    found = np.full(len(models), np.nan, np.float32)
    if not judges:
        return found
    at = [
        row
        for row in np.flatnonzero(inputs.kind == DENSE).tolist()
        if models[row] in judges and type(inputs.given[row]) is not Premade
    ]
    if at:
        values, starts = gathering.values(inputs.store[at], inputs.start[at])
        for row, start in zip(at, starts.tolist(), strict=True):
            own = values[start : start + int(np.prod(inputs.given[row]))]
            found[row] = judges[models[row]](np.clip(own, -_LARGEST, _LARGEST))
    return found
