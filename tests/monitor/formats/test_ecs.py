"""ECS documents: golden files, names and types of the schema, and the values that Kibana's promotion asks for."""

from __future__ import annotations

import csv
import math
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest
from findings import EXAMPLE, STARTED, finding, findings
from hypothesis import given, settings

from monitor.alerts.finding import Contribution, Finding
from monitor.engine.gap import gap
from monitor.formats.ecs import headline, render_ecs
from monitor.formats.native import parse
from monitor.formats.severity import LEVELS

HERE = Path(__file__).parent
SCHEMA = HERE.parents[1] / "schemas/ecs-9.4.0.csv"

GOLDEN: dict[str, Finding] = {
    "inversion": EXAMPLE,
    "campaign-of-extraction": finding(
        family="extraction", members=("c1.aaaa", "c1.bbbb", "c1.cccc"), severity="critical", group=None, labels={}
    ),
    "cost-closed": finding(family="cost", status="closed", severity="medium", revision=7, evidence=()),
    "novelty": finding(family="novelty", tier="novelty", severity="low", profile=None, response=()),
    "gap": gap("default", EXAMPLE.lineage, STARTED, 300, 450, "expired", STARTED + 86_400_000_000),
}


def schema() -> dict[str, tuple[str, bool]]:
    lines = [line for line in SCHEMA.read_text().splitlines() if not line.startswith("#")]
    return {row["field"]: (row["type"], row["array"] == "array") for row in csv.DictReader(lines)}


def leaves(tree: dict[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in tree.items():
        name = f"{path}{key}"
        if isinstance(value, dict) and name != "labels":
            yield from leaves(value, f"{name}.")
        else:
            yield name, value


TYPES: dict[str, tuple[type, ...]] = {
    **dict.fromkeys(("keyword", "constant_keyword", "match_only_text", "date"), (str,)),
    "long": (int,),
    "float": (float, int),
    "object": (dict,),
}


@pytest.mark.parametrize("name", GOLDEN)
def test_golden_documents(name: str) -> None:
    path = HERE / "golden" / f"{name}.ecs.json"
    written = orjson.dumps(render_ecs(GOLDEN[name]), option=orjson.OPT_INDENT_2) + b"\n"
    if "UPDATE_GOLDEN" in os.environ:
        path.write_bytes(written)
    assert written == path.read_bytes()


@given(findings)
def test_only_fields_of_the_schema_with_values_of_its_types(one: Finding) -> None:
    known = schema()
    for name, value in leaves({k: v for k, v in render_ecs(one).items() if k != "probewatch"}):
        kind, array = known[name]
        assert isinstance(value, list) == array, name
        for item in value if array else [value]:
            assert isinstance(item, TYPES[kind]), name
            assert not isinstance(item, float) or math.isfinite(item)


@given(findings)
def test_what_the_promotion_rule_of_kibana_reads(one: Finding) -> None:
    document = render_ecs(one)
    event = document["event"]
    assert (event["kind"], event["category"], event["type"]) == ("alert", ["intrusion_detection", "api"], ["info"])
    assert event["severity"] in {21, 47, 73, 99}
    assert 0 <= event["risk_score"] <= 100
    assert event["id"] == one.id
    assert 0 <= event["duration"] < 2**63
    assert "outcome" not in event
    assert "original" not in event


@settings(max_examples=30)
@given(findings, findings)
def test_the_message_tells_families_apart_and_nothing_else(one: Finding, other: Finding) -> None:
    same = replace(other, family=one.family, members=one.members)
    assert headline(one) == headline(same) == render_ecs(one)["message"] == render_ecs(one)["rule"]["name"]
    assert not any(letter.isdigit() for letter in headline(one))


@given(findings)
def test_the_native_form_can_be_made_from_the_document(one: Finding) -> None:
    document = render_ecs(one)
    event = document["event"]
    elsewhere = {
        "risk": event["risk_score"],
        "reason": event["reason"],
        "started": event["start"],
        "updated_at": event["end"],
        "labels": document.get("labels", {}),
    }
    labels = {key.replace("\0", " "): value for key, value in one.labels.items()}
    assert parse(orjson.dumps(document["probewatch"] | elsewhere)) == replace(one, labels=labels)


def test_a_technique_with_a_parent_is_a_subtechnique() -> None:
    threat = render_ecs(EXAMPLE)["threat"]
    assert threat["technique"]["id"] == ["AML.T0024"]
    assert threat["technique"]["subtechnique"]["id"] == ["AML.T0024.001"]
    assert "Mitre Atlas: T0024.001" in render_ecs(EXAMPLE)["tags"]


def test_the_severity_scale_is_that_of_every_target() -> None:
    assert [level.elastic for level in LEVELS.values()] == [21, 47, 73, 99]
    assert [level.ocsf for level in LEVELS.values()] == [2, 3, 4, 5]
    assert [level.cef for level in LEVELS.values()] == [3, 6, 8, 10]
    assert [level.leef for level in LEVELS.values()] == [3, 5, 8, 10]
    assert [level.syslog for level in LEVELS.values()] == [5, 4, 3, 2]


def test_numbers_that_are_not_known_are_left_out_of_the_explanation() -> None:
    numbers = (
        Contribution("a", math.nan, 1.0, 0.1),
        Contribution("b", 2.0, math.nan, 0.1),
        Contribution("c", 3.0, 4, 1),
    )
    document = render_ecs(replace(EXAMPLE, evidence=(replace(EXAMPLE.evidence[0], contributions=numbers),)))
    assert document["probewatch"]["explanation"] == ["b 2", "c 3, usually 4"]
