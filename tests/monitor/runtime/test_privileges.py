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
from monitor.sinks import siem

PASSWORD = "probewatch"  # that of the other tests, so that they share a server


@pytest.mark.servers
def test_a_key_is_as_small_as_it_should_be(secured_elasticsearch: Callable[[str], Server], tmp_path: Path) -> None:
    server = secured_elasticsearch(PASSWORD)
    client, name = Elasticsearch(server.address, basic_auth=("elastic_admin", PASSWORD)), uuid.uuid4().hex[:8]
    siem.install(client, name)

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

    writes, looks = siem.make_api_key(client), siem.make_lookup_key(client)[0]
    assert [verdict for verdict, _ in verdicts(settings(writes, looks))] == ["good", "good"]
    everything = client.security.create_api_key(name=f"all-{name}")["encoded"]
    [(verdict, text)] = verdicts(settings(everything))
    assert (verdict, text) == (
        "doubtful",
        "the key may do more than it needs: delete, delete_index, manage, manage_security, all",
    )
    [(verdict, text)] = verdicts(settings(looks))
    assert (verdict, text.startswith("the key may not create_doc")) == ("bad", True)
