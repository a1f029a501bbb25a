"""Makes what the OpenSearch sink writes to: ingest pipeline, index template and data stream."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from monitor.config.targets import OpenSearchSettings
from monitor.config.trouble import Trouble
from monitor.sinks.assets import asset
from monitor.sinks.bulk import stream_name
from monitor.sinks.http import Reply
from monitor.sinks.opensearch import Node
from monitor.sinks.protocol import Outcome

NAME: Final = "logs-probewatch.alert"


def assets(namespace: str) -> list[tuple[str, dict[str, Any] | None]]:
    """Paths and bodies of what has to be PUT, in this order: pipeline, index template, data stream.

    The same as for Elasticsearch, in the words of OpenSearch: it has no life cycle in a template and no failure store,
    and calls `flattened` `flat_object`."""
    template = asset("index-template")
    for name in ("lifecycle", "data_stream_options"):
        template["template"].pop(name, None)
    template["template"]["mappings"] = _translated(template["template"]["mappings"])
    return [
        (f"/_ingest/pipeline/{NAME}", _translated(asset("ingest-pipeline"))),
        (f"/_index_template/{NAME}", template),
        (f"/_data_stream/{stream_name(namespace)}", None),
    ]


def prepare(settings: OpenSearchSettings) -> list[tuple[str, bool]]:
    """Puts the assets onto the server: each path, and whether it made something new there. Trouble where it fails."""
    node = Node(settings)
    try:
        return [(path, _put(node, path, body)) for path, body in assets(settings.namespace)]
    finally:
        node.http.close()


def _put(node: Node, path: str, body: dict[str, Any] | None) -> bool:
    before = node.ask("GET", path)
    known = isinstance(before, Reply) and before.status == 200
    if known and body is None:
        return False
    reply = node.ask("PUT", path, b"" if body is None else body)
    if isinstance(reply, Outcome) or reply.status >= 300:
        why = reply.reason if isinstance(reply, Outcome) else f"the server answered {reply.status}"
        raise Trouble(what=f"{path} could not be made: {why}", where="OpenSearch", mend="see the server's log")
    return not known


_WORDS: Final[dict[str, Callable[[Any], dict[str, Any]]]] = {
    "flattened": lambda _: {"type": "flat_object"},
}


def _translated(tree: Any) -> Any:
    """Types and processors that OpenSearch calls otherwise."""
    if isinstance(tree, list):
        return [_translated(one) for one in tree]
    if not isinstance(tree, dict):
        return tree
    if isinstance(tree.get("type"), str) and tree["type"] in _WORDS:
        return _WORDS[tree["type"]](tree)
    copied = tree.get("copy_from")
    if isinstance(copied, str):
        return {key: value for key, value in tree.items() if key != "copy_from"} | {"value": "{{" + copied + "}}"}
    return {key: _translated(value) for key, value in tree.items()}
