from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
import recorded

from monitor.config.settings import Settings
from monitor.config.trouble import Trouble
from monitor.console.drills.families import FAMILIES
from monitor.console.drills.making import drilled
from monitor.console.drills.templates import Template, templates
from monitor.console.play import settings_for
from monitor.console.recordings import recording
from monitor.console.scenarios.judging import Outcome, outcomes
from monitor.record.decode import Decoder
from monitor.record.drills import MARK
from monitor.record.pseudonyms import text
from monitor.runtime.engines import detector_classes
from monitor.runtime.replay import Tally, judged
from monitor.runtime.weaving import Told, told, woven

FOUND = sorted(FAMILIES.keys() - {"novelty"})  # a hundred clients of a model are more than the recording has
MODEST = {"inversion": 60, "membership-inference": 90, "extraction": 100, "evasion": 100, "cost": 220, "campaign": 400}
MINUTES = 60_000_000


@cache
def day() -> tuple[Told, ...]:
    return tuple(told([recorded.DAY], Decoder(recorded.KEYS), Tally()))


@cache
def known() -> dict[str, Template]:
    return templates((record.payload for record in day()), recording().sensitive)


@cache
def found() -> list[Outcome]:
    """The recorded day with every drill after it, one client each, by the default settings."""
    last = day()[-1].time
    streams: list[list[Told]] = [list(day())]
    for at, family in enumerate(FAMILIES, start=1):
        start = last - 24 * 60 * MINUTES if family == "cost" else last + 10 * at * MINUTES
        streams.append(drilled(family, known(), f"drill/{family}", start))
    tally = Tally()
    made = outcomes(judged(woven(streams, "day"), settings_for(recording()), recorded.KEYS, tally))
    assert not tally.rejected
    return made


def about(family: str) -> list[Outcome]:
    names = (f"drill/{family}", *(f"drill/{family}-{at}" for at in range(1, 20)))
    own = {text(recorded.KEYS.names.client(name)) for name in names}
    return [one for one in found() if one.clients & own]


def test_every_family_that_a_detector_names_can_be_drilled() -> None:
    assert {detector.family for detector in detector_classes().values()} == set(FAMILIES)


@pytest.mark.parametrize("family", FOUND)
def test_a_drill_is_found_by_the_default_settings_on_the_recorded_day(family: str) -> None:
    named = [one for one in about(family) if family in one.families and one.finding.tier == "named"]
    assert named
    assert min(one.finding.queries for one in named) <= MODEST.get(family, 60)


def test_a_finding_of_a_drill_shows_the_group_of_drills() -> None:
    group = text(recorded.KEYS.names.group(MARK))
    for family in FOUND:
        for one in about(family):
            assert one.finding.group == group or one.finding.members  # of several accounts, which are drills all


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_every_record_is_marked_and_the_same_arguments_give_the_same_bytes(family: str) -> None:
    made = drilled(family, known(), "drill/1", 1_795_255_200_000_000)
    assert 0 < len(made) <= FAMILIES[family].queries
    for record in made:
        tree = orjson.loads(record.payload)
        assert (tree["client"]["group"], tree["client"]["user_agent"]) == (MARK, MARK)
        assert tree["id"].startswith(MARK)
        assert record.time == tree["time"] * 1000
    assert made == drilled(family, known(), "drill/1", 1_795_255_200_000_000)
    assert made != drilled(family, known(), "drill/1", 1_795_255_200_000_000, seed=2) or family == "access"


@pytest.mark.parametrize("family", sorted(set(FOUND) - {"attribute-inference"}))
def test_a_drill_on_a_model_that_nobody_has_is_found_too(family: str) -> None:
    made = drilled(family, {}, "drill/1", 1_795_255_200_000_000)
    named = outcomes(judged(woven([made], "alone"), Settings(), recorded.KEYS, Tally()))
    assert any(family in one.families for one in named)


def test_a_sweep_needs_a_column_that_somebody_has_marked() -> None:
    unmarked = templates((record.payload for record in day()[:2_000]), {})
    with pytest.raises(Trouble, match="no model has a sensitive column"):
        drilled("attribute-inference", unmarked, "drill/1", 0)


@pytest.mark.parametrize(
    ("family", "model", "what"),
    [("inversion", "hi", "cannot be drilled on rows inputs"), ("evasion", "zzz", "nothing is known of that model")],
)
def test_a_model_that_cannot_be_drilled_so(family: str, model: str, what: str) -> None:
    with pytest.raises(Trouble, match=what):
        drilled(family, known(), "drill/1", 0, model=model)


# --- templates --------------------------------------------------------------------------------------------------------


def sample(given: Mapping[str, Any], output: Mapping[str, Any] | None) -> dict[str, Any]:
    return {"client": "c", "model": "m", "input": given, **({} if output is None else {"output": output})}


RNG = np.random.default_rng(5)
FORMS = {
    "vector": lambda: {"vector": RNG.normal(size=16).round(3).tolist()},
    "embedding": lambda: {"embedding": RNG.normal(size=16).round(3).tolist()},
    "floats": lambda: {"tensor": {"shape": [4, 4], "datatype": "FP32", "data": RNG.normal(size=16).tolist()}},
    "columns": lambda: {"columns": {"a": int(RNG.integers(9)), "b": str(RNG.choice(["x", "y"])), "c": RNG.random()}},
}
OUTPUTS = {
    "list": lambda: {"label": "1", "probabilities": [0.2, 0.8]},
    "object": lambda: {"label": "yes", "probabilities": {"yes": 0.7, "no": 0.3}},
    "label": lambda: {"label": str(RNG.choice(["yes", "no"]))},
    "sure": lambda: {"label": "yes", "confidence": 0.9},
    "nothing": lambda: None,
}


@pytest.mark.parametrize("output", OUTPUTS)
@pytest.mark.parametrize("form", FORMS)
def test_records_of_a_drill_have_the_form_of_the_log(form: str, output: str) -> None:
    """And each of them can be read."""
    lines = [orjson.dumps(sample(FORMS[form](), OUTPUTS[output]())) for _ in range(40)]
    [made] = templates(lines, {}).values()
    drill = drilled("property-inference", {"m": made}, "drill/1", 1_795_255_200_000_000, most=40)
    read = recorded.decoded([record.payload for record in drill])
    assert len(read) == 40
    first, like = orjson.loads(drill[0].payload), orjson.loads(lines[0])
    assert first["input"].keys() == like["input"].keys()
    assert first.get("output", {}).keys() == like.get("output", {}).keys()


NOTHING = (
    b"",
    b"[]",
    b"{",
    b'{"model": "m"}',
    b'{"model": {}, "input": {}}',
    b'{"model": "m", "input": {"sketch": {}}}',
)


@pytest.mark.parametrize("line", NOTHING)
def test_records_that_tell_nothing_are_passed_over(line: bytes) -> None:
    assert templates([line] * 40, {}) == {}


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_the_manual_says_what_each_drill_does(family: str) -> None:
    page = Path(__file__).parents[3] / "deploy" / "docs" / "tuning.md"
    assert f"| `{family}` | {FAMILIES[family].does} |" in page.read_text()
