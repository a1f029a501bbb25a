"""What gateways are told: the mildest answer that is allowed, of open named findings that are severe enough."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, get_args

import orjson
import pytest
from findings import CLIENT, EXAMPLE, finding
from formcases import CASES
from hypothesis import given
from hypothesis import strategies as st

from monitor.alerts.finding import Finding
from monitor.alerts.response import ACTIONS, RESPONSES
from monitor.config.response import Action, ResponseSettings
from monitor.formats.responses import (
    STRENGTH,
    Entry,
    Standing,
    action,
    entries,
    messages,
    page,
    spread,
    table,
    written_by,
)

MINUTE = 60_000_000
NOW = 1_795_300_000_000_000
AT_ONCE = ResponseSettings(page=True, delay_minutes=0)


def standing(one: Finding, opened: int = NOW - MINUTE, accepted: int = NOW) -> Standing:
    return Standing(one, opened, accepted)


def named(**changes: Any) -> Finding:
    return finding(**{"response": RESPONSES["extraction"], "family": "extraction", "severity": "high"} | changes)


def test_an_open_finding_becomes_one_entry() -> None:
    (entry,) = entries(standing(EXAMPLE), AT_ONCE)
    assert (entry.client, entry.model, entry.action, entry.finding) == (CLIENT, "credit", "throttle", EXAMPLE.finding)
    assert (entry.begins, entry.expires, entry.reason) == (NOW - MINUTE, NOW + 60 * MINUTE, EXAMPLE.reason)
    assert table([entry], NOW, 10) == ([entry], 0)
    assert table([entry], entry.expires, 10) == ([], 0), "it ends by itself"


def test_a_campaign_becomes_one_entry_a_member() -> None:
    found = entries(standing(named(members=("c1.a", "c1.b"))), AT_ONCE)
    assert [entry.client for entry in found] == ["c1.a", "c1.b"]


@pytest.mark.parametrize(
    "quiet",
    [
        CASES["closed"],
        CASES["novelty"],
        CASES["storm"],
        CASES["gap"],
        named(severity="medium"),
        named(response=("look at it",)),
        named(family="access", response=("throttle",), members=("tried-1", "tried-2")),
    ],
)
def test_nobody_is_answered_for_what_is_not_his(quiet: Finding) -> None:
    assert entries(standing(replace(quiet, severity=quiet.severity)), AT_ONCE) == []


@pytest.mark.parametrize(
    ("severity", "strongest", "answer"),
    [
        ("high", "block", "throttle"),
        ("critical", "block", "coarser scores"),
        ("critical", "throttle", "throttle"),
        ("critical", "challenge", "coarser scores"),
    ],
)
def test_the_mildest_answer_comes_first_and_none_beyond_what_is_allowed(
    severity: Any, strongest: Action, answer: Action
) -> None:
    assert action(named(severity=severity), strongest) == answer


def test_where_all_answers_are_too_strong_there_is_none() -> None:
    assert action(named(response=("challenge", "block")), "label only") is None


def test_the_strengths_are_the_actions() -> None:
    assert set(STRENGTH) == set(ACTIONS) == set(get_args(Action))


@given(st.text(max_size=40), st.integers(0, 10**12))
def test_an_entry_waits_for_a_time_that_nobody_can_know(name: str, most: int) -> None:
    assert 0 <= spread(name, most) <= most
    waits = {spread(f"{n:032x}", 1_000) for n in range(300)}
    assert len(waits) > 200, "spread, not always the same"


def test_an_entry_that_waits_does_not_stand() -> None:
    (entry,) = entries(standing(EXAMPLE), ResponseSettings(page=True, delay_minutes=600))
    assert entry.begins > NOW
    assert table([entry], NOW, 10) == ([], 0)
    assert table([entry], NOW, 10)[0] == []


def test_of_several_findings_about_a_client_the_strongest_answer_stands() -> None:
    both = [
        *entries(standing(named()), AT_ONCE),
        *entries(standing(named(family="access", response=("challenge",), severity="critical")), AT_ONCE),
    ]
    for order in (both, both[::-1]):
        assert [entry.action for entry in table(order, NOW, 10)[0]] == ["challenge"]


made = st.builds(
    Entry,
    client=st.sampled_from("abc"),
    model=st.sampled_from("mn"),
    action=st.sampled_from(STRENGTH),
    reason=st.just(""),
    finding=st.sampled_from("01"),
    revision=st.integers(1, 3),
    family=st.just("evasion"),
    severity=st.sampled_from(["high", "critical"]),
    key_epochs=st.just(()),
    begins=st.just(0),
    expires=st.integers(NOW + 1, NOW + 3),
)


@given(st.lists(made, max_size=8), st.integers(1, 5), st.randoms())
def test_the_table_is_bounded_counted_and_the_same_in_any_order(given_: list[Entry], most: int, random: Any) -> None:
    kept, dropped = table(given_, NOW, most)
    assert len(kept) <= most
    assert len(kept) + dropped == len({entry.key for entry in given_})
    random.shuffle(given_)
    assert table(given_, NOW, most) == (kept, dropped)


def test_a_page_says_who_what_why_and_until_when() -> None:
    found = entries(standing(EXAMPLE), AT_ONCE)
    first, named_ = page(found, {}), page(found, {CLIENT: "key-123"})
    (told,) = orjson.loads(first.body)["entries"]
    assert set(told) == {
        *("client", "key_epochs", "model", "action", "reason", "finding", "revision", "family", "severity"),
        *("since", "expires"),
    }
    assert (told["client"], told["expires"]) == (CLIENT, "2026-11-21T23:26:40.000000Z")
    assert orjson.loads(named_.body)["entries"] == [told | {"name": "key-123"}]
    assert first.tag == page(found, {}).tag != named_.tag


def test_keys_of_the_topic_are_one_writers_and_never_a_name() -> None:
    found = entries(standing(EXAMPLE), AT_ONCE)
    ((key, value),) = messages(found, "host-1").items()
    assert orjson.loads(key) == ["host-1", "credit", CLIENT]
    assert orjson.loads(value)["writer"] == "host-1"
    assert "name" not in orjson.loads(value)
    assert written_by(key, "host-1")
    assert not any(written_by(other, "host-1") for other in (None, b"", b"host-1", b"[1]", b'["host-2","m","c"]'))


def test_entries_are_plain_values() -> None:
    assert all(isinstance(one, Entry) for one in entries(standing(EXAMPLE), AT_ONCE))
