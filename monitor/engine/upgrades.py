"""Dumps of earlier layouts, made into what this program reads: nothing that was remembered is lost.

Layout 3 had no times of half the evidence, of the latest revision of a finding it kept the severity alone, and headers
of clients counted neither sweeps nor training records.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from detectors.features.layout import headers
from detectors.scoring.nesting import nested
from monitor.alerts.finding import rebuilt
from monitor.alerts.story import Told
from monitor.engine.halfway import Halfway

Arrays = Mapping[str, NDArray[Any]]

OPEN: Final = "findings/open"
HEADERS: Final = "headers"  # how the names of windows' headers end


def upgraded(layout: int, arrays: Arrays) -> Arrays:
    """The arrays as the present layout has them; KeyError or TypeError where they are something else."""
    return _from_third(arrays) if layout == 3 else arrays


def _from_third(arrays: Arrays) -> Arrays:
    episodes = []
    for client, heard, severity, tree in json.loads(arrays[OPEN].tobytes()):
        told = asdict(Told.by(rebuilt(tree))) | {"severity": severity}
        episodes.append([client, heard, told, tree])
    opened = np.frombuffer(json.dumps(episodes).encode(), np.uint8)
    wider = {name: headers(array) for name, array in arrays.items() if name.endswith(HEADERS)}  # of changes too
    return {**arrays, **wider, OPEN: opened, **nested("findings/halfway", Halfway().dump())}
