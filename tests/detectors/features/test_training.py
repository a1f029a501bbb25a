"""Shares of training records among queries and swept bases, and how rare such shares are in a population of rates."""

from __future__ import annotations

from math import comb

import numpy as np
import pytest
from hand import asked, window
from hypothesis import given
from hypothesis import strategies as st

from detectors.features.layout import LINKED, REPEAT, TRAINED, TRAINED_ROW
from detectors.features.training import MOST_SURPRISING, NAMES, bases_hit, log_share, surprise, training

RATES = np.array([[1.0, 19.0], [1.0, 9.0]])


def sweep(hit: list[bool], size: int = 3, column: int = 2) -> np.ndarray:
    """Bases one after the other, a column swept on each; of some the model knows the row but for that column."""
    first = np.arange(len(hit) * size) % size == 0
    known = np.repeat(hit, size) & ~first
    flags = np.where(first, 0, LINKED) | np.where(known, TRAINED_ROW, 0)
    return window(
        len(first), base=np.repeat(np.arange(len(hit)) * size, size), flags=flags, mask=np.where(first, 0, 1 << column)
    )


def test_hits_are_a_share_of_distinct_queries() -> None:
    flags = np.array([TRAINED, TRAINED | REPEAT, 0, TRAINED, 0, REPEAT])
    found = asked(training, NAMES, window(6, flags=flags), -1, RATES)
    assert found["training_hits"] == 0.5
    assert found["training_surprise"] == pytest.approx(surprise(2, 4, 1.0, 19.0))
    assert np.isinf([found["training_row_hits"], found["training_row_surprise"]]).all(), "left as they were"


def test_swept_bases_are_counted_once_each() -> None:
    entries = sweep([True, False, True, True])
    assert bases_hit(entries, 2) == (4, 3)
    assert bases_hit(entries, 1) == (0, 0)
    found = asked(training, NAMES, entries, 2, RATES)
    assert found["training_row_hits"] == 0.75
    assert found["training_row_surprise"] == pytest.approx(surprise(3, 4, 1.0, 9.0))


def test_a_base_hits_where_most_of_its_moves_do() -> None:
    entries = sweep([True], size=5)
    entries["flags"][1:3] ^= TRAINED_ROW
    assert bases_hit(entries, 2) == (1, 0)
    entries["flags"][1] |= TRAINED_ROW
    assert bases_hit(entries, 2) == (1, 1)


def test_with_an_even_prior_every_count_is_alike() -> None:
    assert np.exp([log_share(k, 6, 1.0, 1.0) for k in range(7)]) == pytest.approx(np.full(7, 1 / 7))


@given(st.integers(1, 88), st.floats(0.01, 500), st.floats(0.01, 500), st.data())
def test_surprise_is_the_tail_of_the_shares(trials: int, alpha: float, beta: float, data: st.DataObject) -> None:
    hits = data.draw(st.integers(0, trials))
    shares = np.exp([log_share(k, trials, alpha, beta) for k in range(trials + 1)])
    assert shares.sum() == pytest.approx(1, rel=1e-6)
    tail = min(shares[hits:].sum(), 1.0)
    if tail > 1e-250:
        assert surprise(hits, trials, alpha, beta) == pytest.approx(-np.log10(tail), abs=1e-6)


def test_alike_clients_are_binomial() -> None:
    tail = sum(comb(20, k) * 0.05**k * 0.95 ** (20 - k) for k in range(4, 21))
    assert surprise(4, 20, 5e6, 95e6) == pytest.approx(-np.log10(tail), rel=1e-3)
    assert surprise(4, 20, 0.5, 9.5) < surprise(4, 20, 50.0, 950.0), "the more clients differ, the less it says"


def test_it_stays_finite() -> None:
    assert surprise(88, 88, 1e-3, 1e6) == MOST_SURPRISING
    assert surprise(0, 0, 1.0, 19.0) == 0.0
