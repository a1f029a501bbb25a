"""Input integrity: silent while learning, calibrated on clients after, and never fooled by one odd row of a poller."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from detectors.checks import check_all
from detectors.contract import Blocks, LearningDetector
from detectors.integrity import Integrity, distance
from detectors.sketch.queries import DENSE, OPAQUE, ROWS, TEXT

NAN = float("nan")


def blocks(kind: int, counts: list[int] | None = None, **features: float | np.ndarray) -> Blocks:
    n = max(np.size(one) for one in features.values())
    columns = {name: np.full(n, value, np.float64) for name, value in features.items()}
    given = np.ones(n, np.int64) if counts is None else np.array(counts)
    return Blocks(kind, columns, 10 + 10 * given, np.arange(n).astype(np.uint64), given)


def crowd(kind: int, n: int, seed: int = 0, counts: tuple[int, ...] = (1, 2)) -> Blocks:
    """Clients with a habit of their own; the features stand for any."""
    random = np.random.default_rng(seed)
    habits = np.tile(random.normal(size=n), len(counts))
    noise = 0.3 * random.normal(size=(3, len(habits)))
    columns = {
        "error_p50": habits + noise[0],
        "dependence": -habits / 2 + noise[1],
        "atypical": habits / 2 + noise[2],
        "distinct": np.full(len(habits), 20.0),
    }
    keys = np.tile(random.integers(0, 2**63, n).astype(np.uint64), len(counts))
    return Blocks(kind, columns, np.full(len(habits), 30), keys, np.repeat(counts, n))


@cache
def taught(kind: int) -> Integrity:
    return Integrity().taught(crowd(kind, 500))


FAR = {DENSE: {"error_p50": 60.0}, ROWS: {"dependence": -60.0, "atypical": 0.0, "distinct": 20.0}}
NOT_KNOWN = {DENSE: {"error_p50": NAN}, ROWS: {"dependence": NAN, "atypical": NAN, "distinct": 20.0}}


def test_it_learns() -> None:
    assert isinstance(Integrity(), LearningDetector)


@pytest.mark.parametrize("kind", [DENSE, ROWS])
def test_before_anything_is_learnt_nobody_is_judged(kind: int) -> None:
    nameless = Blocks(kind, crowd(kind, 5).features, crowd(kind, 5).queries)
    for unknown in (Integrity(), Integrity().taught(crowd(kind, 5)), Integrity().taught(nameless)):
        assert unknown.learning
        assert not unknown.score(blocks(kind, **FAR[kind])).any()
    assert Integrity().reasons(blocks(kind, **FAR[kind]), 0, 0) == ()
    assert not taught(kind).learning


@pytest.mark.parametrize("kind", [OPAQUE, TEXT])
def test_inputs_that_it_can_not_judge_are_nothing_to_wait_for(kind: int) -> None:
    found = Integrity().taught(crowd(kind, 500))
    assert not found.learning
    assert not Integrity().restored(found.arrays()).learning
    assert not found.score(crowd(kind, 5)).any()


@pytest.mark.parametrize("kind", [DENSE, ROWS])
def test_ordinary_clients_are_ordinary_and_far_ones_are_not(kind: int) -> None:
    strengths = taught(kind).score(crowd(kind, 2_000, seed=9, counts=(1,)))[:, 0]
    assert 0.01 < (strengths > -np.log10(0.05) / 6).mean() < 0.08
    assert taught(kind).score(blocks(kind, **FAR[kind]))[0, 0] > -np.log10(0.005) / 6
    assert not taught(kind).score(blocks(kind, **NOT_KNOWN[kind])).any()


def test_only_scheduled_blocks_are_judged() -> None:
    far = blocks(DENSE, [1, 2, 3, 4], error_p50=np.full(4, 60.0))
    assert (taught(DENSE).score(far)[:, 0] > 0).tolist() == [True, True, False, True]
    uncounted = Blocks(DENSE, far.features, far.queries)
    assert not taught(DENSE).score(uncounted).any()


def test_of_few_distinct_rows_less_follows() -> None:
    few, many = (
        distance(blocks(ROWS, dependence=-3.0, atypical=0.0, distinct=float(distinct))) for distinct in (1, 50)
    )
    assert few < many
    assert distance(blocks(ROWS, dependence=0.0, atypical=3.0, distinct=50.0)) == many


@pytest.mark.parametrize("kind", [DENSE, ROWS])
def test_reasons_are_the_distances_the_smallest_first(kind: int) -> None:
    reasons = taught(kind).reasons(blocks(kind, **FAR[kind]), 0, 0)
    assert [reason.feature for reason in reasons] == (["error_p50"] if kind == DENSE else ["atypical", "dependence"])
    assert 0.0 < reasons[0].share <= reasons[-1].share < 1.0
    assert abs(reasons[-1].value) == 60.0
    assert taught(kind).reasons(blocks(kind, **NOT_KNOWN[kind]), 0, 0) == ()


@pytest.mark.parametrize("kind", [DENSE, ROWS])
def test_what_was_learnt_can_be_kept(kind: int) -> None:
    again = Integrity().restored({name: array.copy() for name, array in taught(kind).arrays().items()})
    asked = crowd(kind, 50, seed=3)
    assert np.array_equal(again.score(asked), taught(kind).score(asked))
    assert Integrity().restored(Integrity().arrays()).learning
    assert taught(kind).profile(asked, 0) is None
    assert taught(kind).looks(kind) == ()


@pytest.mark.parametrize("kind", [DENSE, ROWS])
def test_it_passes_all_checks_once_it_is_taught(kind: int) -> None:
    check_all(taught(kind), crowd(kind, 8, seed=4, counts=(1, 2, 4)))
