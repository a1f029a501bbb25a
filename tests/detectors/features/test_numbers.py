import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import spearmanr

from detectors.features.numbers import autocorrelation, bits, entropy, quantile, spread, trend

finite = st.floats(-1e6, 1e6)
NONE = np.empty(0)


@given(st.lists(finite, min_size=1, max_size=40), st.floats(0, 1))
def test_quantile_is_numpys(values: list[float], share: float) -> None:
    assert quantile(np.array(values), share) == pytest.approx(np.quantile(values, share), abs=1e-6)


@given(st.lists(st.integers(-4, 4), min_size=3, max_size=30))
def test_trend_is_spearmans_over_the_variance_without_ties(values: list[int]) -> None:
    """The order has no ties, so that only the values' ranks are averaged."""
    if len(set(values)) > 1:
        assert trend(np.array(values, float)) == pytest.approx(
            spearmanr(values, range(len(values))).statistic, abs=1e-9
        )
    else:
        assert trend(np.array(values, float)) == 0


@given(st.integers(0, 2**64 - 1))
def test_bits(mask: int) -> None:
    assert bits(np.uint64(mask)) == mask.bit_count()


def test_nothing_has_an_answer() -> None:
    assert np.isnan(quantile(NONE, 0.5))
    assert (spread(NONE), entropy(NONE), trend(NONE), autocorrelation(NONE, 3, 45)) == (0, 0, 0, (0, 0))


def test_one_value_has_no_spread_and_no_trend() -> None:
    assert (spread(np.ones(1)), trend(np.arange(2.0)), quantile(np.ones(1), 0.9)) == (0, 0, 1)
    assert spread(np.array([1.0, 3.0])) == 1


def test_entropy_counts_only_what_is_there() -> None:
    assert entropy(np.array([2.0, 0.0, 2.0])) == pytest.approx(np.log(2))
    assert entropy(np.zeros(3)) == 0


def test_autocorrelation_finds_the_shortest_period() -> None:
    best, lag = autocorrelation(np.tile([0.0, 1.0, 5.0, 2.0], 15), 3, 45)
    assert (round(best, 6), lag) == (1.0, 4)


def test_autocorrelation_needs_two_periods_and_some_variance() -> None:
    assert autocorrelation(np.arange(7.0), 3, 45) == (0, 0)
    assert autocorrelation(np.ones(60), 3, 45) == (0, 0)


def test_what_only_alternates_against_itself_has_no_period() -> None:
    """Every lag speaks against it: the best is 0, at the first lag that comes near."""
    best, lag = autocorrelation(np.array([1.0, 1, 1, 1, -1, -1, -1, -1]), 3, 3)
    assert best == 0
    assert lag == 0
