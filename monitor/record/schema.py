"""The record's JSON Schema and its page in the manual, both from the descriptions in wire.py."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from monitor.record.limits import Limits
from monitor.record.refusal import REASONS
from monitor.record.wire import WireRecord

_HEAD: Final = """# The native record

One JSON object per query: one a line in files, one a message in Kafka. A CloudEvents 1.0 envelope around it is read
too, structured or binary; its `id`, `time` and `subject` (the model) are used where the record has none. Only
`client`, `model` and `input` are required; unknown fields are counted and ignored. This page is made from the code.
"""

_BOUNDED: Final[Mapping[str, str]] = {
    "record": "bytes of a record",
    "text": "characters of one text",
    "elements": "numbers in one vector, tensor or embedding",
    "columns": "columns of one row",
    "classes": "probabilities in one answer",
    "keys": "keys in all objects of one record",
    "queries": "queries in one record",
    "query_bytes": "bytes of a record for each query in it, at least; 0: any",
    "skew": "microseconds between a record's time and the log's own",
}


def record_schema() -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of a record without an envelope."""
    schema = WireRecord.model_json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def record_page() -> str:
    """The page `deploy/docs/record.md`: every field with type and meaning, ceilings, and reasons of rejection."""
    schema = record_schema()
    parts = [_HEAD, "## Fields\n", _table("Field", "Type", _rows(schema, schema["$defs"], ""))]
    ceilings = [(name, f"{getattr(Limits(), name):,}", meaning) for name, meaning in _BOUNDED.items()]
    parts += ["## Ceilings\n", _table("Ceiling", "Default", ceilings)]
    lines = "\n".join(f"| `{reason}` | {meaning} |" for reason, meaning in REASONS.items())
    parts += ["## Why a record is rejected\n", f"| Reason | What was found |\n|---|---|\n{lines}\n"]
    return "\n".join(parts)


def _table(first: str, second: str, rows: list[tuple[str, str, str]]) -> str:
    lines = "\n".join(f"| `{name}` | {kind} | {meaning} |" for name, kind, meaning in rows)
    return f"| {first} | {second} | Meaning |\n|---|---|---|\n{lines}\n"


def _rows(schema: dict[str, Any], models: dict[str, Any], above: str) -> list[tuple[str, str, str]]:
    """Name, type and meaning of each field, those of nested objects behind their field."""
    rows = []
    for name, field in schema["properties"].items():
        path = f"{above}{name}"
        rows.append((path, _type(field), " ".join(field["description"].split())))
        if above or name not in ("inputs", "outputs"):
            for model in _models(field):
                rows += _rows(models[model], models, f"{path}.")
    return rows


def _variants(field: dict[str, Any]) -> list[dict[str, Any]]:
    return [variant for variant in field.get("anyOf", [field]) if variant.get("type") != "null"]


def _models(field: dict[str, Any]) -> list[str]:
    found = []
    for variant in _variants(field):
        reference = variant.get("$ref") or variant.get("items", {}).get("$ref")
        if reference:
            found.append(reference.rpartition("/")[2])
    return found


def _type(field: dict[str, Any]) -> str:
    return " or ".join(dict.fromkeys(_word(variant) for variant in _variants(field)))


def _word(variant: dict[str, Any]) -> str:
    if "enum" in variant:
        return ", ".join(map(str, variant["enum"]))
    kind = variant.get("type", "object")
    if kind == "array":
        return f"list of {_type(variant['items'])}"
    inside = variant.get("additionalProperties")
    return f"object of {_type(inside)}" if kind == "object" and isinstance(inside, dict) else str(kind)
