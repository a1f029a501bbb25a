import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from detectors.features.layout import PAGE
from detectors.features.neighbours import (
    EXPONENT,
    HALF_CELL,
    changes,
    dense_distance,
    nearest,
    nearest_stranger,
    pack_dense,
    row_to,
    sketch_bytes,
    text_to,
    unpack_dense,
)
from detectors.sketch.queries import DENSE, MAX_WIDTH, MINHASHES, OPAQUE, ROWS, SEGMENTS, TEXT

ORDINARY = st.floats(-1e6, 1e6, width=32)


def row_apart(a: np.ndarray, b: np.ndarray) -> float:
    return row_to(a, b.reshape(1, -1), 0)


def room(n: int) -> tuple[np.ndarray, np.ndarray]:
    return np.empty(n, np.int64), np.empty(n)


def text_apart(a: np.ndarray, b: np.ndarray) -> float:
    return text_to(a, b.reshape(1, -1), 0)


vectors = arrays(np.float32, MAX_WIDTH, elements=ORDINARY)
none = np.zeros(MAX_WIDTH, np.float32)


def packed(projection: np.ndarray, segments: object = 0) -> np.ndarray:
    out = np.zeros((1, sketch_bytes(DENSE, 0)), np.uint8)
    fingerprints = np.zeros((1, SEGMENTS), np.uint8)
    fingerprints[:] = segments
    pack_dense(np.asarray(projection, np.float32).reshape(1, -1), fingerprints, out)
    return out[0]


def unpacked(sketch: np.ndarray) -> np.ndarray:
    out = np.zeros(MAX_WIDTH, np.float32)
    unpack_dense(sketch, out)
    return out


@given(vectors)
def test_a_packed_projection_is_off_by_half_a_unit_at_most(projection: np.ndarray) -> None:
    """A unit is the largest component over 127, rounded up to a power of two."""
    most = float(abs(projection).max())
    unit = max(2 * most / 127, 2.0**-100)
    assert float(abs(unpacked(packed(projection)) - projection).max()) <= unit / 2 * 1.0001


@given(vectors, vectors)
def test_a_packed_distance_is_off_by_the_rounding_at_most(a: np.ndarray, b: np.ndarray) -> None:
    true = float(np.linalg.norm(a.astype(float) - b.astype(float)))
    error = sum(max(2 * float(abs(x).max()) / 127, 2.0**-100) / 2 * MAX_WIDTH**0.5 for x in (a, b))
    assert dense_distance(packed(a), packed(b)) == pytest.approx(true, abs=error * 1.001 + 1e-5 * true)


@given(vectors)
def test_an_input_is_at_no_distance_from_itself(projection: np.ndarray) -> None:
    assert dense_distance(packed(projection), packed(projection)) == 0


@given(vectors, vectors, st.sampled_from([1.0, 2.0**-6, 2.0**7, 1e-30]))
def test_the_window_measures_as_a_pair_does(a: np.ndarray, b: np.ndarray, scale: float) -> None:
    """Whether two sketches have the same unit or not: the scan over a window has a shorter way for the first."""
    other, mine = packed(b * np.float32(scale)), packed(a)
    sketches = np.zeros((2, PAGE, len(mine)), np.uint8)
    sketches[1, 0] = other
    found = nearest(DENSE, mine, 1, np.array([1, -1], np.int32), sketches, room(2 * PAGE))
    assert found == (0, dense_distance(mine, other), dense_distance(mine, other))
    assert dense_distance(other, mine) == dense_distance(mine, other)


@pytest.mark.parametrize("scale", [1e-38, 1e-30, 1.0, 1e30, 3e38])
def test_extreme_scales_stay_finite(scale: float) -> None:
    a = np.full(MAX_WIDTH, scale, np.float32)
    assert np.isfinite(unpacked(packed(a))).all()
    exponent = int(packed(a)[EXPONENT])
    assert -100 <= (exponent - 256 if exponent > 127 else exponent) <= 100


def test_zeros_are_at_a_distance_from_small_inputs() -> None:
    small = np.full(MAX_WIDTH, 5e-5, np.float32)
    assert dense_distance(packed(none), packed(small)) == pytest.approx(4e-4, rel=0.02)
    assert dense_distance(packed(none), packed(none)) == 0


def test_rows_count_changed_cells() -> None:
    a = np.array([0b001_00000, 7, 0b010_00000, 8, 0b011_00000, 9], np.uint8)
    near, far, same_code = a.copy(), a.copy(), a.copy()
    near[0] += 1  # another value in the same coarse bin
    far[0] = 0b111_00000
    same_code[3] = 0  # the code's byte is equal, the value's is not
    assert row_apart(a, a) == 0
    assert row_apart(a, near) == row_apart(a, same_code) == HALF_CELL
    assert row_apart(a, far) == 1
    assert row_apart(a, np.zeros(6, np.uint8)) == 3


