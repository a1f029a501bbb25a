"""JSON forms against what their targets publish: field tables, and the models of the makers themselves."""

from __future__ import annotations

import csv
import re
from dataclasses import replace
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import orjson
import pytest
from findings import finding
from formcases import CASES, LINK, hostile_findings
from google.protobuf.json_format import ParseDict
from hypothesis import given, settings
from microsoft_teams.cards import AdaptiveCard
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.semconv._incubating.attributes import security_rule_attributes, service_attributes, user_attributes
from slack_sdk.models.blocks import Block

from detectors.taxonomy import FAMILIES
from monitor.alerts.finding import Finding
from monitor.formats import pagerduty, slack, teams
from monitor.formats.alertmanager import render_alertmanager
from monitor.formats.asim import render_asim
from monitor.formats.ocsf import render_ocsf
from monitor.formats.otel import render_otel
from monitor.formats.severity import LEVELS
from monitor.formats.texts import CUT

SCHEMAS = Path(__file__).parents[2] / "schemas"
LIGHT = settings(max_examples=40, deadline=None)
KINDS: dict[str, type] = {"integer_t": int, "long_t": int, "timestamp_t": int, "boolean_t": bool, "json_t": object}
ENDLESS = replace(
    CASES["hostile"],
    **dict.fromkeys(("model", "client", "group", "title", "reason"), '"&\\😀' * 9_000),
    members=("c1." + "m" * 23,) * 256,
    labels={f"{n}" * 3_000: "&" * 3_000 for n in range(100)},
    response=('"' * 9_000,) * 4,
)


@cache
def table(name: str) -> list[dict[str, str]]:
    lines = [line for line in (SCHEMAS / name).read_text().splitlines() if not line.startswith("#")]
    return list(csv.DictReader(lines))


def check_ocsf(tree: dict[str, Any], name: str) -> None:
    """Known attributes alone, of their types and values; those that are required stand there."""
    known = {row["attribute"]: row for row in table("ocsf-1.8.0.csv") if row["object"] == name}
    objects = {row["object"] for row in table("ocsf-1.8.0.csv")}
    assert known, name
    assert {key for key, row in known.items() if row["requirement"] == "required"} <= set(tree), name
    for key, value in tree.items():
        row = known[key]
        assert isinstance(value, list) == (row["array"] == "array"), key
        for item in value if isinstance(value, list) else [value]:
            if row["type"] in objects:
                check_ocsf(item, row["type"])
            elif row["type"] != "object":
                assert isinstance(item, KINDS.get(row["type"], str)), key
            assert not row["values"] or str(item) in row["values"].split(), f"{name}.{key}"


@LIGHT
@given(finding=hostile_findings())
def test_ocsf_has_the_attributes_types_and_values_of_the_schema(finding: Finding) -> None:
    event = render_ocsf(finding, LINK)
    check_ocsf(event, "detection_finding")
    assert event["type_uid"] == event["class_uid"] * 100 + event["activity_id"]
    for one in event["finding_info"].get("attacks", []):
        assert {"tactic", "technique", "sub_technique"} & set(one)
    for one in event.get("evidences", []):
        assert one["user"]["uid"]  # one of those that it needs


@pytest.mark.parametrize("name", FAMILIES)
def test_ocsf_tells_every_family(name: str) -> None:
    event = render_ocsf(finding(family=name))
    check_ocsf(event, "detection_finding")
    assert ("attacks" in event["finding_info"]) == bool(FAMILIES[name].techniques)


def test_ocsf_puts_a_number_beside_its_baseline() -> None:
    first = render_ocsf(CASES["updated"])["anomaly_analyses"][0]
    assert first["anomalies"][0]["observations"] == [{"value": "0.883"}]
    assert first["baselines"][0]["observations"] == [{"value": "0.51"}]
    assert "baselines" not in render_ocsf(CASES["updated"])["anomaly_analyses"][1]  # nothing is usual yet


@LIGHT
@given(finding=hostile_findings())
def test_asim_has_the_fields_of_the_schema(finding: Finding) -> None:
    row, known = render_asim(finding, LINK), {one["field"]: one for one in table("asim-alert-0.1.csv")}
    kinds: dict[str, type] = {"int": int, "bool": bool, "dynamic": dict}
    assert set(row) <= set(known)
    assert {name for name, one in known.items() if one["class"] == "Mandatory"} <= set(row)
    for name, value in row.items():
        assert isinstance(value, kinds.get(known[name]["type"], str)), name
        assert not known[name]["values"] or value in known[name]["values"].split("|"), name
        if known[name]["type"] == "datetime":
            assert datetime.fromisoformat(value).tzinfo is not None
    assert 0 <= row["ThreatRiskLevel"] <= 100


@LIGHT
@given(finding=hostile_findings())
def test_alertmanager_takes_labels_annotations_and_times(finding: Finding) -> None:
    """After its OpenAPI (v2) and what it validates: names, a label at least, no empty value, an end after the start."""
    for alert in render_alertmanager(finding, LINK):
        assert set(alert) <= {"labels", "annotations", "startsAt", "endsAt", "generatorURL"}
        assert "alertname" in alert["labels"]
        for name, value in (alert["labels"] | alert["annotations"]).items():
            assert re.fullmatch(r"[a-zA-Z_][a-zA-Z0-9_]*", name)
            assert value
            assert isinstance(value, str)
        if "endsAt" in alert:
            assert datetime.fromisoformat(alert["startsAt"]) < datetime.fromisoformat(alert["endsAt"])


