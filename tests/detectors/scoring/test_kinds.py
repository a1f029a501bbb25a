"""Places of traffic: what is near, what is far, and codes that say the same again or are refused."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.scoring.kinds import CHECK, MOST, RADIUS, apart, code, place, read

NAMES = tuple(f"f{n}" for n in range(20))
NAN = float("nan")


def at(*values: float, kind: int = 1, names: tuple[str, ...] = NAMES) -> object:
    return place(kind, names, np.array((*values, *[0.5] * (len(names) - len(values)))))


def test_nearness_is_symmetric_and_starts_at_nothing() -> None:
    one, other = at(0.1, 0.2), at(0.4, 0.2)
    assert apart(one, one) == 0.0
    assert apart(one, other) == apart(other, one) > 0.0


def test_a_large_number_is_bounded_and_a_huge_one_is_no_larger() -> None:
    assert at(1e9) == at(1e300) == at(np.inf)
    assert at(-np.inf) != at(np.inf)
    assert np.abs(at(np.inf).values).max() == MOST / 32


def test_what_is_not_known_on_both_sides_does_not_count_and_on_one_side_does() -> None:
    assert apart(at(NAN), at(NAN)) == 0.0
    assert apart(at(NAN), at(0.5)) == pytest.approx((1 / len(NAMES)) ** 0.5)
    assert apart(at(*[NAN] * 5), at()) > RADIUS


def test_other_inputs_and_other_features_are_never_near() -> None:
    assert apart(at(), at(kind=2)) == np.inf
    assert apart(at(), at(names=NAMES[::-1])) == np.inf
    assert apart(at(), at(names=NAMES[:-1])) == np.inf


@given(st.lists(st.one_of(st.floats(), st.just(NAN)), min_size=1, max_size=40), st.integers(0, 3))
def test_a_code_says_the_same_again(values: list[float], kind: int) -> None:
    here = place(kind, [str(n) for n in range(len(values))], np.array(values))
    written = code(here)
    assert written == written.lower()
    assert read(written) == read(written.upper()) == here
    assert apart(here, read(written)) == 0.0


@pytest.mark.parametrize("wrong", ["", "a", "18", "äöü", "aaaaaaaa", "hello world", "a" * 7])
def test_what_is_no_code_is_refused(wrong: str) -> None:
    with pytest.raises(ValueError, match="code of a kind"):
        read(wrong)


def test_a_slip_of_the_pen_is_no_other_kind() -> None:
    written = code(at(0.3))
    for place_of_slip in range(len(written) - 1):
        other = "b" if written[place_of_slip] != "b" else "c"
        with pytest.raises(ValueError, match="missing or wrong"):
            read(written[:place_of_slip] + other + written[place_of_slip + 1 :])


def test_another_edition_is_told_apart_from_a_slip(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as later:
        later.setattr("detectors.scoring.kinds.EDITION", 2)
        written = code(at())
    with pytest.raises(ValueError, match="another version"):
        read(written)
    assert CHECK == 2
