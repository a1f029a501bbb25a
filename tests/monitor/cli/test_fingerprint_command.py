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


def checked(invoke: Invoke, folder: Path, **row: object) -> tuple[dict[str, object], str]:
    """What `check` says of a sample of one query, for machines and for people."""
    out, config, sample = folder / "out", folder / "p.toml", folder / "sample.ndjson"
    invoke("fingerprint", training(folder), "--model", "credit", "--without", "outcome", "--out", out)
    config.write_text(f'[engine.known.credit]\nfingerprints = "{out}"\n')
    record = {"client": "a", "model": "credit", "time": 1_795_255_200_000, "input": {"columns": row}}
    sample.write_text(json.dumps(record) + "\n" + json.dumps(record | {"model": "other"}) + "\n")
    asked = ("check", "--config", config, "--offline", "--sample", sample)
    rows = [json.loads(line) for line in invoke(*asked, "--json").stdout.splitlines()]
    return next(row["fingerprints"] for row in rows if "fingerprints" in row), invoke(*asked).stdout


DOUBT = "written as the service logs it"


def test_a_sample_shows_whether_the_training_data_is_written_as_the_log(invoke: Invoke, tmp_path: Path) -> None:
    told, people = checked(invoke, tmp_path, age=41, race="white")
    assert told == {"model": "credit", "queries": 1, "shaped": 1, "trained": 1, "nearly": 1}
    assert "1 of a shape that the training data has, 1 are training records" in people
    assert DOUBT not in people
    told, people = checked(invoke, tmp_path, age="41", race="white")
    assert (told["trained"], told["nearly"]) == (0, 1)
    assert DOUBT not in people, "but for one column it is known"
    told, people = checked(invoke, tmp_path, age="41", race=1)
    assert (told["shaped"], told["nearly"]) == (1, 0)
    assert DOUBT in people
    told, _ = checked(invoke, tmp_path, years=41, race="white")
    assert told["shaped"] == 0


def test_a_sample_beside_a_file_that_is_refused(invoke: Invoke, tmp_path: Path) -> None:
    config, sample = tmp_path / "p.toml", tmp_path / "sample.ndjson"
    config.write_text(f'[engine.known.credit]\nfingerprints = "{tmp_path / "none"}"\n')
    sample.write_text('{"client": "a", "model": "credit", "time": 1795255200000, "input": {"text": "a"}}\n')
    result = invoke("check", "--config", config, "--offline", "--sample", sample)
    assert result.exit_code == 2
    assert result.stdout.count("cannot be read") == 1
    assert "model credit" in result.stdout


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
