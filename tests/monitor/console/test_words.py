"""Words: every number and every test of the package's detectors has them."""

import tomllib
from importlib import import_module
from types import MappingProxyType

import pytest
from installed import REPOSITORY

from detectors.contract import Detector
from monitor.alerts.finding import Contribution, Evidence
from monitor.alerts.words import NUMBERS, SHARES, TESTS, because, measured, number, striking, written
from monitor.console.recordings import labels, recording
from monitor.console.words import KINDS
from monitor.record.keys import Keys

POINTS = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]["entry-points"]["probewatch.detectors"]


def detector(place: str) -> type[Detector]:
    module, _, name = place.partition(":")
    found: type[Detector] = getattr(import_module(module), name)
    return found


@pytest.mark.parametrize("place", POINTS.values(), ids=POINTS.keys())
def test_every_test_and_every_number_is_put_into_words(place: str) -> None:
    of = detector(place)
    assert not [test for test in of.tests if f"{of.name}/{test}" not in TESTS]
    assert not [name for name in of.reads if name not in SHARES and name not in NUMBERS]


def test_no_number_is_two_things() -> None:
    assert not SHARES.keys() & NUMBERS.keys()


def test_every_kind_of_the_recording_is_described() -> None:
    kinds = {label.kind for label in labels(recording(), Keys.derive(bytes(32), "1")).values()}
    assert not kinds - KINDS.keys()


def test_the_numbers_that_are_told_are_the_unusual_ones() -> None:
    ordinary, striking_one = Contribution("far", 0.9, 0.91, 1.0), Contribution("flip", 0.6, 0.02, 0.8)
    piece = Evidence("evasion", "boundary", "evasion", 0.9, 1e5, (ordinary, striking_one))
    assert striking(piece) == [striking_one]
    assert because(piece) == (
        "creeps along a boundary between two answers: near-copies with another answer 60% (usually 2%)"
    )


def test_what_nobody_put_into_words_keeps_its_name() -> None:
    unknown = Contribution("their_own", 3.0, None, 1.0)
    assert number(unknown) == "their own 3"
    assert because(Evidence("theirs", "some_test", "access", 0.9, 1e5, (unknown,))) == "theirs: some test: their own 3"


@pytest.mark.parametrize(("value", "text"), [(0.0, "0"), (-0.0538123, "-0.0538"), (1e300, "1e+300")])
def test_plain_numbers(value: float, text: str) -> None:
    assert written("rate", value) == text


def test_the_tables_can_not_be_changed() -> None:
    assert all(isinstance(table, MappingProxyType) for table in (TESTS, SHARES, NUMBERS, KINDS))
    assert measured("near") == SHARES["near"]
