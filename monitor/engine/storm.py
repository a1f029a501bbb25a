"""A storm of findings, folded into one: nobody buries the analyst, and nothing is lost from the count (decision 0020).

Of each severity a partition opens so many findings in an hour of event time. What goes beyond becomes part of one
finding about the storm. A severity has its own places, so that a storm of low findings hides no critical one.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from math import log
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from monitor.alerts.finding import Contribution, Evidence, Severity
from monitor.engine.clock import MINUTE
from monitor.engine.verdicts import Verdict

STORM: Final = b"\0storm of finds\0"  # stands where a client stands in the identity of the finding, 16 bytes
HOUR: Final = 60 * MINUTE
CELLS: Final = 32_768  # of the map by which clients are counted
FOLDED, CLIENTS, FAMILIES = "folded", "folded_clients", "folded_families"  # labels


class Storm:
    """What one partition has opened in this hour, and what was folded since its storm began."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._hour = 0
        self._opened: Counter[str] = Counter()
        self._model = ""  # of the finding about the storm that is open
        self._families: Counter[str] = Counter()
        self._cells = 0

    def admits(self, severity: Severity, clock: int) -> bool:
        """Whether one more finding of that severity may be opened in this hour; it is counted where it may."""
        if clock // HOUR != self._hour:
            self._hour = clock // HOUR
            self._opened.clear()
        if self._opened[severity] >= self._most:
            return False
        self._opened[severity] += 1
        return True

    def take(self, verdict: Verdict) -> Verdict:
        """Fold a verdict; what is now claimed of the storm."""
        self._model = self._model or verdict.model
        self._families[verdict.family] += 1
        self._cells |= 1 << int.from_bytes(verdict.client[:8], "little") % CELLS
        folded, clients = self._families.total(), self.clients
        numbers = (
            Contribution(FOLDED, float(folded), float(self._most), 0.5),
            Contribution(CLIENTS, float(clients), None, 0.5),
        )
        families = ", ".join(f"{name} {count}" for name, count in sorted(self._families.items()))
        return replace(
            verdict,
            model=self._model,
            client=STORM,
            group=b"",
            members=(verdict.client,),
            evidence=(Evidence("campaign", "storm", "campaign", 1.0, verdict.evalue, numbers),),
            profile=None,
            place=None,
            labels={FOLDED: str(folded), CLIENTS: str(clients), FAMILIES: families},
        )

    @property
    def clients(self) -> int:
        """How many clients are in it: linear counting (Whang, Vander-Zanden and Taylor, ACM TODS 1990), a few per cent
        off up to a hundred thousand."""
        empty = max(CELLS - self._cells.bit_count(), 1)
        return max(round(-CELLS * log(empty / CELLS)), int(self._cells > 0))

    def end(self) -> None:
        """The finding about it was closed; the next one begins anew."""
        self._model, self._cells = "", 0
        self._families.clear()

    def dump(self) -> dict[str, NDArray[Any]]:
        """All of it, as bytes in an array."""
        tree = [self._hour, self._opened, self._model, self._families, f"{self._cells:x}"]
        return {"counts": np.frombuffer(json.dumps(tree).encode(), np.uint8)}

    def load(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Take over what `dump` gave. ValueError, TypeError or KeyError where it is something else."""
        self._hour, opened, self._model, families, cells = json.loads(arrays["counts"].tobytes())
        self._opened, self._families, self._cells = Counter(opened), Counter(families), int(cells, 16)
