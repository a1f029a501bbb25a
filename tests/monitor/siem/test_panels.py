"""Every panel asked of real servers, as its dashboards would ask: the fields can be grouped, ranked and counted."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from findings import finding
from services.launch import Server
from wires import wire

from monitor.formats.ecs import TEST_TAG, render_ecs
from monitor.siem.install import install
from monitor.siem.panels import DASHBOARDS, DATA, NO_TESTS, TIME, Bands, Metric, Panel, Terms
from monitor.siem.requests import Request
from monitor.siem.sample import document
from monitor.siem.wire import Wire
from monitor.sinks.bulk import stream_name

GOLDEN = sorted((Path(__file__).parents[1] / "formats/golden").glob("*.ecs.json"))
NAMES = {"unique_count": "cardinality"}
ASKED = [pytest.param(panel, id=f"{one.id}-{panel.name}") for one in DASHBOARDS for panel in one.panels if panel.groups]


def documents() -> Iterator[dict[str, Any]]:
    yield from (orjson.loads(file.read_bytes()) for file in GOLDEN)
    for n, status in enumerate(("open", "updated", "closed"), 1):
        yield render_ecs(finding(family="extraction", members=("c1.a", "c1.b"), revision=n, status=status))
    yield document(1_795_255_200_000_000, "default")
    failed = render_ecs(finding(family="cost", episode=9))
    yield failed | {"event": failed["event"] | {"kind": "pipeline_error"}, "error": {"type": "ingested"}}


@pytest.fixture(scope="module", params=["elasticsearch", "opensearch"])
def stream(request: pytest.FixtureRequest) -> Iterator[tuple[Wire, str]]:
    server: Server = request.getfixturevalue(request.param)
    name = f"test_{uuid.uuid4().hex[:12]}"
    with wire(server.address) as reached:
        install(reached, name)
        lines = [line for one in documents() for line in ({"create": {"_id": one["event"]["id"]}}, one)]
        path = f"/{stream_name(name)}/_bulk?refresh=true"
        assert reached.send(Request("alerts", "POST", path, lines=tuple(lines)))["errors"] is False
        yield reached, stream_name(name)
        reached.send(Request("data stream", "DELETE", f"/_data_stream/{stream_name(name)}"))


def aggregation(metric: Metric) -> dict[str, Any]:
    if metric.operation == "last_value":
        order = [{TIME: {"order": "desc"}}]
        return {"top_hits": {"size": 1, "sort": order, "_source": [metric.field]}}
    if metric.operation == "count":
        return {"value_count": {"field": "event.id"}}
    return {NAMES.get(metric.operation, metric.operation): {"field": metric.field}}


def question(panel: Panel) -> dict[str, Any]:
    """The groups inside each other, the metrics within the last."""
    metrics = {str(at): aggregation(metric) for at, metric in enumerate(panel.metrics)}
    inner: dict[str, Any] = metrics
    for group in reversed(panel.groups):
        if isinstance(group, Bands):
            ranges = [{"from": low, "to": high} for low, high in zip(group.edges, group.edges[1:], strict=False)]
            made: dict[str, Any] = {"range": {"field": group.field, "ranges": ranges}}
        else:
            assert isinstance(group, Terms)
            made = {"terms": {"field": group.field, "size": group.size, "order": {"0": "desc"}}}
        inner = {"group": made | {"aggs": inner | metrics}}
    if panel.kind == "over_time":
        inner = {"group": {"date_histogram": {"field": TIME, "calendar_interval": "day"}, "aggs": inner}}
    return inner


@pytest.mark.servers
@pytest.mark.parametrize("panel", ASKED)
def test_a_panel_has_an_answer(stream: tuple[Wire, str], panel: Panel) -> None:
    reached, name = stream
    asked = " AND ".join(f"({part.replace('not ', 'NOT ')})" for part in (DATA, NO_TESTS, panel.only) if part)
    body = {"size": 0, "query": {"query_string": {"query": asked}}, "aggs": question(panel)}
    answer = reached.send(Request("a panel", "POST", f"/{name}/_search", body))
    buckets = answer["aggregations"]["group"]["buckets"]
    full = [bucket for bucket in buckets if bucket["doc_count"]]
    assert full, "nothing to see"
    values = full[0] if panel.kind != "over_time" else full[0]["group"]["buckets"][0]
    while "group" in values:
        values = values["group"]["buckets"][0]
    for at, metric in enumerate(panel.metrics):
        found = values[str(at)]
        assert found["hits"]["hits"] if metric.operation == "last_value" else found["value"] is not None, metric.label


@pytest.mark.servers
def test_revisions_and_tests_of_the_way_are_not_counted_twice(stream: tuple[Wire, str]) -> None:
    reached, name = stream
    body = {
        "size": 0,
        "query": {"query_string": {"query": f"({DATA}) AND ({NO_TESTS.replace('not ', 'NOT ')})"}},
        "aggs": {"findings": {"cardinality": {"field": "probewatch.finding"}}},
    }
    counted = reached.send(Request("findings", "POST", f"/{name}/_search", body))["aggregations"]["findings"]["value"]
    known = {one["probewatch"]["finding"] for one in documents() if TEST_TAG not in one["tags"]}
    assert counted == len(known) < len(list(documents())) - 1
