"""TLS and a login, towards a real broker that insists on both; and brokers that cannot be reached."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from beginning import first_records
from kafka import KafkaAdminClient, KafkaProducer
from services.fixtures import Park
from services.launch import launch

from monitor.config.sources import KafkaSettings
from monitor.config.trouble import Trouble
from monitor.sources.kafka import KafkaSource

PASSWORD = "correct horse battery staple"
LISTENER = "listener.name.sasl_ssl"
JAAS = (
    "org.apache.kafka.common.security.plain.PlainLoginModule required "
    f'username="broker" password="{PASSWORD}" user_broker="{PASSWORD}" user_probewatch="{PASSWORD}";'
)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate of 127.0.0.1 that vouches for itself, with its key in front."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl makes the broker's certificate")
    folder = tmp_path_factory.mktemp("certificate")
    subject = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    files = ["-keyout", str(folder / "key.pem"), "-out", str(folder / "certificate.pem")]
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *subject, *files]
    subprocess.run(command, check=True, capture_output=True)
    both = (folder / "key.pem").read_text() + (folder / "certificate.pem").read_text()
    (folder / "broker.pem").write_text(both)
    return folder


@pytest.fixture(scope="module")
def secured(park: Park, certificate: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a broker that speaks TLS only, and only with those who log in."""
    park.check("kafka")
    data = tmp_path_factory.mktemp("secured")
    port, controller = free_port(), free_port()
    cluster = {"id": "c2VjdXJlZC1jbHVzdGVyMQ", "nodes": [{"id": 1, "port": port, "controller": controller}]}
    (data / "cluster.json").write_text(json.dumps(cluster))
    settings = {
        "listeners": f"SASL_SSL://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}",
        "advertised.listeners": f"SASL_SSL://127.0.0.1:{port}",
        "listener.security.protocol.map": "SASL_SSL:SASL_SSL,CONTROLLER:PLAINTEXT",
        "inter.broker.listener.name": "SASL_SSL",
        "sasl.mechanism.inter.broker.protocol": "PLAIN",
        "sasl.enabled.mechanisms": "PLAIN",
        f"{LISTENER}.plain.sasl.jaas.config": JAAS,
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": str(certificate / "broker.pem"),
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": str(certificate / "certificate.pem"),
    }
    server = launch("kafka", data, *(f"--set={key}={value}" for key, value in settings.items())).ready()
    options = {
        "bootstrap_servers": server.address,
        "security_protocol": "SASL_SSL",
        "ssl_cafile": str(certificate / "certificate.pem"),
        "sasl_mechanism": "PLAIN",
        "sasl_plain_username": "probewatch",
        "sasl_plain_password": PASSWORD,
    }
    KafkaAdminClient(**options).create_topics(["guarded"])
    producer = KafkaProducer(**options)
    producer.send("guarded", b"a record")
    producer.close()
    yield server.address
    server.stop()


def settings(address: str, certificate: Path, variable: str, **login: object) -> KafkaSettings:
    return KafkaSettings.model_validate(
        {
            "brokers": (address,),
            "topics": ("guarded",),
            "encryption": {"authorities": certificate / "certificate.pem"},
            "login": {"mechanism": "PLAIN", "user": "probewatch", "password": {"env": variable}} | login,
        }
    )


@pytest.mark.servers
def test_a_broker_that_asks_for_both_is_read(secured: str, certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAFKA_PASSWORD", PASSWORD)
    source = KafkaSource(settings(secured, certificate, "KAFKA_PASSWORD"))
    assert first_records(source, 50) == [b"a record"]


@pytest.mark.servers
def test_a_wrong_password_is_said_and_never_shown(
    secured: str, certificate: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("KAFKA_PASSWORD", "not this one")
    with pytest.raises(Trouble) as trouble:
        KafkaSource(settings(secured, certificate, "KAFKA_PASSWORD").model_copy(update={"connect_seconds": 5.0}))
    assert "password" in trouble.value.mend
    assert "not this one" not in str(trouble.value) + caplog.text


def test_brokers_that_do_not_answer_are_said() -> None:
    with pytest.raises(Trouble, match="Kafka says") as trouble:
        KafkaSource(KafkaSettings(brokers=(f"127.0.0.1:{free_port()}",), topics=("log",), connect_seconds=1))
    assert "check the addresses" in trouble.value.mend


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])
