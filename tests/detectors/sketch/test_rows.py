"""Cells of rows: equal values are equal, other types are other values, and the order of columns says nothing."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.sketch.rows import Cell, RowSketcher

SKETCHER = RowSketcher(bytes(range(32)))
CELLS = st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**64), 2**64) | st.text(max_size=9)
ROWS = st.dictionaries(st.text(max_size=5), CELLS | st.booleans() | st.none(), min_size=1, max_size=9)


def value(cell: Cell) -> int:
    return int(SKETCHER.sketch([{"column": cell}])[0].value[0])


@pytest.mark.parametrize(("a", "b"), [(1, 1.0), (0.0, -0.0), (0, -0.0), (2**60, 2.0**60), (-3, -3.0)])
def test_equal_values(a: float, b: float) -> None:
    assert value(a) == value(b)


def test_other_values() -> None:
    others = [0, 1, "1", "1.0", True, False, None, "", "true", "None", 1.0000001, -1, 2**60 + 1, 2**60, str(2**60 + 1)]
    assert len({value(other) for other in others}) == len(others)


def test_the_order_of_columns_says_nothing() -> None:
    a, exact_a = SKETCHER.sketch([{"a": 1, "b": "x", "c": 2.5}])
    b, exact_b = SKETCHER.sketch([{"c": 2.5, "a": 1, "b": "x"}])
    assert all(np.array_equal(getattr(a, name), getattr(b, name)) for name in ("start", "name", "value", "code"))
    assert exact_a == exact_b


def test_leaving_a_column_out_is_one_xor() -> None:
    made, exact = SKETCHER.sketch([{"a": 1, "b": "x", "c": 2.5}, {"a": 1, "c": 2.5}])
    (b,) = set(made.value[:3].tolist()) - set(made.value[3:].tolist())
    assert int(exact[0]) ^ b == exact[1]


def test_the_same_value_in_two_columns_has_two_hashes() -> None:
    made, exact = SKETCHER.sketch([{"a": 1, "b": 1}])
    assert len(set(made.value.tolist())) == 2
    assert exact[0] > 1


def test_codes_tell_small_steps_from_large_ones() -> None:
    """Within a half-octave the code stays; ten octaves have about as many codes as chance gives 8."""
    near = {int(SKETCHER.sketch([{"c": number}])[0].code[0]) for number in np.linspace(1.0, 1.4142, 50).tolist()}
    assert len(near) == 1
    codes = [int(SKETCHER.sketch([{"c": 2.0**power}])[0].code[0]) for power in range(-40, 40)]
    assert set(codes) == set(range(8))
    assert sum(a != b for a, b in pairwise(codes)) > 55
    signs = [[SKETCHER.sketch([{f"c{i}": s * 5.0}])[0].code[0] for s in (1, -1)] for i in range(40)]
    assert sum(a != b for a, b in signs) > 25


def test_half_octaves_begin_at_the_root_of_two() -> None:
    below, above = math.nextafter(math.sqrt(2), 0), math.sqrt(2)
    names = [f"c{i}" for i in range(40)]
    a, b, one, two = (
        SKETCHER.sketch([dict.fromkeys(names, number)])[0].code.tolist() for number in (below, above, 1.0, 1.99)
    )
    assert a == one
    assert b == two
    assert a != b


@given(st.lists(ROWS, min_size=1, max_size=6), st.integers(0, 5))
@settings(max_examples=60, deadline=None)
def test_rows_do_not_depend_on_the_batch(rows: list[dict[str, Cell]], one: int) -> None:
    one %= len(rows)
    made, exact = SKETCHER.sketch(rows)
    alone, alone_exact = SKETCHER.sketch([rows[one]])
    part = slice(made.start[one], made.start[one + 1])
    for name in ("name", "value", "code"):
        assert getattr(made, name)[part].tobytes() == getattr(alone, name).tobytes()
    assert exact[one] == alone_exact[0] != 0
    assert np.all(np.diff(made.name[part].astype(np.int64)) >= 0)


def test_no_rows() -> None:
    made, exact = SKETCHER.sketch([])
    assert (made.start.tolist(), len(made.value), len(exact)) == ([0], 0, 0)


def test_keys_are_apart() -> None:
    row: dict[str, Cell] = {f"c{i}": i for i in range(50)}
    (a, _), (b, _) = SKETCHER.sketch([row]), RowSketcher(bytes(32)).sketch([row])
    assert not set(a.name.tolist()) & set(b.name.tolist())
    assert not set(a.value.tolist()) & set(b.value.tolist())
