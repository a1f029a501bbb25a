"""Examples of the help that need files of their own, as they stand there, in a folder that has what they name."""

import re
import shlex
from importlib import import_module
from pathlib import Path

import pytest
from click.testing import CliRunner
from findings import finding
from installed import KEY

from monitor.cli.root import COMMANDS, root
from monitor.console.drills.making import drilled
from monitor.formats.native import encode

SCENARIO = "tests: [{name: quiet, expect: none, traffic: [{drill: access, queries: 2}]}]\n"


@pytest.mark.parametrize("name", ["test", "explain", "tune"])
def test_the_example_of_the_help_runs(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PROBEWATCH_KEY", KEY)
    monkeypatch.setattr("os.cpu_count", lambda: 1)
    log = b"\n".join(record.payload for record in drilled("llm-leakage", {}, "a", 1_795_255_200_000_000))
    (tmp_path / "scenarios.yaml").write_text(SCENARIO)
    (tmp_path / "probewatch.toml").write_text("[engine]\nbudget = 1.0\n")
    (tmp_path / "alerts.ndjson").write_bytes(encode(finding(finding="5d41402a" + "0" * 24)) + b"\n")
    (tmp_path / "monday.ndjson.zst").write_bytes(log)
    (tmp_path / "last-week").mkdir()
    (tmp_path / "last-week" / "monday.ndjson").write_bytes(log)
    text = " ".join(import_module(f"monitor.cli.{COMMANDS[name][0]}").command.help.split())
    [example] = re.findall(r"Example: probewatch (.*)$", text)
    result = CliRunner().invoke(root, shlex.split(example))
    # a finding of another log is not made again, which is a 1
    assert result.exit_code == (1 if name == "explain" else 0), result.output
