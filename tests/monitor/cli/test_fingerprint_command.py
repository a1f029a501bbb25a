"""The command: what it writes, what it says, and what it says where training data cannot be read."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest
from installed import Invoke

from monitor.cli.fingerprint import _quoted
from monitor.record.keys import load_keys
from monitor.runtime.fingerprints import load

CSV = "age,race,outcome\n41,white,yes\n35,black,no\n"


def training(folder: Path, content: str = CSV) -> Path:
    path = folder / "train.csv"
    path.write_text(content)
    return path


def test_it_writes_a_file_and_says_how_to_use_it(invoke: Invoke, tmp_path: Path) -> None:
    out = tmp_path / "credit.fingerprints"
    result = invoke("fingerprint", training(tmp_path), "--model", "credit", "--without", "outcome", "--out", out)
    assert result.exit_code == 0, result.stderr
    made = load(out, "credit", load_keys())
    assert (made.records, made.hashes) == (2, 6)
    assert "2 training records, 6 hashes" in result.stdout
    assert "numbers: age\ntexts: race\nleft out: outcome\n" in result.stdout
    snippet = tomllib.loads(result.stdout[result.stdout.index("[engine") :])
    assert snippet == {"engine": {"known": {"credit": {"fingerprints": str(out)}}}}
    config = tmp_path / "p.toml"
    config.write_text(result.stdout[result.stdout.index("[engine") :])
    rows = [json.loads(line) for line in invoke("check", "--config", config, "--offline", "--json").stdout.splitlines()]
    assert {row["name"]: row["verdict"] for row in rows}["fingerprints of credit"] == "good"


def test_numbers_for_machines(invoke: Invoke, tmp_path: Path) -> None:
    lines = tmp_path / "train.ndjson"
    lines.write_text('{"model": "fraud", "input": {"text": "a"}}\n{"model": "credit", "input": {"text": "b"}}\n')
    out = tmp_path / "out"
    result = invoke("fingerprint", lines, "--model", "credit", "--out", out, "--json")
    told = json.loads(result.stdout)
    assert (told["records"], told["other_models"], told["columns"]) == (1, 1, {})
    assert told["bytes"] == out.stat().st_size
    assert told["digest"] == load(out, "credit", load_keys()).digest
    people = invoke("fingerprint", lines, "--model", "credit", "--out", out).stdout
    assert "passed over: 1 records of other models" in people


def test_without_a_key_everybody_knows_it(invoke: Invoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PROBEWATCH_KEY")
    result = invoke("fingerprint", training(tmp_path), "--model", "credit", "--out", tmp_path / "out")
    assert result.exit_code == 0
    assert "everybody knows" in result.stderr


@pytest.mark.parametrize(
    ("content", "options", "what"),
    [
        ("a,b\n1\n", [], "a row has 1 cells"),
        (CSV, ["--without", "nothing"], "there is no column nothing"),
        (CSV, ["--vector"], "no vectors"),
    ],
)
def test_errors_say_what_where_and_how_to_mend(
    invoke: Invoke, tmp_path: Path, content: str, options: list[str], what: str
) -> None:
    out = tmp_path / "out"
    result = invoke("fingerprint", training(tmp_path, content), "--model", "credit", "--out", out, *options)
    assert result.exit_code == 2
    assert what in result.stderr
    assert "where: " in result.stderr
    assert "mend:  " in result.stderr
    assert not out.exists()


@pytest.mark.parametrize("name", ["credit", "a b", 'a"b\\c', "1"])
def test_names_of_models_in_toml(name: str) -> None:
    assert tomllib.loads(f"[{_quoted(name)}]\nx = {_quoted(name, always=True)}") == {name: {"x": name}}
