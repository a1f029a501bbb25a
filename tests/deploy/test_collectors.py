"""The snippets for Vector and Fluent Bit, run by Vector's language and by LuaJIT: our decoder reads what they emit."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from monitor.record.decode import Decoder
from monitor.record.keys import make_keys
from monitor.record.raw import Partition, RawBatch

COLLECT = Path(__file__).parents[2] / "deploy" / "collect"
GATEWAY = {"id": "r1", "client": "key-1", "address": "203.0.113.9", "user_agent": "sdk/1", "status": "200"}
NGINX = GATEWAY | {"msec": "1700000000.123", "seconds": "0.250"}
ENVOY = GATEWAY | {"time": "2023-11-14T22:13:20.123Z", "latency_ms": 250, "status": 200}
CHAT = {
    "path": "/v1/chat/completions",
    "request": {"model": "m", "messages": [{"role": "user", "content": "hi"}], "temperature": 0, "logprobs": True},
    "response": {
        "choices": [{"message": {"content": "ho"}, "logprobs": {"content": [{"token": "ho", "logprob": -0.5}]}}]
    },
}
PROMPT = {
    "path": "/v1/completions",
    "request": {"model": "m", "prompt": "once upon", "max_tokens": 16},
    "response": {"choices": [{"text": " a time"}]},
}
ROWS = {
    "path": "/v1/models/credit:predict",
    "request": {"instances": [[0.5, 4.25], [0.75, 5.5]]},
    "response": {"predictions": [[0.875, 0.125], [0.25, 0.75]]},
}
COLUMNS = {
    "path": "/v1/models/credit:predict",
    "request": {"instances": [{"age": 41, "race": "white"}]},
    "response": {"predictions": ["yes"]},
}
TENSOR = {
    "path": "/v2/models/digits/versions/7/infer",
    "request": {"inputs": [{"name": "x", "shape": [1, 3], "datatype": "FP32", "data": [0.5, 4.25, 1.5]}]},
    "response": {"outputs": [{"name": "p", "shape": [1, 2], "datatype": "FP64", "data": [0.875, 0.125]}]},
}
KINDS = {"chat": (CHAT, 1), "prompt": (PROMPT, 1), "rows": (ROWS, 2), "columns": (COLUMNS, 1), "tensor": (TENSOR, 1)}


def vector(line: dict[str, Any]) -> dict[str, Any] | None:
    """The record that Vector would send; None where it drops the line."""
    pyvrl = pytest.importorskip("pyvrl", reason="Vector's language is packaged for Python 3.11 alone")
    text = line | {name: json.dumps(line[name]) for name in ("request", "response") if isinstance(line[name], dict)}
    transform = pyvrl.Transform((COLLECT / "native.vrl").read_text())
    try:
        record: dict[str, Any] = transform.remap({"message": json.dumps(text)})
    except ValueError:  # an error or an abort while it ran
        return None
    return record


def fluent_bit(line: dict[str, Any]) -> dict[str, Any] | None:
    """The record that Fluent Bit would send, with the time that its Kafka output adds; None where it drops the line."""
    lupa = pytest.importorskip("lupa.luajit21")
    lua = lupa.LuaRuntime()
    lua.execute((COLLECT / "native.lua").read_text())
    code, _, record = lua.globals().native("gateway", 0, lua.table_from(line, recursive=True))
    return None if code == -1 else plain(record) | {"time": "2023-11-14T22:13:20.123000000Z"}


def plain(value: Any) -> Any:
    """A Lua table as lists and objects; as in Fluent Bit, a table with 1..n is a list."""
    if not hasattr(value, "items"):
        return value
    keys = list(value.keys())
    return (
        [plain(value[key]) for key in keys]
        if keys and keys == list(range(1, len(keys) + 1))
        else {key: plain(value[key]) for key in keys}
    )


def decoded(record: dict[str, Any]) -> Any:
    decoder = Decoder(make_keys("6b" * 32, "1", "here"))
    payload = [json.dumps(record).encode()]
    return decoder.decode(
        RawBatch(Partition("t", 0), payload, np.zeros(1, np.int64), np.full(1, 1_700_000_000_000, np.int64), 1)
    )


@pytest.mark.parametrize("collector", [vector, fluent_bit])
@pytest.mark.parametrize("gateway", [NGINX, ENVOY], ids=["nginx", "envoy"])
@pytest.mark.parametrize("kind", KINDS)
def test_what_a_gateway_logs_becomes_queries(collector: Any, gateway: dict[str, Any], kind: str) -> None:
    body, queries = KINDS[kind]
    record = collector(gateway | body)
    assert record is not None
    result = decoded(record)
    assert len(result.queries) == queries, result
    assert record["latency_ms"] == 250
    assert record["status"] == 200
    named = record["client"] if isinstance(record["client"], str) else record["client"]["id"]
    assert named == "key-1"


@pytest.mark.parametrize("collector", [vector, fluent_bit])
@pytest.mark.parametrize(
    "change", [{"client": "-"}, {"client": ""}, {"path": "/", "request": {"what": 1}}, {"request": "not json"}]
)
def test_what_is_no_query_is_dropped(collector: Any, change: dict[str, Any]) -> None:
    assert collector(NGINX | ROWS | change) is None


def test_answers_and_parameters_come_along() -> None:
    for record in (vector(NGINX | CHAT), fluent_bit(NGINX | CHAT)):
        assert record is not None
        assert record["output"] == {"text": "ho", "logprobs": [-0.5]}
        assert record["request"] == {"temperature": 0, "logprobs": True}


def test_both_key_by_client() -> None:
    sink = tomllib.loads((COLLECT / "vector.toml").read_text())["sinks"]["queries"]
    assert sink["key_field"] == "client.id"
    output = yaml.safe_load((COLLECT / "fluent-bit.yaml").read_text())["pipeline"]["outputs"][0]
    assert (output["message_key_field"], output["timestamp_key"]) == ("client", "time")
