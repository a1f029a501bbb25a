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
from wires import settings as section
from wires import wire

from monitor.alerts.finding import Finding
from monitor.config.trouble import Trouble
from monitor.formats.ecs import render_ecs
from monitor.siem import bodies
from monitor.siem.bodies import MAPPINGS, NAME, SETTINGS
from monitor.siem.install import Done, install, make_api_key, requests, uninstall
from monitor.siem.install import server as recognised
from monitor.siem.requests import Request, console, mark_of, server_from
from monitor.siem.requests import Server as Known
from monitor.siem.verify import Verification
from monitor.siem.wire import Wire
from monitor.sinks.bulk import stream_name
from monitor.sinks.client import connect
from monitor.sinks.elasticsearch import ElasticsearchSink

PASSWORD = "probewatch"


def results(done: list[Done]) -> dict[str, str]:
    return {one.request.what: one.result for one in done}


@pytest.fixture
def client(elasticsearch: Server) -> Iterator[Elasticsearch]:
    made = Elasticsearch(elasticsearch.address, request_timeout=60)
    yield made
    made.close()


@pytest.fixture
def reached(elasticsearch: Server) -> Iterator[Wire]:
    with wire(elasticsearch.address) as made:
        yield made


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
def test_findings_can_be_written_found_and_read(client: Elasticsearch, reached: Wire, namespace: str) -> None:
    install(reached, namespace)
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
        with wire(elasticsearch.address) as reached:
            install(reached, "test_any")
        outcomes = ElasticsearchSink("search", client, "test_any").send(alerts)
        assert {outcome.verdict for outcome in outcomes} == {"delivered"}, outcomes
        client.indices.refresh(index=stream_name("test_any"))
        ignored = client.count(index=stream_name("test_any"), query={"exists": {"field": "_ignored"}})
        assert ignored["count"] == 0
        client.indices.delete_data_stream(name=stream_name("test_any"))


@pytest.mark.servers
def test_a_second_installation_changes_nothing(client: Elasticsearch, reached: Wire, namespace: str) -> None:
    first = results(install(reached, namespace))
    assert first["data stream"] == "created"
    assert first["role of the writer"] == "skipped"
    assert set(results(install(reached, namespace)).values()) == {"unchanged", "skipped"}


@pytest.mark.servers
def test_another_retention_reaches_an_existing_stream(client: Elasticsearch, reached: Wire, namespace: str) -> None:
    install(reached, namespace)
    assert results(install(reached, namespace, days=30.0))["data stream"] == "updated"
    try:
        [stream] = client.indices.get_data_stream(name=stream_name(namespace))["data_streams"]
        assert stream["lifecycle"]["data_retention"] == "30d"
    finally:
        install(reached, namespace)


@pytest.mark.servers
def test_what_somebody_else_has_made_is_neither_overwritten_nor_removed(
    client: Elasticsearch, reached: Wire, namespace: str
) -> None:
    install(reached, namespace)
    pipeline = bodies.pipeline(Known())
    try:
        client.ingest.put_pipeline(id=NAME, **pipeline)
        with pytest.raises(Trouble, match="there is another ingest pipeline under that name"):
            install(reached, namespace)
        assert results(uninstall(reached))["ingest pipeline"] == "kept"
    finally:
        client.ingest.put_pipeline(
            id=NAME, **pipeline, meta={"managed_by": "probewatch", "digest": "of an older version"}
        )
        assert results(install(reached, namespace))["ingest pipeline"] == "updated"


@pytest.mark.servers
def test_an_own_component_template_comes_last(client: Elasticsearch, reached: Wire, namespace: str) -> None:
    client.cluster.put_component_template(name=bodies.CUSTOM, template={"settings": {"number_of_replicas": 0}})
    try:
        install(reached, namespace)
        [there] = client.indices.get_settings(index=stream_name(namespace)).values()
        assert there["settings"]["index"]["number_of_replicas"] == "0"
    finally:
        client.options(ignore_status=[400, 404]).cluster.delete_component_template(name=bodies.CUSTOM)


