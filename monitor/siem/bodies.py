"""What stands in the requests to the search server: mappings, settings, pipeline, retention, roles, keys.

Made from the one list of fields, `monitor.formats.fields`. `deploy/elastic` holds what comes out of it.
"""

from __future__ import annotations

from typing import Any, Final, Literal

from monitor.formats.fields import mapping
from monitor.siem.requests import MARK, Json, Server

Keep = Literal["stream", "ilm"]

NAME: Final = "logs-probewatch.alert"
PATTERN: Final = f"{NAME}-*"
SETTINGS: Final = "probewatch.alert@settings"
MAPPINGS: Final = "probewatch.alert@mappings"
CUSTOM: Final = "probewatch.alert@custom"
POLICY: Final = "probewatch.alert"
PRIORITY: Final = 250  # of the templates that the makers ship, none is above 200
DAYS: Final = 180.0  # the EU AI Act asks deployers for logs of at least six months

#: What each identity may do with the streams of alerts, and nothing else. `monitor` is for looking at the version.
WRITER_KEY: Final = ("create_doc",)
LOOKUP_KEY: Final = ("indices:data/read/search*", "indices:admin/refresh*")
WRITER_ROLE: Final = ("auto_configure", "create_doc", "read", "maintenance")
INSTALLER: Final = ("monitor", "manage_index_templates", "manage_ingest_pipelines", "manage_security")
READER_ROLE: Final = ("read", "view_index_metadata")


def settings(server: Server, days: float = DAYS, keep: Keep = "stream") -> Json:
    """Component template of the settings: pipeline, retention, and no failure store, as what is refused becomes a dead
    letter of ours, with its reason."""
    index: Json = {"number_of_shards": 1, "default_pipeline": NAME}
    template: Json = {"settings": {"index": index}}
    if keep == "ilm":
        index["lifecycle"] = {"name": POLICY, "prefer_ilm": True}
    elif server.product == "elasticsearch":
        template["lifecycle"] = {"data_retention": retention(days)}
    if server.failure_store:
        template["data_stream_options"] = {"failure_store": {"enabled": False}}
    return {"template": template}


def mappings(server: Server) -> Json:
    """Component template of the mappings."""
    flattened = "flat_object" if server.product == "opensearch" else "flattened"
    return {"template": {"mappings": mapping(flattened)}}


def index_template(server: Server) -> Json:
    """The index template. In Elasticsearch a component `probewatch.alert@custom` of your own comes last."""
    parts = [SETTINGS, MAPPINGS]
    body: Json = {"index_patterns": [PATTERN], "priority": PRIORITY, "data_stream": {}, "composed_of": parts}
    if server.product == "elasticsearch":
        return body | {"composed_of": [*parts, CUSTOM], "ignore_missing_component_templates": [CUSTOM]}
    return body


def pipeline(server: Server) -> Json:
    """The ingest pipeline; a processor that fails lets the alert through, marked."""
    if server.product == "opensearch":  # its `set` cannot copy
        now = {"copy": {"tag": "ingested", "source_field": "_ingest.timestamp", "target_field": "event.ingested"}}
        failed = {
            "kind": {"set": {"tag": "failed-kind", "field": "event.kind", "value": "pipeline_error"}},
            "message": _copied("failed-message", "_ingest.on_failure_message", "error.message"),
            "type": _copied("failed-type", "_ingest.on_failure_processor_tag", "error.type"),
        }
    else:
        now = {"set": {"tag": "ingested", "field": "event.ingested", "copy_from": "_ingest.timestamp"}}
        failed = {
            "kind": {"set": {"tag": "failed-kind", "field": "event.kind", "value": "pipeline_error"}},
            "message": _set("failed-message", "error.message", "_ingest.on_failure_message"),
            "type": _set("failed-type", "error.type", "_ingest.on_failure_processor_tag"),
        }
    what = "Says when an alert of probewatch arrived, which the promotion rule of Kibana asks for."
    return {"description": what, "processors": [now], "on_failure": list(failed.values())}


def lifecycle_policy(days: float = DAYS) -> Json:
    """Policy of index lifecycle management, for those who keep all of their retention there."""
    hot = {"rollover": {"max_age": "30d", "max_primary_shard_size": "10gb"}}
    phases = {"hot": {"actions": hot}, "delete": {"min_age": retention(days), "actions": {"delete": {}}}}
    return {"policy": {"phases": phases}}


def state_policy(days: float = DAYS) -> Json:
    """Policy of OpenSearch's index state management."""
    kept = {"state_name": "delete", "conditions": {"min_index_age": retention(days)}}
    states = [
        {"name": "write", "actions": [{"rollover": {"min_index_age": "30d"}}], "transitions": [kept]},
        {"name": "delete", "actions": [{"delete": {}}], "transitions": []},
    ]
    return {
        "policy": {
            "description": "Retention of the alerts of probewatch.",
            "default_state": "write",
            "states": states,
            "ism_template": [{"index_patterns": [PATTERN], "priority": PRIORITY}],
        }
    }


def role(kind: Literal["writer", "reader", "installer"]) -> Json:
    """The role of the daemon's user, of analysts, or of who installs all this, which nobody else needs."""
    if kind == "installer":
        return _allowed(("manage", "read", "delete")) | {"cluster": list(INSTALLER)}
    if kind == "writer":
        return _allowed(WRITER_ROLE) | {"cluster": ["monitor"]}
    return _allowed(READER_ROLE)


def api_key() -> Json:
    """The request for the key that may create alerts, for a year."""
    return _key("probewatch-writer", WRITER_KEY)


def lookup_key(ids_alone: bool) -> Json:
    """The request for the key that may look alerts up, for a year; with `ids_alone` it sees nothing but their ids,
    which takes a licence that knows security of single fields."""
    body = _key("probewatch-lookup", LOOKUP_KEY)
    if ids_alone:
        for part in body["role_descriptors"]["probewatch-lookup"]["indices"]:
            part["field_security"] = {"grant": ["_id"]}
    return body


def retention(days: float) -> str:
    """Days in the words of the servers, which want whole numbers.

    >>> retention(180), retention(0.5)
    ('180d', '12h')
    """
    return f"{int(days)}d" if float(days).is_integer() else f"{max(1, round(days * 24))}h"


def _set(tag: str, field: str, source: str) -> dict[str, Any]:
    return {"set": {"tag": tag, "field": field, "copy_from": source, "ignore_empty_value": True}}


def _copied(tag: str, source: str, target: str) -> dict[str, Any]:
    return {"copy": {"tag": tag, "source_field": source, "target_field": target, "ignore_missing": True}}


def _allowed(privileges: tuple[str, ...]) -> Json:
    return {"cluster": [], "indices": [{"names": [PATTERN], "privileges": list(privileges)}]}


def _key(name: str, privileges: tuple[str, ...]) -> Json:
    descriptors = {name: _allowed(privileges)}
    metadata = {"managed_by": MARK}
    return {"name": name, "expiration": "365d", "role_descriptors": descriptors, "metadata": metadata}
