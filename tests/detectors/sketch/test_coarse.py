"""One picture written in several ways has one coarse hash; what says too little has none."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.sketch.dense import DenseSketcher

SKETCHER = DenseSketcher(bytes(range(32)))


def coarse(*inputs: np.ndarray) -> list[int]:
    values = np.concatenate([np.asarray(one, np.float32).ravel() for one in inputs])
    starts = np.cumsum([0, *(one.size for one in inputs)])[:-1]
    return SKETCHER.sketch(values, starts, [one.shape for one in inputs])[0].coarse.tolist()


@given(st.integers(1, 255), st.integers(0, 2**32 - 1))
def test_bytes_and_floats_of_one_picture_agree(most: int, seed: int) -> None:
    picture = np.random.default_rng(seed).integers(0, most + 1, (8, 8))
    share = picture.astype(np.float32) / np.float32(255)
    written = [picture, share, picture / 255.0, 2 * share - 1, (share - np.float32(0.1307)) / np.float32(0.3081)]
    assert len(set(coarse(*written))) == 1


def test_other_pictures_have_other_hashes() -> None:
    pictures = np.random.default_rng(0).integers(0, 256, (50, 8, 8))
    assert len(set(coarse(*pictures))) == 50
    turned = [pictures[0], pictures[0].T, 255 - pictures[0]]
    assert len(set(coarse(*turned))) == 3
    assert len(set(coarse(np.arange(32.0), np.arange(16.0), np.append(np.arange(32.0), 32)))) == 3


@pytest.mark.parametrize(
    "blank",
    [np.zeros(64), np.full(64, 7.0), np.append(np.zeros(63), 1.0), np.array([1.0]), np.arange(16.0) > 14],
    ids=["zeros", "constant", "one pixel", "one element", "few elements"],
)
def test_what_says_too_little_has_none(blank: np.ndarray) -> None:
    assert coarse(blank) == [0]
    edge = np.where(np.arange(64) < 16, np.arange(64), 0.0)
    assert coarse(edge) == [0], "fifteen elements off the most frequent level"
    assert coarse(np.where(np.arange(64) < 17, np.arange(64) + 9.0, 0.0)) != [0]


def test_huge_numbers_and_tiny_ones() -> None:
    huge = np.linspace(-3e38, 3e38, 64)
    assert coarse(huge) != [0]
    assert coarse(np.linspace(0, 1e-40, 64)) == coarse(np.linspace(0, 1e-40, 64))


def test_it_depends_on_the_key_and_not_on_the_neighbours() -> None:
    pictures = np.random.default_rng(1).random((3, 6, 6))
    assert coarse(*pictures)[1] == coarse(pictures[1])[0]
    other = DenseSketcher(bytes(32)).sketch(pictures[1].astype(np.float32).ravel(), np.zeros(1, np.int64), [(6, 6)])
    assert other[0].coarse[0] != coarse(pictures[1])[0]
