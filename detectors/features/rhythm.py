"""Clients that begin together, again and again: who comes back after a silence when another one does.

Whoever deals one attack out to accounts has them all at work at the same times, whatever they ask: random rows, noise,
ordinary inputs that share nothing with each other. So it is noted of each client when it comes back (the first query
after SILENCE), and of each two how often they came within TOGETHER seconds of each other. Two that have nothing to do
with each other meet as often as chance has it: visits of both, times the width of the meeting, over the time in which
they could have come (the hours of the model's day are not equally busy, which is learnt). What they have beyond it is a
log-likelihood ratio of two Poisson rates (Wilks, Ann. Math. Statist. 1938). Clients that come back at even intervals
meet again whenever they have met once; two of them are tied only by intervals that stay the same.

It proves nothing by itself: replicas of one service and tenants of one integrator come together as well. It only says
of whom to ask what they send together. Times at which everybody comes say nothing: a minute of the hour that is far
more usual than others (jobs that start by the clock), or a moment with more than CROWD visits (after an outage). Fails
where accounts come at times of their own, and where they have been used for other things before.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from detectors.features.kinship import WAYS, mixed
from detectors.features.layout import record
from detectors.features.renaming import Renaming

SILENCE: Final = 300  # seconds after which a client comes back
TOGETHER: Final = 60  # seconds within which two come together
CROWD: Final = 64  # visits within TOGETHER from which on nobody is tied by them
MATES: Final = 8  # clients that are told of a visit
FORGOTTEN: Final = 48 * 3_600  # seconds after which a client is new, and a pair strange to each other
HOURS: Final = 48  # latest hours of which it is known how busy they were
YOUNG: Final = 24 * 3_600  # seconds that clients are taken to be old at least: their beginning alone is no evidence
FIRST_ROWS: Final = 64  # places for pairs, WAYS wide; doubled with the queries,
MOST_ROWS: Final = 32_768  # up to this, 3 MB: where pairs crowd each other out, groups are not found
CALLER_ROWS: Final = 1_024  # places for clients, WAYS wide

# decision 0016: chosen on recorded scenes so that no two honest clients were tied
TIMES: Final = 3  # that two have to come together
SHARE: Final = 0.4  # of the visits of the one that came oftener
LIKELY: Final = 10.0  # log-likelihood ratio
STEADY_WITHIN: Final = 450  # seconds within which clients with even gaps come together,
STEADY_TIMES: Final = 8  # how often,
STEADY_SHARE: Final = 0.8  # of the visits of the one that came oftener,
STEADY_SAME: Final = 0.0015  # and the share by which their gaps may differ
EVEN: Final = 0.1  # share by which two gaps in a row may differ to be even
USUAL: Final = 3.0  # times the mean of all minutes of the hour, beyond which a minute is usual
KNOWN: Final = 600  # visits before it is known which minutes are

_32: Final = np.uint64(32)

#: A client: when it came last and first (seconds), when its latest visit began, the gap to the one before, how often it
#: has come back, and how often with the same gap as before.
CALLER: Final = record(
    [
        ("client", "u8"),
        ("last", "i8"),
        ("first", "i8"),
        ("begun", "i8"),
        ("gap", "i8"),
        ("visits", "u4"),
        ("even", "u4"),
    ]
)
#: A pair: its key, when they came together last, and how often.
PAIR: Final = record([("key", "u8"), ("last", "i8"), ("times", "u4")])
#: A visit: who, when, and the number of the query with which it began.
VISIT: Final = record([("client", "u8"), ("second", "i8"), ("query", "i8")])


class Rhythm(NamedTuple):
    """The arrays. `callers` (CALLER_ROWS, WAYS) and `pairs` (n, WAYS), n a power of two; `visits` (CROWD,) the latest,
    `total` [visits so far]; `minutes` (60,) visits by minute of the hour, `hours` (HOURS, 2) the latest hours and the
    visits in them."""

    callers: Any
    pairs: Any
    visits: Any
    total: NDArray[np.int64]
    minutes: NDArray[np.int64]
    hours: NDArray[np.int64]


def rhythm() -> Rhythm:
    """Nobody has come yet."""
    return Rhythm(
        callers=np.zeros((CALLER_ROWS, WAYS), CALLER),
        pairs=np.zeros((FIRST_ROWS, WAYS), PAIR),
        visits=np.zeros(CROWD, VISIT),
        total=np.zeros(1, np.int64),
        minutes=np.zeros(60, np.int64),
        hours=np.zeros((HOURS, 2), np.int64),
    )


@njit(cache=True)
def caller(callers: Any, client: np.uint64) -> tuple[int, int, bool]:
    """The place of a client, and whether it is known there; else the place of the one that was silent for longest."""
    row = int(mixed(client, np.uint64(1)) >> _32) & (len(callers) - 1)
    oldest = 0
    for at in range(WAYS):
        if callers[row, at].client == client:
            return row, at, True
        if callers[row, at].last < callers[row, oldest].last:
            oldest = at
    return row, oldest, False


@njit(cache=True)
def place_in(row: Any, key: np.uint64, old: int) -> tuple[int, int]:
    """Where a pair stands in a row, or whose place it takes: that of a pair that met before `old`, or least often; and
    how often that one met since."""
    place, least = 0, 1 << 62
    for at in range(WAYS):
        if row[at].key == key:
            return at, int(row[at].times)
        worth = 0 if row[at].last < old else int(row[at].times)
        if worth < least:
            place, least = at, worth
    return place, least


@njit(cache=True)
def together(pairs: Any, key: np.uint64, second: int) -> int:
    """How often a pair has come together, this time included. Where its row is full it takes the place of a pair that
    met long ago, or least often."""
    row, old = pairs[int(key >> _32) & (len(pairs) - 1)], second - FORGOTTEN
    place, _ = place_in(row, key, old)
    if row[place].key != key or row[place].last < old:
        row[place].key, row[place].times = key, 0
    row[place].times += 1
    row[place].last = second
    return int(row[place].times)


@njit(cache=True)
def evenness(hours: NDArray[np.int64]) -> float:
    """Share of the latest hours, from the first of them to the last, that would have been enough if all visits had come
    equally spread (participation ratio): 1 for even traffic, about a half where people sleep."""
    total, squares, first, last = 0.0, 0.0, np.int64(1) << 62, np.int64(0)
    for at in range(HOURS):
        if hours[at, 1]:
            total += hours[at, 1]
            squares += float(hours[at, 1]) ** 2
            first, last = min(first, hours[at, 0]), max(last, hours[at, 0])
    return total * total / squares / (last - first + 1) if squares else 1.0


@njit(cache=True)
def likelihood(times: int, a: Any, b: Any, second: int, share: float) -> float:
    """Log-likelihood ratio of coming together so often against chance, of two callers; `share` is `evenness`."""
    span = max(second - min(a.first, b.first), YOUNG) * share
    chance = float(a.visits) * float(b.visits) * 2.0 * TOGETHER / span
    return times * np.log(times / chance) - (times - chance) if times > chance else 0.0


@njit(cache=True)
def steady(of: Any) -> bool:
    """Whether a client comes back at even intervals: with another such one it meets again and again by itself."""
    return bool(of.even >= 1 and 2 * of.even >= of.visits - 2)


@njit(cache=True)
def tied(times: int, a: Any, b: Any, second: int, hours: NDArray[np.int64]) -> bool:
    """Whether two callers, both steady or both not, have come together so often that it is no chance."""
    most = max(a.visits, b.visits)
    if steady(a):  # and b as well
        if times < max(STEADY_TIMES, STEADY_SHARE * most):
            return False
        one, other = (a.begun - a.first) / (a.visits - 1), (b.begun - b.first) / (b.visits - 1)
        return bool(abs(one - other) <= STEADY_SAME * one)
    if times < max(TIMES, SHARE * most):
        return False
    return likelihood(times, a, b, second, evenness(hours)) >= LIKELY


@njit(cache=True)
def counted(state: Rhythm, second: int) -> bool:
    """Count a visit; whether its minute of the hour is one in which clients do not come by habit."""
    hour, minute = second // 3_600, second // 60 % 60
    state.minutes[minute] += 1
    at = hour % HOURS
    if state.hours[at, 0] != hour:
        state.hours[at, 0], state.hours[at, 1] = hour, 0
    state.hours[at, 1] += 1
    total = state.minutes.sum()
    return bool(total < KNOWN or state.minutes[minute] * 60 < USUAL * total)


@njit(cache=True)
def visit(state: Rhythm, client: np.uint64, second: int, query: int, own: Any, mates: NDArray[np.int64]) -> None:
    """A client has come back: fill `mates` (MATES,) with queries of the clients to which that ties it, latest first."""
    telling, found, count = counted(state, second), 0, state.total[0]
    earliest, within = state.visits[count % CROWD], STEADY_WITHIN if steady(own) else TOGETHER
    crowded = count >= CROWD and second - earliest.second <= TOGETHER
    for back in range(1, min(count, CROWD) + 1):
        other = state.visits[(count - back) % CROWD]
        if not telling or crowded or second - other.second > within:
            break
        row, at, known = caller(state.callers, other.client)
        there = state.callers[row, at]
        if not known or other.client == client or steady(own) != steady(there):  # such two are never tied
            continue
        key = mixed(min(client, other.client), max(client, other.client))
        if tied(together(state.pairs, key, second), own, there, second, state.hours) and found < MATES:
            mates[found] = other.query
            found += 1
    earliest.client, earliest.second, earliest.query = client, second, query
    state.total[0] = count + 1


@njit(cache=True)
def march(
    state: Rhythm, first: int, clients: NDArray[np.uint64], seconds: NDArray[np.int64], mates: NDArray[np.int64]
) -> None:
    """Take n queries in turn, numbered from `first`; fill `mates` (n, MATES) with the queries with which the visits of
    other clients began that each one's client is tied to (-1: none)."""
    for i in range(len(clients)):
        mates[i] = -1
        row, at, known = caller(state.callers, clients[i])
        own = state.callers[row, at]
        if not known or seconds[i] - own.last > FORGOTTEN:
            own.client, own.first, own.last = clients[i], seconds[i], seconds[i] - SILENCE - 1
            own.begun, own.gap, own.visits, own.even = seconds[i], 0, 0, 0
        silent, own.last = seconds[i] - own.last, seconds[i]
        if silent > SILENCE:
            gap, own.begun = seconds[i] - own.begun, seconds[i]
            own.even += own.gap > 0 and abs(gap - own.gap) <= EVEN * own.gap
            own.gap = gap
            own.visits += 1
            visit(state, clients[i], seconds[i], first + i, own, mates[i])


