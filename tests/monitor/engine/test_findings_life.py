"""How findings open, grow and close: verdicts made by hand, at clocks made by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from verdicts import ALICE, BOB, NOON, court, heard, opened, piece, verdict

from detectors.scoring.evidence import WORTH
from monitor.alerts.finding import Contribution, finding_id
from monitor.engine.clock import MINUTE
from monitor.engine.findings import PIECES, merged
from monitor.engine.verdicts import NOVELTY, PRECEDENCE
from monitor.record.pseudonyms import text


def test_the_first_verdict_opens() -> None:
    (found,) = heard(opened(), verdict(group=BOB))
    assert (found.status, found.revision, found.tier, found.family) == ("open", 1, "named", "evasion")
    assert found.finding == finding_id("default", "credit", text(ALICE), "evasion", NOON)
    assert found.id == f"{found.finding}-0001"
    assert (found.client, found.members, found.group, found.model) == (text(ALICE), (), text(BOB), "credit")
    assert (found.started, found.raised_at, found.updated_at) == (NOON - 90 * MINUTE, NOON, NOON)
    assert (found.queries, found.evalue, found.budget, found.profile) == (50, 2_000.0, 1_000.0, "profile 2")
    assert (found.lineage.first_offset, found.lineage.last_offset, found.lineage.topic) == (7, 99, "requests")
    assert found.reason == (
        "After 50 queries the caller walks in small steps around one hidden input: "
        "near-copies of earlier inputs 97% (usually 5%)."
    )
    assert found.title == "Adversarial-example search suspected" or found.title.endswith(" suspected")
    assert found.response


@pytest.mark.parametrize("unknown", [b"", bytes(16)])
def test_an_unknown_group_is_not_shown(unknown: bytes) -> None:
    assert heard(opened(), verdict(group=unknown))[0].group is None


def test_members_stand_in_for_a_client() -> None:
    (found,) = heard(findings := opened(), verdict(members=(BOB,)))
    assert (found.client, found.members) == (None, (text(BOB),))
    (found,) = heard(findings, verdict(members=(ALICE,)), NOON + 6 * MINUTE)
    assert found.members == tuple(sorted([text(ALICE), text(BOB)])), "members are gathered"


def test_novelty_has_its_own_tier_and_budget() -> None:
    (found,) = heard(opened(), verdict(piece(NOVELTY, 30.0, "profiles")))
    assert (found.tier, found.severity) == ("novelty", "low")
    assert found.budget == pytest.approx(court().budget(NOVELTY), rel=1e-5)
    assert found.budget < court().required
    assert not found.title.endswith("suspected")


def test_tenants_never_collide() -> None:
    first, second = heard(opened(), verdict()), heard(opened(tenant="other"), verdict())
    assert first[0].finding != second[0].finding


def test_more_of_the_same_is_quiet_until_an_update_is_due() -> None:
    findings = opened(update_minutes=5)
    heard(findings, verdict())
    assert heard(findings, verdict(last_offset=100), NOON + 5 * MINUTE - 1) == []
    (found,) = heard(findings, verdict(last_offset=120, answered=60), NOON + 5 * MINUTE)
    assert (found.status, found.revision, found.updated_at) == ("updated", 2, NOON + 5 * MINUTE)
    assert (found.raised_at, found.queries, found.lineage.first_offset) == (NOON, 50, 7)
    assert (found.lineage.last_offset, found.exposure.answered) == (120, 60)


def test_a_rising_severity_is_told_at_once() -> None:
    findings = opened()
    (first,) = heard(findings, verdict(piece(evalue=1_000.0), answered=1))
    (second,) = heard(findings, verdict(piece(evalue=1e6), answered=10_000), NOON + 1)
    assert (first.severity, second.severity, second.revision) == ("medium", "critical", 2)


def test_neither_risk_nor_evidence_ever_falls() -> None:
    findings = opened(update_minutes=1)
    (first,) = heard(findings, verdict(piece(evalue=1e6), answered=10_000))
    (second,) = heard(findings, verdict(piece(evalue=1_000.0), answered=10_001), NOON + MINUTE)
    assert (second.risk, second.severity, second.evalue) == (first.risk, first.severity, 1e6)


def test_what_was_not_told_is_not_forgotten() -> None:
    """A rise within a band waits for the next revision, which tells it."""
    findings = opened(update_minutes=5)
    (first,) = heard(findings, verdict(piece(evalue=1_000.0), answered=100))
    assert heard(findings, verdict(piece(evalue=20_000.0), answered=100), NOON + 1) == []
    (told_now,) = heard(findings, verdict(piece(evalue=1_000.0), answered=100), NOON + 5 * MINUTE)
    assert told_now.evalue == 20_000.0
    assert told_now.risk > first.risk


def test_revisions_are_bounded_and_the_last_one_closes() -> None:
    findings = opened(revisions=4, update_minutes=1, quiet_minutes=60)
    told_of = heard(findings, verdict())
    for minute in range(1, 20):
        told_of += heard(findings, verdict(), NOON + minute * MINUTE)
    told_of += list(findings.tick(NOON + 200 * MINUTE))
    assert [found.revision for found in told_of] == [1, 2, 3, 4]
    assert [found.status for found in told_of] == ["open", "updated", "updated", "closed"]


def test_quiet_closes_and_evidence_keeps_open() -> None:
    findings = opened(quiet_minutes=60)
    heard(findings, verdict())
    heard(findings, verdict(), NOON + 2 * MINUTE)
    assert list(findings.tick(NOON + 62 * MINUTE - 1)) == []
    (closed,) = findings.tick(NOON + 62 * MINUTE)
    assert (closed.status, closed.revision, closed.updated_at) == ("closed", 2, NOON + 62 * MINUTE)
    assert len(findings) == 0
    assert list(findings.tick(NOON + 999 * MINUTE)) == []


def test_a_new_episode_is_a_new_finding() -> None:
    findings = opened()
    (first,) = heard(findings, verdict())
    list(findings.tick(NOON + 60 * MINUTE))
    (second,) = heard(findings, verdict(), NOON + 61 * MINUTE)
    assert second.status == "open"
    assert second.finding != first.finding


def test_a_family_of_lower_rank_becomes_evidence_of_the_leading_one() -> None:
    findings = opened(update_minutes=1)
    heard(findings, verdict(piece("evasion")))
    (found,) = heard(findings, verdict(piece("extraction", 1e6)), NOON + MINUTE)
    assert (found.family, found.evalue) == ("evasion", 2_000.0), "its own evidence counts, not the loser's"
    assert [one.family for one in found.evidence] == ["extraction", "evasion"]
    assert len(findings) == 1


def test_a_family_of_higher_rank_opens_its_own() -> None:
    findings = opened(update_minutes=1)
    heard(findings, verdict(piece("extraction")))
    (found,) = heard(findings, verdict(piece("evasion"), piece("extraction")))
    assert (found.status, found.family) == ("open", "evasion")
    assert len(findings) == 2
    (updated,) = heard(findings, verdict(piece("extraction")), NOON + MINUTE)
    assert updated.family == "evasion", "what comes later goes to the one that leads"
    closed = list(findings.tick(NOON + 60 * MINUTE))
    assert [found.family for found in closed] == ["extraction"]


def test_clients_and_models_are_kept_apart() -> None:
    findings = opened()
    given = [verdict(), verdict(client=BOB), verdict(model="other")]
    assert [found.status for one in given for found in heard(findings, one)] == ["open"] * 3


def test_a_storm_is_bounded_and_counted() -> None:
    findings = opened(open_findings=16)
    for number in range(40):
        heard(findings, verdict(client=number.to_bytes(16, "big")))
    assert (len(findings), findings.dropped) == (17, 24), "one stands for the 24"
    assert heard(findings, verdict(client=(3).to_bytes(16, "big")), NOON + 9 * MINUTE), "open ones go on"


def test_evidence_is_the_latest_of_each_test_and_bounded() -> None:
    old = tuple(piece(test=f"t{n}", evalue=1.0) for n in range(PIECES))
    new = (piece(test="t3", evalue=5.0), piece(test="new"))
    found = merged(old, new)
    assert len(found) == PIECES
    assert found[:2] == new
    assert [one.test for one in found].count("t3") == 1
    (opened_with_many,) = heard(opened(), verdict(*old, *new))
    assert len(opened_with_many.evidence) == PIECES


def test_dump_and_load_change_nothing() -> None:
    first, second = opened(open_findings=16), opened(open_findings=16)
    for number in range(20):
        heard(first, verdict(piece(PRECEDENCE[number % 11]), client=number.to_bytes(16, "big"), members=(BOB,)))
    second.load(first.dump())
    assert (len(second), second.dropped) == (17, 4)
    assert list(second.tick(NOON + 60 * MINUTE)) == list(first.tick(NOON + 60 * MINUTE))


@pytest.mark.parametrize("spoil", [lambda tree: tree.pop("risk"), lambda tree: tree.update(new=1)])
def test_a_dump_of_something_else_is_refused(spoil: Any) -> None:
    import json

    import numpy as np

    findings = opened()
    heard(findings, verdict())
    arrays = findings.dump()
    episodes = json.loads(arrays["open"].tobytes())
    spoil(episodes[0][3])
    with pytest.raises((TypeError, KeyError)):
        opened().load(arrays | {"open": np.frombuffer(json.dumps(episodes).encode(), np.uint8)})


def test_every_family_that_can_be_named_has_its_worth() -> None:
    assert set(PRECEDENCE) <= set(WORTH)
    for family in PRECEDENCE:
        (found,) = heard(opened(), verdict(piece(family, 1e6)))
        assert 0 < found.risk <= 100
        assert found.response


def test_reasons_tell_the_strongest_numbers() -> None:
    numbers = tuple(Contribution(f"f{n}", float(n), None, n / 10) for n in range(6))
    (alone,) = heard(opened(), verdict(queries=1))
    assert alone.reason.startswith("After 1 query the caller walks")
    (found,) = heard(opened(), verdict(replace(piece(), contributions=numbers)))
    assert found.reason == "After 50 queries the caller walks in small steps around one hidden input: f5 5, f4 4, f3 3."
