"""How much a link has to be worth, as rows of different clients tell it."""

from __future__ import annotations

import numpy as np
import pytest

from detectors.features.baseline import CROWD, unknown
from detectors.scoring import agreements, baselines


def packed(codes: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Rows of these codes and values (n, columns)."""
    out = np.zeros((len(codes), 2 * codes.shape[1]), np.uint8)
    out[:, 0::2], out[:, 1::2] = codes << 5, values
    return out


def drawn(columns: int, n: int = 600) -> np.ndarray:
    rng = np.random.default_rng(columns)
    return packed(rng.integers(0, 8, (n, columns)), rng.integers(0, 256, (n, columns)))


EACH = np.arange(600).astype(np.uint64)


def test_where_most_rows_are_near_a_link_must_be_worth_more_than_chance() -> None:
    found = agreements.fit(drawn(2), EACH, unknown(2))
    assert np.isfinite(found.chance)
    assert found.chance >= np.log(CROWD)
    assert found.shared.shape == (2, 2, 8)


def test_where_few_rows_are_near_every_near_row_is_linked() -> None:
    assert agreements.fit(drawn(8), EACH, unknown(8)).chance == -np.inf


def test_one_client_tells_nothing_of_strangers() -> None:
    before = unknown(2)
    assert agreements.fit(drawn(2), np.zeros(600, np.uint64), before) is before


def test_a_few_rows_that_clients_share_make_no_table_narrow() -> None:
    given = drawn(8)
    given[:60] = given[0]
    given[:60, 1] = np.arange(60)
    assert agreements.fit(given, EACH, unknown(8)).chance == -np.inf


def test_equal_values_of_few_are_worth_as_little_as_their_bins() -> None:
    codes = np.repeat([[0, 0], [0, 1], [0, 2], [0, 2]], 100, axis=0)
    values = np.stack([np.zeros(400, int), np.arange(400) % 200], axis=1)
    bins, equal = agreements.rarities(packed(codes, values))
    assert bins[0, 0] == pytest.approx(0.0, abs=0.02)
    assert equal[0, 0] == bins[0, 0]
    assert bins[1, 2] == pytest.approx(np.log(2), abs=0.02)
    assert equal[1, 2] - bins[1, 2] == pytest.approx(np.log(200))
    assert bins[1, 7] > 6, "a bin that was never met"


def test_a_dump_of_before_agreements_were_weighed_is_read() -> None:
    arrays = baselines.dump(unknown(5))
    del arrays["shared"], arrays["chance"]
    again = baselines.load(arrays)
    assert again.chance == unknown().chance
    assert again.shared.shape == (2, 0, 8)
