"""Queries of different clients that belong together: one bounded, expiring index over all clients of a model.

Dense inputs: the nearest query of another client among the latest of the model, found in buckets of equal signs around
the model's mean (random hyperplanes: Charikar, STOC 2002; buckets in several tables: Indyk and Motwani, STOC 1998).
Everything else meets under a hash: a row without one column (the other client asked the same with another value of it),
a row's coarse bins (noisy copies), a text's MinHash bands (Broder 1997), a change of a few places that comes again on
another base, two inputs in the same order. What several clients have in common says little by itself: thousands of
honest tenants share popular inputs. So the index only says what met; which of its channels are rare among honest
clients is learnt (detectors/scoring/kinships.py), and only those make links.

Fails: partners further back than ROOM queries of the model; rows whose index overflows within a quarter of an hour;
sketches under different keys never meet.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from detectors.features.layout import LINKED, REPEAT, record
from detectors.features.neighbours import LEAST, UNITS, Room, away, changes, signed
from detectors.features.numbers import bits
from detectors.sketch.queries import DENSE, MAX_WIDTH, MINHASHES, ROWS, SEGMENTS, TEXT

ROOM: Final = 2_048  # latest queries of a model in which partners are looked for
SPARE: Final = 1_024  # queries that may be walked at once without overwriting what the first of them may still need
RING: Final = ROOM + SPARE
TABLES: Final = 8
BITS: Final = 8  # signs of a bucket's code
BUCKET: Final = 8  # queries that a bucket holds, at most one of each client; the oldest leaves
WAYS: Final = 4  # places of a hash
STEPS: Final = 4_096  # clients whose latest input is known, for the order of inputs
SPAN: Final = 900  # seconds of event time within which clients meet under a hash
CROWD: Final = 64  # times that an input may change hands before it is popular
CROWDED: Final = 3  # other clients whose samples say how dense inputs lie
SPARSE: Final = 6  # segments that a patch may change
BANDS: Final = 8  # bands of a text's MinHash, of four bytes each

COLUMNS: Final = 56  # channels 0 to 55: a row without that column
COARSE, NEAR, PATCH, PROSE, ORDER, EXACT = range(COLUMNS, COLUMNS + 6)
CHANNELS: Final = EXACT + 1

_ONE: Final = np.uint64(1)
_MIX: Final = np.uint64(0x9E3779B97F4A7C15)
_MIX2: Final = np.uint64(0xBF58476D1CE4E5B9)
_29: Final = np.uint64(29)
_32: Final = np.uint64(32)

#: What stands under a hash: its tag (0: nothing), the client that asked last, its query's number and what tells it
#: from others (`cell`), seconds of the first and the last time, and how often the client has changed since.
MEETING: Final = record(
    [
        ("client", "u8"),
        ("query", "i8"),
        ("tag", "u4"),
        ("cell", "u4"),
        ("first", "u4"),
        ("last", "u4"),
        ("hands", "u4"),
    ]
)


class Index(NamedTuple):
    """The arrays of the index. `buckets` (TABLES, 2 ** BITS, BUCKET) hold numbers of queries (-1: none) of dense
    inputs; `meetings` (n, WAYS), n a power of two, what met under a hash; `clients`, `latest` (STEPS,) the latest input
    of each client; `looked` (RING,) which query last looked at a place of the ring."""

    buckets: NDArray[np.int64]
    meetings: Any
    clients: NDArray[np.uint64]
    latest: NDArray[np.uint64]
    looked: NDArray[np.int64]


class Known(NamedTuple):
    """What has been learnt: `centre` (width,) of dense inputs (empty: not known); `sketches` (m, bytes) of ordinary
    inputs with their `clients` and their `buckets`, against which it is judged how dense inputs lie where a query is;
    `limit` the share of that distance below which a query is linked; `widest` the distance beyond which none is,
    wherever it lies; `usable` a bit for each channel that is seldom enough among honest clients to make links, `rare`
    a bit for each that is so rare that few links say much."""

    centre: NDArray[np.float64]
    sketches: NDArray[np.uint8]
    clients: NDArray[np.uint64]
    buckets: NDArray[np.int64]
    limit: float
    widest: float
    usable: np.uint64
    rare: np.uint64


class Latest(NamedTuple):
    """The ring of the model's latest queries, by number modulo RING (while it still grows it is shorter): clients' keys
    and packed sketches."""

    clients: NDArray[np.uint64]
    sketches: NDArray[np.uint8]


class Arrivals(NamedTuple):
    """n queries in the order of the log, which the ring already holds: the number of the first, clients' keys (n,),
    entries (n,), hashes of the whole inputs (n,), packed sketches (n, bytes), seconds of the clock (n,)."""

    first: int
    clients: NDArray[np.uint64]
    events: Any
    exact: NDArray[np.uint64]
    sketches: NDArray[np.uint8]
    seconds: NDArray[np.int64]


class Links(NamedTuple):
    """By query: the number of the query of another client to which it is linked (-1: none), the channel and whether
    that is a rare one, and a bit for each channel in which it met another client, usable or not."""

    partner: NDArray[np.int64]
    channel: NDArray[np.int8]
    rare: NDArray[np.bool_]
    met: NDArray[np.uint64]


def index(kind: int, meetings: int) -> Index:
    """An empty index; `meetings` is a power of two."""
    dense = kind == DENSE
    return Index(
        buckets=np.full((TABLES, 1 << BITS, BUCKET) if dense else (0, 0, 0), -1, np.int64),
        meetings=np.zeros((meetings, WAYS), MEETING),
        clients=np.zeros(STEPS, np.uint64),
        latest=np.zeros(STEPS, np.uint64),
        looked=np.full(RING if dense else 0, -1, np.int64),
    )


def links(n: int) -> Links:
    """Room for the links of n queries."""
    return Links(np.empty(n, np.int64), np.empty(n, np.int8), np.empty(n, np.bool_), np.empty(n, np.uint64))


@njit(cache=True)
def mixed(a: np.uint64, b: np.uint64) -> np.uint64:
    """Two words as one, well spread (the finaliser of splitmix64: Steele, Lea and Flood, OOPSLA 2014); never 0."""
    a = (a ^ (b * _MIX)) * _MIX2
    a ^= a >> _32
    a *= _MIX
    return (a ^ (a >> _29)) | _ONE


@njit(cache=True)
def encode(packed: NDArray[np.uint8], centre: NDArray[np.float64], codes: NDArray[np.int64]) -> None:
    """Fill `codes` (TABLES,) with the bucket of a dense sketch in each table: on which sides of the model's mean its
    next BITS components lie."""
    unit, j = UNITS[signed(packed[MAX_WIDTH + SEGMENTS]) - LEAST], 0
    for table in range(TABLES):
        found = 0
        for _ in range(BITS):
            found = 2 * found + (np.int8(packed[j]) * unit > centre[j])
            j = j + 1 if j + 1 < len(centre) else 0
        codes[table] = found


@njit(cache=True)
def remember(index: Index, latest: Latest, number: int, codes: NDArray[np.int64]) -> None:
    """Put a dense query into its bucket of each table, over an earlier one of its client or over the oldest."""
    own = latest.clients[number % RING]
    for table in range(TABLES):
        bucket = index.buckets[table, codes[table]]
        place, oldest = -1, 0
        for at in range(BUCKET):
            held = bucket[at]
            if held > max(-1, number - ROOM) and latest.clients[held % RING] == own:
                place = at
            if held < bucket[oldest]:
                oldest = at
        bucket[place if place >= 0 else oldest] = number


@njit(cache=True)
def partner(
    index: Index, latest: Latest, number: int, packed: NDArray[np.uint8], codes: NDArray[np.int64], room: Room
) -> tuple[int, float]:
    """The nearest of the model's latest queries that another client sent, and its distance; -1 where there is none, or
    where another client sent the very same input."""
    own, (rows, far), found = latest.clients[number % RING], room, 0
    for table in range(TABLES):
        for at in range(BUCKET):
            held = index.buckets[table, codes[table], at]
            place = held % RING
            if held <= number - ROOM or held < 0 or latest.clients[place] == own or index.looked[place] == number:
                continue
            index.looked[place] = number
            rows[found] = place
            found += 1
    away(DENSE, packed, latest.sketches, rows[:found], far)
    best, least = -1, np.inf
    for at in range(found):
        if far[at] == 0.0:
            return -1, 0.0
        if far[at] < least:
            best, least = rows[at], far[at]
    return (number - (number - best) % RING if best >= 0 else -1), least


@njit(cache=True)
def meet(
    meetings: Any, key: np.uint64, client: np.uint64, cell: np.uint32, number: int, second: int, whole: bool
) -> int:
    """Leave a query under a hash; returns the number of the query of another client that it meets there, or -1.

    They meet if what tells them apart differs and no more than SPAN lies between them. Where the hash stands for a
    `whole` base, between the first of all and this one; otherwise as long as it is not popular.
    """
    tag = np.uint32(key >> _32)
    row = meetings[int(tag) & (len(meetings) - 1)]
    place, oldest = -1, 0
    for at in range(WAYS):
        if row[at].tag == tag:
            place = at
        if row[at].last < row[oldest].last:
            oldest = at
    held = row[place if place >= 0 else oldest]
    found = -1
    if place < 0 or second - held.last > SPAN:
        held.tag, held.first, held.hands = tag, second, 0
    elif held.client != client:
        held.hands += 1
        young = second - held.first <= SPAN if whole else held.hands <= CROWD
        if young and held.cell != cell:
            found = held.query
    held.client, held.query, held.cell, held.last = client, number, cell, second
    return int(found)


@njit(cache=True)
def note(out: Links, i: int, channel: int, other: int, known: Known) -> None:
    """Write down that a query met another one; the first rare channel makes the link, or else the first usable one."""
    if other < 0:
        return
    bit = _ONE << np.uint64(channel)
    out.met[i] |= bit
    if known.usable & bit and (out.partner[i] < 0 or (known.rare & bit and not out.rare[i])):
        out.partner[i], out.channel[i], out.rare[i] = other, channel, known.rare & bit != 0


@njit(cache=True)
def row_meetings(index: Index, come: Arrivals, i: int, known: Known, out: Links) -> None:
    """Rows that are the same but for one column, and rows whose cells all lie in the same coarse bins."""
    packed = come.sketches[i]
    columns = min(len(packed) // 2, COLUMNS)
    whole, coarse = _ONE, _ONE
    for j in range(len(packed) // 2):
        cell = np.uint64(packed[2 * j]) << np.uint64(8) | np.uint64(packed[2 * j + 1])
        whole ^= mixed(np.uint64(j + 1), cell)
        coarse = mixed(coarse, np.uint64(packed[2 * j] >> 5))
    number, client, second = come.first + i, come.clients[i], come.seconds[i]
    for j in range(columns):
        cell = np.uint64(packed[2 * j]) << np.uint64(8) | np.uint64(packed[2 * j + 1])
        rest = mixed(whole ^ mixed(np.uint64(j + 1), cell), np.uint64(j + 1))
        note(out, i, j, meet(index.meetings, rest, client, np.uint32(cell), number, second, True), known)
    key, mark = mixed(coarse, np.uint64(COARSE)), np.uint32(whole & np.uint64(0xFFFFFFFF))
    note(out, i, COARSE, meet(index.meetings, key, client, mark, number, second, True), known)


@njit(cache=True)
def text_meetings(index: Index, come: Arrivals, i: int, known: Known, out: Links) -> None:
    """Texts of which some band of the MinHash is equal."""
    packed, size = come.sketches[i], MINHASHES // BANDS
    cell = np.uint32(come.exact[i] >> _32)
    for band in range(BANDS):
        key = np.uint64(PROSE * BANDS + band)
        for j in range(size * band, size * (band + 1)):
            key = mixed(key, np.uint64(packed[j]))
        other = meet(index.meetings, key, come.clients[i], cell, come.first + i, come.seconds[i], False)
        note(out, i, PROSE, other, known)


@njit(cache=True)
def patch_key(packed: NDArray[np.uint8], mask: np.uint64) -> np.uint64:
    """A hash of what stands in the changed segments; 0 where too much changed, or nothing."""
    if mask == 0 or bits(mask) > SPARSE:
        return np.uint64(0)
    key = np.uint64(PATCH)
    for j in range(SEGMENTS):
        if mask >> np.uint64(j) & _ONE:
            key = mixed(key, np.uint64(j) << np.uint64(8) | np.uint64(packed[MAX_WIDTH + j]))
    return key


@njit(cache=True)
def dense_meetings(
    index: Index,
    latest: Latest,
    come: Arrivals,
    i: int,
    known: Known,
    codes: NDArray[np.int64],
    room: Room,
    out: Links,
) -> None:
    """Near inputs, and the same few changed places on different bases."""
    number, packed, entry = come.first + i, come.sketches[i], come.events[i]
    if len(known.centre) == 0:
        return
    encode(packed, known.centre, codes)
    other, distance = partner(index, latest, number, packed, codes, room)
    remember(index, latest, number, codes)
    mask = np.uint64(entry.mask) if entry.flags & LINKED else np.uint64(0)
    if (
        other >= 0
        and distance < known.widest
        and distance < known.limit * usual(packed, come.clients[i], codes, known, room)
    ):
        note(out, i, NEAR, other, known)
        mask = changes(DENSE, packed, latest.sketches[other % RING])
    key = patch_key(packed, mask)
    if key:
        cell = np.uint32(come.exact[i] >> _32)
        found = meet(index.meetings, key, come.clients[i], cell, number, come.seconds[i], False)
        note(out, i, PATCH, found, known)


@njit(cache=True)
def order_meetings(index: Index, come: Arrivals, i: int, known: Known, out: Links) -> None:
    """Two inputs that another client sent in the same order, and an input that another client sent as well."""
    client, exact = come.clients[i], come.exact[i]
    if exact == 0:
        return
    number, second = come.first + i, come.seconds[i]
    cell = np.uint32(client >> _32)
    found = meet(index.meetings, mixed(exact, np.uint64(EXACT)), client, cell, number, second, False)
    note(out, i, EXACT, found, known)
    at = int(mixed(client, _ONE) >> _32) % STEPS
    before = index.latest[at] if index.clients[at] == client else np.uint64(0)
    index.clients[at], index.latest[at] = client, exact
    if before == 0 or before == exact:
        return
    key = mixed(mixed(before, exact), np.uint64(ORDER))
    note(out, i, ORDER, meet(index.meetings, key, client, cell, number, second, False), known)


@njit(cache=True)
def link(kind: int, index: Index, latest: Latest, come: Arrivals, known: Known, out: Links) -> None:
    """Look for partners of n queries in turn, and leave each in the index. A client's exact repeats are passed over: a
    poller beside a popular input must not tie everybody together."""
    codes, room = np.empty(TABLES, np.int64), (np.empty(TABLES * BUCKET, np.int64), np.empty(TABLES * BUCKET))
    for i in range(len(come.clients)):
        out.partner[i], out.channel[i], out.rare[i], out.met[i] = -1, -1, False, 0
        if come.events[i].flags & REPEAT:
            continue
        if kind == ROWS:
            row_meetings(index, come, i, known, out)
        elif kind == TEXT:
            text_meetings(index, come, i, known, out)
        elif kind == DENSE:
            dense_meetings(index, latest, come, i, known, codes, room, out)
        order_meetings(index, come, i, known, out)


@njit(cache=True)
def fill(buckets: NDArray[np.int64], sketches: NDArray[np.uint8], centre: NDArray[np.float64]) -> None:
    """Fill buckets (TABLES, 2 ** BITS, BUCKET) with the places of sketches, as many as there is room for."""
    buckets[:] = -1
    codes = np.empty(TABLES, np.int64)
    for a in range(len(sketches)):
        encode(sketches[a], centre, codes)
        for table in range(TABLES):
            bucket = buckets[table, codes[table]]
            for place in range(BUCKET):
                if bucket[place] < 0:
                    bucket[place] = a
                    break


@njit(cache=True)
def again(index: Index, latest: Latest, first: int, stop: int, known: Known) -> None:
    """Fill the buckets anew from the ring, after the model's mean has moved."""
    index.buckets[:] = -1
    codes = np.empty(TABLES, np.int64)
    for number in range(first, stop):
        if latest.clients[number % RING] == 0:  # of somebody who was erased
            continue
        encode(latest.sketches[number % RING], known.centre, codes)
        remember(index, latest, number, codes)


