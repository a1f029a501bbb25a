import numpy as np
import pytest

from detectors.features import kinship
from detectors.features.kinship import (
    BUCKET,
    COARSE,
    CROWD,
    EXACT,
    NEAR,
    ORDER,
    PATCH,
    PROSE,
    RING,
    ROOM,
    SPAN,
    TABLES,
    Arrivals,
    Index,
    Known,
    Latest,
    Links,
    crossings,
    encode,
    insert,
    link,
    patch_key,
    usual,
)
from detectors.features.layout import ENTRY, LINKED, REPEAT
from detectors.features.neighbours import pack_dense, sketch_bytes
from detectors.sketch.queries import DENSE, MAX_WIDTH, MINHASHES, OPAQUE, ROWS, SEGMENTS, TEXT

ALL = np.uint64(2**64 - 1)
RANDOM = np.random.default_rng(3)


def known(width: int = 0, samples: np.ndarray | None = None, limit: float = 0.5, usable: np.uint64 = ALL) -> Known:
    sketches = np.zeros((0, sketch_bytes(DENSE, 0)), np.uint8) if samples is None else dense(samples)
    buckets = np.zeros((kinship.TABLES, 1 << kinship.BITS, BUCKET), np.int64)
    centre = np.zeros(width)
    kinship.fill(buckets, sketches, centre)
    owners = 1_000 + np.arange(len(sketches)).astype(np.uint64)
    rare = usable & ~(np.uint64(1) << np.uint64(NEAR))
    return Known(centre, sketches, owners, buckets, limit, 1.0, usable, rare)


def dense(vectors: np.ndarray, segments: np.ndarray | None = None) -> np.ndarray:
    out = np.zeros((len(vectors), sketch_bytes(DENSE, 0)), np.uint8)
    wide = np.zeros((len(vectors), MAX_WIDTH), np.float32)
    wide[:, : vectors.shape[1]] = vectors
    pack_dense(wide, np.zeros((len(vectors), SEGMENTS), np.uint8) if segments is None else segments, out)
    return out


class Stream:
    """An index that is fed."""

    def __init__(self, kind: int, sketch: int, of: Known | None = None, meetings: int = 1_024) -> None:
        self.kind, self.known = kind, known() if of is None else of
        self.index = kinship.index(kind, meetings)
        self.latest = Latest(np.zeros(RING, np.uint64), np.zeros((RING, sketch), np.uint8))
        self.number = 0

    def feed(self, clients: list[int], sketches: np.ndarray, **given: object) -> Links:
        n, first = len(clients), self.number
        events = np.zeros(n, ENTRY)
        for name in ("flags", "mask"):
            events[name] = given.get(name, 0)
        exact = np.asarray(given.get("exact", (first + np.arange(n) + 1) << 32)).astype(np.uint64)
        seconds = np.asarray(given.get("seconds", first + np.arange(n))).astype(np.int64)
        keys = np.array(clients, np.uint64) << np.uint64(40)
        at = (first + np.arange(n)) % RING
        self.latest.clients[at], self.latest.sketches[at] = keys, sketches
        out = kinship.links(n)
        link(
            self.kind, self.index, self.latest, Arrivals(first, keys, events, exact, sketches, seconds), self.known, out
        )
        self.number += n
        return out


def rows(values: list[list[int]]) -> np.ndarray:
    """Cells of 16 bits; the coarse bin is the three upper ones."""
    cells = np.array(values, np.uint16)
    out = np.zeros((len(cells), 2 * cells.shape[1]), np.uint8)
    out[:, 0::2], out[:, 1::2] = cells >> 8, cells & 255
    return out


def test_a_sweep_that_is_dealt_out_meets_in_its_column() -> None:
    stream = Stream(ROWS, 8)
    found = stream.feed([1, 2, 3, 1], rows([[5, 6, 7, v << 13] for v in range(4)]))
    assert found.partner.tolist() == [-1, 0, 1, 2]
    assert found.channel.tolist() == [-1, 3, 3, 3]
    assert found.rare.tolist() == [False, True, True, True]


