"""`probewatch profile`: what it prints is what the settings take."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import numpy as np
import pytest
from findings import finding
from installed import Invoke

from detectors.novelty import Novelty, looked_at
from detectors.scoring.kinds import code, place
from detectors.sketch.queries import ROWS
from monitor.config.engine import EngineSettings, ModelSettings
from monitor.config.settings import Settings
from monitor.config.trouble import Trouble
from monitor.engine.bank import Bank
from monitor.engine.kinds import Profiles
from monitor.formats.native import encode
from monitor.record.keys import Keys
from monitor.runtime.engines import engine_maker

NAMES = looked_at(ROWS)
HERE = place(ROWS, NAMES, np.full(len(NAMES), 0.5))
NEW = finding(
    finding="aa" * 16, family="novelty", model='a "model"\x1b', labels={"kind": code(HERE), "clients": "2"}, revision=2
)
NAMED = finding(finding="bb" * 16, family="evasion", revision=1)
OLD = finding(finding="aa" * 16, family="novelty", model="other", labels={"kind": "x", "clients": "1"}, revision=1)


@pytest.fixture
def alerts(tmp_path: Path) -> Path:
    path = tmp_path / "alerts.ndjson"
    path.write_bytes(b"".join(encode(one) + b"\n" for one in (NEW, NAMED, OLD)))
    return path


def test_what_it_prints_are_settings_that_know_the_kind(invoke: Invoke, alerts: Path, tmp_path: Path) -> None:
    name = 'the "nightly" batch \x7f\U0001f319'
    result = invoke("profile", "settings", "aaaa", "--name", name, "--file", alerts)
    assert result.exit_code == 0, result.output
    assert "\x1b" not in result.stdout
    tree = tomllib.loads(result.stdout)
    assert tree == {"engine": {"known": {'a "model"\x1b': {"profiles": {name: code(HERE)}}}}}
    (tmp_path / "p.toml").write_text(result.stdout)
    shown = invoke("config", "show", "--config", tmp_path / "p.toml", "--json").stdout
    assert code(HERE) in [json.loads(line)["value"] for line in shown.splitlines()]
    known = Profiles.of(Settings.model_validate(tree).engine, Bank([Novelty()]))
    assert known.near('a "model"\x1b', HERE) == name


def test_a_finding_of_another_tier_has_no_kind(invoke: Invoke, alerts: Path) -> None:
    result = invoke("profile", "settings", "bb", "--name", "x", "--file", alerts)
    assert result.exit_code == 2
    assert "not about a kind of traffic" in result.stderr
    assert "mend:" in result.stderr


def test_a_code_that_is_none_is_told_with_its_place(invoke: Invoke, tmp_path: Path) -> None:
    (tmp_path / "p.toml").write_text('[engine.known.m.profiles]\n"nightly" = "hello"\n')
    result = invoke("config", "show", "--config", tmp_path / "p.toml")
    assert result.exit_code == 2
    assert "code of a kind of traffic" in result.stderr
    assert "p.toml:2" in result.stderr


def test_a_code_of_other_features_is_told_when_engines_are_made() -> None:
    written = code(place(ROWS, NAMES[1:], np.full(len(NAMES) - 1, 0.5)))
    settings = Settings(engine=EngineSettings(known={"m": ModelSettings(profiles={"nightly": written})}))
    with pytest.raises(Trouble, match="other features"):
        engine_maker(settings, Keys.derive(bytes(32), "test"))
