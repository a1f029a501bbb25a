"""The native form: nothing is lost on the way out and back, and only JSON comes out."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import replace

import orjson
import pytest
from findings import EXAMPLE, finding, findings
from hypothesis import given
from hypothesis import strategies as st

from monitor.alerts.finding import Contribution, Finding
from monitor.config.trouble import Trouble
from monitor.formats.native import encode, moment, parse, render


@given(findings)
def test_what_is_written_can_be_read_back_whole(original: Finding) -> None:
    assert parse(encode(original)) == original


@given(findings)
def test_reading_and_writing_again_gives_the_same_bytes(original: Finding) -> None:
    line = encode(original)
    assert encode(parse(line)) == line
    assert b"\n" not in line


@given(st.floats(), st.floats(), st.floats(), st.none() | st.floats())
def test_only_finite_numbers_come_out(risk: float, evalue: float, value: float, usual: float | None) -> None:
    evidence = replace(EXAMPLE.evidence[0], evalue=evalue, contributions=(Contribution("f", value, usual, risk),))
    line = encode(replace(EXAMPLE, risk=risk, evalue=evalue, budget=value, evidence=(evidence,)))
    assert not re.search(rb"\b(NaN|Infinity|inf|nan)\b", line)
    tree = orjson.loads(line)
    assert None not in (tree["risk"], tree["evalue"], tree["budget"], tree["evidence"][0]["evalue"])
    assert encode(parse(line)) == line


def test_the_fields_are_those_of_the_manual() -> None:
    assert set(render(EXAMPLE)) == {
        *("finding", "revision", "status", "tier", "family", "title", "reason", "model", "client", "group", "severity"),
        *("risk", "evalue", "budget", "started", "raised_at", "updated_at", "queries", "evidence", "profile"),
        *("exposure", "response", "guidance", "attack", "lineage", "labels", "change", "timeline"),
    }
    assert render(EXAMPLE)["attack"] == {
        "atlas": {
            "edition": "5.6.1",
            "techniques": ["AML.T0024.001"],
            "mitigations": ["AML.M0004", "AML.M0002", "AML.M0024"],
        },
        "owasp": ["ML03:2023"],
        "nist": {"edition": "AI 100-2 E2025", "ids": ["NISTAML.032"]},
    }


def test_a_campaign_has_members_and_no_client() -> None:
    tree = render(finding(members=("a", "b")))
    assert tree["members"] == ["a", "b"]
    assert "client" not in tree


@pytest.mark.parametrize("microseconds", [2**63 - 1, -(2**63)])
def test_a_time_out_of_this_world_is_still_a_time(microseconds: int) -> None:
    assert parse(encode(replace(EXAMPLE, started=microseconds))).started in {
        253_402_300_799_999_999,
        -62_135_596_800_000_000,
    }
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", moment(microseconds))


BAD = {
    "not JSON": b"{",
    "not a JSON object": b"[1]",
    "family: not one": encode(EXAMPLE).replace(b'"family":"inversion"', b'"family":"magic"', 1),
    "started: not an RFC 3339": encode(EXAMPLE).replace(b'"started":"2026', b'"started":"secret'),
    "updated_at: not an RFC 3339": orjson.dumps(render(EXAMPLE) | {"updated_at": "2026-11-21T10:00:00"}),
    "raised_at: not an RFC 3339": orjson.dumps(render(EXAMPLE) | {"raised_at": 5}),
    "revision:": orjson.dumps(render(EXAMPLE) | {"revision": "secret"}),
    "evidence.0.test": orjson.dumps(render(EXAMPLE) | {"evidence": [{"detector": "secret", "family": "cost"}]}),
    "exposure: Field required": orjson.dumps({k: v for k, v in render(EXAMPLE).items() if k != "exposure"}),
}


@pytest.mark.parametrize("what", BAD)
def test_nonsense_is_trouble_that_says_where_and_repeats_nothing(what: str) -> None:
    with pytest.raises(Trouble) as caught:
        parse(BAD[what], "alerts.ndjson:7")
    assert what in caught.value.what
    assert caught.value.where == "alerts.ndjson:7"
    assert "secret" not in str(caught.value)
    assert "magic" not in str(caught.value)


@given(
    st.binary(max_size=200) | st.recursive(st.none() | st.text() | st.integers(), st.lists).map(repr).map(str.encode)
)
def test_any_bytes_are_a_finding_or_trouble(payload: bytes) -> None:
    with pytest.raises(Trouble):
        parse(payload)


small = st.integers(-(2**63), 2**63 - 1)
nonsense_values = st.none() | small | st.text() | st.lists(small)


@given(findings, st.sampled_from(sorted(render(EXAMPLE))), nonsense_values)
def test_any_field_may_be_broken(original: Finding, field: str, nonsense: object) -> None:
    with suppress(Trouble):
        parse(orjson.dumps(render(original) | {field: nonsense}))