def grown(state: Rhythm, queries: int) -> Rhythm:
    """The same with room for the pairs of so many queries: each goes where its next bit says."""
    while len(state.pairs) < min(MOST_ROWS, queries // WAYS):
        rows = len(state.pairs)
        pairs = np.concatenate([state.pairs, state.pairs])
        upper = pairs["key"] >> _32 & np.uint64(rows) != 0
        pairs[:rows][upper[:rows]] = 0
        pairs[rows:][~upper[rows:]] = 0
        state = state._replace(pairs=pairs)
    return state


def renamed(state: Rhythm, renaming: Renaming) -> None:
    """Give clients other names. Clients and pairs lie where their keys lead, and move; where there is no room, the pair
    that met least often is lost, and the client that was silent for longest."""
    before = known(state)
    after = before.copy()
    renaming.in_keys(after)
    moving = before != after
    room = np.zeros(state.pairs.size, PAIR)
    put_down(state.pairs, room[: taken_up(state.pairs, before, after, moving, room)])
    renaming.in_keys(state.visits["client"])
    at = np.isin(state.callers["client"], before[moving])
    callers = state.callers[at]
    state.callers[at] = np.zeros((), CALLER)
    renaming.in_keys(callers["client"])
    for own in callers[np.argsort(callers["last"], kind="stable")]:
        row, place, _ = caller(state.callers, own["client"])
        if own["last"] >= state.callers["last"][row, place]:
            state.callers[row, place] = own


def forgotten(state: Rhythm, client: int) -> None:
    """Erase a client (a key). A pair is a hash of two keys: it is found with the other one, as long as that is known,
    and leads to nobody without it."""
    everybody = known(state)
    nobody = np.zeros(state.pairs.size, PAIR)
    taken_up(state.pairs, everybody, everybody, everybody == np.uint64(client), nobody)
    state.callers[state.callers["client"] == np.uint64(client)] = np.zeros((), CALLER)
    total = int(state.total[0])
    visits = state.visits[np.arange(max(0, total - CROWD), total) % CROWD]
    left = visits[visits["client"] != np.uint64(client)]
    if len(left) < len(visits):
        state.visits[:], state.total[0] = np.zeros((), VISIT), len(left)
        state.visits[: len(left)] = left


def known(state: Rhythm) -> NDArray[np.uint64]:
    """The keys of all clients, ascending."""
    keys = np.concatenate([state.callers["client"].reshape(-1), state.visits["client"]])
    return np.unique(keys[keys != 0])


@njit(cache=True)
def taken_up(
    pairs: Any, before: NDArray[np.uint64], after: NDArray[np.uint64], moving: NDArray[np.bool_], out: Any
) -> int:
    """Take out the pairs of these clients of which one is `moving`; fills `out` with them, under the keys that they
    have `after`; returns how many they are."""
    count = 0
    for i in range(len(before)):
        for j in range(i):
            if not moving[i] and not moving[j]:
                continue
            key = mixed(min(before[i], before[j]), max(before[i], before[j]))
            row = pairs[int(key >> _32) & (len(pairs) - 1)]
            for at in range(WAYS):
                if row[at].key == key:
                    out[count].key = mixed(min(after[i], after[j]), max(after[i], after[j]))
                    out[count].last, out[count].times = row[at].last, row[at].times
                    row[at].key, row[at].last, row[at].times = 0, 0, 0
                    count += 1
    return count


@njit(cache=True)
def put_down(pairs: Any, moved: Any) -> None:
    """Put pairs where their keys lead, unless all that stand there have met oftener."""
    for i in range(len(moved)):
        row = pairs[int(moved[i].key >> _32) & (len(pairs) - 1)]
        place, worth = place_in(row, moved[i].key, moved[i].last - FORGOTTEN)
        if worth <= moved[i].times:
            row[place].key, row[place].last, row[place].times = moved[i].key, moved[i].last, moved[i].times
