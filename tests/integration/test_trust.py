"""TLS with certificates of both sides, logins and API keys, at real servers that insist on them."""

from __future__ import annotations

import json
import logging
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from beginning import first_records
from certificates import Certificates, Identity, certificates
from elasticsearch import AuthorizationException, BadRequestError, Elasticsearch
from findings import EXAMPLE, several
from kafka import KafkaProducer
from loopback import Answer, loopback
from services.fixtures import Park
from services.launch import HERE, Server, launch
from test_webhook import settings as webhook

from monitor.config.sinks import ElasticsearchSettings
from monitor.config.sources import KafkaSettings
from monitor.config.streams import KafkaSinkSettings
from monitor.config.trouble import Trouble
from monitor.runtime.reach import _elasticsearch
from monitor.siem.install import install, make_api_key, make_lookup_key
from monitor.siem.wire import Wire
from monitor.sinks.build import build_sinks
from monitor.sinks.bulk import stream_name
from monitor.sinks.client import connect, looking
from monitor.sinks.delivery import Delivery
from monitor.sinks.elasticsearch import ElasticsearchSink
from monitor.sinks.kafka import KafkaSink
from monitor.sinks.outbox import Outbox
from monitor.sinks.webhook import WebhookSink
from monitor.sinks.worker import Backoff
from monitor.sources.kafka import KafkaSource

PASSWORD = "correct horse battery staple"
QUICK = Backoff(first=0.05, ceiling=0.2, hold=0.2)
SETTINGS = {
    "listener.security.protocol.map": "SASL_SSL:SASL_SSL,PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
    "inter.broker.listener.name": "PLAINTEXT",
    "sasl.enabled.mechanisms": "SCRAM-SHA-512,SCRAM-SHA-256",
    "listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config": "org.apache.kafka.common.security.scram.ScramLoginModule"
    " required;",
    "listener.name.sasl_ssl.scram-sha-256.sasl.jaas.config": "org.apache.kafka.common.security.scram.ScramLoginModule"
    " required;",
    "ssl.keystore.type": "PEM",
    "ssl.truststore.type": "PEM",
    "listener.name.sasl_ssl.ssl.client.auth": "required",  # without the listener it does not hold beside a login
}


