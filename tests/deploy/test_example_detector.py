"""A detector by somebody else: installed from a package of its own, set, checked, and named in findings like ours."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar

import annotated_types
import pytest
from installed import REPOSITORY

from detectors.contract import Detector
from detectors.evasion import Evasion
from monitor.config.settings import Settings
from monitor.config.trouble import Trouble
from monitor.runtime.parameters import check_names, declared, made

EXAMPLE = REPOSITORY / "deploy" / "examples" / "probewatch-hammer"


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the package was installed, and nothing else."""
    folder = tmp_path_factory.mktemp("site")
    install = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-compile", "--target", folder, EXAMPLE]
    source = folder / "src"
    subprocess.run(["cp", "-r", EXAMPLE, source], check=True)  # building leaves things beside the source
    done = subprocess.run([*install[:-1], source], capture_output=True, text=True, check=False)
    if done.returncode != 0 and ("No matching distribution" in done.stderr or "Could not find" in done.stderr):
        pytest.skip("no package index can be reached, and building needs setuptools from there")
    assert done.returncode == 0, done.stderr
    return folder


def probewatch(target: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PROBEWATCH")}
    given = kept | {"PYTHONPATH": f"{target}{os.pathsep}{REPOSITORY}"} | variables
    command = [sys.executable, *arguments]
    return subprocess.run(command, env=given, capture_output=True, text=True, cwd=target, check=False)


def test_it_is_one_of_all(target: Path) -> None:
    done = probewatch(target, "-m", "monitor.cli", "detectors", "list", "--json")
    rows = {row["name"]: row for row in map(json.loads, done.stdout.splitlines())}
    assert {"hammer", "evasion"} <= set(rows), done.stderr
    assert [one["name"] for one in rows["hammer"]["parameters"]] == ["honest", "attack", "least"]
    assert "look-alikes: pollers" in rows["hammer"]["explanation"]


def test_its_own_tests_pass(target: Path) -> None:
    """All checks, for every kind of input, and its golden cases."""
    done = probewatch(target, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--doctest-modules", str(target / "src"))
    assert done.returncode == 0, done.stdout
    assert int(done.stdout.split(" passed")[0].split()[-1]) >= 21, done.stdout


def test_its_parameters_are_settings(target: Path) -> None:
    log = str(EXAMPLE / "tests" / "golden" / "attack" / "queries.ndjson")

    given = {"PROBEWATCH__ENGINE__DETECTORS": '{"hammer": {"least": 80}}'}
    done = probewatch(target, "-m", "monitor.cli", "replay", log, "--alerts", "-", **given)
    assert done.returncode == 0, done.stderr
    led = [row for row in map(json.loads, done.stdout.splitlines()) if row["evidence"][0]["detector"] == "hammer"]
    assert led[0]["queries"] >= 80, "by default it is 40, as the golden case says"
    wrong = {"PROBEWATCH__ENGINE__DETECTORS": '{"hammer": {"attack": 2, "least": "many"}}'}
    done = probewatch(target, "-m", "monitor.cli", "replay", log, **wrong)
    assert done.returncode == 2
    assert done.stderr.count("where: engine.detectors.hammer.") == 2
    assert "Traceback" not in done.stderr


@dataclass(frozen=True)
class Params:
    step: Annotated[int, annotated_types.Interval(ge=1)] = 3


class Stepping(Evasion):
    Params: ClassVar[type[Any]] = Params

    def __init__(self, params: Any = None) -> None:
        self.given = params


def test_parameters_that_a_detector_does_not_have() -> None:
    assert [(one.name, one.default) for one in declared(Stepping)] == [("step", 3)]
    assert list(declared(Evasion)) == []
    made_one = made(Stepping, {"step": 5})
    assert isinstance(made_one, Stepping)
    assert made_one.given.step == 5
    with pytest.raises(Trouble, match="has no parameter stride") as trouble:
        made(Stepping, {"stride": 5})
    assert "it has step" in trouble.value.mend
    with pytest.raises(Trouble, match="has no parameter stride"):
        made(Evasion, {"stride": 5})
    with pytest.raises(ExceptionGroup) as group:
        made(Stepping, {"step": 0})
    assert "step of the detector evasion: " in str(group.value.exceptions[0])
    known: Mapping[str, type[Detector]] = {"evasion": Evasion}
    with pytest.raises(Trouble, match="there is no detector hamer"):
        check_names({"hamer": {}}, known)


def test_settings_without_parameters_have_the_hash_that_they_had() -> None:
    assert Settings().config_hash() == Settings.model_validate({"engine": {"detectors": {}}}).config_hash()
    changed = Settings.model_validate({"engine": {"detectors": {"hammer": {"least": 50}}}})
    assert changed.config_hash() != Settings().config_hash()
