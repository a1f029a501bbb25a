"""`probewatch sinks`: what is set, and a test finding through each sink, read back where the far side can be asked."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest
from click.testing import CliRunner, Result
from findings import finding, several
from loopback import Answer, loopback
from services.launch import Server
from wires import wire

from monitor.cli.root import root
from monitor.formats.ecs import render_ecs
from monitor.formats.native import parse
from monitor.siem.install import install
from monitor.siem.panels import DATA, NO_TESTS
from monitor.siem.requests import Request
from monitor.siem.wire import Wire
from monitor.sinks.bulk import stream_name
from monitor.sinks.outbox import Outbox


def run(folder: Path, *arguments: str, **sinks: Any) -> Result:
    settings = {"runtime": {"state": str(folder)}, "sinks": sinks}
    (folder / "probewatch.yaml").write_text(json.dumps(settings))  # JSON is YAML
    return CliRunner().invoke(root, ["sinks", *arguments, "--config", str(folder / "probewatch.yaml")])


def test_the_list_says_what_each_sink_gets_and_what_waits(tmp_path: Path) -> None:
    page = {"type": "slack", "url": {"file": "/run/secret"}, "route": {"severity": "high", "models": ["cre*"]}}
    sinks = {"archive": {"type": "file", "path": str(tmp_path / "a")}, "chat": page}
    with_nothing = run(tmp_path, "list", **sinks)
    assert with_nothing.exit_code == 0, with_nothing.output
    assert "waiting" not in with_nothing.output
    outbox = Outbox(tmp_path / "outbox.db", list(sinks))
    outbox.accept(several(3))
    outbox.close()
    said = run(tmp_path, "list", "--json", **sinks)
    archive, chat = map(orjson.loads, said.output.splitlines())
    assert (archive["waiting"], archive["route"], chat["waiting"]) == (3, "everything", 3)
    assert chat["route"] == {"severity": "high", "models": ["cre*"]}
    assert (chat["tell"], chat["per_minute"], chat["over"]) == (["labels", "values"], 20, "fold")
    assert "/run/secret" not in said.output


def test_a_test_finding_says_what_it_is_and_is_read_back_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "alerts.ndjson"
    said = run(
        tmp_path, "test", "archive", "--family", "extraction", "--json", archive={"type": "file", "path": str(path)}
    )
    assert said.exit_code == 0, said.output
    told = orjson.loads(said.output)
    assert (told["verdict"], told["read_back"], told["closed"]) == ("delivered", f"read from {path}", False)
    found = parse(path.read_bytes())
    assert (found.id, found.family, found.severity, found.labels) == (
        told["id"],
        "extraction",
        "low",
        {"test": "sinks test"},
    )
    assert found.title.startswith("TEST")
    again = run(tmp_path, "test", "archive", "--severity", "critical", archive={"type": "file", "path": str(path)})
    assert "read from" in again.output
    assert len({parse(line).finding for line in path.read_bytes().splitlines()}) == 2


def test_what_a_test_opens_at_a_pager_it_closes_again(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("k" * 32)
    with loopback(lambda call: Answer(202)) as server:
        pager = {
            "type": "pagerduty", "url": server.url, "routing_key": {"file": str(tmp_path / "key")},
            "networks": ["127.0.0.0/8"], "route": {"severity": "critical"},
        }  # fmt: skip
        said = run(tmp_path, "test", "page", page=pager)
        assert said.exit_code == 0, said.output
        assert "closed again" in said.output
    bodies = [orjson.loads(call.body) for call in server.calls]
    assert [one["event_action"] for one in bodies] == ["trigger", "resolve"]
    assert bodies[0]["payload"]["summary"].startswith("TEST")
    assert len({one["dedup_key"] for one in bodies}) == 1


@pytest.mark.parametrize(("status", "words"), [(401, "hold"), (400, "refused"), (503, "retry")])
def test_a_test_that_does_not_arrive_ends_with_one_and_the_reason(tmp_path: Path, status: int, words: str) -> None:
    (tmp_path / "url").write_text("x")
    with loopback(lambda call: Answer(status)) as server:
        (tmp_path / "url").write_text(server.url + "/very-secret")
        chat = {"type": "slack", "url": {"file": str(tmp_path / "url")}, "networks": ["127.0.0.0/8"]}
        said = run(tmp_path, "test", "chat", "--json", chat=chat)
    assert said.exit_code == 1
    told = orjson.loads(said.output)
    assert told["verdict"] == words
    assert f"status {status}" in told["reason"]
    assert "very-secret" not in said.output


def test_a_sink_that_is_none_is_trouble(tmp_path: Path) -> None:
    said = run(tmp_path, "test", "chat", archive={"type": "stdout"})
    assert said.exit_code == 2
    assert "there are archive" in said.output


def counted(reached: Wire, namespace: str, query: dict[str, Any]) -> int:
    asked = Request("count", "POST", f"/{stream_name(namespace)}/_count", {"query": query})
    return int(reached.send(asked)["count"])


#: The base query of the dashboards in the syntax of the search server, which this much of KQL shares.
BASE = f"{DATA} and {NO_TESTS}".replace(" and ", " AND ").replace("not ", "NOT ")


@pytest.mark.servers
def test_search_servers_and_a_topic_are_read_back(
    elasticsearch: Server, opensearch: Server, kafka: Server, topic: Callable[..., str], tmp_path: Path
) -> None:
    namespace, name = f"t{uuid.uuid4().hex[:8]}", topic()
    for server in (elasticsearch, opensearch):
        install(wire(server.address), namespace)
    sinks = {
        "elastic": {"type": "elasticsearch", "hosts": [elasticsearch.address], "namespace": namespace},
        "open": {"type": "opensearch", "hosts": [opensearch.address], "namespace": namespace},
        "bus": {"type": "kafka", "brokers": [kafka.address], "topic": name},
    }
    for sink, where in (("elastic", "found in .ds-logs"), ("open", "found in .ds-logs"), ("bus", f"topic {name}")):
        said = run(tmp_path, "test", sink, "--json", **sinks)
        assert said.exit_code == 0, said.output
        assert where in orjson.loads(said.output)["read_back"]
    with wire(elasticsearch.address) as reached:
        real = render_ecs(finding(), namespace)
        lines = ({"create": {"_id": "real"}}, real)
        reached.send(Request("one", "POST", f"/{stream_name(namespace)}/_bulk?refresh=true", lines=lines))
        assert counted(reached, namespace, {"match_all": {}}) == 2
        assert counted(reached, namespace, {"query_string": {"query": BASE}}) == 1  # what dashboards count
        assert counted(reached, namespace, {"term": {"event.kind": "alert"}}) == 1  # what rules promote
