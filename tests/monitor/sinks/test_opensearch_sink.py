"""The sink against a real OpenSearch, each alert once; and answers that only a stand-in will give."""

from __future__ import annotations

import gzip
import itertools
import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest
import urllib3
from findings import EXAMPLE, finding, several
from loopback import Answer, Call, loopback
from services.launch import Server

from monitor.config.targets import OpenSearchSettings
from monitor.config.trouble import Trouble
from monitor.siem.install import install
from monitor.siem.wire import Wire
from monitor.sinks.bulk import stream_name
from monitor.sinks.opensearch import OpenSearchSink
from monitor.sinks.protocol import Outcome

POOL = urllib3.PoolManager()


def settings(*hosts: str, **more: Any) -> OpenSearchSettings:
    return OpenSearchSettings.model_validate({"type": "opensearch", "hosts": hosts} | more)


@pytest.fixture
def section(opensearch: Server) -> Iterator[OpenSearchSettings]:
    """A namespace of the test's own, prepared."""
    made = settings(opensearch.address, namespace=f"t{uuid.uuid4().hex[:10]}")
    install(Wire(made, "OpenSearch"), made.namespace)
    yield made
    POOL.request("DELETE", f"{opensearch.address}/_data_stream/{stream_name(made.namespace)}")


def hits(section: OpenSearchSettings) -> list[dict[str, Any]]:
    url = f"{section.hosts[0]}/{stream_name(section.namespace)}"
    POOL.request("POST", f"{url}/_refresh")
    found: list[dict[str, Any]] = POOL.request("GET", f"{url}/_search?size=1000").json()["hits"]["hits"]
    return found


def rollover(section: OpenSearchSettings) -> None:
    answer = POOL.request("POST", f"{section.hosts[0]}/{stream_name(section.namespace)}/_rollover")
    assert answer.json()["rolled_over"]


@pytest.mark.servers
def test_an_alert_is_a_document_under_its_own_id_and_searchable_by_its_fields(section: OpenSearchSettings) -> None:
    sink = OpenSearchSink("search", section.model_copy(update={"link": "https://k.example/{finding}"}))
    assert sink.send([EXAMPLE]) == [Outcome("delivered")]
    [hit] = hits(section)
    document = hit["_source"]
    assert hit["_id"] == document["event"]["id"] == EXAMPLE.id
    assert document["event"]["url"] == f"https://k.example/{EXAMPLE.finding}"
    assert document["event"]["ingested"] > "2026"
    assert document["data_stream"]["namespace"] == section.namespace
    assert "_ignored" not in hit
    for query in (
        {"term": {"user.hash": EXAMPLE.client}},
        {"term": {"labels.environment": "production"}},
        {"range": {"event.severity": {"gte": 73}}},
    ):
        url = f"{section.hosts[0]}/{stream_name(section.namespace)}/_search"
        answer = POOL.request("POST", url, json={"query": query}).json()
        assert answer["hits"]["total"]["value"] == 1, query
    assert sink.read_back(EXAMPLE).startswith("found in .ds-logs-probewatch.alert-")
    with pytest.raises(Trouble, match="not in the stream"):
        sink.read_back(finding(episode=77))
    sink.close()


@pytest.mark.servers
def test_an_alert_comes_once_over_a_rollover_between_a_write_and_its_retry(section: OpenSearchSettings) -> None:
    sink, alerts = OpenSearchSink("search", section), several(5)
    assert {one.verdict for one in sink.send(alerts)} == {"delivered"}
    rollover(section)
    assert {one.verdict for one in sink.send([*alerts, *several(7)[5:]], {one.id for one in alerts})} == {"delivered"}
    assert sorted(hit["_id"] for hit in hits(section)) == sorted(one.id for one in several(7))
    sink.close()


@pytest.mark.servers
def test_requests_are_small_enough_and_one_bad_alert_costs_no_other(section: OpenSearchSettings) -> None:
    sink = OpenSearchSink("search", section.model_copy(update={"batch_bytes": 10_000}))
    alerts = several(9)
    alerts[4] = replace(alerts[4], queries=2**63)  # no field of the mapping takes it
    verdicts = [one.verdict for one in sink.send(alerts)]
    assert verdicts == ["delivered"] * 4 + ["refused"] + ["delivered"] * 4
    assert len(hits(section)) == 8
    sink.close()


