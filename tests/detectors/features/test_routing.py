"""Where queries are sent beside the stream of all, and what counts as one patch on several bases."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from walker import Walker, dense, known, opaque, rows, texts

from detectors.features.baseline import unknown
from detectors.features.layout import CHAINED, LINKED, REPEAT, SAME_PATCH, STRANGE
from detectors.features.routing import ODD, ODD_ROW, parts
from detectors.sketch.queries import DENSE, OPAQUE, ROWS, SEGMENTS, TEXT

A, B = [10.0, 0, 0], [0, 10.0, 0]  # two bases, far apart


def picture(content: int, *changed: int, to: int = 99, filled: int = SEGMENTS) -> list[int]:
    """Fingerprints of a picture's segments, of which some are changed."""
    fingerprints = np.zeros(SEGMENTS, int)
    fingerprints[:filled] = content
    fingerprints[list(changed)] = to
    return fingerprints.tolist()


def patches(walker: Walker) -> list[bool]:
    return [bool(flag & SAME_PATCH) for flag in walker.window()["flags"]]


def patched_twice(*, first: tuple[int, ...] = (5,), second: tuple[int, ...] = (5,), **given: Any) -> list[bool]:
    """Two bases, then each with changed segments."""
    filled = given.pop("filled", SEGMENTS)
    segments = [
        picture(1, filled=filled), picture(2, filled=filled), picture(1, *first, filled=filled),
        picture(2, *second, filled=filled),
    ]  # fmt: skip
    walker = Walker(DENSE, width=3, baseline=given.pop("baseline", None))
    walker(dense([A, B, [10, 0, 1], [0, 10, 1]], segments), **({"exact": [1, 2, 3, 4]} | given))
    return patches(walker)


def test_a_patch_moves_from_base_to_base_whether_or_not_it_is_near() -> None:
    assert patched_twice() == [False, False, False, True], "no distance is known yet"
    assert patched_twice(baseline=known(3, link=0.1)) == [False, False, False, True], "a bright patch is no link"
    assert patched_twice(baseline=known(3, link=2.0)) == [False, False, False, True]


def test_other_places_are_another_patch() -> None:
    assert not any(patched_twice(second=(6,)))
    assert not any(patched_twice(second=(5, 6)))


@pytest.mark.parametrize(
    ("size", "filled", "found"),
    [(9, 36, True), (10, 36, False), (1, 4, True), (2, 4, False), (1, 3, False), (3, 3, False)],
)
def test_a_patch_is_small_beside_what_it_is_put_on(size: int, filled: int, found: bool) -> None:
    places = tuple(range(size))
    assert patched_twice(first=places, second=places, filled=filled)[3] == found


@pytest.mark.parametrize("exact", [[1, 2, 3, 3], [1, 2, 2, 3]])
def test_a_repeat_is_no_patch_and_follows_none(exact: list[int]) -> None:
    assert not any(patched_twice(exact=exact))


def test_more_of_a_patch_on_one_base_is_a_search_and_no_patch() -> None:
    walker = Walker(DENSE, width=3, baseline=known(3, link=2.0))
    segments = [picture(1), picture(2), picture(1, 5), picture(1, 5, to=98)]
    walker(dense([A, B, [10, 0, 1], [10, 0, 1.5]], segments), exact=[1, 2, 3, 4])
    assert walker.window()["base"].tolist() == [0, 1, 0, 0]
    assert not any(patches(walker))


def test_the_first_comparison_follows_none() -> None:
    """The query before has to have been compared with another one itself."""
    walker = Walker(DENSE, width=3)
    walker(dense([A, [10, 0, 1]], [picture(1), picture(1, 5)]), exact=[1, 2])
    assert not any(patches(walker))


def planted(columns: int, *values: tuple[int, ...]) -> list[bool]:
    """Two rows, then each with these values in its first columns."""
    one, other = [1] * columns, [4] * columns
    changed = [[*there, *row[len(there) :]] for there, row in zip(values, (one, other), strict=True)]
    walker = Walker(ROWS, columns=columns)
    walker(rows([one, other, *changed]), exact=[1, 2, 3, 4])
    return patches(walker)


def test_the_same_values_in_the_same_columns_of_two_rows() -> None:
    assert planted(6, (7, 6), (7, 6)) == [False, False, False, True]
    assert not any(planted(6, (7, 6), (7, 5))), "the same columns, another value"
    assert not any(planted(6, (7,), (7,))), "one column is a question of what if"


@pytest.mark.parametrize(("columns", "found"), [(7, False), (8, True)])
def test_half_a_row_at_most(columns: int, found: bool) -> None:
    codes = np.zeros((4, columns), int)
    codes[1::2, 4:] = 5
    sketches = rows(codes)
    sketches[2:, 1:8:2] += 9  # other values of the first four columns, the same coarse codes
    walker = Walker(ROWS, columns=columns)
    walker(sketches, exact=[1, 2, 3, 4])
    assert [int(mask) for mask in walker.window()["mask"][2:]] == [0b1111, 0b1111]
    assert patches(walker)[3] == found


