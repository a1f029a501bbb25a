"""Profiles learnt in two halves: the promise of the client tail on clients that are all different."""

import os
from functools import partial

import numpy as np
import pytest

from detectors.novelty import looked_at
from detectors.scoring.mixture import RIDGE, Mixture, log_parts, moments, whitened
from detectors.scoring.profiles import Profiles
from detectors.scoring.squash import Squash
from detectors.scoring.tail import ClientTail, e_value
from detectors.scoring.teaching import TeachingRows, fold_of, scheduled
from detectors.sketch.queries import DENSE, ROWS

COMPILED = pytest.mark.skipif(
    os.environ.get("NUMBA_DISABLE_JIT") == "1", reason="hundreds of clients, whom uncompiled kernels do not get through"
)

FEATURES, BLOCKS = 10, 32


class Day:
    """Honest clients of six kinds: between clients of a kind lies more than between the blocks of one client."""

    def __init__(self, seed: int, clients: int, features: int = FEATURES) -> None:
        kinds = np.random.default_rng(99).normal(0, 3, (6, features))
        random = np.random.default_rng(seed)
        own = kinds[random.integers(0, 6, clients)] + random.standard_t(6, (clients, features))
        self.rows = own[:, None] + random.normal(0, 0.4, (clients, BLOCKS, features))
        self.keys = random.integers(0, 2**63, clients).astype(np.uint64)
        self.live = np.arange(BLOCKS) < random.geometric(1 / 12, clients).clip(2, BLOCKS)[:, None]

    def surprise(self, profiles: Profiles, own_half: bool = False) -> np.ndarray:
        """(clients, BLOCKS)."""
        folds = np.repeat(fold_of(self.keys), BLOCKS)
        flat = self.rows.reshape(-1, self.rows.shape[-1])
        return profiles.surprise(flat, 1 - folds if own_half else folds).reshape(-1, BLOCKS)

    def taught(self) -> tuple[np.ndarray, np.ndarray]:
        """Client and block (from 0) of the rows that teach."""
        return np.nonzero(self.live & scheduled(np.arange(1, BLOCKS + 1)))


def learnt(day: Day) -> Profiles:
    client, block = day.taught()
    profiles = Profiles.fit(day.rows[client, block], fold_of(day.keys[client]))
    assert profiles is not None
    return profiles


def share_ever(day: Day, beaten: np.ndarray) -> float:
    return float((beaten & day.live).any(axis=1).mean())


def share_below(day: Day, surprise: np.ndarray, promise: float, tail: ClientTail) -> float:
    """Share of the clients that are ever below the promise, judged at their 1st, 2nd, 4th, 8th ... block."""
    count = np.tile(np.arange(1, BLOCKS + 1), len(surprise))
    p = np.where(scheduled(count), tail.p_values(surprise.ravel(), count), 1.0)
    return share_ever(day, p.reshape(surprise.shape) < promise)


def tail_of(day: Day, surprise: np.ndarray) -> ClientTail:
    client, block = day.taught()
    return ClientTail.fit(day.keys[client], block + 1, surprise[client, block])


@pytest.mark.parametrize("kind", [ROWS, DENSE])
@COMPILED
def test_two_folds_keep_the_promise_and_one_fold_and_block_products_do_not(kind: int) -> None:
    """With as many features as novelty looks at, and 400 teachers: what a mixture remembers of its own teachers grows
    with the features, so that a tail fitted on those teachers promises more than it can keep."""
    promise, found, features = 0.01, [], len(looked_at(kind))
    for seed in range(10):
        learning, live = Day(seed, 400, features), Day(1000 + seed, 1000, features)
        profiles = learnt(learning)
        now = learning.surprise(profiles)
        judged = live.surprise(profiles)
        delivered = partial(share_below, live, judged, promise)
        taught = now[learning.taught()]
        block_p = (1 + len(taught) - np.searchsorted(np.sort(taught), judged)) / (1 + len(taught))
        found.append(
            (
                delivered(tail_of(learning, now)),
                delivered(tail_of(learning, learning.surprise(profiles, own_half=True))),
                share_ever(live, np.cumsum(np.log(e_value(block_p)), axis=1) > np.log(1 / promise)),
            )
        )
    folds, same, product = np.mean(found, axis=0)
    print(f"promised {promise}: two folds {folds:.4f} same clients {same:.4f} product {product:.4f}")
    assert promise / 2 < folds < 2 * promise
    assert same > 4 * promise
    assert product > 4 * promise


