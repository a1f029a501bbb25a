"""Records to try, and what the columns say of each query."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from typing import Any

import numpy as np
from hypothesis import strategies as st

from detectors.sketch.queries import DENSE, ROWS, TEXT, Queries
from monitor.record.decode import Decoder
from monitor.record.keys import Keys
from monitor.record.raw import Headers, Partition, RawBatch

NOON = 1_795_255_200_123

KEYS = Keys.derive(bytes(range(32)), "1")
DECODER = Decoder(KEYS)


def batch(
    payloads: Sequence[bytes], first: int = 0, log_time: int = -1, headers: Sequence[Headers] | None = None
) -> RawBatch:
    n = len(payloads)
    times = np.full(n, log_time, np.int64)
    return RawBatch(Partition("log", 0), payloads, np.arange(first, first + n), times, first + n, headers)


def record(**fields: Any) -> dict[str, Any]:
    return {"client": "key-1", "model": "credit", "time": NOON, "input": {"vector": [1.0, 2.0, 3.0]}} | fields


def facts(queries: Queries) -> list[dict[str, Any]]:
    """Everything that the columns say of each query, free of where it stands in its batch."""
    plain = ("offset", "part", "time", "version", "kind", "exact", "label", "second", "p1", "p2", "classes", "digits")
    plain += ("answer", "manner")
    plain += ("status", "input_size", "output_size", "latency_ms", "max_tokens", "flags", "bias")
    found = []
    for at in range(len(queries)):
        one: dict[str, Any] = {name: getattr(queries, name)[at].tobytes() for name in plain}
        one |= {name: getattr(queries, name)[at] for name in ("client", "group", "address")}
        one |= {"model": queries.models[queries.model[at]], "sketch": sketch(queries, at)}
        found.append(one)
    return found


def sketch(queries: Queries, at: int) -> list[bytes]:
    kind, row = queries.kind[at], queries.row[at]
    if kind == ROWS:
        part = slice(queries.rows.start[row], queries.rows.start[row + 1])
        return [column[part].tobytes() for column in (queries.rows.name, queries.rows.value, queries.rows.code)]
    table = {DENSE: queries.dense, TEXT: queries.text}.get(kind)
    if table is None:
        assert row == -1
        return []
    return [getattr(table, name)[row].tobytes() for name in table.__slots__]


def dumps(one: Any) -> bytes:
    """JSON with integers of any size, which orjson does not write."""
    return json.dumps(one, ensure_ascii=False).encode()


NAMES = st.text(st.characters(codec="utf-8"), min_size=1, max_size=20).filter(str.strip)
FLOATS = st.floats(-1e30, 1e30) | st.integers(-(2**64), 2**64)
SHARES = st.floats(0, 1)
INPUTS = st.one_of(
    st.none(),
    st.fixed_dictionaries({"vector": st.lists(FLOATS, min_size=1, max_size=60)}),
    st.fixed_dictionaries(
        {"columns": st.dictionaries(NAMES, FLOATS | st.text(max_size=9) | st.booleans() | st.none(), min_size=1)}
    ),
    st.fixed_dictionaries({"text": st.text(max_size=200)}),
    st.fixed_dictionaries(
        {"messages": st.lists(st.fixed_dictionaries({"role": NAMES, "content": st.text(max_size=30)}), min_size=1)}
    ),
    st.builds(
        lambda raw: {"tensor": {"shape": [len(raw)], "datatype": "UINT8", "data": base64.b64encode(raw).decode()}},
        st.binary(min_size=1, max_size=100),
    ),
)
OUTPUTS = st.fixed_dictionaries(
    {},
    optional={
        "label": st.text(max_size=9) | st.integers() | st.booleans(),
        "probabilities": st.lists(SHARES, max_size=12) | st.dictionaries(st.text(max_size=9), SHARES, max_size=5),
        "confidence": SHARES,
        "text": st.text(max_size=50),
        "value": FLOATS,
        "logprobs": st.lists(st.floats(-50, 0), max_size=4),
    },
)
RECORDS = st.fixed_dictionaries(
    {
        "client": NAMES | st.fixed_dictionaries({"id": NAMES}, optional={"group": NAMES, "address": NAMES}),
        "model": NAMES | st.fixed_dictionaries({"name": NAMES}, optional={"version": NAMES}),
        "time": st.integers(946_684_800_000, 4_102_444_799_999),
        "input": INPUTS,
    },
    optional={
        "id": st.text(max_size=9),
        "output": OUTPUTS,
        "request": st.fixed_dictionaries(
            {},
            optional={
                "temperature": st.floats(0, 2),
                "max_tokens": st.integers(0, 10**6),
                "logprobs": st.booleans() | st.integers(0, 9),
                "logit_bias": st.dictionaries(NAMES, st.floats(-100, 100), max_size=4),
            },
        ),
        "status": st.integers(0, 999),
        "latency_ms": st.floats(0, 1e6),
    },
)
