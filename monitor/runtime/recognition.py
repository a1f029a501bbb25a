"""What training fingerprints make of a sample of the log: whether the two are written in the same way."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from detectors.sketch.fingerprints import Fingerprints
from detectors.sketch.queries import Queries
from monitor.engine.step import shapes
from monitor.engine.training import Training


@dataclass(slots=True)
class Recognised:
    """Queries of a model that has training fingerprints: how many there are, how many came in a shape that the training
    data has, how many of them are training records (`trained`), and how many are, at least but for one column
    (`nearly`)."""

    model: str
    queries: int = 0
    shaped: int = 0
    trained: int = 0
    nearly: int = 0


def recognise(batches: Iterable[Queries], known: Mapping[str, Fingerprints]) -> list[Recognised]:
    """What fingerprints say of the queries, by model. Training data that is written in another way than the log shows
    here: hardly anything is known, not even but for a column."""
    seen = {model: Recognised(model) for model in known}
    for queries in batches:
        of, which = shapes(queries)
        pairs = queries.model.astype(np.int64) * len(of) + which
        for pair in np.unique(pairs).tolist():
            model, number = divmod(pair, len(of))
            if (one := seen.get(queries.models[model])) is None:
                continue
            index, shape = np.flatnonzero(pairs == pair), of[number]
            key = (shape.kind, shape.width, shape.columns)
            found = Training(known[one.model]).hits(queries, index, key)
            one.queries += len(index)
            one.shaped += len(found)
            one.trained += int((found >> np.uint64(63) != 0).sum())
            one.nearly += int((found != 0).sum())
    return list(seen.values())
