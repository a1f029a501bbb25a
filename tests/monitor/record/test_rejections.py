"""One hostile record: rejected with its reason, cheaply, without a word of it, and at no cost to its neighbours."""

from __future__ import annotations

import base64
import json
from typing import Any

import orjson
import pytest
from edge_records import KEYS, NOON, RECORDS, batch, dumps, record
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.record.decode import Decoded, Decoder
from monitor.record.keys import Keys
from monitor.record.limits import Limits
from monitor.record.refusal import REASONS
from monitor.record.wire import Wire, WireRecord


def tensor(**fields: Any) -> dict[str, Any]:
    return record(input={"tensor": {"shape": [4], "datatype": "FP32", "data": [1, 2, 3, 4]} | fields})


def raw(text: str) -> bytes:
    return json.dumps(record(input={"vector": ["HERE"]})).replace('"HERE"', text).encode()


def encoded(*numbers: float) -> str:
    import numpy as np

    return base64.b64encode(np.array(numbers, "<f4").tobytes()).decode()


CASES: list[tuple[str, Any]] = [
    ("not-json", b""),
    ("not-json", b"\x00"),
    ("not-json", orjson.dumps(record())[:-3]),
    ("not-json", orjson.dumps(record(client="\xff")).replace("\xff".encode(), b"\xff")),
    ("not-json", json.dumps(record(client="\ud800")).encode()),
    ("not-json", raw("NaN")),
    ("not-json", raw("Infinity")),
    ("not-json", raw("1e999")),
    ("not-json", b"[" * 10_000),
    ("not-json", b'{"a":' * 10_000 + b"1" + b"}" * 10_000),
    ("not-object", b"[]"),
    ("not-object", b"null"),
    ("not-object", b'"text"'),
    ("duplicate-key", orjson.dumps(record())[:-1] + b',"client":"other"}'),
    ("duplicate-key", orjson.dumps(record())[:-1] + b',"x":{"a":1,"\\u0061":2}}'),
    ("duplicate-key", orjson.dumps(record())[:-1] + b',"client":5}'),
    ("too-large", b" " * (4 * 1024 * 1024) + b"{}"),
    ("too-large", record(input={"text": "x" * (1024 * 1024 + 1)})),
    ("too-large", record(output={"text": "x" * (1024 * 1024 + 1)})),
    ("too-large", record(input={"columns": {f"c{i}": i for i in range(257)}})),
    ("too-large", record(input={"vector": [0] * (1024 * 1024 + 1)})),
    ("too-large", tensor(shape=[2**62, 2**62])),
    ("too-large", record(input=None, inputs=[None] * 1025)),
    ("too-large", record(unknown={str(i): [] for i in range(100_000)})),
    ("too-large", {"specversion": "1.0", "data": json.dumps({str(i): [] for i in range(100_001)})}),
    ("too-large", tensor(shape=[2048, 2], batch=True)),
    ("missing-field", {}),
    ("missing-field", {key: value for key, value in record().items() if key != "input"}),
    ("missing-field", record(client={"group": "acme"})),
    ("missing-field", record(model={"version": "1"})),
    ("wrong-type", record(client=None)),
    ("wrong-type", record(client=5)),
    ("wrong-type", record(client=["key"])),
    ("wrong-type", record(model=[])),
    ("wrong-type", record(input=[])),
    ("wrong-type", record(input={})),
    ("wrong-type", record(input={"vector": [1], "text": "a"})),
    ("wrong-type", record(input={"vector": [1, True, 2]})),
    ("wrong-type", record(input={"vector": [1, None, 2]})),
    ("wrong-type", record(input={"vector": [1, "2", 3]})),
    ("wrong-type", record(input={"vector": [[1]]})),
    ("wrong-type", record(input={"vector": {"a": 1}})),
    ("wrong-type", record(input={"columns": {"a": [1]}})),
    ("wrong-type", record(input={"text": 5})),
    ("wrong-type", record(input={"messages": [{"role": "user", "content": ["a"]}]})),
    ("wrong-type", record(input={"messages": "a"})),
    ("wrong-type", tensor(data=[1, "2", 3, 4])),
    ("wrong-type", tensor(data=[1, False, 3, 4])),
    ("wrong-type", tensor(datatype="BF15")),
    ("wrong-type", tensor(datatype=["FP32"])),
    ("wrong-type", tensor(shape=[4.0])),
    ("wrong-type", tensor(shape=[True, 4])),
    ("wrong-type", record(time=True)),
    ("wrong-type", record(status="200")),
    ("wrong-type", record(status=True)),
    ("wrong-type", record(latency_ms=True)),
    ("wrong-type", record(output={"label": [1]})),
    ("wrong-type", record(output={"confidence": True})),
    ("wrong-type", record(output={"confidence": "0.5"})),
    ("wrong-type", record(output={"probabilities": [0.5, True]})),
    ("wrong-type", record(output={"probabilities": [0.5, "0.5"]})),
    ("wrong-type", record(output={"probabilities": ["a", "b"]})),
    ("wrong-type", record(output={"probabilities": {"a": False}})),
    ("wrong-type", tensor(shape=[2, 2], batch=True) | {"output": {"probabilities": [[0.5], {"a": 0.5}]}}),
    ("wrong-type", tensor(shape=[2, 2], batch=True) | {"output": {"probabilities": [[0.5], None]}}),
    ("wrong-type", record(output={"probabilities": [0.5, [0.5]]})),
    ("wrong-type", record(output={"logprobs": [None]})),
    ("wrong-type", record(output={"value": "1"})),
    ("wrong-type", record(request={"temperature": "0"})),
    ("wrong-type", record(request={"logit_bias": {"a": "b"}})),
    ("wrong-type", record(request={"stream": 1})),
    ("empty", record(client="")),
    ("empty", record(client=" \t")),
    ("empty", record(client={"id": "a", "group": ""})),
    ("empty", record(model="")),
    ("empty", record(model={"name": "a", "version": ""})),
    ("empty", record(input={"vector": []})),
    ("empty", record(input={"columns": {}})),
    ("empty", record(input={"messages": []})),
    ("empty", record(input={"digest": ""})),
    ("empty", tensor(shape=[0, 4], data=[])),
    ("empty", record(input=None, inputs=[])),
    ("name-too-long", record(client="x" * 513)),
    ("name-too-long", record(client="ü" * 257)),
    ("name-too-long", record(model="x" * 513)),
    ("name-too-long", record(input={"columns": {"x" * 513: 1}})),
    ("name-too-long", record(output={"label": "x" * 513})),
    ("name-too-long", record(output={"probabilities": {"x" * 513: 1}})),
    ("bad-number", tensor(data=encoded(1, 2, 3, float("nan")))),
    ("bad-number", tensor(data=encoded(1, 2, 3, float("inf")))),
    ("bad-number", record(status=1000)),
    ("bad-number", record(status=-(2**63))),
    ("bad-number", record(latency_ms=-1)),
    ("bad-probability", record(output={"probabilities": [0.5, 1.01]})),
    ("bad-probability", record(output={"probabilities": {"a": -0.5}})),
    ("bad-probability", record(output={"confidence": 97})),
    ("bad-tensor", tensor(shape=[5])),
    ("bad-tensor", tensor(shape=[-1])),
    ("bad-tensor", tensor(shape=[])),
    ("bad-tensor", tensor(shape=[1] * 9)),
    ("bad-tensor", tensor(data=encoded(1, 2, 3))),
    ("bad-tensor", tensor(data="?")),
    ("bad-tensor", tensor(data="ü")),
    ("bad-batch", record(input=None, inputs=[None, None], outputs=[None])),
    ("bad-batch", record(inputs=[None])),
    ("bad-batch", record(outputs=[None])),
    ("bad-batch", record(outputs={})),
    ("bad-batch", record(output={"probabilities": [[0.5], [0.5]]})),
    ("bad-time", record(time="yesterday")),
    ("bad-time", record(time="2026-11-21T10:00:00")),
    ("bad-time", record(time="2026-02-30T10:00:00Z")),
    ("bad-time", record(time="")),
    ("no-time", {key: value for key, value in record().items() if key != "time"}),
    ("time-range", record(time=NOON // 1000)),
    ("time-range", record(time=2**64 - 1)),
    ("time-range", record(time=1e300)),
    ("time-range", record(time="1999-12-31T23:59:59Z")),
    ("time-range", record(time="2100-01-01T00:00:00Z")),
    ("bad-envelope", {"specversion": "1.0", "data": 5}),
    ("bad-envelope", {"specversion": "1.0", "data_base64": "?"}),
    ("bad-envelope", {"specversion": "1.0", "data": "[]"}),
    ("not-json", {"specversion": "1.0", "data": "{"}),
]


@pytest.mark.parametrize(("reason", "one"), CASES, ids=lambda value: value if isinstance(value, str) else None)
def test_rejected_with_its_reason(reject, reason: str, one: Any) -> None:
    assert reject(one) == reason


def test_a_record_far_from_the_time_of_the_log(reject, decode) -> None:
    eight_days = 8 * 86_400_000
    late, early = NOON - eight_days, NOON + eight_days
    for time in (late, early):
        decoded = decode(record(time=time), record(), log_time=NOON)
        assert [one.reason for one in decoded.rejected] == ["time-skew"]
        assert not decode(record(time=time)).rejected


def test_the_time_of_the_log_stands_in(decode) -> None:
    timeless = {key: value for key, value in record().items() if key != "time"}
    assert decode(timeless, log_time=NOON).queries.time.tolist() == [NOON * 1000]


def test_ceilings_are_settings() -> None:
    small = Decoder(
        Keys.derive(bytes(32), "1"), Limits(record=200, elements=2, columns=1, text=3, classes=1, queries=1)
    )
    given = [record(input=one) for one in ({"vector": [1, 2, 3]}, {"columns": {"a": 1, "b": 2}}, {"text": "abcd"})]
    given += [record(output={"probabilities": [0, 1]}, input=None), record(x="y" * 200)]
    assert [one.reason for one in small.decode(batch([dumps(one) for one in given])).rejected] == ["too-large"] * 5


@pytest.mark.parametrize("fits", [True, False])
def test_a_record_holds_no_more_queries_than_its_bytes_pay_for(fits: bool) -> None:
    """What a query costs does not fall with its size: a thousand of one byte each would be the cheapest flood."""
    given = [record(input=None, inputs=[None] * 40), record(**tensor(shape=[40, 1], data=[0] * 40, batch=True))]
    sizes = [len(dumps(one)) for one in given]
    decoder = Decoder(KEYS, Limits(query_bytes=min(sizes) // 40 if fits else 1 + max(sizes) // 40))
    decoded = decoder.decode(batch([dumps(one) for one in given]))
    assert [one.reason for one in decoded.rejected] == ["too-large"] * (0 if fits else 2)
    assert len(decoded.queries) == (80 if fits else 0)


@pytest.mark.parametrize("columns", [1, 5])
def test_an_ordinary_batch_is_no_flood(columns: int) -> None:
    numbers = base64.b64encode(bytes(1_000 * columns * 4)).decode()
    usual = {"shape": [1_000, columns], "datatype": "FP32", "data": numbers, "batch": True}
    answers = {"probabilities": [[0.91, 0.09]] * 1_000}
    decoded = Decoder(KEYS).decode(batch([dumps(record(input={"tensor": usual}, output=answers))]))
    assert (len(decoded.queries), decoded.rejected) == (1_000, [])


def words(value: Any) -> set[str]:
    """Every piece of six characters of the strings, keys included, in a document."""
    rest, found = [value], set()
    while rest:
        one = rest.pop()
        if isinstance(one, str):
            found |= {one[at : at + 6] for at in range(len(one) - 5)}
        elif isinstance(one, dict):
            rest += [*one.keys(), *one.values()]
        elif isinstance(one, list):
            rest += one
        elif one is not None and not isinstance(one, bool):
            rest.append(str(one))
    return found


PATIENT = Decoder(KEYS, Limits(skew=2**62))


def check(payload: bytes) -> Decoded:
    decoded = PATIENT.decode(batch([payload], log_time=NOON))
    for one in decoded.rejected:
        assert one.reason in REASONS
        assert one.reason != "decoder-failed"
        assert "not as its schema says" not in one.detail, "the fast path refused what the schema accepts"
    if not decoded.rejected:
        document = orjson.loads(payload)
        if "specversion" not in document:
            assert unknown_fields(WireRecord.model_validate(document)) == decoded.unknown_fields
    return decoded


def unknown_fields(wire: Wire) -> int:
    """What the schema itself counts; it also raises where the schema does not fit."""
    total = len(wire.model_extra or ())
    for value in wire.__dict__.values():
        inside = value if isinstance(value, list) else [value]
        total += sum(unknown_fields(one) for one in inside if isinstance(one, Wire))
    return total


@given(st.binary(max_size=300))
@settings(max_examples=120, deadline=None)
def test_random_bytes(payload: bytes) -> None:
    check(payload)


KNOWN = """client model input output id time vector columns tensor text messages sketch digest shape datatype data batch
    label probabilities confidence logprobs value request status latency_ms inputs outputs role content specversion"""
FIELDS = st.sampled_from(KNOWN.split())
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9) | FIELDS,
    lambda inside: st.lists(inside, max_size=4) | st.dictionaries(FIELDS | st.text(max_size=5), inside, max_size=6),
    max_leaves=30,
)


@given(JSON)
@settings(max_examples=120, deadline=None)
def test_random_json(document: Any) -> None:
    check(json.dumps(document).encode())


@given(st.dictionaries(st.sampled_from(["client", "model", "input", "output", "time", "request"]), JSON), RECORDS)
@settings(max_examples=120, deadline=None)
def test_records_with_random_fields(strange: dict[str, Any], one: dict[str, Any]) -> None:
    check(json.dumps(one | strange).encode())


NESTED = st.dictionaries(st.sampled_from(["shoe", "trace", "x"]), JSON, min_size=1, max_size=2)


@given(RECORDS, NESTED, st.sampled_from(["client", "model", "input", "output", "request", None]))
@settings(max_examples=120, deadline=None)
def test_unknown_fields_anywhere(one: dict[str, Any], strange: dict[str, Any], where: str | None) -> None:
    place = one if where is None else one.get(where)
    if isinstance(place, dict):
        place |= strange
        decoded = check(json.dumps(one).encode()) if _is_json(one) else None
        assert decoded is None or decoded.unknown_fields == len(strange)


def _is_json(document: Any) -> bool:
    try:
        orjson.loads(json.dumps(document))
    except ValueError:
        return False
    return True


@given(RECORDS, st.data())
@settings(max_examples=120, deadline=None)
def test_mutated_records(one: dict[str, Any], data: st.DataObject) -> None:
    payload = bytearray(dumps(one))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(payload) - 1))
        payload[at : at + data.draw(st.integers(0, 2))] = data.draw(st.binary(max_size=2))
        if not payload:
            return
    check(bytes(payload))


SECRET = st.text("ÄÖÜäöüß0123456789", min_size=6, max_size=12)
SECRETS = st.recursive(
    SECRET | st.integers(100_000), lambda inside: st.lists(inside, max_size=3) | st.dictionaries(SECRET, inside)
)


@given(st.dictionaries(SECRET | FIELDS, SECRETS, max_size=4), RECORDS, FIELDS)
@settings(max_examples=40, deadline=None)
def test_a_rejection_never_repeats_the_record(strange: dict[str, Any], one: dict[str, Any], field: str) -> None:
    for document in (one | strange, one | {field: strange}, one | {"input": {field: strange}}):
        for rejected in check(dumps(document)).rejected:
            secrets = {piece for piece in words(strange) if not piece.isascii() or piece.isdigit()}
            assert not [piece for piece in secrets if piece in rejected.reason + rejected.detail]
