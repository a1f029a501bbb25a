"""E-values, budgets, risk."""

import numpy as np
import pytest

from detectors.scoring.evidence import (
    WORTH,
    fused,
    named_evidence,
    neighbours,
    novelty_evidence,
    required_evalue,
    risk,
    severity,
    vote_evidence,
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


def test_one_block_alone_does_not_count_in_full() -> None:
    assert neighbours(np.array([np.nan, 0.0, 1.0]), np.array([0.6, 1.0, 1.0])) == pytest.approx([0.48, 0.5, 1.0])


def test_fused_e_values_of_honest_clients_stay_honest_whatever_depends_on_what() -> None:
    random = np.random.default_rng(0)
    p = random.uniform(size=200_000)
    same = np.column_stack([novelty_evidence(p), novelty_evidence(p), novelty_evidence(1 - p)])
    mean = fused(same, np.array([3.0, 1.0, 1.0])).mean()
    assert 0.7 < mean < 1.05
    assert np.mean(fused(same, np.array([3.0, 1.0, 1.0])) >= required_evalue(10)) < 10 / 1000


def test_what_is_not_known_bets_nothing() -> None:
    assert fused(np.array([[1000.0, np.nan]]), np.array([0.9, 0.1]))[0] == pytest.approx(900.1)
    assert novelty_evidence(np.array([np.nan])).tolist() == [1.0]


def test_fusing_does_not_depend_on_the_batch() -> None:
    e = np.random.default_rng(1).lognormal(size=(501, 11))
    weights = np.linspace(0.1, 1, 11)
    assert np.array_equal(fused(e, weights), np.concatenate([fused(row[None], weights) for row in e]))
    assert np.array_equal(named_evidence(e[:, 0] / 99), np.concatenate([named_evidence(x[None] / 99) for x in e[:, 0]]))


def test_a_vote_bets_fairly_on_what_it_learnt() -> None:
    assert vote_evidence(np.array([0.0, 0.02, 1.0])) == pytest.approx([0.0, 1.0, 50.0])


@pytest.mark.parametrize("weights", [(-1.0, 2.0), (0.0, 0.0), (np.nan, 1.0)])
def test_weights_have_to_weigh_something(weights: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match="weights of evidence"):
        fused(np.ones((1, 2)), np.array(weights))


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
