"""What `check` says of the records themselves: keying, clocks, columns, answers; each with what to do about it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from installed import KEY, metadata, run
from kafka import KafkaProducer
from services.launch import Server

from monitor.cli.root import root
from monitor.config.engine import EngineSettings, ModelSettings
from monitor.config.settings import Settings
from monitor.config.sources import KafkaSettings
from monitor.record.decode import Decoder
from monitor.record.raw import Partition, RawBatch
from monitor.runtime.checks import Checked
from monitor.runtime.keys import OPEN_KEYS
from monitor.runtime.soundness import Sample
from monitor.sources.sampling import newest

NOW = 1_795_255_200_000
BASE: dict[str, Any] = {"model": "credit", "output": {"label": "yes"}}
SECRET = "hunter2-canary"


def told(records: list[dict[str, Any]], partitions: int = 1, late: int = 0, sensitive: tuple[str, ...] = ()) -> Any:
    """What is said of these records, by name; `late` seconds lie between them and the log's clock."""
    sample, decoder = Sample(), Decoder(OPEN_KEYS)
    for number in range(partitions):
        own = records[number::partitions]
        lines = [json.dumps(BASE | {"time": NOW} | record).encode() for record in own]
        offsets = np.arange(len(lines))
        batch = RawBatch(Partition("q", number), lines, offsets, np.full(len(lines), NOW + 1000 * late), len(lines))
        sample.take(batch, decoder.decode(batch).queries)
    known = {"credit": ModelSettings(sensitive_columns=sensitive)} if sensitive else {}
    found: dict[str, Checked] = {}
    for one in sample.findings(Settings(engine=EngineSettings(known=known))):
        assert SECRET not in str(one)
        assert one.verdict == "good" or (one.where and one.mend)
        found[one.name] = one
    return found


def rows(count: int, **columns: Callable[[int], Any]) -> list[dict[str, Any]]:
    return [
        {"client": f"c{at % 25}", "input": {"columns": {name: make(at) for name, make in columns.items()}}}
        for at in range(count)
    ]


def test_a_topic_without_keys_is_told() -> None:
    spread = told(rows(200, age=lambda at: at % 9), partitions=4)["keying"]
    assert spread.verdict == "doubtful"
    assert spread.text.startswith("25 of 25 clients")
    keyed = told(rows(200, age=lambda at: at % 9), partitions=5)["keying"]
    assert keyed.verdict == "good"
    assert "keying" not in told(rows(200, age=lambda at: at % 9))


@pytest.mark.parametrize(("late", "verdict"), [(2, "good"), (3_600, "doubtful")])
def test_clocks_that_disagree_are_told(late: int, verdict: str) -> None:
    clocks = told(rows(50, age=lambda at: at), late=late)["clocks"]
    assert clocks.verdict == verdict
    assert f"-{late:,}.0 s" in clocks.text


def test_columns_that_single_people_out_are_told() -> None:
    found = told(
        rows(
            400,
            account=lambda at: f"{SECRET}-{at}",
            age=lambda at: at % 20,
            street=lambda at: at // 20,
            sex=lambda at: at % 2,
            income=lambda at: at * 1.5,
        )
    )
    text = found["columns of credit"].text
    assert text == "age, street together single out 100% of 400 rows: they identify people"
    known = told(rows(400, age=lambda at: at % 20, street=lambda at: at // 20), sensitive=("age",))
    assert known["columns of credit"].verdict == "good"
    assert "coarse" in told(rows(400, sex=lambda at: at % 2))["columns of credit"].text
    alone = told(rows(400, account=lambda at: f"{SECRET}-{at}", sex=lambda at: at % 2))
    assert alone["columns of credit"].verdict == "good"


def test_answers_that_say_more_than_was_asked_for_are_told() -> None:
    def answers(output: dict[str, Any], **more: Any) -> Checked:
        found = told([{"client": "c", "input": {"vector": [at, 1]}, "output": output, **more} for at in range(50)])
        answer = found["answers of credit"]
        assert isinstance(answer, Checked)
        return answer

    assert answers({"probabilities": {"yes": 0.91, "no": 0.09}}).verdict == "good"
    fine = answers({"probabilities": {"yes": 0.91234, "no": 0.08766}})
    assert fine.verdict == "doubtful"
    assert "2 probabilities with 5 decimals" in fine.text
    unasked = answers({"text": "well", "logprobs": [-0.1]})
    assert "not asked for" in unasked.text


def test_the_command_tells_them_with_examples(tmp_path: Path) -> None:
    def invoke(*arguments: str | Path) -> Result:
        return CliRunner(env={"PROBEWATCH_KEY": KEY}).invoke(root, [str(one) for one in arguments])

    log = tmp_path / "log.ndjson"
    lines = [
        BASE | {"time": NOW, "client": "c", "input": {"columns": {"id\x1b": f"{SECRET}-{at}"}}} for at in range(60)
    ]
    log.write_text("".join(json.dumps(line) + "\n" for line in lines))
    (tmp_path / "p.toml").write_text(f'[source.files]\npaths = ["{log}"]\n[runtime]\nstate = "{tmp_path}/state"\n')
    people = invoke("check", "--config", tmp_path / "p.toml", "--sample", log).stdout
    assert 'log it as "output": {"confidence": 0.91}' in people
    assert "hm  columns of credit: id?: nearly every row has a value of its own" in people
    assert "\x1b" not in people
    assert SECRET not in people
    rows = [json.loads(line) for line in invoke("check", "--sample", log, "--json").stdout.splitlines()]
    assert any(row.get("name") == "columns of credit" for row in rows)


@pytest.mark.servers
def test_the_newest_records_of_a_topic_are_looked_into(
    kafka: Server, topic: Callable[..., str], tmp_path: Path
) -> None:
    name = topic(partitions=3)
    with KafkaProducer(bootstrap_servers=kafka.address) as producer:
        for at in range(900):  # round robin, as producers without keys do
            line = json.dumps(BASE | {"time": NOW, "client": f"c{at % 40}", "input": {"vector": [at, 1.0, 2.0]}})
            producer.send(name, line.encode(), partition=at % 3, timestamp_ms=NOW)
    settings = KafkaSettings(brokers=(kafka.address,), topics=(name,))
    sizes: dict[str, int] = {}
    for batch in newest(settings, 300):
        sizes[str(batch.partition)] = sizes.get(str(batch.partition), 0) + len(batch)
    assert sizes == {f"{name}-{number}": 100 for number in range(3)}
    (tmp_path / "p.toml").write_text(
        f'[source.kafka]\nbrokers = ["{kafka.address}"]\ntopics = ["{name}"]\n[runtime]\nstate = "{tmp_path}/state"\n'
    )
    done = run(metadata(tmp_path / "package"), "check", "--config", tmp_path / "p.toml", "--json")
    assert done.returncode == 0, done.stderr
    rows = {row.get("name"): row for row in map(json.loads, done.stdout.splitlines())}
    assert rows["keying"]["verdict"] == "doubtful"
    assert rows["keying"]["text"].startswith("40 of 40 clients")
    assert rows["clocks"]["verdict"] == "good"