def attackers(seed: int, clients: int) -> Day:
    """Clients of a kind of their own, that no named test sees."""
    day = Day(seed, clients)
    day.rows[:, :, 3] += 6.0
    day.rows[:, :, 5] -= 6.0
    return day


@pytest.mark.parametrize(
    ("teachers", "found", "named"), [(0, 0.95, 0.05), (1, 0.85, 0.05), (4, 0.7, 0.05), (20, 0, 0.05)]
)
@COMPILED
def test_how_much_attackers_who_teach_blind_it(teachers: int, found: float, named: float) -> None:
    """Of 400 teachers so many are attackers who stay below every named test, for as long as the busiest clients. Share
    of later attackers of their kind, and of honest clients, that are found at a promise of 3 %."""
    shares = []
    for seed in range(2):
        learning, liars = Day(seed, 400), attackers(500 + seed, max(1, teachers))
        learning.rows[:teachers], learning.live[:teachers] = liars.rows[:teachers], True
        profiles = learnt(learning)
        tail = tail_of(learning, learning.surprise(profiles))
        judged = (attackers(900 + seed, 200), Day(700 + seed, 500))
        shares.append([share_below(day, day.surprise(profiles), 0.03, tail) for day in judged])
    later, honest = np.mean(shares, axis=0)
    print(f"{teachers} of 400 teachers: {later:.2f} of later attackers found, {honest:.3f} of honest clients")
    assert later > found
    assert honest < named


@COMPILED
def test_what_no_profile_knows_is_surprising() -> None:
    day = Day(1, 400)
    profiles = learnt(day)
    strange = Day(2, 50)
    strange.rows[:, :, 3] += 12.0
    assert np.median(strange.surprise(profiles)) > np.quantile(day.surprise(profiles), 0.99)
    nearest = profiles.nearest(strange.rows[:, 0], fold_of(strange.keys), top=2)
    assert np.mean(nearest.feature[:, 0] == 3) > 0.8
    assert np.all(np.abs(nearest.residual[:, 0]) >= np.abs(nearest.residual[:, 1]))
    three = nearest.feature[:, 0] == 3
    assert np.all(np.abs(nearest.usual[three, 0]) < 12)


@COMPILED
def test_a_client_is_judged_by_the_half_that_it_did_not_teach() -> None:
    day = Day(3, 300)
    client, block = day.taught()
    rows, folds = day.rows[client, block], fold_of(day.keys[client])
    moved = rows.copy()
    moved[folds == 0] = np.random.default_rng(0).permutation(moved[folds == 0], axis=1)
    squash = Squash.fit(rows)
    whole = Profiles(squash, (Mixture.fit(squash(rows[folds == 0])), Mixture.fit(squash(rows[folds == 1]))))
    other = Profiles(squash, (Mixture.fit(squash(moved[folds == 0])), whole.halves[1]))
    same = whole.surprise(rows, folds) == other.surprise(rows, folds)
    assert same[folds == 0].all()
    assert not same[folds == 1].any()
    profile = whole.nearest(rows, folds).profile
    assert profile[folds == 1].max() < len(whole.halves[0].level) <= profile[folds == 0].min()


@COMPILED
def test_surprise_does_not_depend_on_the_batch_and_profiles_are_arrays() -> None:
    day = Day(4, 200)
    profiles, rows, folds = learnt(day), day.rows[:, 0], fold_of(day.keys)
    whole = profiles.surprise(rows, folds)
    assert np.array_equal(
        whole, np.concatenate([profiles.surprise(rows[i : i + 3], folds[i : i + 3]) for i in range(0, 200, 3)])
    )
    assert np.array_equal(whole, Profiles.from_arrays(profiles.arrays()).surprise(rows, folds))
    assert np.array_equal(whole, learnt(Day(4, 200)).surprise(rows, folds))


