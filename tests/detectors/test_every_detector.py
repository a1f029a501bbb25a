"""Every detector of the package, as pyproject.toml names it, passes every check and reads features that exist."""

import tomllib
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from detectors.checks import check_all
from detectors.contract import Detector
from detectors.features import refusals, turns
from detectors.features.walk import FEATURES
from detectors.registry import GROUP, loaded

PROJECT = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())
POINTS = [EntryPoint(name, value, GROUP) for name, value in PROJECT["project"]["entry-points"][GROUP].items()]


@pytest.mark.parametrize("detector", loaded(POINTS).values() if POINTS else [], ids=lambda one: one.name)
def test_it_passes_all_checks(detector: type[Detector]) -> None:
    check_all(detector())


@pytest.mark.parametrize("detector", loaded(POINTS).values() if POINTS else [], ids=lambda one: one.name)
def test_what_it_reads_exists(detector: type[Detector]) -> None:
    """A feature with a misspelt name would be NaN for ever, and its test silent."""
    assert detector.reads <= {*FEATURES, *refusals.NAMES, *turns.NAMES, "stream", "stream_share"}
