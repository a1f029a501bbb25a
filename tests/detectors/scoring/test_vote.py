"""River's detectors as a vote."""

import numpy as np

from detectors.scoring.vote import LOUD, ROWS, Vote, voters


def usual(seed: int, n: int) -> np.ndarray:
    random = np.random.default_rng(seed)
    rows = random.normal(size=(n, 24)) * np.geomspace(0.01, 100, 24)
    rows[:, 3] = 1.0
    rows[random.uniform(size=n) < 0.1, 5] = np.nan
    return rows


def learnt(n: int = 700) -> Vote:
    vote = Vote.fit(usual(1, n))
    assert vote is not None
    return vote


def test_the_unusual_is_voted_against_and_the_usual_is_not() -> None:
    vote, strange = learnt(), usual(2, 200)
    strange[:, vote.columns[::2]] += 6 * vote.squash.scale[::2]
    assert vote.shares(usual(3, 400)).mean() < 2.5 * (1 - LOUD)
    assert vote.shares(strange).mean() > 0.5
    assert set(np.unique(vote.shares(strange)).round(3)) <= {0, 0.333, 0.667, 1}


def test_it_learns_from_sixteen_columns_that_vary_and_at_most_512_rows() -> None:
    vote = learnt(2048)
    assert vote.taught.shape == (ROWS, 16)
    assert 3 not in vote.columns


def test_asking_changes_nothing_and_the_batch_does_not_matter() -> None:
    vote, rows = learnt(), usual(4, 60)
    whole = vote.shares(rows)
    assert np.array_equal(whole, np.concatenate([vote.shares(rows[i : i + 7]) for i in range(0, 60, 7)]))


def test_a_vote_is_arrays_and_is_learnt_again_from_them() -> None:
    vote, rows = learnt(), usual(5, 100)
    again = Vote.from_arrays(vote.arrays())
    assert np.array_equal(vote.limits, again.limits)
    assert np.array_equal(vote.shares(rows), again.shares(rows))


def test_too_few_rows_have_no_vote() -> None:
    assert Vote.fit(usual(1, 99)) is None


def test_wild_and_missing_values_get_an_answer() -> None:
    shares = learnt().shares(np.array([np.full(24, x) for x in (np.nan, 0.0, 1e300, -np.inf)]))
    assert np.all((shares >= 0) & (shares <= 1))
    assert shares[0] == 0  # nothing known is nothing unusual


def test_voters_are_river_s() -> None:
    assert {type(voter).__module__.partition(".")[0] for voter in voters(10)} == {"river"}
