import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from monitor.engine.clock import MINUTE, STRIDE, advance, ticks

START = 1_795_255_200_000_000
YEAR_2000, YEAR_2100 = 946_684_800_000_000, 4_102_444_800_000_000


def clocks(times: list[int], before: int = 0) -> list[int]:
    out = np.zeros(len(times), np.int64)
    last = advance(before, np.array(times, np.int64), out)
    assert last == (out[-1] if times else before)
    return out.tolist()


def test_the_first_record_sets_it() -> None:
    assert clocks([START]) == [START]


def test_it_never_goes_back() -> None:
    assert clocks([START, START - 5, START + 3]) == [START, START, START + 3]


def test_one_record_from_the_far_future_moves_it_by_an_hour_only() -> None:
    assert clocks([START, YEAR_2100, START + 7]) == [START, START + STRIDE, START + STRIDE]


def test_a_quiet_night_passes_in_a_few_records() -> None:
    morning = START + 9 * STRIDE
    assert clocks([START] + [morning] * 10)[-2:] == [morning, morning]


def test_no_records_move_nothing() -> None:
    assert clocks([], before=START) == []


@given(st.lists(st.integers(YEAR_2000, YEAR_2100), max_size=40), st.integers(0, 40))
def test_how_records_are_cut_does_not_matter(times: list[int], cut: int) -> None:
    head, tail = times[:cut], times[cut:]
    first = clocks(head)
    assert first + clocks(tail, first[-1] if first else 0) == clocks(times)


@given(st.lists(st.integers(YEAR_2000, YEAR_2100), max_size=40))
def test_it_follows_the_log_and_moves_an_hour_at_most(times: list[int]) -> None:
    out = clocks(times)
    assert all(0 <= later - earlier <= STRIDE for earlier, later in itertools.pairwise(out))
    assert all(clock <= max(times[: at + 1]) for at, clock in enumerate(out))


def test_ticks_are_where_a_minute_begins() -> None:
    minute = START // MINUTE * MINUTE
    seen = np.array([minute + 1, minute + 2, minute + MINUTE, minute + MINUTE + 1, minute + 5 * MINUTE])
    assert ticks(minute, seen).tolist() == [2, 4]
    assert ticks(minute - 1, seen).tolist() == [0, 2, 4]
    assert ticks(0, seen[:0]).tolist() == []