@pytest.mark.servers
def test_a_failing_processor_is_told_apart_and_lets_the_alert_through(client: Elasticsearch) -> None:
    pipeline = bodies.pipeline(Known())
    pipeline["processors"].append({"fail": {"tag": "broken", "message": "on purpose"}})
    answer = client.ingest.simulate(pipeline=pipeline, docs=[{"_source": render_ecs(EXAMPLE)}])
    source = answer["docs"][0]["doc"]["_source"]
    assert source["event"]["kind"] == "pipeline_error"
    assert source["error"] == {"message": "on purpose", "type": "broken"}


@pytest.fixture
def secured(secured_elasticsearch: Any, tmp_path: Path) -> Iterator[tuple[str, Wire]]:
    """A server with security, and a wire of its superuser."""
    server = secured_elasticsearch(PASSWORD)
    (tmp_path / "password").write_text(f"{PASSWORD}\n")
    with wire(server.address, basic={"user": "elastic_admin", "password": {"file": tmp_path / "password"}}) as admin:
        yield server.address, admin


@pytest.mark.servers
def test_with_security_the_writers_key_writes_and_cannot_do_more(secured: tuple[str, Wire], tmp_path: Path) -> None:
    address, admin = secured
    first = results(install(admin, "secured"))
    assert first["data stream"] == "created"
    assert first["role of the writer"] in {"created", "unchanged"}  # other tests use this server too
    assert set(results(install(admin, "secured")).values()) == {"unchanged"}
    (tmp_path / "key").write_text(make_api_key(admin))
    keyed = section(address, api_key={"file": tmp_path / "key"})
    sink = ElasticsearchSink("search", connect(keyed), "secured")
    assert [outcome.verdict for outcome in sink.send([EXAMPLE])] == ["delivered"]
    assert [outcome.verdict for outcome in sink.send([EXAMPLE], {EXAMPLE.id})] == ["delivered"]
    assert [outcome.verdict for outcome in ElasticsearchSink("s", connect(keyed), "other").send([EXAMPLE])] == ["hold"]
    install(admin, "other")
    assert [one.verdict for one in ElasticsearchSink("s", connect(keyed), "other").send([EXAMPLE])] == ["delivered"]
    with Wire(keyed) as writer, pytest.raises(Trouble, match="we may not do that"):
        install(writer, "secured")
    nobody = Elasticsearch(address)
    [outcome] = ElasticsearchSink("search", nobody, "secured").send([EXAMPLE])
    assert (outcome.verdict, outcome.reason) == ("hold", "status 401")
    with wire(address) as unknown, pytest.raises(Trouble, match="does not know us"):
        install(unknown, "secured")
    stranger = {"cluster": [], "indices": [{"names": ["elsewhere"], "privileges": ["read"]}]}
    body = {"name": "stranger", "role_descriptors": {"stranger": stranger}}
    made = admin.send(Request("a key", "POST", "/_security/api_key", body))
    [outcome] = ElasticsearchSink("search", Elasticsearch(address, api_key=made["encoded"]), "secured").send([EXAMPLE])
    assert outcome.verdict == "hold"
    assert outcome.reason.startswith("status 403")


@pytest.mark.servers
def test_the_role_of_who_installs_is_enough_and_no_more(secured: tuple[str, Wire], tmp_path: Path) -> None:
    address, admin = secured
    admin.send(Request("a role", "PUT", "/_security/role/installer", bodies.role("installer")))
    user = {"password": PASSWORD, "roles": ["installer"]}
    admin.send(Request("a user", "PUT", "/_security/user/installer", user))
    with wire(address, basic={"user": "installer", "password": {"file": tmp_path / "password"}}) as installer:
        assert results(install(installer, "by_installer"))["data stream"] == "created"
        assert make_api_key(installer)
        checks = list(Verification(installer, installer, recognised(installer), "by_installer", (), 1).run())
        bad = [check.name for check in checks if check.verdict != "good" and check.name not in {"ES|QL", "privileges"}]
        assert bad == ["written"]  # who installs writes no alerts
        assert results(uninstall(installer, "by_installer"))["data stream"] == "removed"
        assert installer.ask(Request("elsewhere", "PUT", "/elsewhere")).status == 403


