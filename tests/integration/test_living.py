"""A daemon on real servers that is told things while it reads: what is silenced does not reach Elasticsearch, what is
reloaded loses nothing, and a verdict given there comes back."""

from __future__ import annotations

import json
import signal
import uuid
from pathlib import Path

import pytest
from elasticsearch import Elasticsearch
from installed import metadata, run
from probing import records
from services.launch import Server
from watched import Watched

from monitor.alerts.finding import Finding
from monitor.sinks.outbox import Outbox

pytestmark = [pytest.mark.servers, pytest.mark.timeout(600)]

CUT, WHOLE = 6_200, 7_000


def test_silences_reloads_and_verdicts(kafka: Server, elasticsearch: Server, tmp_path: Path) -> None:
    package = metadata(tmp_path / "package")
    stage = Watched(tmp_path, package, kafka.address, elasticsearch.address, partitions=1)
    stage.produce((line, client.encode(), []) for client, line in list(records(WHOLE))[:CUT])
    daemon = stage.start()
    stage.wait(daemon, stage.read_everything)
    stage.wait(daemon, lambda one: one.metric("probewatch_records_received_total") >= CUT)
    before = {one.id for one in history(tmp_path)}
    assert before, "there has to be something to be told of"

    hush = ("silence", "add", "--model", "hi", "--start", "2026-01-01T00:00:00Z", "--for", "50w", "--reason", "x")
    [made] = stage.told(*hush)
    stage.config.write_text(stage.config.read_text() + "[engine]\nopen_findings = 9999\n")
    [outcome] = stage.told("reload")
    assert (outcome["taken"], outcome["refused"]) == (["engine.open_findings"], [])
    stage.produce((line, client.encode(), []) for client, line in list(records(WHOLE))[CUT:])
    stage.wait(daemon, lambda one: one.metric("probewatch_records_received_total") >= WHOLE)
    [top] = stage.told("top", "--once", "--every", "1")
    assert top["closest"]
    stage.finish(daemon)
    assert daemon.process.returncode == 0

    silenced = {one.id for one in history(tmp_path, silenced=True)}
    assert silenced
    assert all(one.model == "hi" for one in history(tmp_path, silenced=True))
    documents = stage.documents()
    assert not silenced & documents.keys()
    assert before <= documents.keys()
    assert {one.id for one in history(tmp_path, silenced=False)} <= documents.keys()

    [ended] = stage.told("silence", "expire", str(made["silence"]), "--deliver")
    assert ended["delivered"] == len(silenced)
    last = stage.start()
    stage.wait(last, lambda one: one.metric("probewatch_outbox_alerts") == 0 and one.page("/readyz")[0] == 200)
    last.process.send_signal(signal.SIGTERM)
    assert last.process.wait(60) == 0
    assert silenced <= stage.documents().keys(), "what was kept back can be had after all"

    index = closed_in_kibana(elasticsearch, sorted(before)[0])
    done = run(package, "feedback", "pull", "--config", stage.config, "--index", index, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["new"] == 1
    [said] = stage.told("feedback", "list")
    assert (said["word"], sorted(before)[0].startswith(str(said["finding"]))) == ("false", True)


def history(folder: Path, silenced: bool | None = None) -> list[Finding]:
    outbox = Outbox(folder / "state" / "outbox.db", ["search"])
    try:
        return list(outbox.history.latest(silenced=silenced, limit=9_999))
    finally:
        outbox.close()


def closed_in_kibana(server: Server, alert: str) -> str:
    """An index with one alert of Kibana's, made of one of ours and closed as a false positive."""
    client, index = Elasticsearch(server.address), f"closed-{uuid.uuid4().hex[:8]}"
    keyword = {"type": "keyword"}
    fields = dict.fromkeys(("kibana.alert.workflow_status", "kibana.alert.workflow_reason"), keyword)
    ancestors = {"kibana.alert.ancestors": {"properties": {"id": keyword, "index": keyword}}}
    properties = {"@timestamp": {"type": "date"}, **fields, **ancestors}
    client.indices.create(index=index, mappings={"dynamic": False, "properties": properties})
    document = {
        "@timestamp": "2026-11-21T10:00:00Z",
        "kibana.alert.ancestors": [{"id": alert, "index": ".ds-logs-probewatch.alert-x-2026.11.21-000001"}],
        "kibana.alert.workflow_status": "closed",
        "kibana.alert.workflow_reason": "false_positive",
    }
    client.index(index=index, document=document, refresh=True)
    return index
