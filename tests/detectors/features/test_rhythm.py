"""Clients that come together: dealt sessions, strangers, polls, crowds, habits; whatever the cuts."""

from __future__ import annotations

import numpy as np
import pytest

from detectors.features import rhythm as module
from detectors.features.rhythm import (
    CROWD,
    FORGOTTEN,
    MATES,
    TOGETHER,
    Rhythm,
    caller,
    evenness,
    grown,
    march,
    rhythm,
    together,
)

HOUR, DAY = 3_600, 86_400
BEGIN = 20_000 * DAY
Calls = list[tuple[int, int]]  # second, client


def fed(calls: Calls, cuts: tuple[int, ...] = (), growing: bool = False) -> tuple[set[tuple[int, int]], Rhythm]:
    """The pairs that are tied in the end, and what is known."""
    ordered = sorted(calls)
    seconds = np.array([BEGIN + second for second, _ in ordered], np.int64)
    clients = np.array([client for _, client in ordered], np.uint64)
    state, mates = rhythm(), np.empty((len(ordered), MATES), np.int64)
    for start, stop in zip((0, *cuts), (*cuts, len(ordered)), strict=True):
        march(state, start, clients[start:stop], seconds[start:stop], mates[start:stop])
        state = grown(state, stop) if growing else state
    pairs = {
        (min(int(clients[i]), int(clients[other])), max(int(clients[i]), int(clients[other])))
        for i, other in zip(*(part.tolist() for part in (np.nonzero(mates >= 0)[0], mates[mates >= 0])), strict=True)
    }
    return pairs, state


def sessions(starts: list[int], accounts: range, queries: int = 30) -> Calls:
    """One list of queries, a second apart, dealt to accounts in turn."""
    return [(start + n, accounts[n % len(accounts)]) for start in starts for n in range(queries)]


def crowd(seed: int, clients: int = 60) -> Calls:
    """Clients with a few sessions each at times of their own."""
    random = np.random.default_rng(seed)
    return [
        (int(start) + 4 * n, 1_000 + client)
        for client in range(clients)
        for start in random.integers(0, 2 * DAY, 4)
        for n in range(6)
    ]


STARTS = [3 * HOUR, 11 * HOUR + 700, 14 * HOUR + 1_900, 26 * HOUR, 31 * HOUR + 40]


def test_accounts_that_share_their_sessions_are_tied_and_nobody_else() -> None:
    pairs, _ = fed([*crowd(1), *sessions(STARTS, range(1, 6))])
    assert pairs == {(a, b) for a in range(1, 6) for b in range(a + 1, 6)}


def test_strangers_are_not_tied() -> None:
    assert fed(crowd(2, 200))[0] == set()


def test_two_sessions_are_not_enough() -> None:
    assert fed(sessions(STARTS[:2], range(1, 6)))[0] == set()


def test_one_long_session_is_one_visit() -> None:
    assert fed(sessions([0], range(1, 6), 4_000))[0] == set()


