"""Which tests can speak where features are not known: an upper bound on gates, held against what gates really say."""

from __future__ import annotations

import numpy as np
import pytest

from detectors.access import Access
from detectors.attribute import Attribute
from detectors.contract import Blocks
from detectors.cost import Cost
from detectors.evasion import Evasion
from detectors.extraction import Extraction
from detectors.inversion import Inversion
from detectors.novelty import Novelty
from detectors.probes import Probes
from detectors.scoring.gates import LEAST, MOST, all_of, any_of, gate, none_of, where_known
from detectors.scoring.sight import OF_MANIFOLD, OF_PARTS, VEILED, absent, mute
from detectors.sketch.queries import DENSE, OPAQUE, ROWS, TEXT

A, B = gate("a", honest=0, attack=1), gate("b", honest=0, attack=1)


@pytest.mark.parametrize(
    ("strength", "unknown", "most"),
    [
        (A, "", MOST),
        (A, "a", LEAST),
        (all_of(A, B), "a", LEAST),
        (any_of(A, B), "a", MOST),
        (any_of(A, B), "ab", LEAST),
        (none_of(A), "a", 1.0),
        (none_of(A), "", 1.0),
        (where_known("a", A, otherwise=B), "", MOST),
        (where_known("a", A, otherwise=B), "a", MOST),
        (where_known("a", A, otherwise=B), "b", MOST),
        (where_known("a", A, otherwise=B), "ab", LEAST),
        (where_known("b", A, otherwise=none_of(B)), "a", 1.0),
    ],
)
def test_reach_is_the_most_that_a_strength_can_be(strength: object, unknown: str, most: float) -> None:
    assert strength.reach(frozenset(unknown)) == most  # type: ignore[attr-defined]
    values = (-9.0, 0.5, 9.0, np.nan)
    grid = [(a, b) for a in values for b in values]
    columns = {name: np.array([pair[at] for pair in grid]) for at, name in enumerate("ab")}
    for name in unknown:
        columns[name][:] = np.nan
    said = strength.evaluate(Blocks(1, columns, np.arange(len(grid))))  # type: ignore[attr-defined]
    assert said.max() == most


def test_what_a_kind_of_input_never_has() -> None:
    assert mute(Inversion, ROWS, frozenset()) == Inversion.tests, "not its kind of input"
    assert mute(Evasion, DENSE, frozenset()) == ("steps", "wander"), "which count columns"
    assert set(mute(Evasion, ROWS, frozenset())) >= {"boundary", "cloud"}
    assert mute(Probes, OPAQUE, frozenset()) == ()
    assert not absent(TEXT) & {"near", "repeat", "rate"}


def test_what_was_not_learnt_and_what_was_not_told() -> None:
    waiting = set(mute(Extraction, DENSE, OF_MANIFOLD)) - set(mute(Extraction, DENSE, frozenset()))
    assert "noise" in waiting
    assert "jacobian" not in waiting
    assert "boundary" not in mute(Evasion, DENSE, OF_PARTS["confidence"]), "flips are enough"
    assert {"boundary", "fall"} <= set(mute(Evasion, DENSE, OF_PARTS["label"]))
    assert mute(Probes, OPAQUE, OF_PARTS["version"]) == Probes.tests
    assert mute(Cost, DENSE, VEILED) == ()
    for sees_inputs in (Evasion, Extraction, Inversion):
        assert mute(sees_inputs, DENSE, VEILED) == sees_inputs.tests
    assert mute(Attribute, ROWS, VEILED) == Attribute.tests


def test_callers_are_counted_whatever_the_input() -> None:
    for kind in (OPAQUE, DENSE, ROWS, TEXT):
        assert mute(Access, kind, frozenset()) == ()
    assert mute(Access, DENSE, OF_PARTS["status"]) == Access.tests
    assert mute(Access, DENSE, OF_PARTS["address"]) == ("keys",)


def test_of_other_detectors_it_is_known_what_they_read() -> None:
    assert mute(Novelty(), DENSE, VEILED) == ()
    assert mute(Novelty(), DENSE, Novelty.reads) == Novelty.tests
