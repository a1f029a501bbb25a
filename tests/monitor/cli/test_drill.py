import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import recorded
from click.testing import CliRunner, Result
from installed import KEY, Invoke
from kafka import KafkaConsumer
from services.launch import Server

from monitor.cli.root import root
from monitor.record.drills import drill_group
from monitor.record.keys import Keys, load_keys
from monitor.record.pseudonyms import text


def test_a_drill_goes_into_a_new_file_and_says_who_it_will_be(invoke: Invoke, tmp_path: Path) -> None:
    result = invoke("drill", "llm-leakage", "--to", tmp_path / "drill.ndjson", "--client", "drill/9", "--json")
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    names = load_keys().names
    assert told["clients"] == [text(names.client("drill/9"))]
    assert told["group"] == text(names.group(drill_group(load_keys())))
    lines = (tmp_path / "drill.ndjson").read_bytes().splitlines()
    assert len(lines) == told["records"] == len(recorded.decoded(lines))
    again = invoke("drill", "llm-leakage", "--to", tmp_path / "drill.ndjson")
    assert again.exit_code == 2
    assert "cannot be written: File exists" in again.stderr
    people = invoke("drill", "cost", "--to", "-")
    assert len(people.stdout.splitlines()) > 100
    assert "sends more in seconds than in the day before" in people.stderr


def test_only_the_key_makes_a_drill_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its finding says that it is a test; the same traffic in a group of that name, or of another key, does not."""
    monkeypatch.setenv("PROBEWATCH_KEY", KEY)

    def invoke(*arguments: str | Path) -> Result:  # with all detectors
        return CliRunner().invoke(root, [str(one) for one in arguments])

    assert invoke("drill", "llm-leakage", "--to", tmp_path / "drill.ndjson").exit_code == 0
    lines = (tmp_path / "drill.ndjson").read_text()
    own, guessed = drill_group(load_keys()), drill_group(Keys.derive(bytes(32), "1"))
    assert lines.count(own) == 60
    titles = {}
    for name, group in (("own", own), ("guessed", guessed), ("plain", "probewatch-drill")):
        (tmp_path / f"{name}.ndjson").write_text(lines.replace(own, group))
        alerts = tmp_path / f"{name}-alerts.ndjson"
        assert invoke("replay", tmp_path / f"{name}.ndjson", "--alerts", alerts).exit_code == 0
        titles[name] = {(one["title"][:5], *one.get("labels", {}).items()) for one in read(alerts)}
    assert titles == {"own": {("TEST:", ("test", "drill"))}, "guessed": {("Langu",)}, "plain": {("Langu",)}}


def read(alerts: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in alerts.read_bytes().splitlines()]


def test_a_drill_is_made_for_the_traffic_of_a_log(invoke: Invoke, tmp_path: Path) -> None:
    result = invoke("drill", "evasion", "--to", tmp_path / "d.ndjson", "--like", recorded.DAY, "--model", "hi")
    assert result.exit_code == 0, result.output
    first = json.loads((tmp_path / "d.ndjson").read_bytes().splitlines()[0])
    assert first["model"]["name"] == "hi"
    assert "race" in first["input"]["columns"]


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (["evasion"], "a drill goes nowhere by itself"),
        (["evasoin", "--to", "x.ndjson"], "did you mean evasion?"),
        (["evasion", "--to", "staging"], "it is not known which Kafka has that topic"),
        (["evasion", "--to", "a b", "--brokers", "127.0.0.1:1"], "where: --to or --brokers"),
        (["attribute-inference", "--to", "x.ndjson", "--like", str(recorded.DAY)], "no model has a sensitive column"),
        (["evasion", "--to", "nowhere/x.ndjson"], "cannot be written"),
    ],
)
def test_what_a_drill_cannot_do(invoke: Invoke, arguments: list[str], what: str) -> None:
    result = invoke("drill", *arguments)
    assert result.exit_code == 2, result.output
    assert what in result.stderr
    assert "Traceback" not in result.output


@pytest.mark.servers
def test_a_drill_goes_into_a_topic_at_a_bounded_rate(kafka: Server, topic: Callable[..., str], invoke: Invoke) -> None:
    name = topic()
    result = invoke(
        "drill", "llm-leakage", "--to", name, "--brokers", kafka.address, "--rate", "100", "--queries", "40"
    )
    assert result.exit_code == 0, result.output
    start = {"auto_offset_reset": "earliest", "consumer_timeout_ms": 3_000}
    with KafkaConsumer(name, bootstrap_servers=kafka.address, **start) as consumer:
        records = list(consumer)
    assert len(records) == 40
    assert {record.key for record in records} == {b"probewatch-drill/1"}
    assert records[-1].timestamp - records[0].timestamp >= 350
    absent = invoke("drill", "llm-leakage", "--to", f"{name}-not", "--brokers", kafka.address)
    assert absent.exit_code == 2
    assert "there is no topic" in absent.stderr
