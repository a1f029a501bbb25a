"""Sink that writes alerts into a data stream of Elasticsearch, each exactly once.

The id of an alert is the id of its document and documents are only ever created, so that a second attempt meets the
first one's document. That holds within one backing index only; therefore alerts are looked up across the whole stream
before they are sent. Not only those that we ourselves are in doubt of: whoever takes a partition over makes the last
alerts of its former owner again, and both deliver them (decision 0018). A key of its own can do that, so that the
one that writes cannot read; where nothing may be looked up, an alert can come twice over a rollover, and that is said.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import orjson
from elastic_transport import TransportError
from elasticsearch import ApiError, Elasticsearch, UnsupportedProductError

from monitor.alerts.finding import Finding
from monitor.config.trouble import Trouble
from monitor.formats.ecs import render_ecs
from monitor.formats.fields import FIELDS
from monitor.sinks.protocol import DELIVERED, Outcome

log = logging.getLogger(__name__)

_TRY_LATER: Final = frozenset({408, 425, 429, 502, 503, 504})
_FIELD: Final = re.compile(r"field \[([^\]]+)\]")
_KIND: Final = re.compile(r"[a-z_]{1,80}")
# of an answer that is no answer of Elasticsearch's: something stands between it and us, or it is not itself
_GARBLED: Final = Outcome("retry", "an answer that makes no sense", doubtful=True)
_GARBLED_ERRORS: Final = (LookupError, TypeError, ValueError, AttributeError, OverflowError)
_MISSING: Final = "the data stream or its pipeline is missing; `probewatch siem install` makes them"


def stream_name(namespace: str) -> str:
    """The data stream of a namespace."""
    return f"logs-probewatch.alert-{namespace}"


class ElasticsearchSink:
    """Creates one ECS document for each alert."""

    def __init__(
        self,
        name: str,
        client: Elasticsearch,
        namespace: str = "default",
        max_batch: int = 500,
        lookups: Elasticsearch | None = None,
        renew: Callable[[], tuple[Elasticsearch, Elasticsearch | None]] | None = None,
    ) -> None:
        """`lookups` is a client with a key of its own for looking alerts up. `renew` makes both anew with the secrets
        as they are then; it is asked after the server has refused ours, so that a new key in the file counts without a
        restart."""
        self.name: Final = name
        self.max_batch: Final = max_batch
        self._client, self._lookups = client, lookups
        self._renew = renew
        self._refused = self._blind = False
        self._namespace = namespace
        self._stream = stream_name(namespace)

    def send(self, alerts: Sequence[Finding], doubtful: Collection[str] = ()) -> list[Outcome]:
        """Writes the alerts in one bulk request, or in several where the server finds one too large."""
        try:
            self._renewed()
        except Trouble as trouble:  # the file is gone, or not written yet
            return [Outcome("hold", f"status 401, and {trouble.what}")] * len(alerts)
        outcomes = self._sent(alerts)
        self._refused = any(outcome.reason.startswith("status 401") for outcome in outcomes)
        return outcomes

    def _renewed(self) -> None:
        if self._refused and self._renew is not None:
            fresh = self._renew()
            self.close()
            self._client, self._lookups = fresh
            self._refused = self._blind = False

    def _sent(self, alerts: Sequence[Finding]) -> list[Outcome]:
        try:
            present = self._present({alert.id for alert in alerts})
        except (TransportError, ApiError) as problem:
            outcome = _whole(problem)
            refused = outcome.verdict == "refused"  # the question, not the alerts
            return [replace(outcome, verdict="hold") if refused else outcome] * len(alerts)
        except _GARBLED_ERRORS:
            return [_GARBLED] * len(alerts)
        fresh = [alert for alert in alerts if alert.id not in present]
        written = iter(self._bulk(fresh) if fresh else [])
        return [DELIVERED if alert.id in present else next(written) for alert in alerts]

    def close(self) -> None:
        """Closes the connections."""
        self._client.close()
        if self._lookups is not None:
            self._lookups.close()

    def _present(self, ids: Collection[str]) -> frozenset[str]:
        """Which of the ids are in the stream already, in whatever backing index."""
        if self._blind:
            return frozenset()
        asked = self._client if self._lookups is None else self._lookups
        try:
            asked.indices.refresh(index=self._stream, ignore_unavailable=True)
            answer = asked.search(
                index=self._stream,
                query={"ids": {"values": sorted(ids)}},
                size=len(ids),
                source=False,
                ignore_unavailable=True,
                allow_partial_search_results=False,
            )
        except ApiError as problem:
            if problem.status_code == 403 and self._lookups is None:
                # the key may only write: the newest backing index still knows its ids
                self._blind = True
                log.warning(
                    "alerts cannot be looked up: after a rollover one can come twice; give this sink a lookup_key",
                    extra={"sink": self.name},
                )
                return frozenset()
            raise
        return frozenset(hit["_id"] for hit in answer["hits"]["hits"])

    def _bulk(self, alerts: Sequence[Finding]) -> list[Outcome]:
        try:
            answer = self._client.bulk(
                operations=[line for alert in alerts for line in self._operation(alert)],
                index=self._stream,
                require_data_stream=True,
            )
        except ApiError as problem:
            if problem.status_code == 413 and len(alerts) > 1:
                half = len(alerts) // 2
                return self._bulk(alerts[:half]) + self._bulk(alerts[half:])
            return [_whole(problem)] * len(alerts)
        except TransportError as problem:
            return [_whole(problem)] * len(alerts)
        try:
            outcomes = [self._item(item["create"]) for item in answer["items"]]
        except _GARBLED_ERRORS:
            return [_GARBLED] * len(alerts)
        return outcomes if len(outcomes) == len(alerts) else [_GARBLED] * len(alerts)

    def _operation(self, alert: Finding) -> tuple[Any, Any]:
        """Two lines of the request; the client takes bytes as they are, which its types do not say."""
        return orjson.dumps({"create": {"_id": alert.id}}), orjson.dumps(render_ecs(alert, self._namespace))

    def _item(self, item: Mapping[str, Any]) -> Outcome:
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
            return Outcome("hold", _MISSING)
        reason = self._reason(status, kind, text)
        if status in {401, 403}:
            return Outcome("hold", reason)
        if status in _TRY_LATER or status >= 500:
            return Outcome("retry", reason, doubtful=status != 429)
        return Outcome("refused", reason)

    def _reason(self, status: int, kind: str, text: str) -> str:
        """What the server complains of, without the text of its message, which repeats values."""
        known = [name for name in _FIELD.findall(text) if name in FIELDS]
        word = kind if _KIND.fullmatch(kind) else "unknown error"
        return f"status {status}: {word}" + (f" in {known[0]}" if known else "")


def _whole(problem: TransportError | ApiError) -> Outcome:
    """What an answer to the whole request means for each alert in it."""
    if isinstance(problem, UnsupportedProductError):
        return Outcome("hold", "this is not Elasticsearch", doubtful=True)
    if not isinstance(problem, ApiError):  # time-out, broken connection: it may have been written
        return Outcome("retry", f"no answer: {type(problem).__name__}", doubtful=True)
    status = problem.status_code
    if status == 413:
        return Outcome("refused", "status 413: too large for the server")
    if status in _TRY_LATER or status >= 500:
        return Outcome("retry", f"status {status}", doubtful=status != 429)
    return Outcome("hold", _MISSING if status == 404 else f"status {status}")
