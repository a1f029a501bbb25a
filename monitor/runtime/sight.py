"""What each detector can see in logs as they are: which kinds of input the records carry, and what they say of
answers and callers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np

from detectors.contract import Detector
from detectors.sketch.queries import KINDS, Queries

# what a record can tell beside its input, and what stays unseen without it
PARTS = {
    "label": "which answer was given",
    "confidence": "how sure the model was",
    "status": "refused and failed requests",
    "version": "the same probes across versions",
    "group": "clients of one organisation",
    "address": "one caller behind many keys",
}


@dataclass(slots=True)
class Sight:
    """Records of one model with one kind of input: how many, and how many told each part."""

    model: str
    kind: int
    queries: int = 0
    told: dict[str, int] = field(default_factory=lambda: dict.fromkeys(PARTS, 0))

    def share(self, part: str) -> float:
        """Share of the queries that told that part, 0 to 1."""
        return self.told[part] / self.queries if self.queries else 0.0


def look(batches: Iterable[Queries]) -> list[Sight]:
    """What the queries carry, by model and kind of input."""
    seen: dict[tuple[str, int], Sight] = {}
    for queries in batches:
        pairs: Mapping[tuple[int, int], list[int]] = _grouped(queries)
        told = _told(queries)
        for (model, kind), rows in pairs.items():
            sight = seen.setdefault((queries.models[model], kind), Sight(queries.models[model], kind))
            sight.queries += len(rows)
            for part, column in told.items():
                sight.told[part] += int(column[rows].sum())
    return sorted(seen.values(), key=lambda sight: (sight.model, sight.kind))


def blind(detectors: Iterable[type[Detector]], kind: int) -> list[str]:
    """Names of the detectors that can say nothing about this kind of input."""
    return [detector.name for detector in detectors if kind not in detector.kinds]


def kind_name(kind: int) -> str:
    """The kind of input, for people."""
    return KINDS[kind]


def _grouped(queries: Queries) -> Mapping[tuple[int, int], list[int]]:
    groups: defaultdict[tuple[int, int], list[int]] = defaultdict(list)
    for row, pair in enumerate(zip(queries.model.tolist(), queries.kind.tolist(), strict=True)):
        groups[pair].append(row)
    return groups


def _told(queries: Queries) -> dict[str, np.ndarray]:
    return {
        "label": queries.label != 0,
        "confidence": ~np.isnan(queries.p1),
        "status": queries.status != 0,
        "version": queries.version != 0,
        "group": np.array([bool(name) for name in queries.group], bool),
        "address": np.array([bool(name) for name in queries.address], bool),
    }
