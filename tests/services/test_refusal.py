"""Tests with real servers that cannot run say so, and fail where nobody would read it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from services import launch

TESTS = Path(__file__).resolve().parents[1]
MARKED = """
import pytest

@pytest.mark.servers
def test_with_a_server(kafka):
    assert kafka.address
"""


def run(folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    (folder / "test_marked.py").write_text(MARKED)
    (folder / "pytest.ini").write_text("[pytest]\nmarkers = servers: needs real servers\n")
    quick = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    kept = {key: value for key, value in os.environ.items() if key not in ("CI", "SERVERS", "PROBEWATCH_TEST_KAFKA")}
    command = [sys.executable, "-m", "pytest", "-p", "services.fixtures", "-p", "no:cacheprovider", str(folder)]
    search = os.pathsep.join([str(TESTS), *sys.path])
    return subprocess.run(
        command,
        cwd=folder,
        capture_output=True,
        text=True,
        env=kept | quick | {"PYTHONPATH": search} | environment,
        check=False,
    )


def test_a_skip_is_loud(tmp_path: Path) -> None:
    done = run(tmp_path, SERVERS="no")
    assert done.returncode == 0
    assert "1 TESTS WITH REAL SERVERS DID NOT RUN" in done.stdout
    assert "SERVERS=no" in done.stdout


def test_a_skip_is_a_failure_in_continuous_integration(tmp_path: Path) -> None:
    done = run(tmp_path, PATH="/nowhere", CI="true")
    assert done.returncode == 1
    assert "the kafka server needs Maven" in done.stdout


def test_a_server_that_runs_already_is_taken_as_it_is(tmp_path: Path) -> None:
    assert run(tmp_path, PROBEWATCH_TEST_KAFKA="127.0.0.1:9", PATH="/nowhere").returncode == 0


def test_a_jdk_that_is_too_old_or_trimmed_is_not_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, release in (
        ("old", 'JAVA_VERSION="17.0.1"\nMODULES="jdk.jdi"'),
        ("trimmed", 'JAVA_VERSION="25"\nMODULES=""'),
    ):
        (tmp_path / name / "bin").mkdir(parents=True)
        (tmp_path / name / "bin/javac").touch()
        (tmp_path / name / "release").write_text(release)
        assert not launch._is_whole_jdk(tmp_path / name)
    (tmp_path / "old/release").write_text('JAVA_VERSION="21.0.1"\nMODULES="java.base jdk.jdi"')
    assert launch._is_whole_jdk(tmp_path / "old")
