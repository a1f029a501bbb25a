"""What the columns say of every kind of record, and that they do not depend on how the log was cut."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np
import orjson
import pytest
from edge_records import DECODER, KEYS, NOON, RECORDS, batch, dumps, facts, record
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.sketch.lexicon import ANSWERED, GOES_ON, REFUSES
from detectors.sketch.queries import (
    DENSE,
    DETERMINISTIC,
    LOGIT_BIAS,
    LOGPROBS,
    OPAQUE,
    ROWS,
    STREAMED,
    TEXT,
    WIDE,
)
from monitor.record.decode import Decoder
from monitor.record.hashes import Hashes
from monitor.record.keys import Keys

FULL = {
    "id": "b6f1",
    "time": "2026-11-21T10:00:00.123Z",
    "client": {"id": "key-123", "group": "acme", "address": "203.0.113.9", "user_agent": "sdk/1.2"},
    "model": {"name": "credit", "version": "7"},
    "input": {"columns": {"age": 41, "race": "white", "income": 52000.0}},
    "output": {"label": "yes", "probabilities": {"yes": 0.91, "no": 0.09}},
    "request": {"logprobs": False, "top_k": 5, "temperature": 0.0, "max_tokens": 256},
    "status": 200,
    "latency_ms": 12.5,
}
IMAGE = bytes(range(64))


def image(**more: Any) -> dict[str, Any]:
    return {"tensor": {"shape": [8, 8, 1], "datatype": "UINT8", "data": base64.b64encode(IMAGE).decode()} | more}


def test_the_record_of_the_manual(decode) -> None:
    queries = decode(FULL).queries
    hashes = Hashes(KEYS.sketches)
    assert queries.models == ("credit",)
    assert queries.time.tolist() == [NOON * 1000]
    assert queries.client[0] == DECODER.names.client("key-123")
    assert queries.group[0] == DECODER.names.group("acme")
    assert queries.address[0] == DECODER.names.address("203.0.113.9")
    assert (queries.kind[0], queries.row[0], queries.input_size[0]) == (ROWS, 0, 3)
    assert (queries.label[0], queries.second[0]) == (hashes.label("yes"), hashes.label("no"))
    assert (queries.p1[0], queries.p2[0]) == (np.float32(0.91), np.float32(0.09))
    assert (queries.classes[0], queries.digits[0], queries.status[0]) == (2, 2, 200)
    assert (queries.latency_ms[0], queries.max_tokens[0], queries.flags[0]) == (12.5, 256, DETERMINISTIC)
    assert queries.version[0] != 0


@pytest.mark.parametrize(
    ("given", "kind", "size"),
    [
        ({"vector": [1, 2.5, 3]}, DENSE, 3),
        ({"embedding": [0.1] * 9}, DENSE, 9),
        (image(), DENSE, 64),
        ({"columns": {"a": 1, "b": "c", "d": None, "e": True}}, ROWS, 4),
        ({"text": "one two three four"}, TEXT, 4),
        ({"messages": [{"role": "user", "content": "one two"}]}, TEXT, 2),
        ({"digest": "9f86d081"}, OPAQUE, 0),
        (None, OPAQUE, 0),
    ],
)
def test_kinds_of_input(decode, given: Any, kind: int, size: int) -> None:
    queries = decode(record(input=given)).queries
    assert (queries.kind[0], queries.input_size[0]) == (kind, size)
    assert (queries.exact[0] == 0) == (given is None)
    assert queries.row[0] == (-1 if kind == OPAQUE else 0)


def test_probabilities_in_a_list_are_named_by_their_index(decode) -> None:
    queries = decode(
        record(output={"probabilities": [0.1, 0.7, 0.2]}),
        record(output={"label": 1, "confidence": 0.7125}),
        record(output={"label": "1"}),
        record(output={"label": 1.0}),
        record(output={"probabilities": [0.25]}),
        record(output={"text": "one two three", "logprobs": [-0.5]}),
    ).queries
    assert len(set(queries.label[:4].tolist())) == 1
    assert queries.digits.tolist() == [1, 4, 0, 0, 2, 0]
    assert queries.classes.tolist() == [3, 0, 0, 0, 1, 0]
    assert queries.output_size.tolist() == [0, 0, 0, 0, 0, 3]
    assert queries.flags[5] == LOGPROBS
    assert np.isnan(queries.p1[[2, 3, 5]]).all()
    assert np.isnan(queries.p2[1:]).all()
    assert queries.second[4] == 0


def test_classes_may_have_any_name(decode) -> None:
    odd = [{"probabilities": {name: 0.9, "other": 0.1}} for name in ("", " ", "x" * 512, "ü" * 512, "\0")]
    odd += [{"label": ""}, {"label": " "}, {"label": True}, {"label": "true"}, {"label": -3}, {"label": 0.5}]
    decoded = decode(*(record(output=one) for one in odd))
    assert not decoded.rejected
    labels = decoded.queries.label.tolist()
    assert labels[0] == labels[5]
    assert labels[1] == labels[6]
    assert labels[7] == labels[8]
    assert len(set(labels)) == 8


def test_the_parameters_of_a_request(decode) -> None:
    asked = {"logprobs": True, "stream": True, "logit_bias": {"50256": -100, "7": 5.0}, "max_tokens": 10**30}
    other = {"logit_bias": {"7": 5, "50256": -100.0}, "logprobs": 0, "temperature": 0.7}
    queries = decode(record(request=asked), record(request=other), record(request={"logit_bias": {"7": 4}})).queries
    assert queries.flags.tolist() == [LOGPROBS | STREAMED | LOGIT_BIAS, LOGIT_BIAS, LOGIT_BIAS]
    assert queries.bias[0] == queries.bias[1] != queries.bias[2]
    assert queries.max_tokens[0] == np.float32(1e12)


def test_many_alternatives_are_noted(decode) -> None:
    asked = ({"logprobs": 5}, {"logprobs": True, "top_k": 20}, {"logprobs": 4}, {"logprobs": True}, {"top_k": 40})
    flags = decode(*(record(request=one) for one in asked)).queries.flags
    assert (flags & WIDE != 0).tolist() == [True, True, False, False, False]


def test_texts_that_are_answered_keep_their_beginning_and_manner(decode) -> None:
    said = ("I'm sorry, but I can't help with that.", "I'm sorry, but this is it.", "and so it goes", "")
    queries = decode(*(record(output={"text": one}) for one in said), record(output={"label": "x"})).queries
    assert queries.answer[0] == queries.answer[1] != queries.answer[2]
    assert queries.answer[3:].tolist() == [0, 0]
    assert queries.manner.tolist() == [ANSWERED | REFUSES, ANSWERED, ANSWERED | GOES_ON, 0, 0]
    assert queries.output_size.tolist() == [10, 7, 4, 0, 0]


def test_several_queries_in_one_record(decode) -> None:
    several = record(inputs=[{"text": "a"}, {"vector": [1, 2, 3]}], outputs=[{"label": "x"}, None])
    del several["input"]
    single = record(output={"label": "x"}, input={"text": "a"})
    queries = decode(single, several, record()).queries
    assert queries.offset.tolist() == [0, 1, 1, 2]
    assert queries.part.tolist() == [0, 0, 1, 0]
    assert queries.exact[0] == queries.exact[1]
    assert queries.exact[2] == queries.exact[3]
    assert queries.label[0] == queries.label[1] != queries.label[2] == 0


def test_a_batched_tensor(decode) -> None:
    data = list(range(1, 13))
    tensor = {"shape": [3, 4], "datatype": "FP32", "data": data, "batch": True}
    one = [{"input": {"vector": data[i : i + 4]}, "output": {"probabilities": [0.1 * i, 0.2]}} for i in (0, 4, 8)]
    answers = {"probabilities": [each["output"]["probabilities"] for each in one]}
    together = facts(decode(record(input={"tensor": tensor}, output=answers)).queries)
    apart = facts(decode(*(record(**each) for each in one)).queries)
    for a, b in zip(together, apart, strict=True):
        assert {**a, "offset": 0, "part": 0} == {**b, "offset": 0, "part": 0}


def test_equal_numbers_in_any_form_are_equal(decode) -> None:
    numbers = [0, 1, 2, 3, 250, 255]
    floats = np.array(numbers, "<f4")
    forms = [
        {"vector": numbers},
        {"vector": [float(number) for number in numbers]},
        {"embedding": numbers},
        {"tensor": {"shape": [6], "data": numbers}},
        {"tensor": {"shape": [1, 6], "datatype": "FP32", "data": base64.b64encode(floats.tobytes()).decode()}},
        {"tensor": {"shape": [6], "datatype": "INT16", "data": base64.b64encode(floats.astype("<i2")).decode()}},
        {"tensor": {"shape": [6], "datatype": "FP64", "data": base64.b64encode(floats.astype("<f8")).decode()}},
        {"vector": [-0.0, *numbers[1:]]},
    ]
    queries = decode(*(record(input=form) for form in forms)).queries
    assert len({tuple(one["sketch"]) for one in facts(queries)}) == 1
    assert len(set(queries.exact.tolist())) == 1


def test_bytes_of_an_image_are_values_over_255(decode) -> None:
    scaled = (np.arange(64, dtype=np.float32) / np.float32(255)).tolist()
    given = [image(), image(data=list(IMAGE)), {"tensor": {"shape": [8, 8, 1], "data": scaled}}]
    queries = decode(*(record(input=one) for one in given)).queries
    assert len({tuple(one["sketch"]) for one in facts(queries)}) == 1
    assert len(set(queries.exact.tolist())) == 1


def test_the_last_user_message_is_the_text(decode) -> None:
    talk = [{"role": "system", "content": "be brief"}, {"role": "user", "content": "what is a boundary attack"}]
    more = [*talk, {"role": "assistant", "content": "an attack"}]
    queries = decode(
        record(input={"messages": talk}),
        record(input={"messages": more}),
        record(input={"text": "what is a boundary attack"}),
    ).queries
    assert len({tuple(one["sketch"]) for one in facts(queries)}) == 1
    assert len(set(queries.exact.tolist())) == 3


def test_other_keys_give_other_columns() -> None:
    payload = [orjson.dumps(FULL)]
    other = Decoder(Keys.derive(bytes(32), "1")).decode(batch(payload)).queries
    ours = DECODER.decode(batch(payload)).queries
    assert other.client[0] != ours.client[0]
    assert other.exact[0] != ours.exact[0]
    assert other.label[0] != ours.label[0]


def test_an_empty_batch(decode) -> None:
    decoded = decode()
    assert (len(decoded.queries), decoded.rejected, decoded.unknown_fields) == (0, [], 0)


def test_unknown_fields_are_counted_wherever_they_are(decode) -> None:
    strange = record(trace={"a": [{"b": 1}]}, client={"id": "key-1", "shoe": 44}, output={"label": "a", "x": None})
    decoded = decode(strange, record(output={"label": "a"}))
    assert decoded.unknown_fields == 3
    assert decoded.queries.client[0] == decoded.queries.client[1]
    assert decoded.queries.label[0] == decoded.queries.label[1]


@given(st.lists(RECORDS, min_size=1, max_size=8), st.data())
@settings(max_examples=60, deadline=None)
def test_columns_do_not_depend_on_how_the_log_is_cut(records: list[dict[str, Any]], data: st.DataObject) -> None:
    payloads = [dumps(one) for one in records]
    whole = DECODER.decode(batch(payloads))
    assert not whole.rejected
    cut = data.draw(st.integers(0, len(payloads)))
    parts = [DECODER.decode(batch(payloads[:cut])), DECODER.decode(batch(payloads[cut:], first=cut))]
    assert [one for part in parts for one in facts(part.queries)] == facts(whole.queries)


@given(RECORDS)
@settings(max_examples=150, deadline=None)
def test_both_paths_give_the_same_columns(one: dict[str, Any]) -> None:
    """An unknown field makes the whole record be looked at again."""
    fast, slow = (DECODER.decode(batch([dumps(each)])) for each in (one, one | {"unknown": 0}))
    assert (fast.unknown_fields, slow.unknown_fields) == (0, 1), slow.rejected
    assert facts(fast.queries) == facts(slow.queries)
