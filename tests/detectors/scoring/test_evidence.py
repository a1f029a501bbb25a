"""E-values, budgets, risk."""

import numpy as np
import pytest

from detectors.scoring.evidence import (
    WORTH,
    named_evidence,
    required_evalue,
    risk,
    severity,
)
from detectors.taxonomy import FAMILIES


def test_a_test_at_its_floor_meets_the_default_budget() -> None:
    assert named_evidence(np.array([0.5]))[0] == pytest.approx(required_evalue(1.0))
    floors = np.linspace(0.5, 0.9, 41)
    assert np.all(named_evidence(floors, floors) >= required_evalue(1.0))
    assert np.all(named_evidence(floors - 1e-6, floors) < required_evalue(1.0))


def test_learning_raises_what_is_needed_and_never_lowers_it() -> None:
    strength = np.linspace(0, 1, 21)
    assert np.array_equal(named_evidence(strength, 0.1), named_evidence(strength))
    assert np.all(named_evidence(strength, 0.6) < named_evidence(strength))


@pytest.mark.parametrize(("budget", "share"), [(0.0, 1.0), (1.0, 0.0), (1.0, 1.5), (np.nan, 1.0)])
def test_a_budget_has_to_be_one(budget: float, share: float) -> None:
    with pytest.raises(ValueError, match="a budget is above 0"):
        required_evalue(budget, share)


def test_every_family_has_its_worth() -> None:
    assert set(WORTH) == set(FAMILIES)


def test_risk_rises_with_evidence_and_with_what_was_answered() -> None:
    assert risk("evasion", 1e3, 10) < risk("evasion", 1e5, 10) < risk("evasion", 1e5, 1000)
    assert risk("evasion", 1e3, 10, specific=False) == risk("evasion", 1e3, 10) / 2
    for family in FAMILIES:
        assert 0 <= risk(family, 0.0, 0) <= risk(family, np.inf, 10**9) <= 100


def test_bands() -> None:
    assert severity(risk("attribute-inference", 1e6, 1000)) == "critical"
    assert severity(risk("extraction", 1e3, 100)) == "high"
    assert severity(risk("cost", 1e3, 100)) == "medium"
    assert severity(risk("novelty", 1e3, 10_000)) == "low"
