"""The lines of a bulk request and what its answers mean, for Elasticsearch and OpenSearch alike."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

import orjson

from monitor.alerts.finding import Finding
from monitor.formats.ecs import render_ecs
from monitor.formats.fields import FIELDS
from monitor.sinks.form import Form
from monitor.sinks.protocol import DELIVERED, Outcome

TRY_LATER: Final = frozenset({408, 425, 429, 502, 503, 504})
# of an answer that is no answer of a search server's: something stands between it and us, or it is not itself
GARBLED: Final = Outcome("retry", "an answer that makes no sense", doubtful=True)
GARBLED_ERRORS: Final = (LookupError, TypeError, ValueError, AttributeError, OverflowError)

_FIELD: Final = re.compile(r"field \[([^\]]+)\]")
_KIND: Final = re.compile(r"[a-z_]{1,80}")


def stream_name(namespace: str) -> str:
    """The data stream of a namespace."""
    return f"logs-probewatch.alert-{namespace}"


def operation(alert: Finding, namespace: str, form: Form) -> tuple[Any, Any]:
    """The two lines, bytes, that create an alert's document under the alert's own id. Elasticsearch's client takes them
    as they are, which its types do not say."""
    document, link = render_ecs(alert, namespace), form.address(alert)
    if link is not None:
        document["event"] = document["event"] | {"url": link}
    return orjson.dumps({"create": {"_id": alert.id}}), orjson.dumps(document)


class Answers:
    """Reads the answers to single documents; `missing` is what to say where the stream or its pipeline is not there."""

    def __init__(self, missing: str) -> None:
        self._missing = missing

    def item(self, item: Mapping[str, Any]) -> Outcome:
        """What became of one document. Other than most helpers we do not take 201 at its word: a document that the
        server has put into its failure store instead of the stream is answered with 201 too."""
        status = int(item["status"])
        if item.get("failure_store") == "used":
            return Outcome("refused", "failure store")
        if status in {200, 201, 409}:
            return DELIVERED
        error = item.get("error", {})
        text, kind = str(error.get("reason", "")), str(error.get("type", ""))
        if kind == "index_not_found_exception" or "pipeline with id" in text:
            return Outcome("hold", self._missing)
        reason = self._reason(status, kind, text)
        if status in {401, 403}:
            return Outcome("hold", reason)
        if status in TRY_LATER or status >= 500:
            return Outcome("retry", reason, doubtful=status != 429)
        return Outcome("refused", reason)

    @staticmethod
    def _reason(status: int, kind: str, text: str) -> str:
        """What the server complains of, without the text of its message, which repeats values."""
        known = [name for name in _FIELD.findall(text) if name in FIELDS]
        word = kind if _KIND.fullmatch(kind) else "unknown error"
        return f"status {status}: {word}" + (f" in {known[0]}" if known else "")
