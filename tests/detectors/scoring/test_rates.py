"""A population of rates: what a few clients move, what many teach, and who is not counted."""

from __future__ import annotations

import os

import numpy as np
import pytest

from detectors.features.baseline import RATES
from detectors.features.training import surprise
from detectors.scoring.rates import fitted, population

PRIOR = RATES[0]
SLOW = os.environ.get("NUMBA_DISABLE_JIT") == "1"


def drawn(alpha: float, beta: float, clients: int, trials: int = 60, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.binomial(trials, rng.beta(alpha, beta, clients)), np.full(clients, trials)


def columns(**given: list[float]) -> dict[str, np.ndarray]:
    names = ("training_hits", "distinct", "training_row_hits", "sweep_bases", "sweep")
    n = len(next(iter(given.values())))
    return {name: np.array(given.get(name, [np.nan] * n), float) for name in names}


def mean(rates: tuple[float, float]) -> float:
    return rates[0] / sum(rates)


def test_without_clients_the_prior_is_the_answer() -> None:
    none = np.zeros(0, np.int64)
    assert fitted(none, none, PRIOR) == PRIOR
    assert fitted(np.zeros(9, np.int64), np.zeros(9, np.int64), PRIOR) == PRIOR, "clients who asked nothing"
    nothing = columns(distinct=[], sweep=[])
    assert population(nothing.__getitem__, np.zeros(0, np.uint64)).tolist() == [list(rates) for rates in RATES]


def test_a_few_clients_move_the_prior_a_little() -> None:
    assert 0.04 < mean(fitted(np.zeros(2, np.int64), np.full(2, 20), PRIOR)) < 0.055
    assert mean(fitted(np.zeros(300, np.int64), np.full(300, 60), PRIOR)) < 0.005


@pytest.mark.skipif(SLOW, reason="grids of many clients")
@pytest.mark.parametrize(("alpha", "beta"), [(1.0, 19.0), (10.0, 190.0), (2.0, 6.0)])
def test_many_clients_teach_mean_and_spread(alpha: float, beta: float) -> None:
    rates = fitted(*drawn(alpha, beta, 1_500), PRIOR)
    assert mean(rates) == pytest.approx(alpha / (alpha + beta), rel=0.15)
    assert sum(rates) == pytest.approx(alpha + beta, rel=0.5)


def test_honest_clients_are_surprising_as_often_as_promised() -> None:
    """The promise is for new clients of the same population, however they differ among themselves."""
    rates = fitted(*drawn(0.8, 12.0, 300), PRIOR)
    hits, trials = drawn(0.8, 12.0, 4_000, seed=1)
    strange = np.array([surprise(int(k), int(n), *rates) for k, n in zip(hits, trials, strict=True)])
    assert 0.003 < (strange >= 2).mean() < 0.025
    assert (strange >= 3).mean() < 0.004


def test_the_last_row_of_a_client_counts() -> None:
    told = columns(training_hits=[0.9] * 40 + [0.0] * 40, distinct=[20.0] * 40 + [60.0] * 40, sweep=[0.0] * 80)
    clients = np.tile(np.arange(40, dtype=np.uint64), 2)
    assert population(told.__getitem__, clients)[0, 0] < 0.5


def test_sweeps_count_where_they_are_meant() -> None:
    clients = np.arange(60, dtype=np.uint64)
    told = {"training_hits": [0.0] * 60, "distinct": [20.0] * 60, "training_row_hits": [1.0] * 60}
    chance = columns(**told, sweep=[0.05] * 60, sweep_bases=[4.0] * 60)
    few = columns(**told, sweep=[0.5] * 60, sweep_bases=[2.0] * 60)
    assert population(chance.__getitem__, clients)[1].tolist() == list(RATES[1])
    assert population(few.__getitem__, clients)[1].tolist() == list(RATES[1])
    meant = columns(**told, sweep=[0.5] * 60, sweep_bases=[4.0] * 60)
    assert mean(tuple(population(meant.__getitem__, clients)[1])) > 0.6


def test_one_attacker_in_a_hundred_teaches_nothing() -> None:
    clean, dirty = [0.05] * 99, [0.05] * 98 + [1.0]
    clients = np.arange(99, dtype=np.uint64)
    rates = [
        population(columns(training_hits=hits, distinct=[40.0] * 99, sweep=[0.0] * 99).__getitem__, clients)
        for hits in (clean, dirty)
    ]
    assert rates[0].tolist() == rates[1].tolist()
