"""What is installed, held against the documents that we write: every field and every reference is there."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import orjson
import pytest
from dashboardserver import DASHBOARD
from findings import EXAMPLE, finding, findings
from hypothesis import given, settings

from detectors.taxonomy import FAMILIES
from monitor.formats.ecs import DATASET, TEST_TAG, render_ecs
from monitor.formats.fields import FIELDS, Type, mapping, names_in
from monitor.formats.severity import LEVELS
from monitor.siem import bodies, dashboards, savedobjects, visualizations
from monitor.siem.pages import pages
from monitor.siem.panels import COLUMNS, DASHBOARDS, WIDTH, Panel, fields_of
from monitor.siem.requests import Json, Server
from monitor.siem.rule import INVESTIGATED, guide, rule
from monitor.siem.sample import document

ROOT = Path(__file__).parents[3]
ELASTIC = ROOT / "deploy/elastic"
GOLDEN = sorted((ROOT / "tests/monitor/formats/golden").glob("*.ecs.json"))
SCHEMA = ROOT / "tests/schemas/ecs-9.4.0.csv"
FIELD = re.compile(r"([a-z@][\w.@]*)\s*:")  # of KQL
PANELS = [pytest.param(panel, id=f"{one.id}-{panel.name}") for one in DASHBOARDS for panel in one.panels]
SET_LATER = {"event.ingested", "event.url", "error.message", "error.type"}  # by the pipeline, and by settings of a sink
KEYS = {
    "field",
    "rule_name_override",
    "timestamp_override",
    "sourceField",
    "fieldName",
    "sortField",
    "field_name",
    "time_field",
}


def leaves(tree: Any, path: str = "") -> Iterator[str]:
    """The fields of a document as a mapping names them."""
    for item in tree if isinstance(tree, list) else [tree]:
        if not isinstance(item, dict) or path == "labels":
            yield path
            continue
        for key, value in item.items():
            yield from leaves(value, f"{path}.{key}" if path else key)


def written() -> set[str]:
    """Every field of the golden documents, and of one about several clients."""
    documents = [orjson.loads(file.read_bytes()) for file in GOLDEN]
    return {name for one in [*documents, render_ecs(finding(members=("a", "b")))] for name in leaves(one)}


def used(tree: Any) -> Iterator[str]:
    """Fields that a form of a dashboard, a rule or a saved object names, in whatever texts inside it."""
    if isinstance(tree, list):
        for item in tree:
            yield from used(item)
    elif isinstance(tree, dict):
        for key, value in tree.items():
            if key in KEYS and isinstance(value, str) and value != "___records___":
                yield value
            elif (
                key in {"fields", "columns", "field_names"}
                and isinstance(value, list)
                and all(isinstance(one, str) for one in value)
            ):
                yield from value
            elif key in {"query", "expression"} and isinstance(value, str):
                yield from FIELD.findall(value)
            elif isinstance(value, str) and value.startswith(("[", "{")) and not value.startswith("[probewatch]"):
                yield from used(orjson.loads(value))
            else:
                yield from used(value)


@given(findings)
@settings(max_examples=50)
def test_every_field_that_we_write_is_mapped(one: Any) -> None:
    assert set(leaves(render_ecs(one))) <= set(FIELDS)


def test_every_field_that_is_mapped_is_written() -> None:
    assert set(FIELDS) - written() <= SET_LATER
    assert set(leaves(document(1, "default"))) <= set(FIELDS)


def test_only_types_that_every_target_has_and_that_the_schema_gives() -> None:
    kin = {"match_only_text": "text", "constant_keyword": "keyword", "object": "flattened"}
    for line in SCHEMA.read_text().splitlines():
        name, kind, *_ = line.split(",")
        if name in FIELDS:
            assert FIELDS[name].type == kin.get(kind, kind), name
    assert {one.type for one in FIELDS.values()} <= set(get_args(Type))
    assert all(one.meaning.endswith(".") for one in FIELDS.values())


def test_the_mapping_holds_each_field_once_under_its_name() -> None:
    properties = mapping()["properties"]
    assert set(FIELDS) <= set(names_in(properties))
    assert properties["labels"] == {"type": "flattened"}
    assert mapping("flat_object")["properties"]["labels"] == {"type": "flat_object"}


def test_the_template_wins_over_those_of_the_makers_and_makes_data_streams() -> None:
    template = bodies.index_template(Server())
    assert (template["priority"] > 200, template["data_stream"]) == (True, {})
    assert template["index_patterns"] == ["logs-probewatch.alert-*"]
    assert bodies.settings(Server())["template"]["lifecycle"] == {"data_retention": "180d"}
    for server in (Server(), Server("opensearch", (3, 8))):
        pipeline = bodies.pipeline(server)
        processors = [inner for one in (*pipeline["processors"], *pipeline["on_failure"]) for inner in one.values()]
        tags = [one["tag"] for one in processors]
        assert len(set(tags)) == len(tags) == len(processors)
        assert "{{" not in json.dumps(pipeline)


@pytest.mark.parametrize("name", sorted(pages()))
def test_the_files_under_deploy_are_what_is_installed(name: str) -> None:
    there = (ELASTIC / name).read_bytes() if (ELASTIC / name).exists() else b""
    assert there == pages()[name], "run `make pages`"


def test_nothing_else_lies_there() -> None:
    there = {str(file.relative_to(ELASTIC)) for file in ELASTIC.rglob("*") if file.is_file()}
    assert there == {*pages(), "README.md"}


@pytest.mark.parametrize("panel", PANELS)
def test_what_a_panel_asks_is_in_the_mapping_and_in_a_document(panel: Panel) -> None:
    asked = {*fields_of(panel), *FIELD.findall(panel.only)}
    assert asked <= set(FIELDS)
    assert asked <= written() | SET_LATER
    numbers = {metric.field for metric in panel.metrics if metric.operation in {"max", "min", "sum"}}
    assert {FIELDS[name].type for name in numbers} <= {"long", "float", "double", "date"}
    assert all(FIELDS[name].type not in {"text", "flattened"} for name in fields_of(panel))
    assert panel.kind == "text" or panel.title.endswith("?")
    if panel.kind == "text":
        assert set(re.findall(r"`((?:probewatch|event|user)\.[\w.]+)`", panel.text)) <= set(FIELDS)
    elif panel.metrics:
        assert panel.metrics[0].operation != "last_value", "groups are ranked by it"


@pytest.mark.parametrize("one", DASHBOARDS, ids=lambda one: one.id)
def test_panels_have_names_of_their_own_and_do_not_overlap(one: Any) -> None:
    assert len({panel.name for panel in one.panels}) == len(one.panels)
    cells = [(x + a, y + b) for panel in one.panels for x, y, w, h in [panel.place] for a in range(w) for b in range(h)]
    assert len(set(cells)) == len(cells)
    assert max(x for x, _ in cells) < WIDTH
    for x, y, _, h in (panel.place for panel in one.panels):  # nothing hangs in the air
        assert y == 0 or (x, y - 1) in cells, (x, y, h)


@pytest.mark.parametrize("file", [name for name in pages() if "kibana" in name or "saved" in name])
def test_every_form_names_only_fields_that_there_are(file: str) -> None:
    trees = (
        [orjson.loads(line) for line in pages()[file].splitlines()]
        if ".ndjson" in file
        else [orjson.loads(pages()[file])]
    )
    named = {name for tree in trees for name in used(tree)} - {""}
    assert len(named) > 8, "nothing was found, so nothing was looked at"
    assert named <= set(FIELDS), sorted(named - set(FIELDS))


def test_every_form_asks_the_same() -> None:
    """What the source says is in each of them, so that none lags behind."""
    for one in DASHBOARDS:
        asked = {name for panel in one.panels for name in fields_of(panel)}
        of_lens = set(used(savedobjects.dashboard(one)))
        of_api = set(used(dashboards.body(one)))
        charts = [made for made in visualizations.saved_objects() if made["id"].startswith(one.id)]
        of_aggregations = {name for made in charts for name in used(made)}
        for form in (of_lens, of_api, of_aggregations):
            assert asked <= form, sorted(asked - form)


OBJECTS = {"kibana": savedobjects.saved_objects(), "opensearch": visualizations.saved_objects()}


@pytest.mark.parametrize("name", OBJECTS)
def test_every_reference_of_a_saved_object_leads_to_one_and_is_used(name: str) -> None:
    known = {(one["type"], one["id"]) for one in OBJECTS[name]}
    assert len(known) == len(OBJECTS[name])
    for one in OBJECTS[name]:
        names = [reference["name"] for reference in one["references"]]
        assert len(set(names)) == len(names)
        assert {(reference["type"], reference["id"]) for reference in one["references"]} <= known
        assert set(wanted(one)) == set(names), one["id"]


def wanted(one: Json) -> Iterator[str]:
    """The names of references that an object's own texts ask for."""
    attributes = one["attributes"]
    source = orjson.loads(attributes.get("kibanaSavedObjectMeta", {}).get("searchSourceJSON", "{}"))
    if "indexRefName" in source:
        yield source["indexRefName"]
    for panel in orjson.loads(attributes.get("panelsJSON", "[]")):
        if "panelRefName" in panel:
            inside = f"{panel['panelIndex']}:" if "coreMigrationVersion" in one else ""  # as Kibana writes them
            yield f"{inside}{panel['panelRefName']}"
        config = panel["embeddableConfig"]
        for reference in config.get("attributes", {}).get("references", []):
            yield f"{panel['panelIndex']}:{reference['name']}"
    controls = attributes.get("controlGroupInput", {}).get("panelsJSON", "{}")
    for name in orjson.loads(controls):
        yield f"controlGroup_{name}:optionsListDataView"