@njit(cache=True)
def usual(packed: NDArray[np.uint8], client: np.uint64, codes: NDArray[np.int64], known: Known, room: Room) -> float:
    """How far ordinary inputs lie apart where a sketch is: its distance to the CROWDED-th nearest other client among
    the model's samples, infinite where its buckets hold fewer (the density of a neighbourhood: Breunig et al., SIGMOD
    2000). Pictures without contrast, or of one scene, lie close together without any two clients being one."""
    least, owners = np.full(CROWDED, np.inf), np.zeros(CROWDED, np.uint64)
    (rows, far), found = room, 0
    for table in range(TABLES):
        for at in range(BUCKET):
            sample = known.buckets[table, codes[table], at]
            if sample >= 0 and known.clients[sample] != client:
                rows[found] = sample
                found += 1
    away(DENSE, packed, known.sketches, rows[:found], far)
    for at in range(found):
        if far[at] < least[CROWDED - 1]:
            insert(least, owners, far[at], known.clients[rows[at]])
    return float(least[CROWDED - 1])


@njit(cache=True)
def insert(least: NDArray[np.float64], owners: NDArray[np.uint64], distance: float, owner: np.uint64) -> None:
    """Keep the smallest distances in ascending order, one of each owner; `distance` is smaller than the last."""
    at = CROWDED - 1
    for place in range(CROWDED):
        if owners[place] == owner:
            at = place
    if least[at] <= distance:
        return
    while at > 0 and least[at - 1] > distance:
        least[at], owners[at] = least[at - 1], owners[at - 1]
        at -= 1
    least[at], owners[at] = distance, owner


@njit(cache=True)
def crossings(sketches: NDArray[np.uint8], clients: NDArray[np.uint64], known: Known, out: NDArray[np.float64]) -> None:
    """Fill `out` (n, 2) with each sample's distance to the nearest of another client, and with what is usual there.
    Where another client sent the very same input both are infinite: such a query makes no link."""
    codes, n = np.empty(TABLES, np.int64), len(sketches)
    rows, far = np.empty(max(n, TABLES * BUCKET), np.int64), np.empty(max(n, TABLES * BUCKET))
    for a in range(n):
        own, least, found = sketches[a], np.inf, 0
        encode(own, known.centre, codes)
        for b in range(n):
            if clients[a] != clients[b]:
                rows[found] = b
                found += 1
        away(DENSE, own, sketches, rows[:found], far)
        for at in range(found):
            least = min(least, far[at])
        out[a, 0] = least if least > 0.0 else np.inf
        out[a, 1] = usual(own, clients[a], codes, known, (rows, far))
