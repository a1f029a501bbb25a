"""The promise: p-values of clients are what they say, on clients that differ more from each other than themselves."""

import numpy as np
import pytest
from scipy.stats import genpareto

from detectors.scoring.tail import ClientTail, Tail, e_value, pareto_nodes, pareto_survival, raised_floor


def population(random: np.random.Generator, clients: int, blocks: int = 32) -> tuple[np.ndarray, ...]:
    """Rows (client, count, running maximum) of honest clients: their own level varies more than their blocks do."""
    level = random.gamma(2.0, 2.0, (clients, 1))
    peaks = np.maximum.accumulate(level + random.normal(0, 0.7, (clients, blocks)), axis=1)
    length = random.geometric(1 / 12, clients).clip(1, blocks)
    client, count = np.nonzero(np.arange(blocks) < length[:, None])
    return client.astype(np.uint64), count + 1, peaks[client, count]


def ever_below(tail: ClientTail, rows: tuple[np.ndarray, ...], promise: float) -> float:
    client, count, peak = rows
    return len(np.unique(client[tail.p_values(peak, count) < promise])) / len(np.unique(client))


def test_the_client_tail_keeps_its_promise_within_a_factor_of_two() -> None:
    """Thirty learning days of 300 clients, each judged on 2,000 other clients; looks at every block counted."""
    random = np.random.default_rng(1)
    delivered = []
    for _ in range(30):
        client, count, peak = population(random, 300)
        taught = (count & (count - 1)) == 0
        tail = ClientTail.fit(client[taught], count[taught], peak[taught])
        rows = population(random, 2000)
        delivered.append([ever_below(tail, rows, promise) for promise in (0.05, 0.01, 0.002)])
    fifty, ten, two = np.mean(delivered, axis=0)
    print(f"promised .05 .01 .002, delivered {fifty:.4f} {ten:.4f} {two:.4f}")
    assert 0.02 < fifty < 0.1
    assert 0.003 < ten < 0.02
    assert two < 0.004


def test_a_generalised_pareto_tail_is_found_again() -> None:
    excesses = genpareto.rvs(0.2, scale=3.0, size=4000, random_state=5)
    nodes = pareto_nodes(excesses, 0)
    for share in (0.1, 0.01, 0.001):
        x = genpareto.isf(share, 0.2, scale=3.0)
        assert pareto_survival(np.array([x]), nodes)[0] == pytest.approx(share, rel=0.35)


def test_the_less_is_known_the_larger_is_p() -> None:
    random = np.random.default_rng(2)
    few, many = (Tail.fit(random.exponential(size=n)) for n in (120, 12_000))
    far = np.array([12.0])
    assert few is not None
    assert many is not None
    assert few.p_values(far)[0] > many.p_values(far)[0] > np.exp(-12) / 3


def test_trimmed_clients_count_but_do_not_pull() -> None:
    random = np.random.default_rng(3)
    clean = random.exponential(size=1000)
    dirty = np.sort(clean)
    dirty[-10:] = 1e6
    one, other = Tail.fit(clean), Tail.fit(dirty)
    assert one is not None
    assert other is not None
    at = np.array([1.0, 5.0, 9.0])
    assert one.p_values(at) == pytest.approx(other.p_values(at), rel=1e-9)
    assert one.p_values(np.array([5.0]))[0] == pytest.approx(np.exp(-5), rel=0.8)


def test_p_never_rises_with_the_statistic_and_does_not_depend_on_the_batch() -> None:
    rows = population(np.random.default_rng(4), 400)
    tail = ClientTail.fit(*rows)
    x, k = np.linspace(-5, 60, 999), np.full(999, 8)
    p = tail.p_values(x, k)
    assert np.all(np.diff(p) <= 0)
    assert p[0] == 1.0
    assert p[-1] > 0
    alone = np.concatenate([tail.p_values(x[i : i + 1], k[i : i + 1]) for i in range(len(x))])
    assert np.array_equal(p, alone)


def test_it_says_so_when_it_does_not_know_yet() -> None:
    client, count, peak = population(np.random.default_rng(5), 99)
    assert np.isnan(ClientTail.fit(client, count, peak).p_values(peak, count)).all()
    nothing = ClientTail.fit(client[:0], count[:0], peak[:0])
    assert np.isnan(nothing.p_values(peak, count)).all()
    same = ClientTail.fit(np.arange(500, dtype=np.uint64), np.ones(500, int), np.ones(500))
    assert np.isnan(same.p_values(np.ones(3), np.ones(3, int))).all()  # a constant says nothing


def test_unknown_peaks_are_neither_learnt_nor_judged() -> None:
    client, count, peak = population(np.random.default_rng(6), 300)
    holes = np.where(np.arange(len(peak)) % 50 == 7, np.nan, peak)
    p = ClientTail.fit(client, count, holes).p_values(holes, count)
    assert np.array_equal(np.isnan(p), np.isnan(holes))


def test_a_tail_is_arrays() -> None:
    client, count, peak = population(np.random.default_rng(7), 300)
    for tail in (ClientTail.fit(client, count, peak), ClientTail.fit(client[:50], count[:50], peak[:50])):
        again = ClientTail.from_arrays(tail.arrays())
        assert np.array_equal(tail.p_values(peak, count), again.p_values(peak, count), equal_nan=True)


def test_the_order_of_rows_is_no_information() -> None:
    client, count, peak = population(np.random.default_rng(8), 300)
    shuffled = np.random.default_rng(0).permutation(len(client))
    one, other = ClientTail.fit(client, count, peak), ClientTail.fit(client[shuffled], count[shuffled], peak[shuffled])
    assert np.array_equal(one.p_values(peak, count), other.p_values(peak, count))


def test_e_values_of_true_p_values_average_to_no_more_than_one() -> None:
    p = (np.arange(1_000_000) + 0.5) / 1_000_000
    assert 0.8 < e_value(p).mean() <= 1.0
    assert np.all(np.diff(e_value(p)) < 1e-9)
    assert np.isnan(e_value(np.array([np.nan]))).all()


def test_a_floor_is_raised_and_never_lowered() -> None:
    assert raised_floor(np.zeros(1000)) == 0.5
    assert raised_floor(np.zeros(0)) == 0.5
    assert raised_floor(np.array([1.0])) == 0.5  # one client is no population
    assert raised_floor(np.full(1000, 0.7)) == pytest.approx(0.8)
    assert raised_floor(np.full(1000, 1.0)) == 0.9