def test_saved_objects_of_kibana_are_of_the_oldest_form_that_is_supported() -> None:
    """What Kibana 8.19 knows, by exports of that version: a file of a newer form would be refused."""
    newest = {"dashboard": (10, 2, 0), "search": (10, 5, 0), "index-pattern": (8, 0, 0)}
    for one in OBJECTS["kibana"]:
        assert one["coreMigrationVersion"] == "8.8.0"
        assert tuple(map(int, one["typeMigrationVersion"].split("."))) <= newest[one["type"]]


@pytest.mark.parametrize("one", DASHBOARDS, ids=lambda one: one.id)
def test_lens_charts_use_only_columns_that_they_have(one: Any) -> None:
    for panel in orjson.loads(savedobjects.dashboard(one)["attributes"]["panelsJSON"]):
        if panel["type"] != "lens":
            continue
        state = panel["embeddableConfig"]["attributes"]["state"]
        [(layer, held)] = state["datasourceStates"]["formBased"]["layers"].items()
        assert held["columnOrder"] == list(held["columns"])
        seen = state["visualization"]
        shown = seen["layers"][0] if "layers" in seen else seen
        assert shown["layerId"] == layer
        accessors = {value for key, value in shown.items() if key.lower().endswith("accessor")}
        accessors |= {column["columnId"] for column in shown.get("columns", [])} | set(shown.get("accessors", []))
        assert accessors == set(held["columns"])
        for column in held["columns"].values():
            ordered = column["params"].get("orderBy", {}).get("columnId")
            assert ordered is None or ordered in held["columns"]
        buckets = [name for name, column in held["columns"].items() if column["isBucketed"]]
        assert buckets == held["columnOrder"][: len(buckets)]


