"""CloudEvents around a record, in every form in which Kafka carries them."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from edge_records import NOON, facts, record

BARE = {key: value for key, value in record().items() if key not in ("time", "model")}
ATTRIBUTES = {
    "specversion": "1.0",
    "id": "01JB",
    "source": "/serving/credit",
    "type": "example.inference.query.v1",
    "time": "2026-11-21T10:00:00.123Z",
    "subject": "credit",
    "datacontenttype": "application/json",
}


@pytest.mark.parametrize(
    "data",
    [
        {"data": BARE},
        {"data": json.dumps(BARE)},
        {"data_base64": base64.b64encode(json.dumps(BARE).encode()).decode()},
        {"data": BARE, "extension": {"nested": [{"a": 1}]}},
        {"data": BARE | {"time": None}},
    ],
    ids=["object", "string", "base64", "extension", "null"],
)
def test_structured_mode(decode, data: dict[str, Any]) -> None:
    decoded = decode(record(), ATTRIBUTES | data)
    assert not decoded.rejected
    plain, enveloped = facts(decoded.queries)
    assert enveloped == plain | {"offset": enveloped["offset"]}
    assert decoded.unknown_fields == 0


def test_binary_mode(decode) -> None:
    headers = [(f"ce_{name}", value.encode()) for name, value in ATTRIBUTES.items() if name != "datacontenttype"]
    headers += [("content-type", b"application/json"), ("ce_strange", b"\xff")]
    decoded = decode(record(), BARE, headers=[[], headers])
    assert not decoded.rejected
    plain, enveloped = facts(decoded.queries)
    assert enveloped == plain | {"offset": enveloped["offset"]}


def test_headers_without_an_envelope_say_nothing(decode) -> None:
    assert decode(BARE, headers=[[("ce_time", b"2026-11-21T10:00:00Z"), ("ce_subject", b"credit")]]).rejected


def test_the_record_itself_comes_first(decode) -> None:
    event = ATTRIBUTES | {"data": record(model="other", time=NOON + 1)}
    queries = decode(event).queries
    assert (queries.models, queries.time[0]) == (("other",), (NOON + 1) * 1000)


@pytest.mark.parametrize("form", ["object", "string"])
def test_a_key_twice_within_an_envelope(reject, form: str) -> None:
    inner = json.dumps(BARE)[:-1] + ',"client":"other"}'
    whole = json.dumps(ATTRIBUTES)[:-1] + ',"data":' + (inner if form == "object" else json.dumps(inner)) + "}"
    assert reject(whole.encode()) == "duplicate-key"


def test_a_key_twice_in_the_envelope(reject) -> None:
    whole = json.dumps(ATTRIBUTES)[:-1] + f',"subject":"other","data":{json.dumps(BARE)}}}'
    assert reject(whole.encode()) == "duplicate-key"
    whole = json.dumps(ATTRIBUTES)[:-1] + f',"subject":"other","data":{json.dumps(json.dumps(BARE))}}}'
    assert reject(whole.encode()) == "duplicate-key"


def test_unknown_fields_within_an_envelope_are_counted(decode) -> None:
    assert decode(ATTRIBUTES | {"data": BARE | {"trace": "a"}}).unknown_fields == 1
