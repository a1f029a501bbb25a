from typing import Any

import numpy as np
import pytest
from hand import asked, chain, window

from detectors.features.confidence import NAMES, confidence, log_margin, probability, records
from detectors.features.layout import FLIP, LINKED, REPEAT

CHAIN = NAMES[NAMES.index("root_margin") : NAMES.index("confidence")]


def confident(entries: Any) -> dict[str, float]:
    return asked(confidence, NAMES, entries)


def falling(n: int = 40) -> Any:
    """The base's label loses to another one, step by step."""
    p = np.linspace(0.95, 0.52, n)
    return chain(n, p1=p, p2=1 - p)


def test_a_steady_answer_moves_nothing() -> None:
    found = confident(chain(40))
    assert [found[name] for name in ("low_margin", "flip", "flip_low_margin", "fall", "rise")] == [0] * 5
    assert (found["label_entropy"], found["top_label"]) == (0, 1)
    assert found["confidence"] == pytest.approx(0.9)
    assert found["confidence_trend"] == 0
    assert found["label_gain"] == 0


def test_a_falling_confidence_falls_and_does_not_rise() -> None:
    found = confident(falling())
    assert found["fall"] == pytest.approx(np.sqrt(40 / 50))
    assert found["rise"] == pytest.approx(-found["fall"])
    assert found["record_lows"] > 5
    assert found["record_highs"] < 0
    assert found["label_gain"] < -2
    assert found["confidence_trend"] == pytest.approx(-1)


def test_a_climb_rises_and_does_not_fall() -> None:
    found = confident(falling()[::-1])
    assert found["rise"] == pytest.approx(np.sqrt(40 / 50))
    assert found["fall"] < 0
    assert found["record_highs"] > 5
    assert found["label_gain"] > 2


def test_a_climb_of_a_label_that_the_base_did_not_have() -> None:
    n, p = 40, np.linspace(0.01, 0.99, 40)
    won = p > 0.5
    found = confident(
        chain(
            n, label=np.where(won, 5, 1), second=np.where(won, 1, 5), p1=np.maximum(p, 1 - p), p2=np.minimum(p, 1 - p)
        )
    )
    assert found["rise"] == found["fall"] == pytest.approx(np.sqrt(40 / 50))
    assert found["label_gain"] == pytest.approx(2 * np.log(99), rel=1e-3)


def test_short_chains_count_less() -> None:
    assert confident(falling(10))["fall"] == pytest.approx(np.sqrt(10 / 50))


def test_flips_beside_the_boundary_and_flips_far_from_it() -> None:
    flags = np.full(20, LINKED | FLIP)
    flags[0] = 0
    close, sure = confident(chain(20, flags=flags, p1=0.5, p2=0.45)), confident(chain(20, flags=flags))
    assert (close["flip"], close["flip_low_margin"], close["low_margin"]) == (1, 1, 1)
    assert (sure["flip"], sure["flip_low_margin"], sure["low_margin"]) == (1, 0, 0)


def test_repeats_flip_nothing() -> None:
    assert confident(chain(20, flags=LINKED | FLIP | REPEAT))["flip"] == 0


def test_labels_only_leaves_flips_and_labels() -> None:
    flags = np.full(20, LINKED | FLIP)
    found = confident(chain(20, p1=np.nan, p2=np.nan, flags=flags, label=np.arange(20) % 2))
    assert (found["flip"], found["top_label"]) == (1, 0.5)
    assert found["label_entropy"] == pytest.approx(np.log(2))
    unknown = ("low_margin", "flip_low_margin", "confidence", *CHAIN)
    assert np.isnan([found[name] for name in unknown]).all()
    assert found["confidence_trend"] == 0


def test_the_base_is_remembered_after_it_has_left() -> None:
    found = confident(chain(20, root_margin=0.42, root_error=-1.5))
    assert (found["root_margin"], found["root_error"]) == (pytest.approx(0.42), -1.5)


def test_all_repeats_have_no_chain() -> None:
    """A window without a single fresh input has no cluster to follow: nothing moved."""
    found = confident(window(20, flags=REPEAT))
    assert [found[name] for name in ("fall", "rise", "record_lows", "record_highs", "label_gain")] == [0] * 5
    assert found["root_margin"] == pytest.approx(0.85)
    assert found["confidence"] == pytest.approx(0.9)


def test_one_query_has_an_answer() -> None:
    found = confident(window(1))
    assert (found["fall"], found["rise"], found["record_lows"], found["label_gain"]) == (0, 0, 0, 0)


def test_a_probability_that_is_not_named_is_guessed_from_above() -> None:
    entry = window(1, p1=0.6, p2=0.3)[0]
    assert probability(entry, 1) == pytest.approx(0.6)
    assert probability(entry, 2) == pytest.approx(0.3)
    assert probability(entry, 3) == pytest.approx(0.15)
    assert log_margin(entry, 1) == pytest.approx(np.log(2), rel=1e-6)
    assert log_margin(entry, 2) == pytest.approx(-np.log(2), rel=1e-6)
    assert log_margin(window(1, p1=1, p2=0)[0], 2) == pytest.approx(np.log(1e-4)), "cut, not infinite"


def test_records_are_what_chance_does_not_give() -> None:
    assert records(np.arange(50.0), 1.0) > 5
    assert records(np.arange(50.0), -1.0) < 0
    assert records(np.zeros(50), 1.0) < 0
    assert records(np.arange(2.0), 1.0) == 0
    random = np.random.default_rng(0)
    chance = [records(random.normal(size=50), 1.0) for _ in range(300)]
    assert abs(np.mean(chance)) < 0.5
