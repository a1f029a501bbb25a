"""Novelty of clients: silent while learning, calibrated after, and blind to what a client has taught itself."""

from __future__ import annotations

import os
from functools import cache

import numpy as np
import pytest

from detectors.checks import check_all
from detectors.contract import Blocks
from detectors.features.walk import FEATURES
from detectors.novelty import Novelty, looked_at
from detectors.scoring.nesting import inside, nested
from detectors.scoring.strangeness import Strangeness
from detectors.sketch.queries import DENSE, OPAQUE, ROWS, TEXT

SLOW = os.environ.get("NUMBA_DISABLE_JIT") == "1"  # uncompiled kernels get through few clients only
KINDS = (OPAQUE, DENSE, ROWS, TEXT)
NAMES = looked_at(OPAQUE)


def crowd(clients: int, seed: int = 0, blocks: tuple[int, ...] = (1, 2)) -> Blocks:
    """Ordinary clients: each has a habit of its own, and its blocks vary about it."""
    random = np.random.default_rng(seed)
    keys = random.integers(0, 2**63, clients).astype(np.uint64)
    habits = random.normal(size=(clients, len(NAMES)))
    rows = np.concatenate([habits + 0.3 * random.normal(size=habits.shape) for _ in blocks])
    return given(rows, np.tile(keys, len(blocks)), np.repeat(blocks, clients))


def given(rows: np.ndarray, keys: np.ndarray, counts: np.ndarray) -> Blocks:
    columns = {name: rows[:, at] for at, name in enumerate(NAMES)}
    return Blocks(OPAQUE, columns, 10 + 10 * counts, keys, counts)


def odd(counts: list[int]) -> Blocks:
    n = len(counts)
    return given(np.full((n, len(NAMES)), 40.0), np.arange(n).astype(np.uint64), np.array(counts))


@cache
def novelty(weight: float = 0.0) -> Novelty:
    return Novelty(weight).taught(crowd(150 if SLOW else 500))


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_looked_at_exists_and_is_not_volume(kind: int) -> None:
    names = set(looked_at(kind))
    assert len(names) == len(looked_at(kind))
    assert names <= set(FEATURES)
    assert not names & {"rate", "fill", "distinct", "near_raw", "far_raw"}


def test_before_anything_is_learnt_nobody_is_judged() -> None:
    nameless = Blocks(OPAQUE, crowd(5).features, crowd(5).queries)
    for unknown in (Novelty(), Novelty().taught(crowd(5)), Novelty().taught(nameless)):
        assert unknown.learning
        assert not unknown.score(odd([1, 2])).any()
        assert unknown.reasons(odd([1]), 0, 0) == ()
        assert unknown.profile(odd([1]), 0) is None


@pytest.mark.skipif(SLOW, reason="a share of many clients")
def test_ordinary_clients_are_ordinary_and_an_odd_one_is_not() -> None:
    found = novelty()
    assert not found.learning
    strengths = found.score(crowd(300, seed=9, blocks=(1,)))[:, 0]
    assert (strengths > -np.log10(0.05) / 6).mean() < 0.12
    assert found.score(odd([1]))[0, 0] > -np.log10(0.01) / 6


def test_only_scheduled_blocks_are_judged() -> None:
    assert (novelty().score(odd([1, 2, 3, 4]))[:, 0] > 0).tolist() == [True, True, False, True]


def test_nobody_is_judged_without_a_key_or_a_count() -> None:
    blocks = odd([1])
    assert not novelty().score(Blocks(OPAQUE, blocks.features, blocks.queries)).any()


def test_reasons_are_departures_from_the_nearest_profile() -> None:
    reasons = novelty().reasons(odd([1]), 0, 0)
    assert {reason.feature for reason in reasons} <= set(NAMES)
    assert all(reason.value == 40.0 for reason in reasons)
    assert [reason.share for reason in reasons] == sorted(reason.share for reason in reasons)
    profile = novelty().profile(odd([1]), 0)
    assert profile is not None
    assert profile.startswith("profile ")


def test_teaching_leaves_the_teacher_as_it_was() -> None:
    before = novelty()
    score = before.score(odd([1]))
    assert before.taught(crowd(130 if SLOW else 400, seed=5)) is not before
    assert np.array_equal(before.score(odd([1])), score)


def test_votes_add_surprise() -> None:
    rows = np.stack(list(crowd(130 if SLOW else 500).features.values()), axis=1)
    folds, sides = np.arange(len(rows)) % 2, np.array([0, 1])
    with_votes, without = Strangeness.fit(rows, folds, 0.25), Strangeness.fit(rows, folds, 0.0)
    assert with_votes is not None
    assert without is not None
    strange = np.full((2, rows.shape[1]), 40.0)
    assert (with_votes(strange, sides) > without(strange, sides)).all()
    assert np.array_equal(with_votes(strange[:1], sides[:1]), with_votes(strange, sides)[:1])


@pytest.mark.parametrize("weight", [0.0, 0.25])
def test_what_was_learnt_can_be_kept(weight: float) -> None:
    found = novelty(weight)
    again = Novelty(weight).restored({name: array.copy() for name, array in found.arrays().items()})
    blocks = crowd(50, seed=3)
    assert np.array_equal(found.score(blocks), again.score(blocks))
    assert again.reasons(blocks, 0, 0) == found.reasons(blocks, 0, 0)
    assert Novelty().restored(Novelty().arrays()).learning


def test_it_passes_all_checks_once_it_is_taught() -> None:
    check_all(novelty(), odd([1, 2, 4, 8]))


def test_names_of_arrays_nest() -> None:
    arrays = {"a": np.zeros(1), "b/c": np.ones(1)}
    found = nested("x", nested("y", arrays))
    assert set(found) == {"x/y/a", "x/y/b/c"}
    assert inside("y", inside("x", found)).keys() == arrays.keys()
    assert not inside("y", found)