@pytest.mark.servers
def test_everything_goes_but_the_alerts_and_then_these_too(secured: tuple[str, Wire], tmp_path: Path) -> None:
    address, admin = secured
    install(admin, "gone")
    key = make_api_key(admin)
    client = Elasticsearch(address, basic_auth=("elastic_admin", PASSWORD))
    assert [one.verdict for one in ElasticsearchSink("s", client, "gone").send([EXAMPLE])] == ["delivered"]
    streams = client.indices.get_data_stream(name=stream_name("*"))["data_streams"]
    for name in {one["name"] for one in streams} - {stream_name("gone")}:  # of other tests on this server
        client.indices.delete_data_stream(name=name)
    kept = results(uninstall(admin))
    assert kept["API keys"] == "removed"
    assert kept["role of the writer"] == kept["role of analysts"] == "removed"
    assert kept["index template"] == kept["mappings"] == kept["settings"] == kept["ingest pipeline"] == "kept"
    assert len(read(client, "gone")) == 1
    [outcome] = ElasticsearchSink("s", Elasticsearch(address, api_key=key), "gone").send([EXAMPLE])
    assert outcome.reason == "status 401"
    gone = results(uninstall(admin, "gone"))
    assert gone["data stream"] == gone["index template"] == gone["mappings"] == gone["ingest pipeline"] == "removed"
    assert set(results(uninstall(admin, "gone")).values()) == {"absent"}
    for path in (f"/_index_template/{NAME}", f"/_component_template/{SETTINGS}", f"/_component_template/{MAPPINGS}"):
        assert admin.ask(Request("what was there", "GET", path)).status == 404
    client.close()


@pytest.mark.servers
def test_opensearch_gets_its_own_and_takes_every_finding(opensearch: Server) -> None:
    with wire(opensearch.address) as reached:
        namespace = f"test_{uuid.uuid4().hex[:12]}"
        stream = stream_name(namespace)
        assert recognised(reached).product == "opensearch"
        assert results(install(reached, namespace))["data stream"] == "created"
        assert set(results(install(reached, namespace)).values()) == {"unchanged"}
        try:
            documents = [render_ecs(one, namespace) for one in (EXAMPLE, finding(members=("c1.a", "c1.b")))]
            lines = [line for one in documents for line in ({"create": {"_id": one["event"]["id"]}}, one)]
            path = f"/{stream}/_bulk?refresh=true"
            assert reached.send(Request("alerts", "POST", path, lines=tuple(lines)))["errors"] is False
            for field, value in {"labels.environment": "production", "related.user": "c1.b"}.items():
                query = {"query": {"term": {field: value}}}
                found = reached.send(Request("search", "POST", f"/{stream}/_search", query))["hits"]["hits"]
                assert found, field
                assert found[0]["_source"]["event"].pop("ingested")
                assert found[0]["_source"] in documents
            ignored = {"query": {"exists": {"field": "_ignored"}}}
            assert reached.send(Request("count", "POST", f"/{stream}/_count", ignored))["count"] == 0
            settings = reached.send(Request("an older one", "GET", f"/_component_template/{SETTINGS}"))
            older = settings["component_templates"][0]["component_template"]
            older["_meta"]["digest"] = "of an older version"
            reached.send(Request("an older one", "PUT", f"/_component_template/{SETTINGS}", older))
            assert results(install(reached, namespace))["data stream"] == "updated"
        finally:
            assert results(uninstall(reached, namespace))["data stream"] == "removed"


def test_older_servers_are_not_asked_for_what_they_do_not_know() -> None:
    for version, has in {(8, 14): False, (8, 19): True, (9, 0): False, (9, 1): True, (10, 0): True}.items():
        template = bodies.settings(Known(version=version))["template"]
        assert ("data_stream_options" in template) == has, version


def test_a_policy_instead_of_the_streams_own_life_cycle() -> None:
    wanted = {one.what: one for one in requests(Known(), days=200, keep="ilm")}
    policy = wanted["retention policy"]
    assert policy.path == "/_ilm/policy/probewatch.alert"
    assert policy.body is not None
    assert policy.body["policy"]["phases"]["delete"]["min_age"] == "200d"
    assert mark_of(policy.body["policy"])
    settings = wanted["settings"].body
    assert settings is not None
    assert settings["template"]["settings"]["index"]["lifecycle"]["name"] == "probewatch.alert"
    assert "lifecycle" not in settings["template"]


