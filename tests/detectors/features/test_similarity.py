from typing import Any

import numpy as np
import pytest
from hand import asked, chain, window

from detectors.features.layout import LINKED, REPEAT, SAME_PATCH, STAR
from detectors.features.similarity import NAMES, clusters, largest, runs, similarity


def similar(entries: Any, scale: float = 1.0, apart: float = 2.0, width: int = 36) -> dict[str, float]:
    return asked(similarity, NAMES, entries, 0, scale, apart, width)


def test_a_crowd_of_strangers_has_no_chains() -> None:
    found = similar(window(20))
    assert found["near"] == found["star"] == found["interleaved"] == found["same_mask_next_base"] == 0
    assert (found["clusters"], found["cluster_size"], found["big_clusters"]) == (1.0, 1.0, 0.0)
    assert np.isnan(found["near_step"])
    assert found["run_length"] == 0.0, "every query begins a run of its own"


def test_a_chain_is_one_cluster_and_one_run() -> None:
    found = similar(chain(20))
    assert found["near"] == pytest.approx(19 / 20)
    assert (found["clusters"], found["largest_cluster"], found["cluster_size"]) == (1 / 20, 1.0, 20)
    assert found["run_length"] == pytest.approx(np.log(20))
    assert found["interleaved"] == 0


def test_steps_are_measured_in_units_of_the_model() -> None:
    assert similar(chain(20), scale=0.5)["near_step"] == pytest.approx(0.1 / 0.5)
    assert similar(chain(20), scale=0.5)["near_step_spread"] == pytest.approx(0, abs=1e-6)
    shrinking = np.geomspace(1, 1e-3, 20)
    assert similar(chain(20, distance=shrinking))["near_step_spread"] > 1.5, "a bisection"


def test_a_star_returns_to_its_base_and_a_path_does_not() -> None:
    flags = np.full(20, LINKED | STAR)
    flags[0] = 0
    assert similar(chain(20, flags=flags))["star"] == 1.0
    assert similar(chain(20))["star"] == 0.0


def test_two_chains_that_take_turns_are_interleaved() -> None:
    flags = np.full(20, LINKED)
    flags[:2] = 0
    found = similar(window(20, base=np.arange(20) % 2, flags=flags))
    assert found["interleaved"] == 1.0
    assert (found["big_clusters"], found["largest_cluster"], found["run_length"]) == (2, 0.5, 0.0)


def test_the_share_of_patched_copies() -> None:
    flags = np.zeros(20, np.uint16)
    flags[5:] = SAME_PATCH
    assert similar(window(20, flags=flags))["same_mask_next_base"] == pytest.approx(15 / 20)
    assert similar(window(20))["same_mask_next_base"] == 0


def test_how_much_of_the_input_moves() -> None:
    assert similar(chain(20, mask=0b111))["changed"] == pytest.approx(3 / 36)
    assert similar(chain(20, mask=2**64 - 1), width=64)["changed"] == 1.0


def test_runs_of_equal_length_do_not_vary() -> None:
    def variation(bases: Any) -> float:
        return similar(window(len(bases), base=bases, flags=LINKED))["run_variation"]

    assert variation(np.repeat([0, 1, 2, 3], 5)) == pytest.approx(0)
    assert variation(np.repeat([0, 1, 2, 3], [1, 1, 1, 17])) > 1


def test_a_recipe_has_a_period() -> None:
    found = similar(window(60, step=np.tile([2.0, 0.1, 0.2, 0.4, 0.8], 12)))
    assert found["step_autocorrelation"] > 0.9
    assert found["step_period"] == 5
    noise = np.random.default_rng(0).lognormal(size=60)
    assert similar(window(60, step=noise))["step_autocorrelation"] < 0.6


def test_video_moves_straight_on_and_noise_turns_back() -> None:
    video, noise = similar(chain(20, cosine=120)), similar(chain(20, cosine=-64))
    assert (video["straight"], video["collinear"]) == (pytest.approx(120 / 127), 1.0)
    assert (noise["straight"], noise["collinear"]) == (pytest.approx(-64 / 127), 0.0)


def test_far_is_in_units_of_two_random_inputs() -> None:
    found = similar(window(20, far=np.tile([1.0, 3.0], 10)), apart=4.0)
    assert (found["far"], found["far_raw"], found["far_spread"]) == (pytest.approx(0.5), pytest.approx(2.0), 0.25)


def test_far_of_rows_is_something_else() -> None:
    assert np.isnan(similar(window(20, step=np.nan, far=5.0))["far"]), "rows keep their rarity there"


def test_unknown_scales_leave_only_what_needs_none() -> None:
    found = similar(chain(20), scale=np.nan, apart=np.nan)
    assert np.isnan([found["near_step"], found["far"]]).all()
    assert found["near"] == 19 / 20
    assert found["near_raw"] == pytest.approx(0.1)


def test_repeats_are_no_chain() -> None:
    found = similar(window(20, flags=REPEAT | LINKED))
    assert (found["near"], found["clusters"], found["cluster_size"], found["largest_cluster"]) == (0, 0, 0, 0)
    assert np.isnan(found["near_raw"])


def test_one_query_has_an_answer() -> None:
    found = similar(window(1))
    assert (found["near"], found["cluster_size"], found["run_length"], found["straight"]) == (0, 1, 0, 0)


def test_clusters_are_named_in_order_of_appearance() -> None:
    base, size = np.empty(6, np.int64), np.empty(6, np.int64)
    entries = window(6, base=[7, 3, 7, 3, 3, 9], flags=[0, 0, LINKED, LINKED, LINKED | REPEAT, 0])
    assert clusters(entries, base, size) == 3
    assert base[:3].tolist() == [7, 3, 9]
    assert size[:3].tolist() == [2, 2, 1]
    assert largest(base, size, 3) == (7, 2), "the earliest of equals"
    assert largest(base, size, 0) == (-1, 0)


def test_runs_of_nothing() -> None:
    assert runs(window(0), np.empty(0)) == 0
