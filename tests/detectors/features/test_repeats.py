from typing import Any

from hand import asked, window

from detectors.features.layout import OTHER_VERSION, REPEAT, SAME_LAG
from detectors.features.repeats import NAMES, repeats


def repeated(entries: Any) -> dict[str, float]:
    return asked(repeats, NAMES, entries)


def test_fresh_inputs_repeat_nothing() -> None:
    assert repeated(window(10)) == {
        "fill": 10,
        "repeat": 0,
        "distinct": 10,
        "constant_lag_repeat": 0,
        "repeat_other_version": 0,
    }


def test_a_poller_repeats_at_once() -> None:
    found = repeated(window(10, flags=[0] + [REPEAT] * 9))
    assert (found["repeat"], found["distinct"], found["constant_lag_repeat"]) == (0.9, 1, 0)


def test_a_probe_set_comes_again_in_order_under_another_version() -> None:
    found = repeated(window(20, flags=[0] * 10 + [REPEAT | SAME_LAG | OTHER_VERSION] * 10))
    assert (found["repeat"], found["constant_lag_repeat"], found["repeat_other_version"]) == (0.5, 0.5, 0.5)


def test_a_regression_test_of_one_version_has_the_lag_alone() -> None:
    found = repeated(window(20, flags=[0] * 10 + [REPEAT | SAME_LAG] * 10))
    assert (found["constant_lag_repeat"], found["repeat_other_version"]) == (0.5, 0)


def test_all_repeats() -> None:
    assert repeated(window(5, flags=REPEAT))["distinct"] == 0
