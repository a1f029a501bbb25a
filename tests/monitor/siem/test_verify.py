"""`siem verify` on real servers: what is well is called so, and each thing that is wrong is seen."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from loopback import Answer, Call, loopback
from services.launch import Server
from wires import settings as section
from wires import wire

from monitor.formats.ecs import TEST_TAG
from monitor.siem import bodies
from monitor.siem.install import install, lookup_key_request, make_api_key, uninstall
from monitor.siem.install import server as recognised_server
from monitor.siem.requests import Request
from monitor.siem.requests import Server as Known
from monitor.siem.verify import Check, Verification, exit_code, recognised
from monitor.siem.wire import Wire
from monitor.sinks.bulk import stream_name

PASSWORD = "probewatch"


def verified(writer: Wire, reader: Wire, namespace: str, asked: tuple[str, ...] = bodies.WRITER_KEY) -> list[Check]:
    """All checks, with no patience for what does not come."""
    looked = Verification(
        writer, reader, recognised(reader), namespace, asked, time.time_ns() // 1_000, sleep=lambda _: time.sleep(0.05)
    )
    return list(looked.run())


def verdicts(checks: list[Check]) -> dict[str, str]:
    return {one.name: one.verdict for one in checks}


@pytest.fixture
def namespace() -> str:
    return f"test_{uuid.uuid4().hex[:12]}"


@pytest.fixture(params=["elasticsearch", "opensearch"])
def installed(request: pytest.FixtureRequest, namespace: str) -> Iterator[Wire]:
    server: Server = request.getfixturevalue(request.param)
    with wire(server.address) as reached:
        install(reached, namespace)
        yield reached
        reached.ask(Request("data stream", "DELETE", f"/_data_stream/{stream_name(namespace)}"))


def count(reached: Wire, namespace: str) -> int:
    query = {"query": {"term": {"tags": TEST_TAG}}}
    reached.ask(Request("refresh", "POST", f"/{stream_name(namespace)}/_refresh"))
    return int(reached.send(Request("count", "POST", f"/{stream_name(namespace)}/_count", query))["count"])


@pytest.mark.servers
def test_what_is_installed_is_good_and_nothing_stays_behind(installed: Wire, namespace: str) -> None:
    checks = verified(installed, installed, namespace)
    assert set(verdicts(checks).values()) <= {"good", "absent"}, checks
    assert verdicts(checks)["mapping in force"] == "good"
    assert verdicts(checks)["aggregations"] == "good"
    assert exit_code(checks) == 0
    assert count(installed, namespace) == 0


@pytest.mark.servers
def test_a_pipeline_that_does_not_run_is_bad(installed: Wire, namespace: str) -> None:
    off = {"index": {"default_pipeline": "_none"}}
    installed.send(Request("settings", "PUT", f"/{stream_name(namespace)}/_settings", off))
    checks = verified(installed, installed, namespace)
    assert verdicts(checks)["ingest pipeline"] in {"bad", "good"}
    assert [one.detail for one in checks if one.verdict == "bad"] == ["it did not run"]
    assert exit_code(checks) == 1


@pytest.mark.servers
def test_a_stream_that_is_not_there_is_bad(installed: Wire) -> None:
    checks = verified(installed, installed, "Nowhere")
    assert verdicts(checks)["written"] == "bad"
    assert exit_code(checks) == 1


@pytest.mark.servers
def test_a_mapping_that_somebody_else_made_is_bad(elasticsearch: Server) -> None:
    name = f"logs-other.{uuid.uuid4().hex[:8]}"
    with wire(elasticsearch.address) as reached:
        other = bodies.mappings(Known())["template"]["mappings"]
        other["properties"]["user"]["properties"]["hash"] = {"type": "text"}
        del other["properties"]["event"]["properties"]["ingested"]
        reached.send(Request("an index", "PUT", f"/{name}", {"mappings": other}))
        looked = Verification(reached, reached, Known(), "x", (), 1)
        looked.index = name
        check = looked._mapping()
        reached.send(Request("an index", "DELETE", f"/{name}"))
    assert (check.verdict, check.detail) == ("bad", "event.ingested, user.hash")


@pytest.fixture
def secured(secured_elasticsearch: Any, tmp_path: Path, namespace: str) -> Iterator[tuple[str, Wire]]:
    server = secured_elasticsearch(PASSWORD)
    (tmp_path / "password").write_text(f"{PASSWORD}\n")
    with wire(server.address, basic={"user": "elastic_admin", "password": {"file": tmp_path / "password"}}) as admin:
        install(admin, namespace)
        yield server.address, admin
        uninstall(admin, namespace)


def keyed(address: str, folder: Path, key: str) -> Wire:
    file = folder / uuid.uuid4().hex
    file.write_text(key)
    return Wire(section(address, api_key={"file": file}))


@pytest.mark.servers
def test_with_least_privileges_what_may_not_be_looked_at_is_said(
    secured: tuple[str, Wire], tmp_path: Path, namespace: str
) -> None:
    address, admin = secured
    descriptor = {"probewatch-reader": bodies.role("reader")}
    body = {"name": "reader", "role_descriptors": descriptor}
    reader = admin.send(Request("a key", "POST", "/_security/api_key", body))["encoded"]
    lookup = admin.send(lookup_key_request(ids_alone=False))["encoded"]
    with (
        keyed(address, tmp_path, make_api_key(admin)) as writer,
        keyed(address, tmp_path, reader) as analyst,
        keyed(address, tmp_path, lookup) as looking,
    ):
        alone = verdicts(verified(writer, writer, namespace))
        assert (alone["written"], alone["failure store"], alone["privileges"]) == ("good", "good", "good")
        assert (alone["found by search"], alone["mapping in force"]) == ("unknown", "unknown")
        checks = verified(writer, analyst, namespace)
        read = verdicts(checks)
        assert {read[name] for name in ("found by search", "ingest pipeline", "aggregations", "mapping in force")} <= {
            "good",
            "unknown",
        }
        assert (read["found by search"], read["aggregations"], read["mapping in force"]) == ("good",) * 3
        assert [one.detail for one in checks if one.name == "removed"] == [
            "it stays, marked: nobody here may delete; dashboards and rule leave it out"
        ]
        assert exit_code(checks) == 3
        assert verdicts(verified(writer, looking, namespace))["found by search"] == "good"
        everything = verified(writer, admin, namespace)
        assert set(verdicts(everything).values()) <= {"good", "absent"}, everything
        assert exit_code(everything) == 0
    assert count(admin, namespace) == 3  # those that nobody could remove; they are marked


@pytest.mark.servers
def test_a_key_that_may_more_than_it_was_asked_for_is_bad(
    secured: tuple[str, Wire], tmp_path: Path, namespace: str
) -> None:
    address, admin = secured
    wide = {"cluster": ["monitor"], "indices": [{"names": ["*"], "privileges": ["create_doc", "read"]}]}
    body = {"name": "wide", "role_descriptors": {"wide": wide}}
    key = admin.send(Request("a key", "POST", "/_security/api_key", body))["encoded"]
    with keyed(address, tmp_path, key) as writer:
        [check] = [one for one in verified(writer, admin, namespace) if one.name == "privileges"]
    assert check.verdict == "bad"
    assert "monitor" in check.detail
    assert f"read on {stream_name(namespace)}" in check.detail
    assert "create_doc on probewatch-elsewhere" in check.detail


@pytest.mark.parametrize(
    ("item", "verdict"),
    [
        ({"status": 201, "_index": ".fs-x", "failure_store": "used"}, "bad"),
        ({"status": 201, "_index": ".ds-x", "failure_store": "not_applicable_or_unknown"}, "good"),
    ],
)
def test_a_finding_in_the_failure_store_is_bad(item: dict[str, Any], verdict: str) -> None:
    """What the real server here does not do."""

    def script(call: Call) -> Answer:
        if call.path.endswith("_has_privileges"):
            return Answer(404, b"{}")
        if "_bulk" in call.path:
            return Answer(200, orjson.dumps({"items": [{"create": item}]}))
        return Answer(403, b"{}")

    with loopback(script) as server, wire(server.url) as reached:
        assert verdicts(verified(reached, reached, "x"))["failure store"] == verdict


@pytest.mark.parametrize(
    ("answer", "verdict"),
    [
        (Answer(200, b'{"columns": [{"name": "n"}], "values": [[1]]}'), "good"),
        (Answer(200, b'{"columns": [{"name": "n"}], "values": [[0]]}'), "bad"),
        (Answer(403, b"{}"), "unknown"),
        (Answer(400, b'{"error": {"type": "verification_exception"}}'), "bad"),
        (Answer(405, b'{"error": "Incorrect HTTP method for uri [/_query]"}'), "absent"),
        (Answer(500, b"{}"), "bad"),
    ],
)
def test_esql_where_the_server_has_it(answer: Answer, verdict: str) -> None:
    """The real server here has none."""
    with loopback(lambda call: answer) as server, wire(server.url) as reached:
        looked = Verification(reached, reached, Known(), "x", (), 1)
        assert looked._by_esql().verdict == verdict
        assert b"| WHERE probewatch.finding ==" in server.calls[0].body


@pytest.mark.parametrize(
    ("wrong", "code"), [((), 0), (("absent",), 0), (("unknown",), 3), (("unknown", "bad"), 1), (("bad",), 1)]
)
def test_exit_codes(wrong: tuple[Any, ...], code: int) -> None:
    assert exit_code([Check("x", "good"), *(Check("x", verdict) for verdict in wrong)]) == code


@pytest.mark.servers
def test_the_server_is_known_by_its_answer(opensearch: Server, elasticsearch: Server) -> None:
    with wire(opensearch.address) as one, wire(elasticsearch.address) as other:
        assert recognised_server(one).name.startswith("OpenSearch 3.")
        assert recognised_server(other).name.startswith("Elasticsearch 9.")