@pytest.mark.parametrize("kind", [OPAQUE, TEXT])
def test_other_inputs_have_no_patches(kind: int) -> None:
    walker = Walker(kind)
    walker({OPAQUE: opaque, TEXT: texts}[kind](6), exact=np.arange(1, 7))
    assert not any(patches(walker))


def test_parts_are_columns_and_filled_segments() -> None:
    assert parts(ROWS, rows([[0] * 5])[0]) == 5
    assert parts(DENSE, dense([A], [picture(1)])[0]) == SEGMENTS
    assert parts(DENSE, dense([A], [picture(1, filled=3)])[0]) == 3


def strangers(walker: Walker, sketches: Any, **given: Any) -> list[bool]:
    out, _ = walker(sketches, **given)
    return [bool(routed & STRANGE) for routed in out.routed[: len(sketches)]]


def test_dense_inputs_are_strange_on_both_sides_of_the_manifold() -> None:
    walker = Walker(DENSE, width=3, baseline=known(3)._replace(own=np.array([0.0, 1.0])))
    error = [0.0, ODD - 0.1, ODD + 0.1, 0.1 - ODD, -0.1 - ODD, np.nan]
    assert strangers(walker, dense([A] * 6), error=error) == [False, False, True, False, True, False]


@pytest.mark.parametrize(
    ("rarity", "dependence", "strange"),
    [(0.0, 0.0, False), (ODD + 0.1, 0.0, True), (-9.0, 0.0, False), (0.0, -ODD_ROW - 0.1, True), (0.0, 9.0, False)],
)
def test_rows_are_strange_by_rare_values_or_by_columns_that_do_not_belong_together(
    rarity: float, dependence: float, strange: bool
) -> None:
    singles, pairs = np.zeros((3, 8)), np.zeros((3, 8, 8))
    singles[0, 5], pairs[0, 5, 6] = rarity, dependence
    unit = np.array([0.0, 1.0])
    baseline = unknown(3)._replace(singles=singles, pairs=pairs, dependence=unit, rarity=unit)
    assert strangers(Walker(ROWS, 3, baseline=baseline), rows([[5, 6, 7]])) == [strange]


def test_before_anything_is_learnt_nothing_is_strange() -> None:
    assert not any(strangers(Walker(ROWS, 3), rows([[5, 6, 7]])))
    assert not any(strangers(Walker(DENSE, width=3), dense([A, B])))
    assert not any(strangers(Walker(OPAQUE), opaque(2)))


def test_a_link_brings_its_base_into_the_chain_once() -> None:
    walker = Walker(ROWS, columns=6)
    sketches = rows([[1] * 6, [6] * 6, [1, 1, 1, 2, 1, 1], [1, 1, 3, 2, 1, 1], [6, 6, 6, 5, 6, 6]])
    out, _ = walker(sketches, exact=[1, 2, 3, 4, 5], label=[1, 9, 1, 1, 1])
    assert out.routed.tolist() == [0, 0, CHAINED, CHAINED, CHAINED]
    assert out.joined.tolist() == [False, False, True, False, True]
    assert out.bases["base"][[2, 4]].tolist() == [0, 1]
    assert out.bases["label"][[2, 4]].tolist() == [1, 9]
    assert out.bases["streams"][[2, 4]].tolist() == [CHAINED, CHAINED]
    assert out.base_sketches[[2, 4]].tolist() == sketches[[0, 1]].tolist()
    assert walker.window()["streams"].tolist() == [CHAINED] * 5


def test_what_joined_in_one_step_does_not_join_again_in_the_next() -> None:
    walker = Walker(ROWS, columns=6)
    out, _ = walker(rows([[1] * 6, [1, 1, 1, 2, 1, 1]]), exact=[1, 2])
    assert out.joined.tolist() == [False, True]
    out, _ = walker(rows([[1, 1, 2, 1, 1, 1]]), exact=[3])
    assert (out.routed.tolist(), out.joined.tolist()) == ([CHAINED], [False])


def test_a_poller_makes_no_chain() -> None:
    walker = Walker(ROWS, columns=4)
    out, _ = walker(rows([[1, 1, 1, 1]] * 3), exact=[1, 1, 1])
    assert walker.window()["flags"].tolist()[1] & (LINKED | REPEAT) == LINKED | REPEAT
    assert not out.routed.any()
    assert not out.joined.any()


@pytest.mark.parametrize(("size", "filled", "chained"), [(6, 36, True), (7, 36, False), (1, 6, True), (1, 5, False)])
def test_a_copy_with_a_bright_patch_is_chained_without_a_link(size: int, filled: int, chained: bool) -> None:
    segments = [picture(1, filled=filled), picture(1, *range(size), filled=filled)]
    out, _ = Walker(DENSE, width=3)(dense([A, [10, 0, 9]], segments), exact=[1, 2])
    assert (out.routed.tolist(), out.joined.tolist()) == ([0, CHAINED if chained else 0], [False, False])