@pytest.mark.servers
def test_without_a_stream_alerts_are_held_and_nothing_is_made(opensearch: Server) -> None:
    section = settings(opensearch.address, namespace="missing")
    [outcome] = OpenSearchSink("search", section).send([EXAMPLE])
    assert outcome.verdict == "hold"
    assert "probewatch siem install" in outcome.reason
    assert POOL.request("HEAD", f"{opensearch.address}/{stream_name('missing')}").status == 404


@pytest.mark.servers
def test_a_node_that_is_away_is_passed_over(section: OpenSearchSettings) -> None:
    with loopback(lambda call: Answer()) as gone:
        pass
    sink = OpenSearchSink("search", settings(gone.url, section.hosts[0], namespace=section.namespace))
    assert [one.verdict for one in sink.send([EXAMPLE])] == ["retry"]
    assert [one.verdict for one in sink.send([EXAMPLE])] == ["delivered"]
    sink.close()


FOUND_NOTHING = orjson.dumps({"hits": {"hits": []}})


def stand_in(*bulks: Answer) -> Any:
    """Finds nothing and answers bulk requests as told."""
    answers = itertools.chain(bulks)

    def script(call: Call) -> Answer:
        return next(answers) if call.path.endswith("/_bulk") else Answer(200, FOUND_NOTHING)

    return script


def items(*statuses: int, **error: str) -> Answer:
    told = [{"create": {"status": one} | ({"error": error} if one > 299 else {})} for one in statuses]
    return Answer(200, orjson.dumps({"items": told}))


@pytest.mark.parametrize(
    ("answer", "verdict", "doubtful"),
    [
        (items(201), "delivered", False),
        (items(409, type="version_conflict_engine_exception"), "delivered", False),
        (
            items(400, type="mapper_parsing_exception", reason="field [queries] Preview of field's value: 'x'"),
            "refused",
            False,
        ),
        (items(403, type="security_exception"), "hold", False),
        (items(404, type="index_not_found_exception"), "hold", False),
        (items(429, type="rejected_execution_exception"), "retry", False),
        (items(503), "retry", True),
        (items(), "retry", True),
        (Answer(200, b"<html>"), "retry", True),
        (Answer(401), "hold", False),
        (Answer(403), "hold", False),
        (Answer(404), "hold", False),
        (Answer(413), "refused", False),
        (Answer(429, headers={"retry-after": "9"}), "retry", False),
        (Answer(503), "retry", True),
        (Answer(drop=True), "retry", True),
    ],
)
def test_what_each_answer_means(answer: Answer, verdict: str, doubtful: bool) -> None:
    with loopback(stand_in(answer)) as server:
        sink = OpenSearchSink("search", settings(server.url))
        [outcome] = sink.send([EXAMPLE])
        sink.close()
    assert (outcome.verdict, outcome.doubtful) == (verdict, doubtful)
    assert "127.0.0.1" not in outcome.reason
    assert "value" not in outcome.reason


def test_a_user_is_named_and_the_body_is_compressed(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("s3cret")
    basic = {"user": "writer", "password": {"file": tmp_path / "password"}}
    with loopback(stand_in(items(201, 201))) as server:
        sink = OpenSearchSink("search", settings(server.url, basic=basic))
        sink.send(several(2))
        (tmp_path / "password").unlink()
        assert sink.send(several(1))[0].verdict == "hold"
        sink.close()
    call = server.calls[-1]
    assert call.headers["authorization"].startswith("Basic ")
    assert (call.headers["content-type"], call.headers["content-encoding"]) == ("application/x-ndjson", "gzip")
    lines = gzip.decompress(call.body).splitlines()
    assert [orjson.loads(line) for line in lines[::2]] == [{"create": {"_id": one.id}} for one in several(2)]


def test_a_user_who_may_only_write_is_told_so_once(caplog: pytest.LogCaptureFixture) -> None:
    def script(call: Call) -> Answer:
        return items(201) if call.path.endswith("/_bulk") else Answer(403)

    with loopback(script) as server:
        sink = OpenSearchSink("search", settings(server.url))
        assert [sink.send([EXAMPLE])[0].verdict for _ in range(2)] == ["delivered"] * 2
        sink.close()
    assert caplog.text.count("alerts cannot be looked up") == 1
