import math

import numpy as np
import pytest

from detectors.features.turns import NAMES, coordinated, equal_volumes, rotation, shares

RANDOM = np.random.default_rng(5)
NOBODY = np.zeros(100, np.bool_)


@pytest.mark.parametrize("accounts", [5, 20])
def test_strict_turns_chance_and_bursts(accounts: int) -> None:
    dealt = np.arange(12 * accounts) % accounts
    assert rotation(dealt) == 1.0
    by_chance = [rotation(RANDOM.permutation(dealt)) for _ in range(20)]
    assert max(by_chance) < 0.45
    assert abs(float(np.mean(by_chance))) < 0.25
    assert rotation(np.sort(dealt)) <= 1 / accounts


def test_one_after_the_other_in_sessions_is_no_rotation() -> None:
    sessions = np.concatenate([np.repeat(RANDOM.permutation(6), 7) for _ in range(4)])
    assert rotation(sessions) < 0


def test_too_few_gaps_are_not_told() -> None:
    assert math.isnan(rotation(np.arange(15) % 8))
    assert rotation(np.arange(16) % 8) == 1.0


def test_equal_volumes() -> None:
    assert equal_volumes(np.array([1, 2, 3, 1, 2, 3])) == 1.0
    assert equal_volumes(np.array([1] * 50 + [2])) < 0.1
    assert equal_volumes(np.array([1] * 99_999 + list(range(2, 12)))) == -1.0


def test_what_is_shared() -> None:
    turns, units = np.arange(40) % 4, np.array([0, 2, 5, 0] * 10)
    found = dict(zip(NAMES, shares(turns, units, units == 5, turns < 3, turns < 1), strict=True))
    assert (found["members"], found["shared_links"], found["shared_share"]) == (4, 20, 0.5)
    assert (found["shared_rare"], found["shared_order"]) == (0.25, 0.25)
    assert (found["rotation"], found["equal_volumes"], found["shared_times"]) == (1.0, 1.0, 0.75)
    assert found["shared_names"] == 0.25


def test_nobody_shares_nothing() -> None:
    nobody = shares(np.zeros(0, np.uint64), np.zeros(0, np.int64), NOBODY[:0], NOBODY[:0], NOBODY[:0])
    assert nobody[:5] == [0, 0, 0, 0, 0]
    assert math.isnan(nobody[5])
    assert math.isnan(nobody[6])


def test_a_shared_taste_is_no_shared_work() -> None:
    dealt, units = np.arange(100) % 5, np.array([2, 0, 0, 0] * 25)
    sessions = np.sort(dealt).reshape(5, 20)[:, RANDOM.permutation(20)].reshape(-1)
    bursts = np.concatenate([sessions[::2], sessions[1::2]])
    given = [(dealt, units, NOBODY), (bursts, units, NOBODY), (bursts, units + 2, NOBODY), (bursts, units, bursts < 3)]
    rows = [shares(turns, linked, NOBODY, came, NOBODY) for turns, linked, came in given]
    assert coordinated(np.array(rows)).tolist() == [True, False, True, True]
    few = np.array([shares(np.arange(4), np.zeros(4, np.int64), NOBODY[:4], NOBODY[:4], NOBODY[:4])])
    assert not coordinated(few).any()
