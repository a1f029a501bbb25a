"""The language of named tests."""

from typing import ClassVar

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from detectors.contract import Blocks, Detector
from detectors.scoring.gates import LEAST, MOST, all_of, any_of, feature, gate, none_of, where_known
from detectors.scoring.named import NamedTests

ANY_FLOATS = arrays(np.float64, 7, elements=st.floats(width=64))


def blocks(**columns: object) -> Blocks:
    table = {name: np.asarray(column, float) for name, column in columns.items()}
    n = len(next(iter(table.values())))
    return Blocks(1, table, np.arange(20, 20 + 10 * n, 10))


CHAIN = all_of(
    gate("near", honest=0.2, attack=0.6),
    any_of(gate("fall", honest=0.0, attack=1.0), gate("flips", honest=0.05, attack=0.15)),
    gate(feature("largest") * feature("fill"), honest=20, attack=40),
)


def test_a_gate_is_linear_between_its_ends_and_clipped_beyond() -> None:
    x = blocks(near=[-9.0, 0.2, 0.4, 0.6, 9.0, np.nan])
    assert gate("near", honest=0.2, attack=0.6).evaluate(x) == pytest.approx([LEAST, 0, 0.5, 1, MOST, LEAST])
    assert gate("near", honest=0.6, attack=0.2).evaluate(x) == pytest.approx([MOST, 1, 0.5, 0, LEAST, LEAST])


def test_all_of_is_decided_by_the_weakest_and_any_of_by_the_strongest() -> None:
    x = blocks(near=[0.6, 0.4], fall=[0.2, 0.9], flips=[0.15, 0.0], largest=[0.5, 0.9], fill=[100.0, 100.0])
    assert CHAIN.evaluate(x) == pytest.approx([1.0, 0.5])
    first, second = CHAIN.reasons(x, 0), CHAIN.reasons(x, 1)
    assert {reason.feature for reason in first} == {"near", "flips", "largest * fill"}  # of any_of only what decided
    assert [reason.feature for reason in second] == ["near", "fall", "largest * fill"]  # weakest first
    assert second[0].value == 0.4
    assert [reason.share for reason in second] == pytest.approx([0.5, 0.9, 1.0])
    assert CHAIN.reads == {"near", "fall", "flips", "largest", "fill"}


def test_a_missing_feature_silences_all_of_and_leaves_any_of_its_other_branch() -> None:
    x = blocks(near=[0.6, 0.6], fall=[np.nan, np.nan], flips=[0.15, np.nan], largest=[0.5, 0.5], fill=[100.0, 100.0])
    assert CHAIN.evaluate(x) == pytest.approx([1.0, LEAST])


def test_none_of_turns_the_sign_and_names_what_it_rests_on() -> None:
    quiet = none_of(gate("near", honest=0.2, attack=0.6), gate("fall", honest=0, attack=1))
    x = blocks(near=[0.0, 0.6, np.nan], fall=[0.25, 0.0, np.nan])
    assert quiet.evaluate(x) == pytest.approx([-0.25, -1.0, 1.0])
    assert quiet.reasons(x, 2)[0].share == 1.0
    assert quiet.reasons(x, 0)[0].feature == "fall"
    assert quiet.reads == {"near", "fall"}


def test_where_known_takes_the_other_test_where_the_source_does_not_carry_the_feature() -> None:
    test = where_known("hits", gate("hits", honest=0.1, attack=0.3), otherwise=gate("covered", honest=0.0, attack=1.0))
    x = blocks(hits=[0.2, np.nan], covered=[1.0, 0.75])
    assert test.evaluate(x) == pytest.approx([0.5, 0.75])
    assert [test.reasons(x, row)[0].feature for row in (0, 1)] == ["hits", "covered"]
    assert test.reads == {"hits", "covered"}


def test_arithmetic_means_what_it_says() -> None:
    a, x = feature("a"), blocks(a=[4.0, 0.0, -4.0])
    assert (1 - a / 2 + 3).evaluate(x).tolist() == [2.0, 4.0, 6.0]
    assert (a - 1).evaluate(x).tolist() == [3.0, -1.0, -5.0]
    assert (2 * abs(a)).evaluate(x).tolist() == [8.0, 0.0, 8.0]
    assert (1 + a.sqrt()).evaluate(x)[:2].tolist() == [3.0, 1.0]
    assert (1 / a).log().evaluate(x)[:2].tolist() == [pytest.approx(np.log(0.25)), np.inf]
    assert str(abs(a) / a.log()) == "(abs(a) / log(a))"
    assert str(2 - a) == "(2 - a)"
    assert (2 - a).reads == {"a"}
    assert gate(a.sqrt(), honest=0, attack=1).evaluate(x)[2] == LEAST  # undefined is honest


@pytest.mark.parametrize(("honest", "attack"), [(0.5, 0.5), (np.nan, 1.0), (0.0, np.inf)])
def test_a_gate_needs_two_different_ends(honest: float, attack: float) -> None:
    with pytest.raises(ValueError, match="two different ends"):
        gate("near", honest=honest, attack=attack)


def test_of_nothing_nothing_follows() -> None:
    with pytest.raises(ValueError, match="at least one part"):
        all_of()
    with pytest.raises(ValueError, match="at least one part"):
        any_of()


@given(ANY_FLOATS, ANY_FLOATS, ANY_FLOATS)
def test_whatever_the_features_strengths_are_finite_and_bounded(near: object, fall: object, fill: object) -> None:
    x = blocks(near=near, fall=fall, largest=near, fill=fill)
    value = CHAIN.evaluate(x)
    assert np.all((value >= LEAST) & (value <= MOST))
    for row in range(len(x)):
        reasons = CHAIN.reasons(x, row)
        assert reasons[0].share == np.clip(value[row], 0, 1)
        assert [r.share for r in reasons] == sorted(r.share for r in reasons)


class Chains(NamedTests):
    """Two tests."""

    name, family, kinds = "chains", "evasion", frozenset({1})
    expressions: ClassVar = {"chain": CHAIN, "refused": gate("refused", honest=0.1, attack=0.3)}


def test_named_tests_are_a_detector() -> None:
    detector = Chains()
    assert isinstance(detector, Detector)
    assert detector.tests == ("chain", "refused")
    assert detector.reads == CHAIN.reads | {"refused"}
    x = blocks(refused=[0.2, 9.0], near=[9.0, 0.4], fall=[9.0, 9.0], largest=[1.0, 1.0], fill=[100.0, 100.0])
    assert detector.score(x) == pytest.approx(np.array([[1.0, 0.5], [0.5, 1.0]]))
    assert detector.reasons(x, 1, 0)[0].feature == "near"
    assert detector.score(blocks(other=np.zeros(0))).shape == (0, 2)
