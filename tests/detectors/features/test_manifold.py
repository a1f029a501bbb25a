from typing import Any

import numpy as np
import pytest
from hand import asked, window

from detectors.features.manifold import NAMES, manifold, residual


def judged(entries: Any) -> dict[str, float]:
    return asked(manifold, NAMES, entries)


def test_ordinary_inputs_are_neither_smooth_nor_noisy() -> None:
    found = judged(window(40, error=np.random.default_rng(0).normal(0, 0.7, 40)))
    assert abs(found["error_p50"]) < 0.4
    assert found["smooth"] == found["noisy"] == 0
    assert abs(found["error_trend"]) < 0.4


@pytest.mark.parametrize(("level", "name"), [(-3.0, "smooth"), (3.0, "noisy")])
def test_a_generator_is_smooth_and_noise_is_noise(level: float, name: str) -> None:
    found = judged(window(40, error=level))
    assert (found["error_p10"], found["error_p50"], found["error_p90"], found[name]) == (level, level, level, 1)
    assert found["error_iqr"] == 0


def test_quantiles_are_those_of_the_window() -> None:
    found = judged(window(41, error=np.arange(41)))
    assert (found["error_p10"], found["error_p50"], found["error_p90"], found["error_iqr"]) == (4, 20, 36, 20)


def test_a_search_that_leaves_the_manifold() -> None:
    found = judged(window(40, error=np.linspace(-1, 1, 40)))
    assert found["error_trend"] == pytest.approx(1)
    assert found["error_gain"] == pytest.approx(20 / 13, rel=0.05)


def test_a_recipe_has_a_period_here_too() -> None:
    assert judged(window(60, error=np.tile([0.0, 1, 2, 3, 4], 12)))["error_autocorrelation"] > 0.9


@pytest.mark.parametrize(("n", "known"), [(40, 19), (7, 7), (1, 1), (40, 0)])
def test_too_few_known_errors_say_nothing(n: int, known: int) -> None:
    errors = np.full(n, np.nan)
    errors[:known] = 1.0
    assert np.isnan(list(judged(window(n, error=errors)).values())).all()


def test_half_of_the_errors_is_enough() -> None:
    errors = np.full(40, np.nan)
    errors[::2] = 1.0
    assert judged(window(40, error=errors))["error_p50"] == 1.0


def test_the_residual_is_what_the_components_leave() -> None:
    x = np.array([3.0, 4.0, 0.0, 9.0], np.float32)
    axis = np.array([[1.0, 0.0, 0.0]])
    left, whole = residual(x, np.zeros(3), axis, 3)
    assert (left, whole) == (pytest.approx(np.log(4), abs=1e-5), pytest.approx(np.log(5), abs=1e-5))
    left, _ = residual(x, np.array([0.0, 4.0, 0.0]), axis, 3)
    assert left == pytest.approx(np.log(1e-6)), "nothing is left, and the logarithm is finite"
