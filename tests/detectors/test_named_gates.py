"""Inversion and backdoor probing: each test speaks of its attack, needs every piece of it, and leaves look-alikes."""

from __future__ import annotations

import pytest

from detectors.backdoor import Backdoor
from detectors.checks import one_block
from detectors.features.layout import CHAINED, STRANGE
from detectors.inversion import Inversion
from detectors.scoring.named import NamedTests
from detectors.sketch.queries import DENSE, OPAQUE, ROWS, TEXT

#: Features of ordinary pictures: unlike each other, natural, of many labels.
ORDINARY = {
    "near": 0.05, "largest_cluster": 0.05, "far": 0.9, "far_spread": 0.2, "straight": 0.0, "root_error": 0.0,
    "error_p10": -0.5, "error_p50": 0.0, "error_p90": 0.6, "rise": 0.0, "record_highs": 0.5, "flip_low_margin": 0.35,
    "base_label": 0.95, "label_gain": 0.0, "confidence_trend": 0.0, "repeat": 0.6, "fill": 10,
    "same_mask_next_base": 0.0, "top_label": 0.15, "error_iqr": 1.2, "star": 1.0, "collinear": 0.5, "stream": CHAINED,
    "size": 3.4, "run_length": 1.5, "clusters": 0.05, "near_step_spread": 0.05,
}  # fmt: skip
CLIMB = {
    "near": 1.0, "largest_cluster": 1.0, "far": 0.4, "straight": -0.5, "root_error": 2.0, "rise": 0.8,
    "flip_low_margin": 0.0, "near_step_spread": 0.4, "collinear": 0.0,
}  # fmt: skip
TAKEN_OVER = {name: value for name, value in CLIMB.items() if name != "root_error"} | {
    "base_label": 0.2, "label_gain": 4.0,
}  # fmt: skip
ASCENT = {
    "far": 0.4, "far_spread": 0.08, "error_p10": 1.5, "confidence_trend": 0.6, "repeat": 0.0, "fill": 40,
    "straight": -0.5,
}  # fmt: skip
NARROW = {
    "error_p90": -0.2, "error_iqr": 0.5, "error_p50": -0.8, "far": 0.6, "repeat": 0.0, "fill": 40, "star": 0.2,
    "collinear": 0.1, "stream": 0, "straight": -0.3, "run_length": 0.05, "clusters": 0.7,
}  # fmt: skip
SMOOTHER = {name: value for name, value in NARROW.items() if name not in ("run_length", "clusters")} | {
    "error_p90": -0.9, "error_p50": -1.5,
}  # fmt: skip
GENERATOR = {"error_p50": -3.0, "error_p90": -1.5, "far": 0.5, "repeat": 0.0, "straight": -0.4}
PATCH = {"same_mask_next_base": 0.3, "fill": 40, "size": 6.7}
COLLAPSE = {"same_mask_next_base": 0.09, "fill": 40, "top_label": 0.95, "size": 6.7}
ATTACKS: dict[str, tuple[type[NamedTests], str, dict[str, float]]] = {
    "climb": (Inversion, "climb", CLIMB),
    "climb away from the base's label": (Inversion, "climb", TAKEN_OVER),
    "ascent": (Inversion, "ascent", ASCENT),
    "narrow, near its start": (Inversion, "narrow", SMOOTHER),
    "narrow": (Inversion, "narrow", NARROW),
    "narrow, of the strange ones": (Inversion, "narrow", NARROW | {"stream": STRANGE}),
    "generator": (Inversion, "generator", GENERATOR),
    "patch": (Backdoor, "patch", PATCH),
    "collapse": (Backdoor, "collapse", COLLAPSE),
}


def says(detector: type[NamedTests], kind: int = DENSE, **given: float) -> dict[str, float]:
    score = detector().score(one_block(kind, **(ORDINARY | given)))
    return dict(zip(detector.tests, score[0].tolist(), strict=True))


@pytest.mark.parametrize("attack", ATTACKS)
def test_each_test_names_its_attack_alone(attack: str) -> None:
    detector, test, given = ATTACKS[attack]
    found = says(detector, **given)
    assert [name for name, strength in found.items() if strength >= 0.5] == [test]
    assert found[test] > 0.8


