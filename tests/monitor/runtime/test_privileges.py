"""Keys that may do too little or too much, on a real Elasticsearch with security."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from pathlib import Path

import pytest
from elasticsearch import Elasticsearch
from services.launch import Server

from monitor.config.secret import Secret
from monitor.config.sinks import ElasticsearchSettings
from monitor.runtime.privileges import privileges
from monitor.siem.bodies import WRITER_KEY
from monitor.siem.install import install, make_api_key, make_lookup_key
from monitor.siem.verify import Verification, recognised
from monitor.siem.wire import Wire

PASSWORD = "probewatch"  # that of the other tests, so that they share a server


@pytest.mark.servers
def test_a_key_is_as_small_as_it_should_be(secured_elasticsearch: Callable[[str], Server], tmp_path: Path) -> None:
    server = secured_elasticsearch(PASSWORD)
    client, name = Elasticsearch(server.address, basic_auth=("elastic_admin", PASSWORD)), uuid.uuid4().hex[:8]
    (tmp_path / "password").write_text(PASSWORD)
    login = {"user": "elastic_admin", "password": {"file": tmp_path / "password"}}
    admin = ElasticsearchSettings.model_validate(
        {"type": "elasticsearch", "hosts": [server.address], "namespace": name, "basic": login}
    )
    with Wire(admin) as wire:
        install(wire, name)
        writes, looks = make_api_key(wire), make_lookup_key(wire)[0]

    def settings(key: str, lookup: str | None = None) -> ElasticsearchSettings:
        secrets = {}
        for field, value in (("api_key", key), ("lookup_key", lookup)):
            if value is not None:
                (tmp_path / field).write_text(value)
                (tmp_path / field).chmod(0o600)
                secrets[field] = Secret(file=tmp_path / field)
        return ElasticsearchSettings(type="elasticsearch", hosts=(server.address,), namespace=name, **secrets)

    def verdicts(of: ElasticsearchSettings) -> list[tuple[str, str]]:
        return [(one.verdict, one.text) for one in privileges("soc", of)]

    assert [verdict for verdict, _ in verdicts(settings(writes, looks))] == ["good", "good"]
    everything = client.security.create_api_key(name=f"all-{name}")["encoded"]
    [(verdict, text)] = verdicts(settings(everything))
    assert (verdict, text.startswith("the key may do more than it needs: all, manage, ")) == ("doubtful", True)
    assert all(f"{one} on " in text for one in ("delete", "delete_index", "manage", "create_doc"))
    narrow = {"w": {"cluster": [], "indices": [{"names": ["logs-probewatch.alert-*"], "privileges": ["create_doc"]}]}}
    for more, told in (({"cluster": ["monitor"]}, "monitor"), ({}, "")):
        made = client.security.create_api_key(name=f"one-{name}", role_descriptors={"w": narrow["w"] | more})
        [(verdict, text)] = verdicts(settings(made["encoded"]))
        assert (verdict, text.removeprefix("the key may do more than it needs: ")) == (
            ("doubtful", told) if told else ("good", "create_doc, and nothing else that was asked for")
        )
    [(verdict, text)] = verdicts(settings(looks))
    assert (verdict, text.startswith("the key may not create_doc")) == ("bad", True)
    with Wire(settings(everything)) as wire:  # `siem verify` says the same of the same key
        looked = Verification(wire, wire, recognised(wire), name, WRITER_KEY, 1)
        seen = looked._privileges()
    [(_, text)] = verdicts(settings(everything, looks))[:1]
    assert (seen.verdict, seen.detail.removeprefix("too many: ")) == (
        "bad",
        text.removeprefix("the key may do more than it needs: "),
    )