@pytest.fixture(scope="module")
def issued(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def broker(park: Park, issued: Certificates, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Kafka with a listener for clients that have a certificate and a SCRAM user, made when it was formatted."""
    park.check("kafka")
    data, [tls, plain, controller] = tmp_path_factory.mktemp("broker"), [free_port() for _ in range(3)]
    node = {"id": 1, "port": plain, "controller": controller}
    (data / "cluster.json").write_text(json.dumps({"id": "dHJ1c3RlZC1jbHVzdGVyMTE", "nodes": [node]}))
    settings = SETTINGS | {
        "listeners": f"SASL_SSL://127.0.0.1:{tls},PLAINTEXT://127.0.0.1:{plain},CONTROLLER://127.0.0.1:{controller}",
        "advertised.listeners": f"SASL_SSL://127.0.0.1:{tls},PLAINTEXT://127.0.0.1:{plain}",
        "ssl.keystore.location": str(issued.server.both),
        "ssl.truststore.location": str(issued.authority),
    }
    users = [f"--scram=SCRAM-SHA-{size}=[name=probewatch,password={PASSWORD}]" for size in (256, 512)]
    options = [f"--set={key}={value}" for key, value in settings.items()]
    server = launch("kafka", data, "--heap=256m", *users, *options).ready()
    producer = KafkaProducer(bootstrap_servers=server.address)
    producer.send("guarded", b"a record")
    producer.close()
    yield f"127.0.0.1:{tls}"
    server.stop()


@pytest.fixture(scope="module")
def search(park: Park, issued: Certificates) -> Iterator[Server]:
    """An Elasticsearch that speaks TLS, with clients alone that have a certificate and may do something."""
    server = park.launch("search", "--password", PASSWORD, "--https", str(issued.folder)).ready()
    yield server
    server.stop()


def source(address: str, issued: Certificates, who: Identity | None, folder: Path, **login: str) -> KafkaSource:
    (folder / "password").write_text(login.pop("password", PASSWORD) + "\n")
    own = {} if who is None else {"certificate": who.certificate, "key": who.key}
    return KafkaSource(
        KafkaSettings.model_validate(
            {
                "brokers": (address,),
                "topics": ("guarded",),
                "group": f"g-{uuid.uuid4().hex[:8]}",
                "connect_seconds": 8,
                "encryption": {"authorities": issued.authority, **own},
                "login": {"user": "probewatch", "password": {"file": folder / "password"}} | login,
            }
        )
    )


@pytest.mark.servers
@pytest.mark.parametrize("mechanism", ["SCRAM-SHA-256", "SCRAM-SHA-512"])
def test_kafka_is_read_with_a_certificate_and_a_scram_login(
    broker: str, issued: Certificates, tmp_path: Path, mechanism: str
) -> None:
    reading = source(broker, issued, issued.client, tmp_path, mechanism=mechanism)
    assert first_records(reading, 60) == [b"a record"]


@pytest.mark.servers
@pytest.mark.parametrize("fault", ["no certificate", "a stranger's certificate", "wrong password", "other authority"])
def test_kafka_lets_nobody_else_in_and_no_secret_is_said(
    broker: str, issued: Certificates, tmp_path: Path, caplog: pytest.LogCaptureFixture, fault: str
) -> None:
    who = {"no certificate": None, "a stranger's certificate": issued.stranger}.get(fault, issued.client)
    login = {"password": "not this one"} if fault == "wrong password" else {}
    if fault == "other authority":
        (tmp_path / "ca.pem").write_bytes(issued.stranger.certificate.read_bytes())
        issued = Certificates(issued.folder, tmp_path / "ca.pem", issued.server, issued.client, issued.stranger)
    with caplog.at_level(logging.DEBUG), pytest.raises(Trouble) as trouble:
        source(broker, issued, who, tmp_path, **login)
    said = str(trouble.value) + caplog.text
    assert "not this one" not in said
    assert PASSWORD not in said


@pytest.mark.servers
@pytest.mark.parametrize(
    ("fault", "verdict"), [("none", "delivered"), ("wrong password", "retry"), ("a stranger's certificate", "retry")]
)
def test_a_topic_is_written_to_with_a_certificate_and_a_login(
    broker: str, issued: Certificates, tmp_path: Path, caplog: pytest.LogCaptureFixture, fault: str, verdict: str
) -> None:
    (tmp_path / "password").write_text("not this one" if fault == "wrong password" else PASSWORD)
    who = issued.stranger if fault == "a stranger's certificate" else issued.client
    section = KafkaSinkSettings.model_validate(
        {
            "type": "kafka",
            "brokers": (broker,),
            "topic": "guarded",
            "timeout_s": 3,
            "encryption": {"authorities": issued.authority, "certificate": who.certificate, "key": who.key},
            "login": {"user": "probewatch", "password": {"file": tmp_path / "password"}},
        }
    )
    sink = KafkaSink("bus", section)
    with caplog.at_level(logging.DEBUG):
        [outcome] = sink.send([EXAMPLE])
        sink.close()
    assert outcome.verdict == verdict
    assert "not this one" not in caplog.text + outcome.reason


def sink_settings(server: Server, issued: Certificates, who: Identity, **login: Any) -> ElasticsearchSettings:
    tls = {"ca_file": issued.authority, "certificate_file": who.certificate, "key_file": who.key}
    return ElasticsearchSettings.model_validate(
        {"type": "elasticsearch", "hosts": [server.address], "namespace": "trust", "tls": tls, **login}
    )


@pytest.fixture(scope="module")
def admin(search: Server, issued: Certificates, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Elasticsearch]:
    password = tmp_path_factory.mktemp("admin") / "password"
    password.write_text(PASSWORD)
    basic = {"user": "elastic_admin", "password": {"file": password}}
    client = connect(sink_settings(search, issued, issued.client, basic=basic))
    yield client
    client.close()


@pytest.fixture(scope="module")
def installer(search: Server, issued: Certificates, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wire]:
    password = tmp_path_factory.mktemp("installer") / "password"
    password.write_text(PASSWORD)
    basic = {"user": "elastic_admin", "password": {"file": password}}
    with Wire(sink_settings(search, issued, issued.client, basic=basic)) as wire:
        install(wire, "trust")
        yield wire


@pytest.mark.servers
def test_elasticsearch_takes_alerts_over_tls_from_those_with_a_certificate(
    search: Server, admin: Elasticsearch, installer: Wire, issued: Certificates, tmp_path: Path
) -> None:
    (tmp_path / "key").write_text(make_api_key(installer))
    key = {"api_key": {"file": tmp_path / "key"}}
    for who, verdict in ((issued.client, "delivered"), (issued.stranger, "retry")):
        sink = ElasticsearchSink("soc", connect(sink_settings(search, issued, who, **key)), "trust")
        assert [outcome.verdict for outcome in sink.send([EXAMPLE])] == [verdict]
        sink.close()


def refused(*acts: Any) -> None:
    for act in acts:
        with pytest.raises(AuthorizationException):
            act()


def keyed(folder: Path, **keys: str) -> dict[str, Any]:
    """Settings of keys that stand in files."""
    for name, key in keys.items():
        (folder / name).write_text(key)
    return {name: {"file": folder / name} for name in keys}


@pytest.mark.servers
def test_the_writers_key_writes_and_neither_reads_nor_deletes(
    search: Server,
    admin: Elasticsearch,
    installer: Wire,
    issued: Certificates,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    section = sink_settings(search, issued, issued.client, **keyed(tmp_path, api_key=make_api_key(installer)))
    client = connect(section)
    [sink], alerts = build_sinks({"soc": section}), several(3)
    assert {outcome.verdict for outcome in sink.send(alerts)} == {"delivered"}
    assert {outcome.verdict for outcome in sink.send(alerts, {one.id for one in alerts})} == {"delivered"}
    assert caplog.text.count("alerts cannot be looked up: after a rollover one can come twice") == 1
    if not admin.indices.exists(index="elsewhere"):
        admin.indices.create(index="elsewhere")
    stream = stream_name("trust")
    index = admin.indices.get_data_stream(name=stream)["data_streams"][0]["indices"][-1]["index_name"]
    admin.indices.refresh(index=stream)
    refused(
        lambda: client.delete(index=index, id=alerts[0].id),
        lambda: client.delete_by_query(index=stream, query={"match_all": {}}),
        lambda: client.update(index=index, id=alerts[0].id, doc={"a": 1}),
        lambda: client.indices.delete_data_stream(name=stream),
        lambda: client.indices.rollover(alias=stream),
        lambda: client.indices.delete(index="elsewhere"),
        lambda: client.search(index="elsewhere"),
        lambda: client.index(index="elsewhere", document={"a": 1}),
        lambda: client.security.create_api_key(name="more"),
        client.security.get_user,
        client.info,
        lambda: client.indices.put_index_template(name="x", index_patterns=["x"]),
        lambda: client.search(index=stream),
        lambda: client.count(index=stream),
        lambda: client.get(index=index, id=alerts[0].id),
        lambda: client.indices.get_data_stream(name=stream),
    )
    with pytest.raises(BadRequestError):  # a data stream's documents are not written over, by nobody
        client.index(index=index, id=alerts[0].id, document={"a": 1})
    admin.indices.rollover(alias=stream, lazy=True)  # a new backing index at its next write costs it nothing,
    assert {outcome.verdict for outcome in sink.send(alerts)} == {"delivered"}
    sink.close()
    admin.indices.refresh(index=stream)  # but the weaker promise: they are there twice
    assert admin.count(index=stream, query={"ids": {"values": [one.id for one in alerts]}})["count"] == 6
    assert "without `lookup_key`" in _elasticsearch(section)


@pytest.mark.servers
@pytest.mark.parametrize("licence", ["basic", "trial"])  # in this order
def test_the_key_for_looking_up_makes_it_once_and_does_nothing_else(
    search: Server, admin: Elasticsearch, installer: Wire, issued: Certificates, tmp_path: Path, licence: str
) -> None:
    """Under the licence that every server has the key can read alerts; under one that knows security of single fields
    it sees their ids alone."""
    stream = stream_name("trust")
    if licence == "trial":
        admin.license.post_start_trial(acknowledge=True)
    key, ids_alone = make_lookup_key(installer)
    assert ids_alone == (licence == "trial")
    section = sink_settings(
        search, issued, issued.client, **keyed(tmp_path, api_key=make_api_key(installer), lookup_key=key)
    )
    [sink], client = build_sinks({"soc": section}), looking(section)
    alerts = several(2, client=licence)
    assert client is not None
    for _ in range(2):  # a rollover between a write and its retry
        assert {outcome.verdict for outcome in sink.send(alerts)} == {"delivered"}
        admin.indices.rollover(alias=stream)
    assert {outcome.verdict for outcome in sink.send(alerts)} == {"delivered"}
    sink.close()
    admin.indices.refresh(index=stream)
    ids = {"ids": {"values": [one.id for one in alerts]}}
    assert admin.count(index=stream, query=ids)["count"] == len(alerts)
    index = admin.indices.get_data_stream(name=stream)["data_streams"][0]["indices"][-1]["index_name"]
    refused(
        lambda: client.search(index="elsewhere"),
        lambda: client.get(index=index, id=alerts[0].id),
        lambda: client.create(index=stream, id="new", document={"@timestamp": 0}),
        lambda: client.delete(index=index, id=alerts[0].id),
        lambda: client.delete_by_query(index=stream, query={"match_all": {}}),
        lambda: client.indices.delete_data_stream(name=stream),
        client.security.get_user,
    )
    seen = client.search(index=stream, query=ids)["hits"]["hits"][0]["_source"]
    assert bool(seen) == (not ids_alone)
    guessed = client.search(index=stream, query={"exists": {"field": "event.kind"}}, size=0)
    assert (guessed["hits"]["total"]["value"] > 0) == (not ids_alone)
    assert "is there" in _elasticsearch(section)
    client.close()


@pytest.mark.servers
@pytest.mark.parametrize("which", ["api_key", "lookup_key"])
@pytest.mark.parametrize("end", ["revoked", "expired"])
def test_a_key_that_has_ended_holds_the_outbox_and_alarms_until_there_is_a_new_one(
    search: Server,
    admin: Elasticsearch,
    installer: Wire,
    issued: Certificates,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    end: str,
    which: str,
) -> None:
    own = {"api_key": ["create_doc"], "lookup_key": ["indices:data/read/search*", "indices:admin/refresh*"]}[which]
    roles = {"w": {"cluster": [], "indices": [{"names": ["logs-probewatch.alert-*"], "privileges": own}]}}
    made = admin.security.create_api_key(name=end, expiration="2s", role_descriptors=roles)
    if end == "revoked":
        admin.security.invalidate_api_key(ids=[made["id"]])
    time.sleep(2.5 if end == "expired" else 0)
    key = tmp_path / "key"
    key.write_text(made["encoded"])
    fresh = {"api_key": make_api_key, "lookup_key": lambda wire: make_lookup_key(wire)[0]}
    sound = {name: make(installer) for name, make in fresh.items() if name != which}
    section = sink_settings(search, issued, issued.client, **keyed(tmp_path, **sound), **{which: {"file": key}})
    outbox = Outbox(tmp_path / "outbox.db", ["soc"])
    delivery = Delivery(outbox, build_sinks({"soc": section}), QUICK)
    alerts = list(several(200, client=f"{end}-{which}"))
    outbox.accept(alerts)
    delivery.start()
    try:
        until(lambda: outbox.held_since("soc") is not None)
        assert outbox.waiting("soc") == len(alerts)  # nothing is dropped,
        assert outbox.dead_letters() == []
        until(lambda: any(one.levelno == logging.ERROR for one in caplog.records))
        time.sleep(1)  # several attempts
        [alarm] = [one for one in caplog.records if one.levelno == logging.ERROR]  # and it is said, once
        assert (alarm.sink, alarm.reason) == ("soc", "status 401")  # type: ignore[attr-defined]
        assert made["encoded"] not in caplog.text
        key.unlink()
        time.sleep(0.5)  # a secret on its way is no reason to end
        key.write_text(fresh[which](installer))
        until(lambda: outbox.waiting("soc") == 0)
        assert outbox.held_since("soc") is None
        assert not delivery.broken
    finally:
        delivery.stop()
        outbox.close()


def test_a_webhook_shows_its_certificate_and_asks_for_the_receivers(tmp_path: Path, issued: Certificates) -> None:
    server = issued.server.certificate, issued.server.key
    with loopback(lambda call: Answer(204), server, issued.authority) as receiver:
        for who, authority, verdict in (
            (issued.client, issued.authority, "delivered"),
            (None, issued.authority, "retry"),
            (issued.stranger, issued.authority, "retry"),
            (issued.client, issued.stranger.certificate, "retry"),
        ):
            own = {} if who is None else {"certificate_file": who.certificate, "key_file": who.key}
            sink = WebhookSink("hook", webhook(tmp_path, receiver.url, tls={"ca_file": authority, **own}))
            [outcome] = sink.send([EXAMPLE])
            assert outcome.verdict == verdict
            sink.close()
        assert len(receiver.calls) == 1


def test_nothing_of_ours_stands_in_the_list_of_processes(tmp_path: Path) -> None:
    """Secrets come from files and variables: no command takes one as an argument."""
    done = subprocess.run(
        [sys.executable, "-m", "monitor.cli", "run", "--help"], capture_output=True, text=True, check=True
    )
    assert "--password" not in done.stdout
    assert "--key" not in done.stdout
    assert HERE.is_dir()


def until(true: Any, seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.05)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])
