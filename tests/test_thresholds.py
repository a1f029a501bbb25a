"""The scenarios of thresholds hold, and each number of each named test that moves by a fifth makes one of them fail."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import thresholds
from click.testing import CliRunner
from mutations import Mutant, every, noticed, stated

from detectors.extraction import Extraction
from detectors.scoring.gates import gate
from monitor.cli.root import root
from monitor.console.scenarios.form import scenarios
from monitor.console.scenarios.running import run


def test_they_are_as_the_detectors_are() -> None:
    """`python tests/golden/thresholds.py` makes them anew; a change of a detector is reviewed by their diff."""
    assert thresholds.FILE.read_text() == thresholds.text()


def test_they_hold() -> None:
    played = [run(one) for one in scenarios(thresholds.FILE, None, {})]
    assert [one.scenario.test.name for one in played if one.missed] == []


def test_a_number_that_moves_by_a_fifth_is_noticed() -> None:
    all_of, by = list(every()), stated()
    assert len(all_of) > 1_200
    assert [str(one) for one in all_of if not noticed(one, by) and not behind_a_twin(one)] == []


def behind_a_twin(one: Mutant) -> bool:
    """Whether the very same gate stands a second time in the test, for another case, and holds where this one would not
    any more: no window can tell the difference."""
    twins = [other for other in thresholds.leaves(one.detector.expressions[one.test]) if other == one.gate]
    looser = (one.other.honest - one.gate.honest) + (one.other.attack - one.gate.attack)
    return len(twins) > 1 and looser * (one.gate.attack - one.gate.honest) < 0


def test_a_test_that_no_scenario_states_is_noticed_by_nothing() -> None:
    """The check can fail."""
    number = gate("far", honest=0.5, attack=0.9)
    [detector] = (type("Other", (Extraction,), {"expressions": {"noise": number}}),)
    unseen = Mutant(detector, "noise", number, replace(number, honest=0.4))
    assert not noticed(unseen, {"extraction/noise": stated()["extraction/lines"].model_copy(update={"says": ()})})


@pytest.mark.parametrize(
    ("says", "code", "told"),
    [
        ("{test: extraction/mixup, strength: 0.5}", 1, "says 0.000"),
        ("{test: extraction/mixup, strength: 0}", 0, "ok    a window"),
        ("{test: extraction/mixpu, strength: 0}", 2, "did you mean extraction/mixup?"),
        ("{test: extraction/mixup, strength: 0, features: {fra: 1}}", 2, "did you mean far?"),
        ("{test: mixup, strength: 0}", 2, "tests.0.says.0.test"),
    ],
)
def test_what_tests_say_of_features_is_held_against_the_file(tmp_path: Path, says: str, code: int, told: str) -> None:
    file = tmp_path / "scenarios.yaml"
    file.write_text(f"tests:\n  - name: a window\n    features: {{far: 0.8}}\n    says:\n      - {says}\n")
    result = CliRunner().invoke(root, ["test", str(file)])
    assert result.exit_code == code, result.output
    assert told in result.output
    if code == 1:
        assert f"{file}:5\n" in result.output  # where it stands


def test_a_scenario_that_asks_nothing_is_none(tmp_path: Path) -> None:
    (tmp_path / "scenarios.yaml").write_text("tests:\n  - name: a\n    features: {far: 1}\n")
    result = CliRunner().invoke(root, ["test", str(tmp_path)])
    assert result.exit_code == 2
    assert "give what to expect of traffic, or what tests say of features" in result.stderr