def test_the_same_client_and_the_same_row_do_not_meet() -> None:
    stream = Stream(ROWS, 8)
    asked = rows([[5, 6, 7, 8], [5, 6, 7, 4 << 13], [5, 6, 7, 4 << 13]])
    found = stream.feed([1, 1, 2], asked, exact=np.array([1, 2, 2]) << 32)
    assert (found.met[:2] == 0).all()
    assert found.channel[2] == EXACT
    assert int(found.met[2]) == 1 << EXACT


def test_a_clients_own_repeats_are_passed_over() -> None:
    stream = Stream(ROWS, 8)
    found = stream.feed([1, 2], rows([[5, 6, 7, 8], [5, 6, 7, 9]]), flags=[0, REPEAT])
    assert found.partner.tolist() == [-1, -1]


@pytest.mark.parametrize(("later", "linked"), [(SPAN, True), (SPAN + 1, False)])
def test_rows_meet_within_a_quarter_of_an_hour(later: int, linked: bool) -> None:
    stream = Stream(ROWS, 8)
    found = stream.feed([1, 2], rows([[5, 6, 7, 8], [5, 6, 7, 9]]), seconds=[0, later])
    assert (found.partner[1] == 0) == linked


def test_a_base_that_everybody_has_asked_for_long_makes_no_link() -> None:
    """Its age counts from the first of all: a default record on a page of many is never young."""
    stream = Stream(ROWS, 8)
    found = stream.feed(list(range(1, 41)), rows([[5, 6, 7, v] for v in range(40)]), seconds=np.arange(40) * 60)
    assert (found.partner[1:16] >= 0).all()
    assert (found.partner[16:] < 0).all()


def test_rows_in_the_same_coarse_bins_are_copies() -> None:
    stream = Stream(ROWS, 8)
    found = stream.feed([1, 2, 3], rows([[1, 2, 3, 4], [9, 8, 7, 4], [5 << 13, 8, 7, 4]]))
    assert found.channel.tolist() == [-1, COARSE, 0]


def test_a_channel_that_is_not_rare_makes_no_link_and_is_told() -> None:
    stream = Stream(ROWS, 8, known(usable=ALL & ~np.uint64(1 << 3)))
    found = stream.feed([1, 2], rows([[5, 6, 7, 8], [5, 6, 7, 4 << 13]]))
    assert found.partner[1] == -1
    assert int(found.met[1]) & 1 << 3


def test_a_rare_channel_comes_before_one_that_is_not() -> None:
    of = known()._replace(rare=np.uint64(1 << EXACT))
    found = Stream(ROWS, 8, of).feed([1, 2], rows([[5, 6, 7, 8], [5, 6, 7, 9]]), exact=[4 << 32] * 2)
    assert (found.channel[1], found.rare[1]) == (EXACT, True)


def test_many_columns_are_looked_at_up_to_the_last_channel() -> None:
    wide = np.arange(120) * 7
    stream = Stream(ROWS, 240)
    changed = wide.copy()
    changed[kinship.COLUMNS] = 1 << 13
    found = stream.feed([1, 2], rows([wide.tolist(), changed.tolist()]))
    assert found.partner[1] == -1


def test_texts_meet_in_a_band() -> None:
    texts = RANDOM.integers(0, 256, (3, MINHASHES)).astype(np.uint8)
    texts[1, :4] = texts[0, :4]
    found = Stream(TEXT, MINHASHES).feed([1, 2, 3], texts)
    assert found.partner.tolist() == [-1, 0, -1]
    assert found.channel[1] == PROSE


def test_a_template_of_many_is_popular() -> None:
    texts = np.tile(RANDOM.integers(0, 256, MINHASHES).astype(np.uint8), (CROWD + 9, 1))
    texts[:, 4:] = RANDOM.integers(0, 256, (len(texts), MINHASHES - 4))
    found = Stream(TEXT, MINHASHES).feed(list(range(len(texts))), texts)
    assert found.partner[CROWD] >= 0
    assert (found.partner[CROWD + 1 :] < 0).all()


