"""Projections estimate distances; parts and wholes are equal where the input is; nothing depends on the batch."""

from __future__ import annotations

import os

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.sketch.dense import DENSE_MOST, DenseSketcher, cells, width_of
from detectors.sketch.queries import MAX_WIDTH, SEGMENTS, DenseSketches

SLOW = os.environ.get("NUMBA_DISABLE_JIT") == "1"  # kernels run uncompiled
SKETCHER = DenseSketcher(bytes(range(32)))


def sketch(
    inputs: np.ndarray, shape: tuple[int, ...] | None = None, sketcher: DenseSketcher = SKETCHER
) -> tuple[DenseSketches, np.ndarray]:
    """Sketches of the rows of (m, d)."""
    m, size = inputs.shape
    return sketcher.sketch(inputs.astype(np.float32).ravel(), np.arange(m) * size, [shape or (size,)] * m)


@pytest.mark.skipif(SLOW, reason="many large inputs")
@pytest.mark.parametrize("size", [130, 784, DENSE_MOST, DENSE_MOST + 1, 20_000])
def test_distances_are_those_of_the_inputs_over_the_root_of_their_size(size: int) -> None:
    rng = np.random.default_rng(size)
    inputs = rng.normal(size=(60, size))
    steps = inputs * 0.7 + rng.normal(size=(60, size)) * rng.random((60, 1))
    a, b = sketch(inputs)[0].projection, sketch(steps)[0].projection
    estimated = np.linalg.norm(a - b, axis=1)
    true = np.linalg.norm(inputs - steps, axis=1) / np.sqrt(size)
    ratio = estimated**2 / true**2
    assert abs(ratio.mean() - 1) < 0.09  # standard error sqrt(2 / 64 / 60) = 0.023
    assert 0.1 < ratio.std() < 0.27  # sqrt(2 / 64) = 0.18
    assert abs(np.log(ratio)).max() < 1


def test_a_sparse_change_in_a_large_input_is_not_lost() -> None:
    """The sparse projection is fair to inputs that differ in few elements, in the mean over keys."""
    size = DENSE_MOST + 500
    a = np.zeros((1, size))
    b = a.copy()
    b[0, 77] = 3.0
    for key in range(1 if SLOW else 5):
        sketcher = DenseSketcher(bytes([key]) * 32)
        both = sketch(np.vstack([a, b]), sketcher=sketcher)[0].projection
        assert np.linalg.norm(both[0] - both[1]) == pytest.approx(3 / np.sqrt(size), rel=1e-5)


@pytest.mark.parametrize("size", [1, 2, 3, 4, 48, 129, 784])
def test_width_is_less_than_half_the_size(size: int) -> None:
    made = sketch(np.random.default_rng(0).normal(size=(2, size)))[0]
    assert made.width.tolist() == [width_of(size)] * 2
    assert width_of(size) < size / 2
    assert width_of(size) <= MAX_WIDTH
    assert np.all(made.projection[:, width_of(size) :] == 0)
    assert np.all(made.projection[:, : width_of(size)] != 0)
    assert made.size.tolist() == [size] * 2


def test_spread_is_the_standard_deviation() -> None:
    inputs = np.random.default_rng(1).normal(3, 2, size=(5, 48)).astype(np.float32)
    assert sketch(inputs)[0].spread == pytest.approx(inputs.astype(float).std(axis=1), rel=1e-6)


@pytest.mark.parametrize(
    ("shape", "parts"),
    [
        ((28, 28), 36),
        ((28, 28, 1), 36),
        ((32, 32, 3), 36),
        ((3, 32, 32), 36),
        ((1, 28, 28), 36),
        ((1, 3, 32, 32), 36),
        ((4, 5), 20),
        ((7,), 7),
        ((100,), 36),
        ((1, 48), 36),
        ((48, 1), 36),
        ((2, 10, 10), 36),
    ],
)
def test_parts_of_shapes(shape: tuple[int, ...], parts: int) -> None:
    cell = cells(shape)
    assert len(cell) == np.prod(shape)
    assert len(set(cell.tolist())) == parts
    made = sketch(np.ones((1, len(cell))), shape)[0].segments[0]
    assert np.count_nonzero(made) == parts


def test_a_patch_changes_its_own_cells() -> None:
    """A 4 x 4 patch in the corner of a colour image touches one cell of 6 x 6, in either order of the channels."""
    image = np.random.default_rng(2).random((32, 32, 3)).astype(np.float32)
    patched = image.copy()
    patched[:4, :4] = 1
    for shape, axes in (((32, 32, 3), (0, 1, 2)), ((3, 32, 32), (2, 0, 1))):
        both = np.vstack([one.transpose(axes).ravel() for one in (image, patched)])
        a, b = sketch(both, shape)[0].segments
        assert np.flatnonzero(a != b).tolist() == [0]


def test_equal_parts_by_chance() -> None:
    inputs = np.random.default_rng(3).random((400, 48))
    made = sketch(inputs)[0].segments
    equal = (made[:-1] == made[1:]).mean()
    assert abs(equal - 1 / 255) < 0.002


def test_the_whole_hash_sees_every_element_and_no_shape() -> None:
    rng = np.random.default_rng(4)
    inputs = np.repeat(rng.random((1, 49)), 50, axis=0)
    inputs[np.arange(49), np.arange(49)] += 1e-3
    exact = sketch(inputs)[1]
    assert len(set(exact.tolist())) == 50
    assert sketch(inputs, (7, 7))[1].tolist() == exact.tolist()
    assert sketch(np.zeros((1, 3)))[1] != sketch(np.zeros((1, 4)))[1]


def test_what_floats_cannot_hold_stays_finite() -> None:
    made, _ = sketch(np.full((1, 100), np.float32(3e38)))
    assert np.isfinite(made.projection).all()
    assert np.isfinite((made.projection.astype(np.float32) ** 2).sum())


def test_minus_zero_is_zero() -> None:
    a, b = sketch(np.array([[0.0] * 48, [-0.0] * 48]))[0].segments
    assert a.tolist() == b.tolist()
    assert len(set(sketch(np.array([[0.0] * 3, [-0.0] * 3]))[1].tolist())) == 1


@pytest.mark.skipif(SLOW, reason="many large inputs")
@given(st.lists(st.sampled_from([(3,), (48,), (8, 8), (5000,)]), min_size=1, max_size=8), st.integers(0, 7))
@settings(max_examples=25, deadline=None)
def test_rows_do_not_depend_on_the_batch(shapes: list[tuple[int, ...]], one: int) -> None:
    one %= len(shapes)
    sizes = [int(np.prod(shape)) for shape in shapes]
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    values = np.random.default_rng(sum(sizes)).normal(size=sum(sizes)).astype(np.float32)
    made, exact = SKETCHER.sketch(values, starts, shapes)
    alone, alone_exact = SKETCHER.sketch(values[starts[one] :][: sizes[one]], np.zeros(1, np.int64), [shapes[one]])
    for name in DenseSketches.__slots__:
        assert getattr(made, name)[one].tobytes() == getattr(alone, name)[0].tobytes()
    assert exact[one] == alone_exact[0]


def test_keys_are_apart() -> None:
    inputs = np.random.default_rng(5).random((1, 784))
    (a, exact_a), (b, exact_b) = sketch(inputs), sketch(inputs, sketcher=DenseSketcher(bytes(32)))
    assert np.linalg.norm(a.projection - b.projection) > 0.1
    assert (a.segments == b.segments).sum() < 5
    assert exact_a != exact_b
    assert a.segments.shape == (1, SEGMENTS)
