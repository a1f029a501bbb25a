"""Sink that writes alerts into a data stream of Elasticsearch, each exactly once.

The id of an alert is the id of its document and documents are only ever created, so that a second attempt meets the
first one's document. That holds within one backing index only; therefore alerts are looked up across the whole stream
before they are sent. Not only those that we ourselves are in doubt of: whoever takes a partition over makes the last
alerts of its former owner again, and both deliver them (decision 0018). A key of its own can do that, so that the
one that writes cannot read; where nothing may be looked up, an alert can come twice over a rollover, and that is said.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from typing import Final

from elastic_transport import TransportError
from elasticsearch import ApiError, Elasticsearch, UnsupportedProductError

from monitor.alerts.finding import Finding
from monitor.config.trouble import Trouble
from monitor.sinks.bulk import GARBLED, GARBLED_ERRORS, TRY_LATER, Answers, operation, stream_name
from monitor.sinks.form import Form
from monitor.sinks.protocol import DELIVERED, Outcome

log = logging.getLogger(__name__)

_MISSING: Final = "the data stream or its pipeline is missing; `probewatch siem install` makes them"


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
        link: str | None = None,
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
        self._answers = Answers(_MISSING)
        self._form = Form.named("ecs", link)

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
        except GARBLED_ERRORS:
            return [GARBLED] * len(alerts)
        fresh = [alert for alert in alerts if alert.id not in present]
        written = iter(self._bulk(fresh) if fresh else [])
        return [DELIVERED if alert.id in present else next(written) for alert in alerts]

    def read_back(self, alert: Finding) -> str:
        """Where the alert was found. Trouble where it was not, or cannot be looked up."""
        try:
            present = self._present({alert.id})
        except (TransportError, ApiError) as problem:
            why = _whole(problem).reason
        else:
            if alert.id in present:
                return f"found in {present[alert.id]}"
            why = "our key may not look it up" if self._blind else "it is not in the stream"
        mend = "give the sink a `lookup_key`" if self._blind else "see the server's log"
        raise Trouble(what=f"the alert was not found: {why}", where=f"sink {self.name}", mend=mend)

    def close(self) -> None:
        """Closes the connections."""
        self._client.close()
        if self._lookups is not None:
            self._lookups.close()

    def _present(self, ids: Collection[str]) -> dict[str, str]:
        """Which of the ids are in the stream already, and in which backing index."""
        if self._blind:
            return {}
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
                return {}
            raise
        return {hit["_id"]: hit["_index"] for hit in answer["hits"]["hits"]}

    def _bulk(self, alerts: Sequence[Finding]) -> list[Outcome]:
        try:
            answer = self._client.bulk(
                operations=[line for alert in alerts for line in operation(alert, self._namespace, self._form)],
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
            outcomes = [self._answers.item(item["create"]) for item in answer["items"]]
        except GARBLED_ERRORS:
            return [GARBLED] * len(alerts)
        return outcomes if len(outcomes) == len(alerts) else [GARBLED] * len(alerts)


def _whole(problem: TransportError | ApiError) -> Outcome:
    """What an answer to the whole request means for each alert in it."""
    if isinstance(problem, UnsupportedProductError):
        return Outcome("hold", "this is not Elasticsearch", doubtful=True)
    if not isinstance(problem, ApiError):  # time-out, broken connection: it may have been written
        return Outcome("retry", f"no answer: {type(problem).__name__}", doubtful=True)
    status = problem.status_code
    if status == 413:
        return Outcome("refused", "status 413: too large for the server")
    if status in TRY_LATER or status >= 500:
        return Outcome("retry", f"status {status}", doubtful=status != 429)
    return Outcome("hold", _MISSING if status == 404 else f"status {status}")
