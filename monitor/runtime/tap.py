"""A sample of records as the engine sees them: counts and measures of sketches, pseudonyms, and nothing else.

No input, no name and no hash of either leaves here; whoever asks holds the token of the pages, or is on this machine.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from threading import Condition
from typing import Any, Final

import numpy as np

from detectors.sketch.queries import (
    DENSE,
    DETERMINISTIC,
    KINDS,
    LOGIT_BIAS,
    LOGPROBS,
    ROWS,
    STREAMED,
    TEXT,
    WIDE,
    Queries,
)
from monitor.formats.native import moment
from monitor.record.pseudonyms import text
from monitor.record.raw import Partition

RECORDS: Final = 1_000  # of one sample, at most
SECONDS: Final = 30.0  # for which one may wait, at most
_VISITORS: Final = 8  # who may wait at the same time
_AT_ONCE: Final = 8  # records of one batch, so that a sample is not of one moment
_FLAGS: Final = {
    LOGPROBS: "logprobs",
    LOGIT_BIAS: "logit_bias",
    DETERMINISTIC: "deterministic",
    STREAMED: "streamed",
    WIDE: "wide",
}


@dataclass(slots=True)
class _Wish:
    records: int
    model: str | None
    rows: list[dict[str, Any]] = field(default_factory=list)

    def take(self, queries: Queries, partition: Partition) -> None:
        fits = np.arange(len(queries))
        if self.model is not None:
            known = [at for at, name in enumerate(queries.models) if name == self.model]
            fits = np.flatnonzero(np.isin(queries.model, known))
        wanted = min(len(fits), _AT_ONCE, self.records - len(self.rows))
        if wanted > 0:
            for at in np.linspace(0, len(fits) - 1, wanted).astype(np.int64).tolist():
                self.rows.append(seen(queries, int(fits[at]), partition))


class Tap:
    """Where samples are asked for, in threads of visitors, and given, in that of the loop."""

    def __init__(self) -> None:
        self._changed = Condition()
        self._wishes: list[_Wish] = []

    def offer(self, queries: Queries, partition: Partition) -> None:
        """A batch goes by; whoever waits gets a few of its records."""
        if not self._wishes:
            return
        with self._changed:
            for wish in self._wishes:
                wish.take(queries, partition)
            self._changed.notify_all()

    def draw(self, records: int, seconds: float, model: str | None = None) -> list[dict[str, Any]]:
        """So many records of what goes by from now on, at most, fewer where they do not come in time; none where too
        many wait already."""
        wish = _Wish(min(max(records, 1), RECORDS), model)
        with self._changed:
            if len(self._wishes) >= _VISITORS:
                return []
            self._wishes.append(wish)
            self._changed.wait_for(lambda: len(wish.rows) >= wish.records, min(max(seconds, 0.0), SECONDS))
            self._wishes.remove(wish)
        return wish.rows


def seen(queries: Queries, at: int, partition: Partition) -> dict[str, Any]:
    """One query as the engine sees it; what is not known is left out."""
    flags = int(queries.flags[at])
    output = {
        "p1": number(queries.p1[at]),
        "p2": number(queries.p2[at]),
        "classes": int(queries.classes[at]) or None,
        "digits": int(queries.digits[at]) or None,
        "words": number(queries.output_size[at]) or None,
        "labelled": bool(queries.label[at]),
    }
    row = {
        "partition": str(partition),
        "offset": int(queries.offset[at]),
        "time": moment(int(queries.time[at])),
        "model": queries.models[int(queries.model[at])],
        "client": text(queries.client[at]) or None,
        "group": text(queries.group[at]) or None,
        "status": int(queries.status[at]) or None,
        "latency_ms": number(queries.latency_ms[at]),
        "input": {"kind": KINDS[int(queries.kind[at])], "size": number(queries.input_size[at]), **sketch(queries, at)},
        "output": known(output),
        "request": [name for bit, name in _FLAGS.items() if flags & bit],
    }
    return known(row)


def sketch(queries: Queries, at: int) -> dict[str, Any]:
    """What the sketch of an input measures."""
    kind, row = int(queries.kind[at]), int(queries.row[at])
    if row < 0:
        return {}
    if kind == DENSE:
        dense = queries.dense
        norm = number(np.linalg.norm(dense.projection[row]))
        return {"width": int(dense.width[row]), "norm": norm, "spread": number(dense.spread[row])}
    if kind == ROWS:
        return {"cells": int(queries.rows.start[row + 1] - queries.rows.start[row])}
    if kind == TEXT:
        words = queries.text
        measures = {"variety": number(words.variety[row]), "repetition": number(words.repetition[row])}
        return known({"words": int(words.words[row]), **measures})
    return {}


def number(value: Any) -> float | None:
    """Four significant digits; None for what is not known."""
    plain = float(value)
    return float(f"{plain:.4g}") if np.isfinite(plain) else None


def known(tree: dict[str, Any]) -> dict[str, Any]:
    """What is not None."""
    return {name: value for name, value in tree.items() if value is not None}
