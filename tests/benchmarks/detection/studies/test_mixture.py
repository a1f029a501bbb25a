"""The mixture learnt along the stream is as good as one fitted at once, on windows with profiles and strangers."""

from __future__ import annotations

import os

import numpy as np
import pytest

pytest.importorskip("sklearn")

from studies.mixture import HEAD, Windows, batch, compared, measured, product, strangest

pytestmark = pytest.mark.skipif(os.environ.get("NUMBA_DISABLE_JIT") == "1", reason="thousands of rows")


def windows(seed: int = 0, strangers: float = 3.0) -> Windows:
    """Four ways of honest use in ten features, each client with habits of its own, and strangers in between."""
    random = np.random.default_rng(seed)
    ways = random.normal(0, 3, (4, 10))
    parts = {"teach": 300, "honest": 300, "hostile": 100}
    of = np.repeat(np.arange(sum(parts.values())), 3)
    centre = ways[random.integers(0, 4, len(of) // 3)]
    centre[600:] = random.normal(0, strangers, (100, 10))
    rows = (centre + random.normal(0, 0.5, centre.shape))[of] + random.normal(0, 0.3, (len(of), 10))
    keys = random.integers(0, 2**63, sum(parts.values())).astype(np.uint64)[of]
    return Windows(rows, keys, of < 300, (of >= 300) & (of < 600), of >= 600)


def test_it_is_as_good_as_one_fitted_at_once() -> None:
    found = windows()
    ours, theirs = measured(found, product(found)), measured(found, batch(12, 0.05, halves=False)(found))
    assert ours[0] > theirs[0] - 0.03
    assert ours[0] > 0.9
    assert np.mean(ours[1:]) > np.mean(theirs[1:]) - 0.05


def test_where_there_is_nothing_to_tell_apart_nothing_is_told() -> None:
    found = windows()
    same = Windows(found.rows, found.clients, found.teach, found.honest, found.honest)
    assert measured(same, product(same))[0] == pytest.approx(0.5)


def test_the_strangest_block_of_each_client_counts() -> None:
    keys, values = np.array([5, 3, 5, 3], np.uint64), np.array([1.0, 4.0, 9.0, 2.0])
    assert strangest(keys, values).tolist() == [4.0, 9.0]


def test_too_few_windows_are_told() -> None:
    found = windows()
    with pytest.raises(ValueError, match="too few"):
        product(Windows(found.rows, found.clients, found.teach & False, found.honest, found.hostile))


def test_the_table_has_a_line_for_each() -> None:
    lines = compared(windows()).splitlines()
    assert len(lines) == 2 + 5
    assert all(line.count("|") == len(HEAD) + 1 for line in lines)
