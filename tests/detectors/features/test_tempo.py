from typing import Any

import numpy as np
import pytest
from hand import SECOND, asked, window

from detectors.features.baseline import unknown
from detectors.features.layout import FAILED, HEADER, REFUSED
from detectors.features.tempo import NAMES, tempo

DAY = 86_400 * SECOND


def header(**given: float) -> Any:
    made = np.zeros(1, HEADER)
    for name, value in given.items():
        made[name] = value
    return made[0]


def timed(entries: Any, head: Any = None, **known: float) -> dict[str, float]:
    head = header(count=len(entries)) if head is None else head
    return asked(tempo, NAMES, entries, head, unknown()._replace(**known))


def test_a_steady_client_has_a_rate_and_no_growth() -> None:
    found = timed(window(60))
    assert found["rate"] == pytest.approx(np.log(60 / (59 / 60)))
    assert found["rate_growth"] == 0, "no past to be held against"
    assert found["gap_spread"] == pytest.approx(0)


def test_a_burst_is_growth_against_the_own_past() -> None:
    calm = window(20, time=10 * DAY + np.arange(20) * DAY // 20)
    burst = window(20, time=10 * DAY + np.arange(20) * 1000)
    head = header(count=220, first=0)
    assert timed(calm, head)["rate_growth"] == pytest.approx(0, abs=0.1)
    assert timed(burst, head)["rate_growth"] > 8


def test_a_past_shorter_than_the_window_says_nothing() -> None:
    entries = window(20, time=DAY + np.arange(20) * 1000)
    assert timed(entries, header(count=39))["rate_growth"] == 0
    assert timed(entries, header(count=40))["rate_growth"] > 5


def test_people_are_irregular_and_machines_are_not() -> None:
    gaps = np.random.default_rng(0).lognormal(2, 2, 30) * SECOND
    assert timed(window(30, time=np.cumsum(gaps).astype(np.int64)))["gap_spread"] > 1


def test_sizes_against_the_own_past() -> None:
    found = timed(window(20), header(count=20, size_short=999, size_long=9, output_short=9, output_long=999))
    assert found["size"] == pytest.approx(np.log(1000))
    assert found["size_growth"] == pytest.approx(np.log(100))
    assert found["output_growth"] == pytest.approx(-np.log(100))


def test_sizes_against_peers_once_they_are_known() -> None:
    head = header(count=20, size_short=999, size_long=999)
    assert np.isnan(timed(window(20), head)["size_above"])
    assert timed(window(20), head, size=np.log(100.0))["size_above"] == pytest.approx(np.log(10))
    assert timed(window(20), head, output=1.0)["output_above"] == pytest.approx(-1)


def test_refusals_and_failures_are_told_apart() -> None:
    found = timed(window(10, failure=[REFUSED] * 2 + [FAILED] * 3 + [0] * 5))
    assert (found["refused"], found["failed"]) == (0.2, 0.3)


@pytest.mark.parametrize("times", [[0] * 20, list(range(20, 0, -1)), [0] * 19 + [2**53]])
def test_times_that_stand_still_go_back_or_jump(times: list[int]) -> None:
    found = timed(window(20, time=times))
    assert np.isfinite([found[name] for name in ("rate", "rate_growth", "gap_spread")]).all()


def test_one_query_has_an_answer() -> None:
    found = timed(window(1))
    assert np.isfinite([found[name] for name in ("rate", "rate_growth", "gap_spread", "size", "refused")]).all()