def test_inputs_in_the_same_order() -> None:
    nothing = np.zeros((6, 1), np.uint8)
    of = known(usable=np.uint64(1 << ORDER))
    found = Stream(OPAQUE, 1, of).feed([1, 1, 1, 2, 2, 2], nothing, exact=np.array([7, 8, 9, 7, 8, 3]) << 32)
    assert found.partner.tolist() == [-1, -1, -1, -1, 1, -1]
    assert found.channel[4] == ORDER


def test_unknown_inputs_and_one_input_over_and_over_have_no_order() -> None:
    nothing = np.zeros((6, 1), np.uint8)
    of = known(usable=np.uint64(1 << ORDER))
    assert (Stream(OPAQUE, 1, of).feed([1, 1, 2, 2, 3, 3], nothing, exact=[0] * 6).met == 0).all()
    assert (Stream(OPAQUE, 1, of).feed([1, 1, 2, 2, 3, 3], nothing, exact=[5 << 32] * 6).partner < 0).all()


def pictures(n: int) -> np.ndarray:
    return RANDOM.normal(size=(n, 24))


def test_the_nearest_input_of_another_client() -> None:
    ordinary, base = pictures(200), pictures(1)
    stream = Stream(DENSE, sketch_bytes(DENSE, 0), known(24, ordinary))
    near = base + 0.02 * pictures(6)
    found = stream.feed([1, 2, 3, 3, 1, 2], dense(near))
    assert found.partner[0] == -1
    assert set(found.channel[1:].tolist()) == {NEAR}
    assert not found.rare.any()
    assert all(stream.latest.clients[p] != stream.latest.clients[i] for i, p in enumerate(found.partner) if p >= 0)


def test_far_inputs_are_not_linked() -> None:
    stream = Stream(DENSE, sketch_bytes(DENSE, 0), known(24, pictures(200)))
    assert (stream.feed(list(range(60)), dense(pictures(60))).partner < 0).all()


def test_the_very_same_input_is_popular_and_no_link() -> None:
    stream = Stream(DENSE, sketch_bytes(DENSE, 0), known(24, pictures(200)))
    base = pictures(1)
    found = stream.feed([1, 2, 3], dense(np.concatenate([base, base + 0.01, base])), exact=[1, 2, 3])
    assert found.partner[1] == 0
    assert found.partner[2] == -1


def test_where_ordinary_inputs_lie_dense_near_is_nothing() -> None:
    flat = 3 + 0.01 * pictures(50)
    stream = Stream(DENSE, sketch_bytes(DENSE, 0), known(24, np.concatenate([pictures(100), flat])))
    assert (stream.feed(list(range(30)), dense(3 + 0.01 * pictures(30))).partner < 0).all()


def test_a_model_that_is_not_known_links_nothing_dense() -> None:
    stream = Stream(DENSE, sketch_bytes(DENSE, 0), known()._replace(usable=np.uint64(0)))
    assert (stream.feed([1, 2, 3], dense(pictures(1) + 0.01 * pictures(3))).partner < 0).all()


