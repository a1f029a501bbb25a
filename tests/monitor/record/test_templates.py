"""Records of one template are read together, and give what they give one by one, whatever stands in them."""

from __future__ import annotations

import base64
import json
from typing import Any

import numpy as np
import pytest
from edge_records import KEYS, NOON, RECORDS, batch, dumps, facts, record
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.sketch.keyed import joined, subkey
from monitor.record import by_template
from monitor.record.by_template import LESSONS, TEMPLATES, TemplateReader
from monitor.record.decode import Decoded, Decoder
from monitor.record.limits import Limits
from monitor.record.moments import NONE, moments
from monitor.record.refusal import Refused
from monitor.record.slots import DEPTH, FLOATS, INTS, MOST_SLOTS, SLOT, slots_of
from monitor.record.template import template
from monitor.record.times import rfc3339


@pytest.fixture(autouse=True)
def few_are_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that small batches show what large ones do."""
    monkeypatch.setattr(by_template, "FEWEST", 1)


LIMITS = Limits(text=150, elements=40, columns=6, classes=8)
IMAGE = {"shape": [2, 2], "datatype": "UINT8", "data": base64.b64encode(bytes(4)).decode()}
USUAL: list[dict[str, Any]] = [
    record(id="a", client={"id": "k", "group": None, "address": "::1"}, output={"label": "yes", "confidence": 0.5}),
    record(input={"columns": {"age": 41, "race": "white", "paid": True, "sum": 1.5, "left": None}}, output=None),
    record(input={"text": "a b c d"}, output={"text": "Yes.", "logprobs": [-1, -0.5]}, extra={"x": {"y": [1]}}),
    record(input={"tensor": IMAGE}, output={"probabilities": {"cat": 0.25, "dog": 0.75}}, latency_ms=3),
    record(input={"digest": "sha256:0a"}, output={"label": "no"}),
    record(input=None, time="2026-11-21T10:00:00.5+01:00", status=200, request={"logprobs": True, "top_k": 5}),
    record(input={"embedding": [1, -2.5e-3]}, output={"probabilities": [0.1, 0.9], "value": 1, "label": 3}),
    record(model={"name": "m", "version": "2"}, request={"temperature": 0, "max_tokens": 9, "stream": True}),
]
ODD: list[Any] = ["", " ", "x" * 600, "é", 'a"b', 5, -1, 2.5, 1e300, 0.1 + 0.2, True, None, [], [1], [2.0, "a"], {}]
ODD += [{"a": 1}, 10**20, -0.0, "2026-02-30T00:00:00Z", "2026-11-21 10:00:00z", NOON * 1000, 1e14, 999, [0.5] * 50]


def both(*payloads: bytes, log_time: int = -1) -> tuple[Decoded, Decoded]:
    """What comes out of the same records when they are read by templates, and when each is read by itself."""
    given = batch(payloads, log_time=log_time)
    together, alone = Decoder(KEYS, LIMITS), Decoder(KEYS, LIMITS)
    alone._templates = Nothing(KEYS.sketches, KEYS.names, alone._hashes, LIMITS)
    together.decode(given)  # learns
    return together.decode(given), alone.decode(given)


class Nothing(TemplateReader):
    """Leaves every record to the general way."""

    def read(self, payloads, *_):  # type: ignore[no-untyped-def]
        return [], list(range(len(payloads))), 0


def same(*payloads: bytes, log_time: int = -1) -> None:
    together, alone = both(*payloads, log_time=log_time)
    assert together.rejected == alone.rejected
    assert together.unknown_fields == alone.unknown_fields
    assert facts(together.queries) == facts(alone.queries)


def taken(*payloads: bytes) -> int:
    """How many of these records are read by their templates."""
    decoder, counts = Decoder(KEYS), []
    read = decoder._templates.read

    def counted(*given):  # type: ignore[no-untyped-def]
        found, left, unknown = read(*given)
        counts.append(len(payloads) - len(left))
        return found, left, unknown

    decoder._templates.read = counted  # type: ignore[method-assign]
    decoder.decode(batch(payloads))
    decoder.decode(batch(payloads))
    return counts[-1]


@pytest.mark.parametrize("one", USUAL)
@pytest.mark.parametrize("separators", [(",", ":"), (", ", ": "), (" ,\n", "\t:")])
def test_usual_records_are_read_by_their_template(one: dict[str, Any], separators: tuple[str, str]) -> None:
    payload = json.dumps(one, separators=separators).encode()
    assert taken(payload, payload, payload) == 3
    same(payload, payload)


@settings(max_examples=60)
@given(st.lists(RECORDS, min_size=1, max_size=6))
def test_any_records_are_read_as_they_are_one_by_one(records: list[dict[str, Any]]) -> None:
    same(*map(dumps, records))


@settings(max_examples=150)
@given(st.data())
def test_records_that_differ_in_one_value_are_told_apart(data: st.DataObject) -> None:
    """One value of a usual record is something else, beside records whose template it has."""
    one = data.draw(st.sampled_from(USUAL))
    paths = list(leaves(one))
    changed = [replaced(one, data.draw(st.sampled_from(paths)), data.draw(st.sampled_from(ODD))) for _ in range(3)]
    same(*map(dumps, (one, *changed, one)), log_time=data.draw(st.sampled_from([-1, NOON, 0])))


@settings(max_examples=150)
@given(st.data())
def test_broken_text_is_not_read(data: st.DataObject) -> None:
    """A stretch of a usual record is gone, doubled or another one, beside whole ones of the same template."""
    payload = dumps(data.draw(st.sampled_from(USUAL)))
    start = data.draw(st.integers(0, len(payload)))
    stop = data.draw(st.integers(start, min(len(payload), start + 12)))
    by = data.draw(
        st.sampled_from([b"", payload[start:stop] * 2, b"0", b'"', b"}", b"{", b"1e5", b"-", b"\xff", b"\\n"])
    )
    same(payload, payload[:start] + by + payload[stop:], payload)


def leaves(one: Any, above: tuple[str, ...] = ()) -> Any:
    for name, value in one.items():
        yield (*above, name)
        if isinstance(value, dict):
            yield from leaves(value, (*above, name))


def replaced(one: dict[str, Any], path: tuple[str, ...], value: Any) -> dict[str, Any]:
    inner = value if len(path) == 1 else replaced(one[path[0]], path[1:], value)
    return {**one, path[0]: inner}


def numbers(*texts: str) -> list[tuple[int, float]] | None:
    """Kind of the list and its numbers, as the kernel reads them; None where it does not."""
    payload = ('{"a":[' + ",".join(texts) + "]}").encode()
    found = slots_of(*joined([payload, b"\0"])[:1], np.array([0, len(payload)]), subkey(bytes(32), "test"))
    if not found.rows["template"][0]:
        return None
    return [(int(found.slots["kind"][0]), number) for number in found.numbers.tolist()]


@given(st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**70), 2**70), st.sampled_from("gef"))
def test_numbers_are_rounded_once_or_left(value: float, form: str) -> None:
    for text in (json.dumps(value), f"{value:.6{form}}".replace("inf", "1")):
        read = numbers(text)
        assert read is None or np.float64(read[0][1]).tobytes() == np.float64(json.loads(text)).tobytes()


def test_short_numbers_are_always_read() -> None:
    kinds = {
        "0": INTS,
        "-0": INTS,
        "-0.0": FLOATS,
        "1e3": FLOATS,
        "123456789012345": INTS,
        "0.00001": FLOATS,
        "1E-22": FLOATS,
    }
    for text, kind in kinds.items():
        read = numbers(text)
        assert read is not None, text
        assert read[0][0] == kind
        assert np.float64(read[0][1]).tobytes() == np.float64(json.loads(text)).tobytes()
    assert numbers("1", "2.5") == [(FLOATS, 1.0), (FLOATS, 2.5)]
    assert numbers() == []


@pytest.mark.parametrize("text", ["01", "-", "+1", "1.", ".5", "1e", "1e+", "1e400", "0x1", "1_0", "1" * 16])
def test_other_numbers_are_left(text: str) -> None:
    assert numbers(text) is None


def test_slots_have_a_ceiling() -> None:
    deep = "{" + '"a":{' * DEPTH + '"b":1' + "}" * (DEPTH + 1)
    wide = json.dumps({str(at): at for at in range(MOST_SLOTS + 1)})
    for text, good in ((deep, False), (deep[5:-1], True), (wide, False), ("{}", True)):
        data, starts = joined([text.encode(), b"\0"])
        assert bool(slots_of(data, starts[:-1], subkey(bytes(32), "test")).rows["template"][0]) is good
    assert SLOT.itemsize <= 32


FRACTIONS = ["", ".5", ".123456789", ".1234567890", "."]
ZONES = ["Z", "z", "+02:00", "-23:59", "+24:00", "", "+1:00"]


@given(st.datetimes(), st.sampled_from(FRACTIONS), st.sampled_from(ZONES))
def test_moments_are_those_of_the_general_way(when: Any, fraction: str, zone: str) -> None:
    text = when.strftime("%Y-%m-%dT%H:%M:%S").rjust(19, "0") + fraction + zone
    out = np.zeros(1, np.int64)
    moments(np.frombuffer(text.encode() + b"\0", np.uint8), np.array([0]), np.array([len(text)]), out)
    try:
        expected = rfc3339(text)
    except Refused:
        assert out[0] == NONE
    else:
        assert out[0] in (expected, NONE)
        assert (out[0] == expected) == (when.year >= 1970)


NEVER = """2026-02-29T00:00:00Z 2026-13-01T00:00:00Z 2026-11-21T24:00:00Z 2026-11-21T10:00:60Z 2026/11/21T10:00:00Z
    2026-11-21_10:00:00Z 2026-11-21T10:00Z"""


@pytest.mark.parametrize("text", NEVER.split())
def test_no_such_moments(text: str) -> None:
    out = np.zeros(1, np.int64)
    moments(np.frombuffer(text.encode() + b"\0" * 40, np.uint8), np.array([0]), np.array([len(text)]), out)
    assert out[0] == NONE


def test_templates_of_an_attacker_have_a_ceiling(monkeypatch: pytest.MonkeyPatch) -> None:
    decoder = Decoder(KEYS)
    odd = [dumps(record(**{f"x{at}": 1})) for at in range(3 * LESSONS)]
    assert len(decoder.decode(batch(odd)).queries) == len(odd)
    assert len(decoder._templates._known) == LESSONS
    monkeypatch.setattr(by_template, "TEMPLATES", LESSONS)
    decoder.decode(batch([dumps(record(y=1))]))
    assert len(decoder._templates._known) == 1 < TEMPLATES


def test_too_few_of_a_template_go_the_general_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(by_template, "FEWEST", 3)
    few, enough = dumps(record(x=1)), dumps(record(y=1))
    assert taken(few, enough, few, enough, enough) == 3
    same(few, enough, few, enough, enough)


def test_a_bad_record_does_not_spoil_its_template() -> None:
    good, bad = dumps(record(status=200)), dumps(record(status=-1))
    decoder = Decoder(KEYS)
    assert [len(decoder.decode(batch([bad])).queries), len(decoder._templates._known)] == [0, 0]
    assert len(decoder.decode(batch([good, bad, good])).queries) == 2
    assert len(decoder._templates._known) == 1


def test_unknown_fields_are_counted_once() -> None:
    good, bad, late = (dumps(record(status=status, x=1, y={"z": 2})) for status in (200, -1, "ok"))
    together, alone = both(good, bad, good, late, good)
    assert together.unknown_fields == alone.unknown_fields == 6
    assert together.rejected == alone.rejected


def test_records_with_a_key_twice_have_no_template() -> None:
    assert template({"client": "a", "x": {}}, 1, 3, 0) is None
    same(b'{"client":"a","client":"b","model":"m","time":%d,"input":{"text":"a"}}' % NOON)
    same(b'{"client":"a","model":"m","time":%d,"input":{"text":"a"},"x":{},"x":{}}' % NOON)
