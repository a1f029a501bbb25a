"""Cases and the account of them against the labels."""

from collections import Counter
from pathlib import Path

import pytest
from findings import finding

from monitor.alerts.finding import Contribution, Evidence
from monitor.config.trouble import Trouble
from monitor.console.cases import Kind, Missed, account, cases, main_evidence
from monitor.console.recordings import Label, labels, recording
from monitor.record.keys import Keys

USER = Label("user", None, attack=False, unseen=False, variant="", queries=50)
AUDIT = Label("audit", None, attack=False, unseen=True, variant="", queries=60)


def attacker(family: str, queries: int = 100) -> Label:
    return Label("attack", family, attack=True, unseen=True, variant="", queries=queries)


def test_the_family_that_explains_the_others_leads() -> None:
    early = finding(family="extraction", queries=20, raised_at=1, risk=99.0, severity="critical")
    late = finding(family="property-inference", queries=50, raised_at=2, risk=60.0, severity="high")
    (case,) = cases([early, late])
    assert case.lead is late
    assert case.worst is early
    assert case.families == ("property-inference", "extraction")


def test_cases_come_by_severity_and_risk_and_novelty_last() -> None:
    low = finding(client="a", severity="low", risk=20.0)
    high = finding(client="b", severity="high", risk=80.0)
    strange = finding(client="c", severity="high", risk=90.0, tier="novelty", family="novelty")
    assert [case.clients for case in cases([strange, low, high])] == [("b",), ("a",), ("c",)]


def test_the_account_of_a_day() -> None:
    who = {
        "right": attacker("evasion"),
        "wrong": attacker("inversion"),
        "missed": attacker("extraction", 100),
        "silent": attacker("extraction", 5),
        "user": USER,
        "accused": USER,
        "strange": AUDIT,
    }
    found = [finding(client=client, family="evasion") for client in ("right", "wrong", "accused")]
    found.append(finding(client="strange", family="novelty", tier="novelty"))
    held = account(cases(found), who)
    assert (held.attackers, held.caught, held.rightly, held.honest, held.accused) == (4, 2, 1, 3, 1)
    assert held.kinds == (
        Kind("audit", True, 1, 60, Counter(), 1),
        Kind("user", False, 2, 100, Counter({"evasion": 1}), 0),
    )
    assert held.missed == (Missed("attack", "", "extraction", 2, 5, 100, 1),)


def test_members_of_a_campaign_are_caught_with_it() -> None:
    who = {"a": attacker("evasion"), "b": attacker("evasion")}
    assert account(cases([finding(members=("a", "b"), family="evasion")]), who).rightly == 2


def test_the_evidence_of_the_family_itself_is_shown_first() -> None:
    own = Evidence("inversion", "climb", "inversion", 0.6, 2e3, (Contribution("near", 0.9, 0.1, 1.0),))
    louder = Evidence("evasion", "walk", "evasion", 0.9, 1e6, ())
    assert main_evidence(finding(evidence=(louder, own))) is own
    assert main_evidence(finding(evidence=())) is None


def test_labels_are_told_by_pseudonym_alone() -> None:
    day = recording()
    one, other = (labels(day, Keys.derive(bytes(32), epoch)) for epoch in ("1", "2"))
    assert len(one) == len(other) > 100
    assert not one.keys() & other.keys()
    assert not [name for name in one if "/" in name]
    assert {label.attack for label in one.values()} == {True, False}


def test_a_missing_recording_is_said(tmp_path: Path) -> None:
    (tmp_path / "day.training.ndjson.zst").write_bytes(b"")
    with pytest.raises(Trouble, match="recording of the demo is missing"):
        recording(tmp_path)
