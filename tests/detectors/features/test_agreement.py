"""What shared cells are worth, and when chance or a client's habits explain that rows agree."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from walker import Walker, rows

from detectors.features.agreement import BIN, VALUE, nearest_strangers, repeated, worth
from detectors.features.baseline import Baseline, unknown
from detectors.features.layout import HABIT, LINKED, REPEAT
from detectors.sketch.queries import ROWS

NOTHING = np.zeros((2, 0, 8))


def moved(values: list[int], *columns: int) -> Any:
    """A row, and the same with other values in the same bins of those columns."""
    both = rows([values, values])
    for column in columns:
        both[1, 2 * column + 1] += 9
    return both


def test_an_equal_value_is_worth_more_than_a_bin_and_another_bin_takes_away() -> None:
    one, other = moved([1, 1, 1, 1], 0, 1)
    other[6] ^= 0xE0
    assert worth(one, other, NOTHING) == pytest.approx(2 * BIN + VALUE - np.log(4))


def test_rare_cells_are_worth_more() -> None:
    shared = np.zeros((2, 2, 8))
    shared[0, 0], shared[1, 1] = np.arange(8), 10 * np.arange(8)
    assert worth(*moved([2, 3], 0), shared) == 2 + 30
    assert worth(*moved([7, 7], 0), shared) == 7 + 70


@pytest.mark.parametrize(("columns", "flags"), [(1, 0), (2, 0), (3, 0), (6, LINKED)])
def test_one_column_away_is_near_only_where_there_are_others(columns: int, flags: int) -> None:
    walker = Walker(ROWS, columns=columns)
    walker(rows([[1] * columns, [2] + [1] * (columns - 1)]), exact=[1, 2])
    assert walker.window()["flags"].tolist()[1] & LINKED == flags


def test_the_very_same_row_is_linked_however_common() -> None:
    walker = Walker(ROWS, columns=1)
    walker(rows([[1], [1]]), exact=[1, 1])
    assert walker.window()["flags"].tolist()[1] & (LINKED | REPEAT) == LINKED | REPEAT


def weighed(shared: float, chance: float) -> Baseline:
    """A model of six columns, each bin of which is worth as much as `shared`."""
    return unknown(6)._replace(shared=np.full((2, 6, 8), shared), chance=chance)


@pytest.mark.parametrize(("chance", "linked"), [(11.9, True), (12.0, False), (-np.inf, True)])
def test_a_link_is_worth_more_than_chance_makes_likely(chance: float, linked: bool) -> None:
    walker = Walker(ROWS, columns=6, baseline=weighed(2.0, chance))
    walker(moved([1] * 6, 0, 1))
    assert bool(walker.window()["flags"][1] & LINKED) == linked


@pytest.mark.parametrize(("habits", "says"), [(range(6), HABIT), (range(2), 0), ((), 0)])
def test_rows_alike_by_habit_are_no_copies(habits: Any, says: int) -> None:
    """Rows before, which have the bins of the later two in some columns, and are far from them in others."""
    before = rows([[1 if j in habits else 2 + i % 2 + 2 * (j % 2) for j in range(6)] for i in range(40)])
    before[:, 1::2] += np.arange(40, dtype=np.uint8)[:, None]
    walker = Walker(ROWS, columns=6, baseline=weighed(2.0, -np.inf))
    walker(before)
    if len(habits) == 6:  # as if these were clusters of their own
        entries = walker.windows.state.entries
        entries["base"] += np.arange(entries.size).reshape(entries.shape).astype(np.uint32)
    copies = moved([1] * 6, *range(6))
    copies[:, 1::2] += 100
    walker(copies)
    flags = walker.window()["flags"][-1]
    assert flags & LINKED
    assert flags & HABIT == says


def test_columns_that_hang_together_count_once() -> None:
    same, other = moved([1, 1, 1], 0)
    pairs = np.full((3, 8, 8), 1.5)
    assert repeated(same, other, pairs) == pytest.approx(3.0), "three pairs of three columns: a tree has two of them"
    assert repeated(same, other, -pairs) == 0
    assert repeated(same, other, np.zeros((0, 8, 8))) == 0
    other[0] ^= 0xE0
    assert repeated(same, other, pairs) == pytest.approx(1.5)


def test_the_nearest_is_a_strangers_and_no_equal_row() -> None:
    given = np.concatenate([moved([1] * 6, 0), rows([[1] * 6, [5] * 6])])
    out = np.zeros(4)
    nearest_strangers(given, np.array([1, 1, 2, 3], np.uint64), 2, NOTHING, out)
    assert np.isnan(out[0]), "an equal row does not count"
    assert out[2] == pytest.approx(BIN + 5 * VALUE)
    assert out[3] == -np.inf
    assert out[1] == pytest.approx(BIN + 5 * VALUE)
