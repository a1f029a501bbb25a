"""Compiles every kernel of the edge before the daemon joins its group, so that its first batch is not its slowest."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import orjson

from detectors.sketch.dense import DENSE_MOST
from monitor.record.by_template import FEWEST
from monitor.record.decode import Decoder
from monitor.record.raw import Partition, RawBatch

_NOON: Final = "2026-01-01T12:00:00Z"
_INPUTS: Final[tuple[dict[str, Any], ...]] = (
    {"vector": [0.0] * 8},
    {"vector": [0.0] * (DENSE_MOST + 1)},
    {"columns": {"a": 1, "b": "c"}},
    {"text": "a b c d"},
)


def warm_up(decoder: Decoder) -> None:
    """Decode records of each kind. Takes seconds where the compiled kernels are not cached on disk yet."""
    payloads = [
        orjson.dumps(
            {"client": "-", "model": "-", "time": _NOON, "input": one, "output": {"probabilities": [1.0], "text": "a"}}
        )
        for one in _INPUTS
    ]
    payloads = [payload for payload in payloads for _ in range(FEWEST)]  # so that they are read by templates, too
    nowhere = np.full(len(payloads), -1, np.int64)
    decoder.decode(RawBatch(Partition("", 0), payloads, nowhere, nowhere, 0))