@pytest.mark.parametrize("attack", ATTACKS)
def test_each_piece_of_an_attack_counts(attack: str) -> None:
    detector, test, given = ATTACKS[attack]
    spoilt = ORDINARY | {"far": 0.05}  # one picture again and again
    for name in given:
        assert says(detector, **(given | {name: spoilt[name]}))[test] < 0.5, f"{name} does not matter"


def test_every_test_is_looked_at() -> None:
    for detector in (Inversion, Backdoor):
        assert {test for of, test, _ in ATTACKS.values() if of is detector} == set(detector.tests)


@pytest.mark.parametrize("detector", [Inversion, Backdoor])
def test_ordinary_pictures_are_left_alone(detector: type[NamedTests]) -> None:
    assert max(says(detector).values()) < 0.5


@pytest.mark.parametrize(
    ("detector", "given"),
    [
        (Inversion, CLIMB | {"root_error": 0.3}),  # restoration by confidence begins with a natural picture
        (Inversion, CLIMB | {"rise": 0.0}),  # nothing rises under a fuzzer
        (Inversion, CLIMB | {"straight": 0.9}),  # a video moves on
        (Inversion, CLIMB | {"flip_low_margin": 0.5}),  # a boundary search flips where it hardly matters
        (Inversion, TAKEN_OVER | {"label_gain": 0.5}),  # an uncertain picture falls back and forth
        (Inversion, TAKEN_OVER | {"far": 0.15}),  # a still camera: everything is near everything
        (Inversion, ASCENT | {"far": 0.1}),  # noise upon one picture
        (Inversion, ASCENT | {"far": 0.8}),  # corrupted pictures, one unlike the other
        (Inversion, ASCENT | {"error_p10": 0.2}),  # some of it is natural
        (Inversion, ASCENT | {"confidence_trend": 0.1}),  # no surer than before
        (Inversion, ASCENT | {"fill": 20}),  # a short history
        (Inversion, GENERATOR | {"far": 0.1}),  # a poller's smooth picture is one picture
        (Inversion, GENERATOR | {"error_p90": 0.0}),  # blurred pictures among sharp ones
        (Inversion, NARROW | {"stream": CHAINED}),  # copies of one picture vary little
        (Inversion, NARROW | {"collinear": 0.5}),  # mixtures of two pictures
        (Inversion, NARROW | {"run_length": 1.5}),  # a poller's picture again and again, in the evening light
        (Inversion, CLIMB | {"near_step_spread": 0.08}),  # a poller: its steps are all alike
        (Inversion, CLIMB | {"collinear": 0.4}),  # restoration goes back along its lines
        (Inversion, NARROW | {"error_p50": 0.0}),  # a camera as good as the model's own
        (Backdoor, PATCH | {"same_mask_next_base": 0.1}),  # LIME on sparse pictures
        (Backdoor, PATCH | {"size": 3.4}),  # a form of prices: the same few of thirty numbers
        (Backdoor, PATCH | {"fill": 12}),  # a short history
        (Backdoor, COLLAPSE | {"top_label": 0.6}),  # the answers stay as they were
        (Backdoor, {"top_label": 1.0, "fill": 80}),  # occlusion of a picture of one label
    ],
)
def test_look_alikes_are_left_alone(detector: type[NamedTests], given: dict[str, float]) -> None:
    assert max(says(detector, **given).values()) < 0.5


@pytest.mark.parametrize("error", [2.0, -2.0])
def test_a_climb_begins_with_noise_or_with_what_is_too_smooth(error: float) -> None:
    assert says(Inversion, **(CLIMB | {"root_error": error}))["climb"] == 1


def test_highs_one_after_the_other_are_a_climb_too() -> None:
    assert says(Inversion, **(CLIMB | {"rise": 0.1, "record_highs": 6}))["climb"] == 1


def test_what_is_not_known_is_silent() -> None:
    for detector, test, given in ATTACKS.values():
        assert says(detector, **(given | {next(iter(given)): float("nan")}))[test] == 0


def test_patches_are_looked_for_in_rows_and_climbs_are_not() -> None:
    assert Backdoor.kinds == {DENSE, ROWS}
    assert Inversion.kinds == {DENSE}
    assert not {TEXT, OPAQUE} & (Backdoor.kinds | Inversion.kinds)
    assert says(Backdoor, ROWS, **(PATCH | {"size": 2.5, "one_column_away": 0.5}))["patch"] == 1
    assert says(Backdoor, **(PATCH | {"size": 3.4, "error_p50": 2.0}))["patch"] == 1, "values that nobody has"