@pytest.mark.parametrize("one", DASHBOARDS, ids=lambda one: one.id)
def test_bodies_of_the_dashboards_api_keep_to_its_schema(one: Any) -> None:
    errors = [f"{error.json_path}: {error.message[:200]}" for error in DASHBOARD.iter_errors(dashboards.body(one))]
    assert not errors
    for panel in dashboards.body(one)["panels"]:
        clicked = orjson.dumps(panel["config"]).count(b"click_filter")
        assert clicked == len(panel["config"].get("rows", [])), "rows of tables alone filter by a click"


def test_aggregations_of_opensearch_order_by_metrics_that_they_have() -> None:
    seen = 0
    for one in OBJECTS["opensearch"]:
        if one["type"] != "visualization":
            continue
        state = orjson.loads(one["attributes"]["visState"])
        ids = [made["id"] for made in state["aggs"]]
        assert len(set(ids)) == len(ids)
        for made in state["aggs"]:
            assert made["type"] not in {"terms"} or made["params"]["orderBy"] in ids
            seen += 1
    assert seen > 50


def test_tests_of_the_way_are_left_out_everywhere() -> None:
    marked = document(1, "default")
    assert TEST_TAG in marked["tags"]
    assert marked["event"]["kind"] == "event"
    for name, content in pages().items():
        if "kibana" in name or "saved" in name:
            assert TEST_TAG.encode() in content, name


def test_the_rule_promotes_what_opens_a_finding_with_its_own_severity() -> None:
    made = rule()
    severities = {(one["field"], one["value"], one["severity"]) for one in made["severity_mapping"]}
    assert severities == {("event.severity", str(level.elastic), name) for name, level in LEVELS.items()}
    assert [one["field"] for one in made["risk_score_mapping"]] == ["event.risk_score"]
    assert (made["rule_name_override"], made["timestamp_override"]) == ("rule.name", "event.ingested")
    assert set(FIELD.findall(made["query"])) <= {*FIELDS, "tags"}
    assert DATASET in made["query"]
    assert f"event.dataset is {DATASET}" in made["setup"]
    assert {*INVESTIGATED, *COLUMNS} <= set(FIELDS)
    assert made["enabled"] is False


def test_the_triage_guide_has_every_family_and_only_fields_that_there_are() -> None:
    text = guide()
    assert all(f"**{one.title}**" in text for one in FAMILIES.values())
    for heading in (
        "Investigating",
        "Possible investigation steps",
        "False positive analysis",
        "Response and remediation",
    ):
        assert f"### {heading}" in text
    named = re.findall(r"`((?:probewatch|event|user|related)\.[\w.]+)`", text)
    assert set(named) <= set(FIELDS)
    assert len(named) > 4


def test_the_example_has_what_an_alert_has() -> None:
    example = orjson.loads((ELASTIC / "sample-event.json").read_bytes())
    assert set(leaves(render_ecs(EXAMPLE))) <= set(leaves(example)) | {"labels"}
