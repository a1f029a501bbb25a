"""Installing in a real Elasticsearch, and reading back what was written there."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from elasticsearch import Elasticsearch
from findings import EXAMPLE, finding, findings
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from loopback import Answer, Call, loopback
from services.launch import Server

from monitor.alerts.finding import Finding
from monitor.config.sinks import ElasticsearchSettings
from monitor.config.trouble import Trouble
from monitor.formats.ecs import render_ecs
from monitor.sinks.assets import asset
from monitor.sinks.client import connect
from monitor.sinks.elasticsearch import ElasticsearchSink, field_names, stream_name
from monitor.sinks.siem import NAME, Done, console, install, make_api_key, requests

ROOT = Path(__file__).parents[3]
ASSETS = ("index-template", "ingest-pipeline", "role-writer", "role-reader", "api-key", "lookup-key")
TARGETS_HAVE = {"keyword", "text", "date", "long", "double", "float", "boolean", "ip", "object", "flattened"}


def results(done: list[Done]) -> dict[str, str]:
    return {one.request.what: one.result for one in done}


@pytest.fixture
def client(elasticsearch: Server) -> Iterator[Elasticsearch]:
    made = Elasticsearch(elasticsearch.address, request_timeout=60)
    yield made
    made.close()


@pytest.fixture
def namespace(client: Elasticsearch) -> Iterator[str]:
    name = f"test_{uuid.uuid4().hex[:12]}"
    yield name
    client.indices.delete_data_stream(name=stream_name(name))


def read(client: Elasticsearch, namespace: str, **query: Any) -> list[Any]:
    client.indices.refresh(index=stream_name(namespace))
    answer = client.search(index=stream_name(namespace), size=100, sort="event.id", **query)
    return list(answer["hits"]["hits"])


@pytest.mark.servers
def test_findings_can_be_written_found_and_read(client: Elasticsearch, namespace: str) -> None:
    install(client, namespace)
    alerts = [
        EXAMPLE,
        finding(family="extraction", members=("c1.a", "c1.b")),
        finding(family="novelty", tier="novelty"),
    ]
    sink = ElasticsearchSink("search", client, namespace)
    assert {outcome.verdict for outcome in sink.send(alerts)} == {"delivered"}
    hits = read(client, namespace)
    assert {hit["_id"] for hit in hits} == {alert.id for alert in alerts}
    for hit in hits:
        assert "_ignored" not in hit
        assert hit["_source"]["event"].pop("ingested")
        [alert] = [alert for alert in alerts if alert.id == hit["_id"]]
        assert hit["_source"] == render_ecs(alert, namespace)
    for field, value in {
        "user.hash": EXAMPLE.client,
        "related.user": "c1.b",
        "event.severity": 73,
        "threat.technique.subtechnique.id": "AML.T0024.001",
        "probewatch.evidence.detector": "inversion",
        "probewatch.evidence.contributions.usual": 0.51,
        "probewatch.attack.owasp": "ML03:2023",
        "labels.environment": "production",
    }.items():
        assert read(client, namespace, query={"term": {field: value}}), field
    assert read(client, namespace, query={"range": {"event.ingested": {"gte": "now-1h"}}})


@pytest.mark.servers
@settings(max_examples=5, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate])
@given(st.lists(findings, min_size=20, max_size=20, unique_by=lambda one: one.id))
def test_every_finding_there_can_be_is_taken(elasticsearch: Server, alerts: list[Finding]) -> None:
    with Elasticsearch(elasticsearch.address, request_timeout=60) as client:
        install(client, "test_any")
        outcomes = ElasticsearchSink("search", client, "test_any").send(alerts)
        assert {outcome.verdict for outcome in outcomes} == {"delivered"}, outcomes
        client.indices.refresh(index=stream_name("test_any"))
        ignored = client.count(index=stream_name("test_any"), query={"exists": {"field": "_ignored"}})
        assert ignored["count"] == 0
        client.indices.delete_data_stream(name=stream_name("test_any"))


@pytest.mark.servers
def test_a_second_installation_changes_nothing(client: Elasticsearch, namespace: str) -> None:
    first = results(install(client, namespace))
    assert first["data stream"] == "created"
    assert first["role of the writer"] == "skipped"
    assert set(results(install(client, namespace)).values()) == {"unchanged", "skipped"}


@pytest.mark.servers
def test_another_retention_reaches_an_existing_stream(client: Elasticsearch, namespace: str) -> None:
    install(client, namespace)
    assert results(install(client, namespace, days=30.0))["data stream"] == "updated"
    try:
        [stream] = client.indices.get_data_stream(name=stream_name(namespace))["data_streams"]
        assert stream["lifecycle"]["data_retention"] == "30d"
    finally:
        install(client, namespace)


@pytest.mark.servers
def test_what_somebody_else_has_made_is_not_overwritten(client: Elasticsearch, namespace: str) -> None:
    install(client, namespace)
    pipeline = asset("ingest-pipeline")
    try:
        client.ingest.put_pipeline(id=NAME, **pipeline)
        with pytest.raises(Trouble, match="there is another ingest pipeline under that name"):
            install(client, namespace)
    finally:
        client.ingest.put_pipeline(
            id=NAME, **pipeline, meta={"managed_by": "probewatch", "digest": "of an older version"}
        )
        assert results(install(client, namespace))["ingest pipeline"] == "updated"


@pytest.mark.servers
def test_a_failing_processor_is_told_apart_and_lets_the_alert_through(client: Elasticsearch) -> None:
    pipeline = asset("ingest-pipeline")
    pipeline["processors"].append({"fail": {"tag": "broken", "message": "on purpose"}})
    answer = client.ingest.simulate(pipeline=pipeline, docs=[{"_source": render_ecs(EXAMPLE)}])
    source = answer["docs"][0]["doc"]["_source"]
    assert source["event"]["kind"] == "pipeline_error"
    assert source["error"] == {"message": "on purpose", "type": "broken"}


@pytest.mark.servers
def test_with_security_the_writers_key_writes_and_cannot_do_more(secured_elasticsearch: Any, tmp_path: Path) -> None:
    server = secured_elasticsearch("probewatch")
    (tmp_path / "password").write_text("probewatch\n")
    basic = {"user": "elastic_admin", "password": {"file": tmp_path / "password"}}
    admin = connect(ElasticsearchSettings(type="elasticsearch", hosts=(server.address,), basic=basic))  # type: ignore[arg-type]
    assert set(results(install(admin, "secured")).values()) == {"created"}
    assert set(results(install(admin, "secured")).values()) == {"unchanged"}
    (tmp_path / "key").write_text(make_api_key(admin))
    key = {"file": tmp_path / "key"}
    writer = connect(ElasticsearchSettings(type="elasticsearch", hosts=(server.address,), api_key=key))  # type: ignore[arg-type]
    sink = ElasticsearchSink("search", writer, "secured")
    assert [outcome.verdict for outcome in sink.send([EXAMPLE])] == ["delivered"]
    assert [outcome.verdict for outcome in sink.send([EXAMPLE], {EXAMPLE.id})] == ["delivered"]
    assert [outcome.verdict for outcome in ElasticsearchSink("s", writer, "other").send([EXAMPLE])] == ["hold"]
    install(admin, "other")
    assert [outcome.verdict for outcome in ElasticsearchSink("s", writer, "other").send([EXAMPLE])] == ["delivered"]
    with pytest.raises(Trouble, match="we may not do that"):
        install(writer, "secured")
    nobody = Elasticsearch(server.address)
    [outcome] = ElasticsearchSink("search", nobody, "secured").send([EXAMPLE])
    assert (outcome.verdict, outcome.reason) == ("hold", "status 401")
    with pytest.raises(Trouble, match="does not know us"):
        install(nobody, "secured")
    stranger = {"cluster": [], "indices": [{"names": ["elsewhere"], "privileges": ["read"]}]}
    made = admin.security.create_api_key(name="stranger", role_descriptors={"stranger": stranger})
    [outcome] = ElasticsearchSink("search", Elasticsearch(server.address, api_key=made["encoded"]), "secured").send(
        [EXAMPLE]
    )
    assert outcome.verdict == "hold"
    assert outcome.reason.startswith("status 403")


@pytest.mark.parametrize("name", ASSETS)
def test_the_copies_under_deploy_are_what_is_installed(name: str) -> None:
    assert orjson.loads((ROOT / "deploy/elastic" / f"{name}.json").read_bytes()) == asset(name)


def test_every_field_that_we_write_is_mapped() -> None:
    known = set(field_names(asset("index-template")["template"]["mappings"]["properties"]))

    def names(tree: Any, path: str) -> Iterator[str]:
        for item in tree if isinstance(tree, list) else [tree]:
            if not isinstance(item, dict) or path == "labels":
                yield path
                continue
            for key, value in item.items():
                yield from names(value, f"{path}.{key}" if path else key)

    for alert in (EXAMPLE, finding(members=("a", "b"))):
        assert set(names(render_ecs(alert), "")) <= known


def test_only_types_that_every_target_has() -> None:
    def types(properties: dict[str, Any]) -> Iterator[str]:
        for field in properties.values():
            yield field.get("type", "object")
            yield from types(field.get("properties", {}))

    assert set(types(asset("index-template")["template"]["mappings"]["properties"])) <= TARGETS_HAVE


def test_older_servers_are_not_asked_for_what_they_do_not_know() -> None:
    for version, has in {(8, 14): False, (8, 19): True, (9, 0): False, (9, 1): True, (10, 0): True}.items():
        [body] = [request.body for request in requests(version=version) if request.what == "index template"]
        assert body is not None
        assert ("data_stream_options" in body["template"]) == has, version


def test_the_requests_can_be_read_before_they_are_sent() -> None:
    lines = "\n".join(line for request in requests("prod", days=90) for line in console(request))
    assert "PUT /_index_template/logs-probewatch.alert\n" in lines
    assert '"data_retention": "90d"' in lines
    assert lines.endswith("PUT /_data_stream/logs-probewatch.alert-prod")


def elastic(status: int, tree: Any) -> Answer:
    headers = {"x-elastic-product": "Elasticsearch", "content-type": "application/json"}
    return Answer(status, orjson.dumps(tree), headers)


@pytest.mark.parametrize(
    ("answer", "what"),
    [
        (elastic(200, {"version": {"number": "8.11.4"}}), "Elasticsearch 8.11.4 is too old"),
        (Answer(200, b'{"version":{"number":"3.8.0"}}', {"content-type": "application/json"}), "not Elasticsearch"),
        (elastic(502, {}), "answered 502: unknown error"),
        (elastic(400, {"error": {"type": "parse_exception", "reason": "secret"}}), "answered 400: parse_exception"),
        (Answer(drop=True), "no answer: ConnectionError"),
    ],
)
def test_a_server_that_will_not_do_is_trouble(answer: Answer, what: str) -> None:
    def script(call: Call) -> Answer:
        return answer

    with loopback(script) as server, Elasticsearch(server.url, max_retries=0) as client:
        with pytest.raises(Trouble, match=what) as caught:
            install(client)
        assert server.url not in str(caught.value)