def test_who_comes_oftener_alone_is_not_tied() -> None:
    alone = [(start, 9) for start in range(0, 2 * DAY, 7 * HOUR // 2)]
    pairs, _ = fed([*sessions(STARTS, range(1, 4)), *alone, *((start + 5, 9) for start in STARTS)])
    assert pairs == {(1, 2), (1, 3), (2, 3)}


def polls(client: int, period: float, first: int = 0, days: float = 2) -> Calls:
    return [(first + round(n * period), client) for n in range(int(days * DAY / period))]


def test_polls_of_unlike_intervals_are_not_tied_however_often_they_meet() -> None:
    assert fed([*polls(1, 1_200), *polls(2, 1_206, 20), *polls(3, 600, 10), *polls(4, 900, 30)])[0] == set()


def test_accounts_that_take_turns_at_even_intervals_are_tied() -> None:
    dealt = [(n * 150, 1 + n % 8) for n in range(800)]
    pairs, _ = fed(dealt)
    assert {pair for pair in pairs if pair[1] - pair[0] == 1} == {(n, n + 1) for n in range(1, 8)}


def test_a_moment_at_which_everybody_comes_says_nothing() -> None:
    everybody = range(1, CROWD + 20)
    pairs, state = fed([(start + client % 20, client) for start in STARTS for client in everybody])
    joined = {client for pair in pairs for client in pair}
    assert len(joined) <= CROWD, "those of the first seconds may be tied, all others not"
    assert state.total[0] == len(STARTS) * len(everybody)


def test_a_minute_in_which_clients_come_by_habit_says_nothing() -> None:
    habit = [
        (day * DAY + hour * HOUR + 5, 1_000 + 24 * day + hour + 100 * n)
        for day in range(3)
        for hour in range(24)
        for n in range(12)
    ]
    early = [(second - 3 * DAY, client) for second, client in habit]
    at_the_hour = [hour * HOUR for hour in (3, 11, 14, 26, 31)]
    assert fed([*early, *sessions(at_the_hour, range(1, 6))])[0] == set()
    assert fed([*early, *sessions([start + 1_000 for start in at_the_hour], range(1, 6))])[0] != set()


def test_after_two_days_a_client_is_new() -> None:
    late = [STARTS[0], STARTS[1], STARTS[1] + FORGOTTEN + HOUR, STARTS[1] + FORGOTTEN + 9 * HOUR]
    assert fed(sessions(late, range(1, 4)))[0] == set()


def test_cuts_do_not_matter() -> None:
    calls = [*crowd(3), *sessions(STARTS, range(1, 6))]
    assert fed(calls)[0] == fed(calls, (1, 7, 500, 900))[0]


def test_room_for_pairs_grows_and_nothing_is_lost() -> None:
    calls = [*crowd(4, 30), *sessions(STARTS, range(1, 6))]
    pairs, state = fed(calls, (64, 256, 512), growing=True)
    assert pairs == fed(calls)[0]
    assert len(state.pairs) > len(rhythm().pairs)
    before = {int(one["key"]): int(one["times"]) for one in state.pairs.reshape(-1) if one["key"]}
    after = grown(state, 1 << 14)
    assert {int(one["key"]): int(one["times"]) for one in after.pairs.reshape(-1) if one["key"]} == before
    for key, times in list(before.items())[:50]:
        assert together(after.pairs, np.uint64(key), BEGIN + 2 * DAY) == times + 1


def test_a_full_row_gives_the_place_of_the_pair_that_met_least() -> None:
    pairs = np.zeros((1, 4), module.PAIR)
    for key in (1, 2, 3, 4, 1, 2, 4):
        together(pairs, np.uint64(key), BEGIN)
    assert together(pairs, np.uint64(5), BEGIN + 1) == 1
    assert sorted(int(key) for key in pairs["key"][0]) == [1, 2, 4, 5]
    assert together(pairs, np.uint64(1), BEGIN + FORGOTTEN + 9) == 1, "they are strangers again"


def test_a_full_row_gives_the_place_of_the_client_that_was_silent_for_longest() -> None:
    callers = np.zeros((1, 4), module.CALLER)
    for number, client in enumerate((11, 12, 13, 14)):
        row, at, known = caller(callers, np.uint64(client))
        assert not known
        callers[row, at]["client"], callers[row, at]["last"] = client, 10 - number
    assert caller(callers, np.uint64(15))[1:] == (3, False)
    assert caller(callers, np.uint64(12))[2]


@pytest.mark.parametrize(("visits", "share"), [([5] * 40, 1.0), ([10, 0] * 20, 20 / 39), ([], 1.0)])
def test_evenness(visits: list[int], share: float) -> None:
    hours = np.zeros((module.HOURS, 2), np.int64)
    for hour, count in enumerate(visits):
        hours[hour] = 400 + hour, count
    assert evenness(hours) == pytest.approx(share)


def test_together_is_shorter_than_silence() -> None:
    """A client begins once at most within the time in which others may come with it."""
    assert TOGETHER < module.SILENCE
