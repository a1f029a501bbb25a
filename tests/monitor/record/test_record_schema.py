"""The schema fits the records, and the manual's page is the one that the code makes."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any, get_args

import jsonschema
import pytest
from edge_records import RECORDS, record
from hypothesis import given, settings

from monitor.record.limits import Limits
from monitor.record.schema import record_page, record_schema
from monitor.record.tensors import DATATYPES, Datatype

PAGE = Path(__file__).parents[3] / "deploy" / "docs" / "record.md"
VALIDATOR = jsonschema.Draft202012Validator(record_schema())


def test_the_page_is_current() -> None:
    assert PAGE.read_text() == record_page(), "write monitor.record.schema.record_page() to deploy/docs/record.md"


def test_every_field_is_described() -> None:
    for model in [record_schema(), *record_schema()["$defs"].values()]:
        assert model["description"]
        assert all(field["description"] for field in model["properties"].values())


@pytest.mark.parametrize("ceiling", [field.name for field in fields(Limits)])
def test_every_ceiling_is_on_the_page(ceiling: str) -> None:
    assert f"| `{ceiling}` |" in record_page()


@given(RECORDS)
@settings(max_examples=50, deadline=None)
def test_records_fit_the_schema(one: dict[str, Any]) -> None:
    VALIDATOR.validate(one)


@pytest.mark.parametrize("wrong", [{"client": 5}, {"model": None}, {"input": {"vector": ["a"]}}, {"status": "200"}])
def test_what_does_not_fit(wrong: dict[str, Any]) -> None:
    assert not VALIDATOR.is_valid(record(**wrong))


def test_every_datatype_can_be_read() -> None:
    assert get_args(Datatype) == tuple(DATATYPES)
