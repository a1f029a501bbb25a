"""A finding's revisions read as one story: what is new, why it was closed, and a timeline that stays short."""

from __future__ import annotations

import re
from dataclasses import replace

import click
import pytest
from findings import EXAMPLE, finding, findings
from formcases import CASES
from hypothesis import given
from hypothesis import strategies as st
from verdicts import ALICE, BOB, NOON, heard, opened, piece, verdict

from detectors.taxonomy import FAMILIES
from monitor.alerts.finding import Finding, Point
from monitor.alerts.guidance import FLOOD_GUIDANCE, GUIDANCE, STORM_GUIDANCE, checks, guidance
from monitor.alerts.response import ACTIONS, FLOOD, RESPONSES, STORM
from monitor.alerts.story import POINTS, Told, closing, followed, grown
from monitor.cli.root import root
from monitor.engine.clock import MINUTE

THEN = replace(EXAMPLE, revision=1)


def test_nothing_new_is_said_aloud() -> None:
    assert grown(Told.by(THEN), EXAMPLE) == "Since revision 1: more of the same evidence, and nothing else."


def test_what_is_new_is_counted() -> None:
    got = replace(EXAMPLE.exposure, answered=1_589, output_bits=12_432.5, sweeps=5, trained=42)
    fresh = (*EXAMPLE.evidence, *(replace(EXAMPLE.evidence[0], detector="evasion", test=t) for t in ("walk", "cloud")))
    now = replace(EXAMPLE, severity="critical", evalue=5e6, exposure=got, evidence=fresh)
    assert grown(Told.by(THEN), now) == (
        "Since revision 1: severity rose from high to critical; new evidence, the caller walks in small steps around "
        "one hidden input, and scatters noise around one hidden picture; the e-value grew from 4.12e+04 to 5e+06; "
        "1 more query answered; 2,000 more bits disclosed; 2 more records swept whole; 1 more training record asked."
    )


def test_many_new_tests_are_cut_and_members_counted() -> None:
    several = tuple(replace(EXAMPLE.evidence[0], test=f"t{n}") for n in range(5))
    now = finding(revision=2, members=("a", "b"), evidence=several)
    told = grown(replace(Told.by(THEN), members=0), now)
    assert ", and 3 more; 2 more clients." in told


def test_a_closing_says_why_and_what_came_last() -> None:
    last = replace(EXAMPLE, exposure=replace(EXAMPLE.exposure, answered=1_600))
    assert closing(Told.by(EXAMPLE), last, 60 * MINUTE) == (
        "Closed because nothing new spoke for it in 60 minutes of event time. Its revisions span 5 minutes. "
        "Since revision 2: 12 more queries answered."
    )
    assert "It had one revision." in closing(Told.by(THEN), THEN, 60 * MINUTE)


@given(findings)
def test_what_was_told_survives_a_dump(one: Finding) -> None:
    from dataclasses import asdict

    assert Told.read(asdict(Told.by(one))) == Told.by(one)


@given(st.integers(0, 40))
def test_a_timeline_keeps_its_beginning_and_its_end(more: int) -> None:
    timeline = (Point(0, "seen"), Point(1, "halfway"), Point(2, "named", "low"))
    for at in range(3, 3 + more):
        timeline = followed(timeline, Point(at, "joined", "low"))
    assert len(timeline) == min(3 + more, POINTS)
    assert [point.at for point in timeline[:3]] == [0, 1, 2]
    assert [point.at for point in timeline[3:]] == list(range(3 + more - (len(timeline) - 3), 3 + more))


def test_the_life_of_a_finding_is_told_from_first_to_last() -> None:
    found = opened(update_minutes=5, quiet_minutes=60)
    told = heard(found, verdict(piece(evalue=1_000.0), answered=1))
    told += heard(found, verdict(piece(evalue=1e6), answered=10_000), NOON + MINUTE)
    told += heard(found, verdict(piece(evalue=1e6), answered=10_040), NOON + 6 * MINUTE)
    heard(found, verdict(piece(evalue=1e6), answered=10_050), NOON + 7 * MINUTE)
    told += found.tick(NOON + 67 * MINUTE)
    assert [one.change for one in told] == [
        "New.",
        "Since revision 1: severity rose from medium to critical; the e-value grew from 1e+03 to 1e+06; "
        "9,999 more queries answered.",
        "Since revision 2: 40 more queries answered.",
        "Closed because nothing new spoke for it in 60 minutes of event time. Its revisions span 6 minutes. "
        "Since revision 3: 10 more queries answered.",
    ]
    assert [(point.event, point.severity) for point in told[-1].timeline] == [
        ("seen", None),
        ("named", "medium"),
        ("grew", "critical"),
        ("quiet", "critical"),
    ]
    assert told[-1].timeline[-1].at == NOON + 7 * MINUTE


def test_clients_that_join_stand_in_the_timeline() -> None:
    found = opened(update_minutes=1)
    heard(found, verdict(members=(ALICE,)))
    (now,) = heard(found, verdict(members=(BOB,)), NOON + 2 * MINUTE)
    assert now.timeline[-1] == Point(NOON + 2 * MINUTE, "joined", now.severity)
    assert "1 more client" in now.change


def test_what_is_counted_and_not_named_is_told_too() -> None:
    storm = CASES["storm"]
    later = replace(storm, revision=9, labels=storm.labels | {"folded": "4650"})
    assert grown(Told.by(storm), later) == "Since revision 8: 1,550 more signals."
    kind = CASES["novelty"]
    assert "3 more clients" in grown(Told.by(kind), replace(kind, labels=kind.labels | {"clients": "15"}))


def test_a_storm_and_a_flood_have_guidance_and_answers_of_their_own() -> None:
    assert guidance(CASES["storm"]) is STORM_GUIDANCE
    assert guidance(CASES["campaign"]) is GUIDANCE["extraction"]
    found = opened(open_findings=16)
    for number in range(18):
        last = heard(found, verdict(client=number.to_bytes(16, "big")))
    assert last[-1].response == STORM
    flood = piece("access", test="flood")
    (told,) = heard(opened(), verdict(flood, members=(BOB,)))
    assert (told.response, guidance(told)) == (FLOOD, FLOOD_GUIDANCE)
    assert told.reason.startswith("Somebody comes under ever new names")


def test_every_answer_of_a_gateway_has_its_mitigation() -> None:
    named = {one for answers in (*RESPONSES.values(), STORM, FLOOD) for one in answers}
    assert set(ACTIONS) <= named
    assert all(re.fullmatch(r"AML\.M\d{4}", by.id) for one in ACTIONS.values() for by in one.mitigations)
    for name in set(FAMILIES) - {"gap", "novelty"}:
        assert set(RESPONSES[name]) <= set(ACTIONS), name


@pytest.mark.parametrize("case", CASES)
def test_the_commands_that_check_exist(case: str) -> None:
    for line in checks(replace(CASES[case], evidence=CASES[case].evidence if case != "hostile" else ())):
        program, *words = line.split()
        assert program == "probewatch"
        known: click.Command = root
        while words and isinstance(known, click.Group):
            known = known.get_command(click.Context(known), words[0])  # type: ignore[assignment]
            assert known is not None, line
            words.pop(0)
        assert len(words) == sum(param.required for param in known.params if isinstance(param, click.Argument)), line
