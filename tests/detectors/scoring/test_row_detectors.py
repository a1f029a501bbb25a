"""Detectors in plain Python."""

from collections.abc import Mapping

import numpy as np
import pytest

from detectors.contract import Blocks, Detector
from detectors.scoring.rows import RowDetector


class Both(RowDetector):
    """Weak where either feature is."""

    name, family, kinds, reads = "both", "cost", frozenset({0}), frozenset({"a", "b", "c"})

    def score_one(self, features: Mapping[str, float]) -> float:
        """The smaller of a and b, with little from c."""
        return min(features.get("a", 0.0), features.get("b", 0.0)) + features.get("c", 0.0) / 10


def blocks(**columns: list[float]) -> Blocks:
    n = len(next(iter(columns.values())))
    return Blocks(0, {name: np.array(column) for name, column in columns.items()}, np.arange(n))


def test_it_is_a_detector() -> None:
    x = blocks(a=[0.5, np.nan, 9.0, np.nan], b=[0.75, 0.5, 9.0, np.nan])
    assert isinstance(Both(), Detector)
    assert Both().score(x).tolist() == [[0.5], [0.0], [1.0], [0.0]]
    assert Both().score(blocks(a=[])).shape == (0, 1)


def test_reasons_are_what_the_score_loses() -> None:
    reasons = Both().reasons(blocks(a=[0.5], b=[0.75], c=[1.0]), 0, 0)
    assert [reason.feature for reason in reasons] == ["c", "a", "b"]
    assert [reason.share for reason in reasons] == pytest.approx([0.1, 0.5, 0.5])
    assert Both().reasons(blocks(other=[0.5]), 0, 0) == ()


class Either(Both):
    """Strong where one feature is."""

    def score_one(self, features: Mapping[str, float]) -> float:
        """The largest."""
        return max(features.values())


def test_features_that_stand_in_for_each_other_are_all_named() -> None:
    assert [reason.share for reason in Either().reasons(blocks(a=[0.5], b=[0.5]), 0, 0)] == [0.5, 0.5]


class Undecided(Both):
    """Never knows."""

    def score_one(self, features: Mapping[str, float]) -> float:
        """Not a number."""
        return float("nan")


def test_not_a_number_is_honest() -> None:
    assert Undecided().score(blocks(a=[1.0])).tolist() == [[0.0]]
