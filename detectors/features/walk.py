"""The kernel that walks queries in the order of the log: places each in its client's window and cuts blocks.

Exact sequential semantics per client, whatever the batch: a query sees what came before it and nothing else.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from detectors.features import confidence, manifold, prompts, repeats, similarity, sweeps, tempo, training
from detectors.features.agreement import JITTER, ROW_LINK, habitual, rare, within_bins
from detectors.features.baseline import Baseline
from detectors.features.layout import (
    BLOCK,
    ENTRY,
    FIRST_BLOCK,
    FLIP,
    HABIT,
    HEADER,
    LINKED,
    MOST_COUNTED,
    OTHER_VERSION,
    PAGE,
    REPEAT,
    SAME_LAG,
    SAME_PATCH,
    STAR,
    TRAIL,
    TRAINED,
)
from detectors.features.manifold import residual
from detectors.features.neighbours import Room, changes, nearest, unpack_dense
from detectors.features.numbers import bits
from detectors.features.routing import patched, route
from detectors.sketch.queries import DENSE, MAX_WIDTH, ROWS, SEGMENTS, TEXT

#: Where each family's columns begin in a block's row of features.
FAMILIES: Final = (similarity, repeats, confidence, tempo, manifold, sweeps, training, prompts)
FEATURES: Final = tuple(name for family in FAMILIES for name in family.NAMES)
STARTS: Final = tuple(sum(len(family.NAMES) for family in FAMILIES[:i]) for i in range(len(FAMILIES)))
S0, S1, S2, S3, S4, S5, S6, S7 = STARTS
WIDTH: Final = len(FEATURES)
SWEPT: Final = FEATURES.index("sweep_column")

SHORT: Final = 0.1  # weight of the newest query in a short moving average
TEXT_LINK: Final = 0.5  # share of changed MinHash bytes up to which texts are linked
ACQUAINTED: Final = (
    256  # queries of a model after which the values of its columns are known well enough to count sweeps
)


class State(NamedTuple):
    """The arrays of all clients of one model (detectors/features/windows.py)."""

    headers: Any
    trails: NDArray[np.uint32]
    classes: NDArray[np.uint64]
    pages: NDArray[np.int32]
    entries: Any
    sketches: NDArray[np.uint8]
    free: NDArray[np.int32]
    control: NDArray[np.int64]  # [number of free pages, queries of the model]


class Steps(NamedTuple):
    """n queries to walk, in the order of the log: the slot of each one's client; entries with time, label, second, p1,
    p2, version and failure filled in (the kernel fills the rest); hashes of the whole inputs (0: not known); packed
    sketches (n, bytes); input and output sizes (n, 2); offsets in the log; and what fingerprints of the training data
    say (n,): bit 63 where the model was trained on the input, bit j where it was but for column j (no elements where
    there are no fingerprints)."""

    slots: NDArray[np.int32]
    events: Any
    exact: NDArray[np.uint64]
    sketches: NDArray[np.uint8]
    sizes: NDArray[np.float32]
    offsets: NDArray[np.int64]
    trained: NDArray[np.uint64]


class Out(NamedTuple):
    """What a walk over n queries writes, by query and by block.

    By query: `teach` marks those that may teach the model, `routed` holds the sub-streams that each belongs to, `heads`
    the client's header with it and `classes` how many classes the client had seen (of routed queries and those that
    ended a block). Where `joined`, `bases` and `base_sketches` (n, bytes) hold an earlier query that belongs to
    CHAINED only since this one was linked to it.

    By block: `ended` is the query that ended the block, `features` (n, WIDTH) its row.
    """

    teach: NDArray[np.bool_]
    routed: NDArray[np.uint16]
    joined: NDArray[np.bool_]
    bases: Any
    base_sketches: NDArray[np.uint8]
    heads: Any
    classes: NDArray[np.int32]
    ended: NDArray[np.int32]
    features: NDArray[np.float64]


def room(n: int, sketch: int) -> Out:
    """Room for a walk over n queries with sketches of so many bytes."""
    return Out(
        teach=np.zeros(n, np.bool_),
        routed=np.zeros(n, np.uint16),
        joined=np.zeros(n, np.bool_),
        bases=np.zeros(n, ENTRY),
        base_sketches=np.zeros((n, sketch), np.uint8),
        heads=np.zeros(n, HEADER),
        classes=np.zeros(n, np.int32),
        ended=np.zeros(n, np.int32),
        features=np.empty((n, WIDTH)),
    )


@njit(cache=True)
def repeated(trail: NDArray[np.uint32], count: int, mark: np.uint32) -> int:
    """The latest earlier query with the same exact hash (without the version in its two lowest bits); -1: none."""
    met = 0
    for at in range(min(count, TRAIL)):  # mostly none, and told soonest by a pass in the order of memory
        met += (trail[at] ^ mark) < 4
    if met == 0:
        return -1
    best = count - 1
    while (trail[best % TRAIL] ^ mark) & np.uint32(0xFFFFFFFC):
        best -= 1
    return best


@njit(cache=True)
def linked(kind: int, entry: Any, changed: int, baseline: Baseline) -> bool:
    """Whether the nearest earlier query is near enough to make a chain."""
    if kind == DENSE:
        link = baseline.links[entry.label] if entry.label < len(baseline.links) else baseline.link
        return bool(entry.distance < link)
    if kind == ROWS:
        return bool(entry.distance < ROW_LINK or entry.distance <= JITTER * changed)
    return bool(entry.distance <= TEXT_LINK)


@njit(cache=True)
def relate(
    kind: int,
    width: int,
    entry: Any,
    packed: NDArray[np.uint8],
    floats: Any,
    state: State,
    slot: int,
    baseline: Baseline,
    rooted: bool,
    near_by: Room,
) -> int:
    """Fill near, base, distance, far, step, mask, cosine and flags of a query from its client's window.

    Returns the query to which it is linked, or -1. Rooted queries know their base already, from another window.
    """
    count = state.headers[slot].count
    pages, sketches = state.pages[slot], state.sketches
    window = len(pages) * PAGE
    best, entry.distance, entry.far = nearest(kind, packed, count, pages, sketches, near_by)
    entry.base, entry.mask, entry.flags, entry.cosine = count, 0, 0, 0
    entry.step = np.nan
    if not rooted:
        entry.root_label, entry.root_margin = entry.label, entry.p1 - entry.p2
    if best < 0:
        return -1
    page, place = pages[best % window // PAGE], best % window % PAGE
    other, neighbour = state.entries[page, place], sketches[page, place]
    entry.mask = changes(kind, packed, neighbour)
    near = linked(kind, entry, bits(entry.mask), baseline)
    if kind == ROWS and near and entry.mask:  # the very same row is linked, however common
        near = rare(packed, neighbour, baseline)
        if near and within_bins(entry) and habitual(packed, neighbour, other.base, count, pages, state, baseline):
            entry.flags |= HABIT
    if near:
        entry.flags |= LINKED
        entry.base = other.base
        entry.root_label, entry.root_margin, entry.root_error = other.root_label, other.root_margin, other.root_error
        if best == other.base:
            entry.flags |= STAR
        if other.label != entry.label:
            entry.flags |= FLIP
    move(kind, width, entry, floats, state, slot, count)
    return best if near else -1


@njit(cache=True)
def move(kind: int, width: int, entry: Any, floats: Any, state: State, slot: int, count: int) -> None:
    """Fill step and cosine of a dense query from the client's last two."""
    if kind != DENSE:
        return
    pages = state.pages[slot]
    window = len(pages) * PAGE
    last = (count - 1) % window
    unpack_dense(state.sketches[pages[last // PAGE], last % PAGE], floats[1])
    step, before, cross = 0.0, 0.0, 0.0
    if count > 1:
        last = (count - 2) % window
        unpack_dense(state.sketches[pages[last // PAGE], last % PAGE], floats[2])
    for j in range(width):
        a, b = floats[0, j] - floats[1, j], floats[1, j] - floats[2, j]
        step, before, cross = step + a * a, before + b * b, cross + a * b
    entry.step = np.sqrt(step)
    if count > 1 and step > 0 and before > 0:
        entry.cosine = np.int8(np.rint(127 * cross / np.sqrt(step * before)))


@njit(cache=True)
def recall(entry: Any, known: bool, mark: np.uint32, state: State, slot: int) -> None:
    """Note an exact repeat, its lag and its version, and leave the query's own mark on the trail."""
    header, trail = state.headers[slot], state.trails[slot]
    earlier = repeated(trail, header.count, mark) if known else -1
    if earlier >= 0:
        lag = header.count - earlier
        entry.flags |= REPEAT
        if lag == header.lag and lag > 5:
            entry.flags |= SAME_LAG
        if (trail[earlier % TRAIL] ^ mark) & np.uint32(3):
            entry.flags |= OTHER_VERSION
        header.lag = lag
    else:
        header.distinct += 1
    trail[header.count % TRAIL] = mark


@njit(cache=True)
def judge_dense(entry: Any, floats: Any, width: int, baseline: Baseline) -> None:
    """Turn the error that the operator's own autoencoder gave a dense query (NaN: none) into ordinary spreads; where
    there is none, fill in the error against the model's manifold."""
    own = entry.error
    entry.error = np.nan
    if not np.isnan(own) and not np.isnan(baseline.own[0]):
        entry.error = (own - baseline.own[0]) / baseline.own[1]
    elif len(baseline.mean) == width and width > 0:
        error, size = residual(floats[0], baseline.mean, baseline.components, width)
        offset = baseline.offsets[entry.label] if entry.label < len(baseline.offsets) else 0.0
        entry.error = (error - baseline.level - baseline.slope * size - offset) / baseline.unit


@njit(cache=True)
def judge_row(entry: Any, packed: NDArray[np.uint8], baseline: Baseline) -> None:
    """Fill dependence (in `error`) and rarity (in `far`) of a row."""
    entry.far = np.nan
    columns = len(baseline.singles)
    if columns * 2 != len(packed) or len(baseline.pairs) == 0:
        return
    rare, together, at = 0.0, 0.0, 0
    for j in range(columns):
        rare += baseline.singles[j, packed[2 * j] >> 5]
    paired = 0
    while paired * (paired - 1) // 2 < len(baseline.pairs):
        paired += 1
    for a in range(paired):
        for b in range(a + 1, paired):
            together += baseline.pairs[at, packed[2 * a] >> 5, packed[2 * b] >> 5]
            at += 1
    entry.error = (together - baseline.dependence[0]) / baseline.dependence[1]
    entry.far = (rare - baseline.rarity[0]) / baseline.rarity[1]


@njit(cache=True)
def account(header: Any, entry: Any, classes: NDArray[np.uint64], size: float, output: float, offset: int) -> None:
    """Bring the client's totals up to date."""
    if header.count == 0:
        header.first, header.first_offset = entry.time, offset
        header.size_short = header.size_long = size
        header.output_short = header.output_long = output
    header.count += 1
    header.last = max(header.last, entry.time)
    header.last_offset = offset
    header.size_short += SHORT * (size - header.size_short)
    header.size_long += (size - header.size_long) / header.count
    header.output_short += SHORT * (output - header.output_short)
    header.output_long += (output - header.output_long) / header.count
    if entry.failure == 0:
        header.answered += 1
    if entry.label:
        bit = entry.label % 256
        classes[bit // 64] |= np.uint64(1) << np.uint64(bit % 64)
        if not np.isnan(entry.p1):
            header.bits -= np.log2(max(entry.p1, 1e-4))


@njit(cache=True)
def keep(entry: Any, packed: NDArray[np.uint8], state: State, slot: int) -> None:
    """Put a query into its client's window, on a new page where the window still grows."""
    pages = state.pages[slot]
    ring = state.headers[slot].count % (len(pages) * PAGE)
    page = pages[ring // PAGE]
    if page < 0:
        state.control[0] -= 1
        page = state.free[state.control[0]]
        pages[ring // PAGE] = page
    state.entries[page, ring % PAGE] = entry
    state.sketches[page, ring % PAGE] = packed


@njit(cache=True)
def gather(state: State, slot: int, window: Any) -> int:
    """Copy a client's window, oldest first; returns how many queries it holds."""
    pages = state.pages[slot]
    room = len(pages) * PAGE
    count = state.headers[slot].count
    first = max(0, count - room)
    for query in range(first, count):
        ring = query % room
        window[query - first] = state.entries[pages[ring // PAGE], ring % PAGE]
    return int(count - first)


@njit(cache=True)
def expose(kind: int, entry: Any, state: State, slot: int, baseline: Baseline, window: Any) -> None:
    """Count what a query, which is not in the window yet, tells its client of records: a whole sweep over a column, a
    record that the model was trained on."""
    header = state.headers[slot]
    if entry.flags & REPEAT:
        return
    if entry.flags & TRAINED and header.trained < MOST_COUNTED:
        header.trained += 1
    swept = kind == ROWS and sweeps.moved_column(entry) >= 0  # looked at first: it spares a copy of the window
    if swept and header.swept < MOST_COUNTED and state.control[1] >= ACQUAINTED:
        header.swept += sweeps.completes(entry, window[: gather(state, slot, window)], baseline.domain)


@njit(cache=True)
def block(
    kind: int,
    window: Any,
    header: Any,
    baseline: Baseline,
    columns: int,
    sensitive: Any,
    trained: bool,
    out: Any,
) -> None:
    """Fill one block's row of features in the order of FEATURES; what this kind of input does not have stays NaN, and
    what fingerprints say where there are none (not `trained`)."""
    out[:] = np.nan
    near, apart = (baseline.near, baseline.apart) if kind == DENSE else (1.0, 1.0)
    similarity.similarity(window, 0, near, apart, SEGMENTS if kind == DENSE else max(columns, 1), out[S0:S1])
    repeats.repeats(window, out[S1:S2])
    confidence.confidence(window, out[S2:S3])
    tempo.tempo(window, header, baseline, out[S3:S4])
    if kind == DENSE:
        manifold.manifold(window, out[S4:S5])
        if np.isnan(baseline.link):
            out[S0 : S1 - 2] = np.nan
    if kind == ROWS and columns > 0:
        sweeps.sweeps(window, sensitive, baseline.domain, out[S5:S6])
    if trained:
        training.training(window, int(out[SWEPT]) if kind == ROWS and columns > 0 else -1, baseline.rates, out[S6:S7])


@njit(cache=True)
def seen(classes: NDArray[np.uint64]) -> int:
    """How many of 256 classes (by index modulo 256) a client has had as an answer."""
    count = 0
    for word in classes:
        count += bits(word)
    return count


@njit(cache=True)
def teaches(count: int) -> bool:
    """Whether a client's query teaches the model: the 1st, 2nd, 3rd, 4th, 6th, 8th, 12th, 16th ..."""
    while count > 3 and count % 2 == 0:
        count //= 2
    return count in (1, 2, 3)


@njit(cache=True)
def walk(
    kind: int,
    width: int,
    steps: Steps,
    state: State,
    baseline: Baseline,
    sensitive: np.uint64,
    rooted: bool,
    out: Out,
) -> int:
    """Walk n queries of one model; returns how many blocks ended. `out` has room for n queries.

    `rooted` queries come from another window: the base that they know from there stays, unless they are linked here.
    """
    floats = np.zeros((3, MAX_WIDTH), np.float32)
    window = state.pages.shape[1] * PAGE
    scratch, near_by = np.empty(window, ENTRY), (np.empty(window, np.int64), np.empty(window))
    columns = steps.sketches.shape[1] // 2 if kind == ROWS else 0
    trained = len(steps.trained) > 0
    blocks = 0
    for i in range(len(steps.slots)):
        slot, entry, packed = steps.slots[i], steps.events[i], steps.sketches[i]
        header = state.headers[slot]
        if kind == DENSE:
            unpack_dense(packed, floats[0])
        if not rooted:
            if kind == DENSE:
                judge_dense(entry, floats, width, baseline)
            else:
                entry.error = np.nan
            entry.root_error = entry.error
        neighbour = relate(kind, width, entry, packed, floats, state, slot, baseline, rooted, near_by)
        if kind == ROWS:
            judge_row(entry, packed, baseline)
        mark = np.uint32(steps.exact[i] >> np.uint64(32)) & np.uint32(0xFFFFFFFC) | np.uint32(entry.version & 3)
        recall(entry, steps.exact[i] != 0, mark, state, slot)
        if patched(kind, entry, packed, state, slot):
            entry.flags |= SAME_PATCH
        if trained:
            training.recognise(entry, steps.trained[i])
        route(kind, i, entry, packed, neighbour, state, slot, out)
        expose(kind, entry, state, slot, baseline, scratch)
        keep(entry, packed, state, slot)
        account(header, entry, state.classes[slot], steps.sizes[i, 0], steps.sizes[i, 1], steps.offsets[i])
        state.control[1] += 1
        header.touched = state.control[1]
        out.teach[i] = teaches(header.count)
        ends = header.count >= FIRST_BLOCK and (header.count - FIRST_BLOCK) % BLOCK == 0
        if ends:
            header.blocks += 1
        if ends or entry.streams:
            out.heads[i], out.classes[i] = header, seen(state.classes[slot])
        if ends:
            n = gather(state, slot, scratch)
            block(kind, scratch[:n], header, baseline, columns, sensitive, trained, out.features[blocks])
            if kind == TEXT:
                prompts.looked_at(
                    scratch[:n], state.pages[slot], state.sketches, header.count, out.features[blocks, S7:]
                )
            out.ended[blocks] = i
            blocks += 1
    return blocks