def test_texts_count_equal_bytes() -> None:
    a = np.arange(MINHASHES, dtype=np.uint8)
    b = a.copy()
    b[:8] += 100
    assert text_apart(a, a) == 0
    assert text_apart(a, b) == 8 / MINHASHES
    assert text_apart(a, a + np.uint8(100)) == 1


def test_each_kind_is_measured_in_its_own_way() -> None:
    def alone(kind: int, mine: np.ndarray, other: np.ndarray) -> float:
        sketches = np.zeros((1, PAGE, len(mine)), np.uint8)
        sketches[0, 0] = other
        return nearest(kind, mine, 1, np.zeros(1, np.int32), sketches, room(PAGE))[1]

    row, text = np.array([32, 1], np.uint8), np.zeros(MINHASHES, np.uint8)
    half = np.zeros(MAX_WIDTH, np.float32)
    half[:4] = 1
    assert alone(DENSE, packed(half), packed(none)) == 2
    assert alone(ROWS, row, row + np.uint8(32)) == 1
    assert alone(TEXT, text, text + np.uint8(1)) == 1


def test_changes_name_segments_and_columns() -> None:
    other = np.zeros(SEGMENTS, np.uint8)
    other[[0, 35]] = 9
    assert int(changes(DENSE, packed(none), packed(none, other))) == 1 | 1 << 35
    row = np.zeros(6, np.uint8)
    moved = row.copy()
    moved[[1, 4]] = 5  # the value of the first column, the code of the third
    assert int(changes(ROWS, row, moved)) == 0b101
    wide, other = np.zeros(160, np.uint8), np.ones(160, np.uint8)
    assert int(changes(ROWS, wide, other)) == 2**64 - 1, "of 80 columns the first 64"
    text = np.zeros(MINHASHES, np.uint8)
    assert int(changes(TEXT, text, text + np.uint8(1))) == 0


def test_sketch_bytes() -> None:
    assert [sketch_bytes(kind, 12) for kind in (OPAQUE, DENSE, ROWS, TEXT)] == [1, 101, 24, 56]
    assert sketch_bytes(ROWS, 0) == 0


def looked_up(rows: list[int], asked: int, pages: int = 2) -> tuple[int, float, float]:
    """The nearest of a client's rows of one column (coarse codes), which lie in a ring of so many pages."""
    sketches = np.zeros((pages, PAGE, 2), np.uint8)
    for query, code in enumerate(rows):
        ring = query % (pages * PAGE)
        sketches[ring // PAGE, ring % PAGE, 0] = code << 5
    mine = np.array([asked << 5, 0], np.uint8)
    return nearest(ROWS, mine, len(rows), np.arange(pages, dtype=np.int32), sketches, room(pages * PAGE))


def test_the_first_query_has_no_neighbour() -> None:
    best, near, far = looked_up([], 3)
    assert best == -1
    assert np.isnan([near, far]).all()


def test_of_equally_near_ones_the_latest_wins() -> None:
    assert looked_up([3, 5, 3, 5], 3) == (2, 0.0, 0.5)
    assert looked_up([5, 5, 5], 3) == (2, 1.0, 1.0)


def test_what_has_left_the_window_is_no_neighbour() -> None:
    assert looked_up([3] + [5] * 15, 3)[0] == 0
    best, near, far = looked_up([3] + [5] * 16, 3)
    assert (best, near, far) == (16, 1.0, 1.0)


def test_opaque_inputs_have_no_neighbours() -> None:
    best, near, far = nearest(
        OPAQUE, np.zeros(1, np.uint8), 5, np.zeros(1, np.int32), np.zeros((1, 8, 1), np.uint8), room(8)
    )
    assert best == -1
    assert np.isnan([near, far]).all()


def strangers(places: list[float], clients: list[int], most: int) -> list[float]:
    """Distances to the nearest of other clients, of points on a line."""
    sketches = np.stack([packed(np.array([at, *[0] * (MAX_WIDTH - 1)])) for at in places])
    out = np.zeros(len(places))
    nearest_stranger(sketches, np.array(clients, np.uint64), most, out)
    return out.tolist()


def test_the_nearest_of_other_clients() -> None:
    assert strangers([0, 1, 3, 7], [1, 1, 2, 2], 2) == [3, 2, 2, 6]


def test_only_the_latest_before_it_are_looked_at_in_a_ring() -> None:
    assert strangers([0, 1, 3, 7], [1, 1, 2, 2], 1) == [7, 6, 2, 6]


def test_without_enough_of_other_clients_there_is_no_nearest() -> None:
    assert np.isnan(strangers([0, 1, 3, 7], [1, 1, 2, 2], 3)).all()
    assert np.isnan(strangers([0, 1, 3, 7], [1, 1, 1, 1], 1)).all()
    assert np.isnan(strangers([0], [1], 1)).all()


def test_a_picture_that_many_send_is_one() -> None:
    assert np.isnan(strangers([1, 1], [1, 2], 1)).all()
    assert strangers([1, 1, 4], [1, 2, 3], 1) == [3, 3, 3]