def test_alertmanager_ends_the_alert_of_the_lower_severity() -> None:
    first, second = (finding(revision=n, severity=s, status="updated") for n, s in ((1, "low"), (2, "high")))
    (low,) = render_alertmanager(first)
    high, *ended = render_alertmanager(second)
    assert "endsAt" not in low
    assert "endsAt" not in high
    assert low["labels"] in [one["labels"] for one in ended]
    assert all("endsAt" in one for one in ended)
    assert [one["labels"]["severity"] for one in ended] == ["low", "medium"]
    assert "endsAt" in render_alertmanager(CASES["closed"])[0]


@LIGHT
@given(finding=hostile_findings())
def test_pagerduty_takes_the_event(finding: Finding) -> None:
    event = pagerduty.render_pagerduty(finding, LINK)
    assert event["event_action"] == ("resolve" if finding.status == "closed" else "trigger")
    assert 0 < len(event["dedup_key"]) <= 255
    payload = event["payload"]
    assert {"summary", "source", "severity"} <= set(payload)
    assert 0 < len(payload["summary"]) <= 1_024
    assert payload["source"]
    assert payload["severity"] in {"critical", "error", "warning", "info"}
    assert set(event) <= {"event_action", "dedup_key", "payload", "client", "client_url", "links"}
    assert all(set(one) <= {"href", "text"} for one in event["links"])


@LIGHT
@given(finding=hostile_findings())
def test_slack_takes_the_blocks(finding: Finding) -> None:
    """Slack's own models check lengths, kinds and what is required."""
    message = slack.render_slack(finding, LINK)
    assert 0 < len(message["blocks"]) <= 50
    assert 0 < len(message["text"]) <= 40_000
    for block in message["blocks"]:
        parsed = Block.parse(block)
        assert parsed is not None
        parsed.validate_json()
        assert parsed.to_dict()["type"] == block["type"]
        for text in [block["text"]] if "text" in block else block.get("fields", []):
            most = {"header": 150, "section": 2_000 if "fields" in block else 3_000}[block["type"]]
            assert 0 < len(text["text"]) <= most
            assert text["type"] == "plain_text" or not re.search(r"[<>]|&(?!amp;|lt;|gt;)", text["text"])


@LIGHT
@given(finding=hostile_findings())
def test_teams_takes_the_card(finding: Finding) -> None:
    """Microsoft's own models of cards take it and give it back."""
    message = teams.render_teams(finding, LINK)
    (attachment,) = message["attachments"]
    card = AdaptiveCard.model_validate(attachment["content"])
    assert attachment["contentType"] == "application/vnd.microsoft.card.adaptive"
    given = card.model_dump(by_alias=True, exclude_none=True)
    runs = [run["text"] for block in given["body"] for run in block["inlines"]]
    assert runs == [run["text"] for block in attachment["content"]["body"] for run in block["inlines"]]
    assert {block["type"] for block in given["body"]} == {"RichTextBlock"}  # a TextBlock would read Markdown


@LIGHT
@given(finding=hostile_findings())
def test_otel_takes_the_record(finding: Finding) -> None:
    """The real messages of OTLP, unknown fields refused; names of attributes are those of the conventions."""
    request = ParseDict(render_otel(finding, LINK), ExportLogsServiceRequest(), ignore_unknown_fields=False)
    (record,) = request.resource_logs[0].scope_logs[0].log_records
    names = [pair.key for pair in record.attributes]
    modules = (security_rule_attributes, service_attributes, user_attributes)
    known = {value for module in modules for value in vars(module).values() if isinstance(value, str)}
    assert [name for name in names if not name.startswith("probewatch.") and name not in known] == []
    assert len(set(names)) == len(names)
    assert record.event_name == "probewatch.finding"
    assert record.severity_number == LEVELS[finding.severity].otel
    assert record.time_unix_nano == max(finding.updated_at, 0) * 1000


def test_what_is_endless_fits_every_target_and_is_marked_as_cut() -> None:
    event, message = pagerduty.render_pagerduty(ENDLESS, LINK), slack.render_slack(ENDLESS, LINK)
    card = teams.render_teams(ENDLESS, LINK)
    assert len(orjson.dumps(event)) <= pagerduty.MOST
    assert len(orjson.dumps(card)) <= teams.MOST
    for block in message["blocks"]:
        block_of = Block.parse(block)
        assert block_of is not None
        block_of.validate_json()
    assert event["payload"]["summary"].endswith(CUT)
    assert CUT in message["blocks"][0]["text"]["text"]
    assert card["attachments"][0]["content"]["body"][0]["inlines"][0]["text"].endswith(CUT)
    assert all(len(value.encode()) <= 4_000 for value in render_alertmanager(ENDLESS)[0]["annotations"].values())