def test_policies_that_we_may_not_see_are_kept() -> None:
    def script(call: Call) -> Answer:
        if call.path == "/":
            return elastic(200, {"version": {"number": "9.4.0"}})
        if "/_security/api_key" in call.path:
            return elastic(200, {"api_keys": []})
        return elastic(403 if "/_ilm/" in call.path else 200 if "authenticate" in call.path else 404, {})

    with loopback(script) as server, wire(server.url) as reached:
        done = results(uninstall(reached))
    assert done.pop("retention policy") == "kept"
    assert set(done.values()) == {"absent"}


def test_opensearch_with_its_plug_in_keeps_by_state() -> None:
    wanted = {one.what: one.path for one in requests(server_from("opensearch-3"))}
    assert wanted["retention policy"] == "/_plugins/_ism/policies/probewatch.alert"
    assert not any("role" in what for what in wanted)


def test_a_policy_of_opensearch_is_replaced_by_its_number() -> None:
    told: dict[str, Any] = {"version": {"number": "3.8.0", "distribution": "opensearch"}}
    policy = {"policy_id": "x", "_seq_no": 7, "_primary_term": 2, "policy": {"description": "Ours (probewatch old)"}}

    def script(call: Call) -> Answer:
        if call.path == "/":
            return Answer(200, orjson.dumps(told))
        if call.method == "GET" and "/policies/" in call.path:
            return Answer(200, orjson.dumps(policy))
        return Answer(200 if call.method == "PUT" or call.path.endswith("policies") else 404, b"{}")

    with loopback(script) as server, wire(server.url) as reached:
        assert results(install(reached))["retention policy"] == "updated"
        put = [call.path for call in server.calls if call.method == "PUT"]
    assert "/_plugins/_ism/policies/probewatch.alert?if_seq_no=7&if_primary_term=2" in put


def test_the_requests_can_be_read_before_they_are_sent() -> None:
    lines = "\n".join(line for request in requests(Known(), "prod", days=90) for line in console(request))
    assert "PUT /_index_template/logs-probewatch.alert\n" in lines
    assert '"data_retention": "90d"' in lines
    assert lines.endswith("PUT /_data_stream/logs-probewatch.alert-prod")


@pytest.mark.parametrize("text", ["", "opensearch", "elasticsearch-x", "solr-9", "8.11", "opensearch-2.19"])
def test_a_server_that_is_none_of_ours_is_trouble(text: str) -> None:
    with pytest.raises(Trouble):
        server_from(text)


def elastic(status: int, tree: Any) -> Answer:
    headers = {"x-elastic-product": "Elasticsearch", "content-type": "application/json"}
    return Answer(status, orjson.dumps(tree), headers)


@pytest.mark.parametrize(
    ("answer", "what"),
    [
        (elastic(200, {"version": {"number": "8.11.4"}}), "Elasticsearch 8.11 is too old"),
        (elastic(200, {"version": {"number": "2.19.0", "distribution": "opensearch"}}), "OpenSearch 2.19 is too old"),
        (Answer(200, b'{"version": 7}'), "neither Elasticsearch nor OpenSearch"),
        (Answer(200, b"<html>"), "neither Elasticsearch nor OpenSearch"),
        (elastic(502, {}), "answered 502: unknown error"),
        (elastic(400, {"error": {"type": "parse_exception", "reason": "secret"}}), "answered 400: parse_exception"),
        (Answer(drop=True), "no answer: ProtocolError"),
    ],
)
def test_a_server_that_will_not_do_is_trouble(answer: Answer, what: str) -> None:
    def script(call: Call) -> Answer:
        return answer

    with loopback(script) as server, wire(server.url) as reached:
        with pytest.raises(Trouble, match=what) as caught:
            install(reached)
        assert server.url not in str(caught.value)
        assert "secret" not in str(caught.value)
