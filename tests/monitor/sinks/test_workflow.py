"""Verdicts out of Kibana's alerts, on a real Elasticsearch with documents as Kibana writes them."""

from __future__ import annotations

import json
import uuid
from pathlib import Path

import pytest
from elasticsearch import Elasticsearch
from findings import finding
from installed import metadata, run
from services.launch import Server

from monitor.config.trouble import Trouble
from monitor.sinks.outbox import Outbox
from monitor.sinks.workflow import Tally, meant, pull

FIELDS = {name: {"type": "keyword"} for name in ("kibana.alert.workflow_status", "kibana.alert.workflow_reason")}
MAPPINGS = {
    "dynamic": False,
    "properties": {
        "@timestamp": {"type": "date"},
        **FIELDS,
        "kibana.alert.workflow_tags": {"type": "keyword"},
        "kibana.alert.workflow_user": {"type": "keyword"},
        "kibana.alert.workflow_status_updated_at": {"type": "date"},
        "kibana.alert.uuid": {"type": "keyword"},
        "kibana.alert.ancestors": {"properties": {"id": {"type": "keyword"}, "index": {"type": "keyword"}}},
    },
}
OURS = ".ds-logs-probewatch.alert-default-2026.11.21-000001"
KNOWN = [finding(finding=f"{number:032x}", revision=1) for number in range(3)]


def alert(number: int, alert_id: str, index: str = OURS, **workflow: object) -> dict[str, object]:
    """As Kibana keeps an alert: names with points in them, beside objects of the source document."""
    told = {f"kibana.alert.workflow_{name}": value for name, value in workflow.items()}
    return {
        "@timestamp": f"2026-11-21T10:00:{number:02}Z",
        "kibana.alert.uuid": uuid.uuid4().hex,
        "kibana.alert.ancestors": [{"id": alert_id, "type": "event", "index": index, "depth": 0}],
        "event": {"kind": "signal"},
        **told,
    }


@pytest.fixture
def index(elasticsearch: Server) -> str:
    client, name = Elasticsearch(elasticsearch.address), f"alerts-security-{uuid.uuid4().hex[:8]}"
    client.indices.create(index=name, mappings=MAPPINGS)
    closed = {"status": "closed", "status_updated_at": "2026-11-21T12:00:00Z", "user": "u_1"}
    documents = [
        alert(1, KNOWN[0].id, **closed, reason="false_positive"),
        alert(2, KNOWN[1].id, status="open", tags=["Further investigation required", "True Positive"]),
        alert(3, KNOWN[2].id, **closed),
        alert(4, f"{99:032x}-0001", **closed, reason="benign_positive"),
        alert(5, "somebody-elses", index="logs-other-default", **closed, reason="duplicate"),
    ]
    for document in documents:
        client.index(index=name, document=document)
    client.indices.refresh(index=name)
    return name


@pytest.mark.servers
def test_reasons_and_tags_are_verdicts(elasticsearch: Server, index: str) -> None:
    tally = Tally()
    found = list(pull(Elasticsearch(elasticsearch.address), index, tally))
    assert [(one.finding, one.word, one.author) for one in found] == [
        (KNOWN[1].finding, "true", "kibana"),
        (KNOWN[0].finding, "false", "u_1"),
        (f"{99:032x}", "benign", "u_1"),
    ]
    assert (tally.alerts, dict(tally.silent)) == (4, {"closed": 1})


@pytest.mark.servers
def test_they_are_fetched_into_the_outbox_once(elasticsearch: Server, index: str, tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "state" / "outbox.db", [])
    outbox.accept(KNOWN)
    outbox.close()
    config = tmp_path / "p.toml"
    config.write_text(
        f'[runtime]\nstate = "{tmp_path}/state"\n'
        f'[sinks.soc]\ntype = "elasticsearch"\nhosts = ["{elasticsearch.address}"]\n'
    )
    package = metadata(tmp_path / "package")
    for new, known in ((2, 0), (0, 2)):
        done = run(package, "feedback", "pull", "--config", config, "--index", index, "--json")
        assert done.returncode == 0, done.stderr
        told = json.loads(done.stdout)
        assert (told["alerts"], told["new"], told["known"], told["strange"]) == (4, new, known, 1)
    words = {one.finding: one.word for one in Outbox(tmp_path / "state" / "outbox.db", []).opinions.all()}
    assert words == {KNOWN[0].finding: "false", KNOWN[1].finding: "true"}


@pytest.mark.servers
def test_an_index_that_cannot_be_searched_is_told(elasticsearch: Server) -> None:
    client, name = Elasticsearch(elasticsearch.address), f"no-alerts-{uuid.uuid4().hex[:8]}"
    client.indices.create(index=name, mappings={"dynamic": False})
    with pytest.raises(Trouble, match="Elasticsearch answered 400"):
        list(pull(client, name, Tally()))
    with pytest.raises(Trouble, match="no answer: ConnectionError"):
        list(pull(Elasticsearch("http://127.0.0.1:1", max_retries=0), name, Tally()))


def test_words_of_kibana() -> None:
    said = {"Duplicate": "duplicate", "true_positive": "true", "FALSE POSITIVE": "false", "automated_closure": None}
    assert {word: meant([word]) for word in said} == said
