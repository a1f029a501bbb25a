"""The files of `deploy/elastic`, all of them made from what the package has: for those who install by other means."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import orjson

from monitor.formats.fields import FIELDS
from monitor.siem import bodies, dashboards, savedobjects, visualizations
from monitor.siem.panels import DASHBOARDS
from monitor.siem.requests import Json, Server
from monitor.siem.rule import exported, rule
from monitor.siem.sample import document

_AT: Final = 1_795_255_200_000_000  # of the example, 2026-11-21
_OPENSEARCH: Final = Server("opensearch", (3, 8), security=False)


def pages() -> Mapping[str, bytes]:
    """Each file by its name below `deploy/elastic`."""
    return {
        **{f"{name}.json": _json(body) for name, body in _search(Server()).items()},
        "lifecycle-policy.json": _json(bodies.lifecycle_policy()),
        "role-writer.json": _json(bodies.role("writer")),
        "role-reader.json": _json(bodies.role("reader")),
        "role-installer.json": _json(bodies.role("installer")),
        "api-key.json": _json(bodies.api_key()),
        "lookup-key.json": _json(bodies.lookup_key(ids_alone=True)),
        "sample-event.json": _json(document(_AT, "default")),
        "fields.md": _fields(),
        "kibana/saved-objects.ndjson": _lines(savedobjects.exported(savedobjects.saved_objects())),
        **{f"kibana/{one.id}.json": _json(dashboards.body(one)) for one in DASHBOARDS},
        "kibana/rule.ndjson": _lines(exported(rule())),
        **{f"opensearch/{name}.json": _json(body) for name, body in _search(_OPENSEARCH).items()},
        "opensearch/state-policy.json": _json(bodies.state_policy()),
        "opensearch/saved-objects.ndjson": _lines(savedobjects.exported(visualizations.saved_objects())),
    }


def write(folder: Path) -> Iterator[Path]:
    """Writes the files that differ, and says which; files of other names are left alone."""
    for name, content in pages().items():
        file = folder / name
        if not file.is_file() or file.read_bytes() != content:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
            yield file


def _search(server: Server) -> dict[str, Json]:
    return {
        "ingest-pipeline": bodies.pipeline(server),
        "component-settings": bodies.settings(server),
        "component-mappings": bodies.mappings(server),
        "index-template": bodies.index_template(server),
    }


def _fields() -> bytes:
    head = (
        "# Fields of an alert\n\nMade by `probewatch siem page`: those of the Elastic Common Schema, then ours. In"
        " OpenSearch `flattened` is `flat_object`.\n\n| field | type | meaning |\n|---|---|---|\n"
    )
    rows = (f"| `{one.name}` | {one.type} | {one.meaning} |\n" for one in FIELDS.values())
    return (head + "".join(rows)).encode()


def _json(body: Json) -> bytes:
    return orjson.dumps(body, option=orjson.OPT_INDENT_2) + b"\n"


def _lines(objects: list[Json]) -> bytes:
    return b"".join(orjson.dumps(one) + b"\n" for one in objects)