def test_a_partner_leaves_with_the_room() -> None:
    stream = Stream(DENSE, sketch_bytes(DENSE, 0), known(24, pictures(200)))
    base = pictures(1)
    stream.feed([1], dense(base))
    for _ in range(4):
        stream.feed([9] * (ROOM // 4), dense(50 + pictures(1) + np.zeros((ROOM // 4, 24))), flags=REPEAT)
    assert stream.feed([2], dense(base + 0.01)).partner[0] == -1


def test_a_busy_client_does_not_fill_a_bucket() -> None:
    stream = Stream(DENSE, sketch_bytes(DENSE, 0), known(24, pictures(200)))
    base = pictures(1)
    stream.feed([1], dense(base))
    stream.feed([2] * 100, dense(base + 0.001 * pictures(100)))
    found = stream.feed([2], dense(base))
    assert found.partner[0] == -1, "an exact copy of another client's"
    assert stream.feed([2], dense(base + 0.002)).partner[0] == 0


def test_the_buckets_can_be_filled_anew() -> None:
    stream = Stream(DENSE, sketch_bytes(DENSE, 0), known(24, pictures(200)))
    base = pictures(1)
    stream.feed([1], dense(base))
    stream.index.buckets[:] = -1
    kinship.again(stream.index, stream.latest, 0, 1, stream.known)
    assert stream.feed([2], dense(base + 0.001)).partner[0] == 0


def test_nothing_is_read_behind_a_ring_that_still_grows() -> None:
    memory = np.full(RING, 5, np.uint64)  # what stands behind the ring is the client's own key, as after a move
    latest = Latest(memory[:40], dense(np.zeros((40, 24))))
    index, codes = kinship.index(DENSE, 64), np.zeros(TABLES, np.int64)
    for number in range(2):
        memory[number] = 5 + number
        kinship.remember(index, latest, number, codes)
    assert index.buckets[0, 0].tolist() == [0, 1] + [-1] * (BUCKET - 2)


def test_the_same_patch_on_different_bases() -> None:
    stream = Stream(DENSE, sketch_bytes(DENSE, 0), known(24, pictures(200)))
    segments = RANDOM.integers(1, 256, (2, SEGMENTS)).astype(np.uint8)
    segments[:, 7] = 99
    found = stream.feed([1, 2], dense(pictures(2), segments), flags=LINKED, mask=1 << 7)
    assert found.partner.tolist() == [-1, 0]
    assert found.channel[1] == PATCH


def test_a_change_of_everything_is_no_patch() -> None:
    sketch = dense(pictures(1))[0]
    assert patch_key(sketch, np.uint64(0)) == 0
    assert patch_key(sketch, np.uint64(2**36 - 1)) == 0
    assert patch_key(sketch, np.uint64(3)) != patch_key(sketch, np.uint64(5))


def test_the_usual_distance_counts_other_clients_once() -> None:
    samples = np.zeros((6, 24))
    samples[:, 0] = [1.0, 1.1, 1.2, 2.0, 4.0, 8.0]
    of = known(24, samples)._replace(clients=np.array([1, 1, 1, 2, 3, 4], np.uint64))
    one = dense(np.zeros((1, 24)))[0]
    codes, room = np.empty(TABLES, np.int64), (np.empty(64, np.int64), np.empty(64))
    encode(one, of.centre, codes)
    assert usual(one, np.uint64(9), codes, of, room) == pytest.approx(4.0, rel=0.05)
    assert usual(one, np.uint64(2), codes, of, room) == pytest.approx(8.0, rel=0.05)
    of = of._replace(clients=np.full(6, 2, np.uint64))
    assert usual(one, np.uint64(2), codes, of, room) == np.inf


def test_the_smallest_distances_of_different_owners() -> None:
    least, owners = np.full(3, np.inf), np.zeros(3, np.uint64)
    for distance, owner in ((5.0, 1), (4.0, 2), (4.5, 1), (3.0, 3), (6.0, 3), (1.0, 4)):
        if distance < least[2]:
            insert(least, owners, distance, np.uint64(owner))
    assert least.tolist() == [1.0, 3.0, 4.0]
    assert owners.tolist() == [4, 3, 2]


def test_crossings() -> None:
    samples = np.zeros((5, 24))
    samples[:, 0] = [1.0, 1.5, 4.0, 8.0, 8.0]
    of = known(24, samples)
    out = np.empty((5, 2))
    crossings(dense(samples), of.clients, of, out)
    assert out[0].tolist() == pytest.approx([0.5, 7.0], rel=0.05)
    assert out[4, 0] == np.inf


def test_the_least_recent_hash_makes_room() -> None:
    stream = Stream(OPAQUE, 1, known(usable=np.uint64(1 << EXACT)), meetings=1)
    nothing = np.zeros((1, 1), np.uint8)
    for second, exact in enumerate((1, 2, 3, 4)):
        stream.feed([1], nothing, exact=[exact], seconds=[second])
    stream.feed([1], nothing, exact=[5], seconds=[9])
    assert stream.feed([2], nothing, exact=[1], seconds=[10]).partner[0] == -1


def test_an_index_says_what_it_holds() -> None:
    assert Index._fields == ("buckets", "meetings", "clients", "latest", "looked")
    assert kinship.index(ROWS, 8).buckets.size == 0