@COMPILED
def test_wild_constant_and_missing_features_leave_it_finite() -> None:
    day = Day(5, 300)
    day.rows[:, :, 0] = np.nan
    day.rows[:, :, 1] = 7.0
    day.rows[::40, :, 2] = 1e300
    day.rows[:, :, 4] = np.arange(BLOCKS) == 1  # seldom anything but 0
    profiles = learnt(day)
    wild = np.array([np.full(FEATURES, x) for x in (np.nan, np.inf, -1e308, 0.0)])
    assert np.isfinite(profiles.surprise(wild, np.array([0, 1, 0, 1]))).all()


def test_too_few_rows_know_nothing() -> None:
    day = Day(6, 40)
    client, block = day.taught()
    assert Profiles.fit(day.rows[client, block][:100], fold_of(day.keys[client])[:100]) is None


@COMPILED
def test_a_mixture_finds_its_parts_again() -> None:
    random = np.random.default_rng(0)
    means = np.array([[-4.0, 0.0], [4.0, 0.0], [0.0, 5.0]])
    rows = means[random.integers(0, 3, 600)] + random.normal(0, 0.5, (600, 2)) * [1.0, 2.0]
    mixture = Mixture.fit(rows, most=3)
    assert sorted(mixture.mean.round().tolist()) == sorted(means.tolist())
    assert mixture.spread.mean(axis=0) == pytest.approx(np.sqrt(np.array([0.25, 1.0]) + RIDGE), abs=0.15)
    grid = np.stack(np.meshgrid(np.arange(-9, 9, 0.1), np.arange(-9, 12, 0.1)), axis=-1).reshape(-1, 2)
    assert np.exp(mixture.log_density(grid)).sum() * 0.01 == pytest.approx(1.0, abs=0.01)


def test_the_kernels_do_what_numpy_does() -> None:
    random = np.random.default_rng(0)
    rows, membership = random.normal(size=(40, 4)) @ random.normal(size=(4, 4)), random.dirichlet([1, 1, 1], 40)
    membership[:5, 0] = 0.0
    for compiled in (True, False):
        means, covariances = (moments if compiled else getattr(moments, "py_func", moments))(rows, membership)
        whiten, halves = (whitened if compiled else getattr(whitened, "py_func", whitened))(covariances)
        level, x = np.zeros(3), random.normal(size=(6, 4))
        parts = (log_parts if compiled else getattr(log_parts, "py_func", log_parts))(x, level, means, whiten)
        for k in range(3):
            covariance = np.cov(rows.T, aweights=membership[:, k], ddof=0) + RIDGE * np.eye(4)
            mean = np.average(rows, axis=0, weights=membership[:, k])
            assert np.tril(covariances[k]) == pytest.approx(np.tril(covariance))
            assert halves[k] == pytest.approx(np.linalg.slogdet(covariance)[1] / 2)
            mahalanobis = ((x - mean) @ np.linalg.inv(covariance) * (x - mean)).sum(axis=1)
            assert parts[:, k] == pytest.approx(-mahalanobis / 2)


def test_equal_rows_are_one_profile() -> None:
    assert len(Mixture.fit(np.ones((500, 4))).level) == 1


@COMPILED
def test_a_snapshot_of_the_buffer_teaches_the_same_profiles() -> None:
    day = Day(7, 300)
    client, block = day.taught()
    rows = TeachingRows(FEATURES)
    rows.add(day.rows[client, block], day.keys[client], block + 1)
    again = TeachingRows.from_arrays(rows.arrays())
    one, other = (Profiles.fit(kept.features, fold_of(kept.clients)) for kept in (rows, again))
    assert one is not None
    assert other is not None
    assert all(np.array_equal(a, other.arrays()[name]) for name, a in one.arrays().items())
