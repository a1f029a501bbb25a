"""Sink that writes alerts into a data stream of OpenSearch, each exactly once, by bulk requests over plain HTTP.

The same as with Elasticsearch: the id of an alert is the id of its document, documents are only created, and what is
there already is looked up across all backing indices before anything is sent. A node that does not answer is passed
over for the next one.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from typing import Any, Final

import orjson

from monitor.alerts.finding import Finding
from monitor.config.targets import OpenSearchSettings
from monitor.config.trouble import Trouble
from monitor.sinks.answers import Rule
from monitor.sinks.bulk import GARBLED, GARBLED_ERRORS, Answers, operation, stream_name
from monitor.sinks.form import Form
from monitor.sinks.http import JSON, Http, HttpSink, Reply, Request, authorization, packed
from monitor.sinks.protocol import DELIVERED, Outcome

log = logging.getLogger(__name__)

LINES: Final = "application/x-ndjson"
_ANSWER: Final = 16 * 1024 * 1024  # bytes of an answer: some hundreds for each of five thousand documents
_MISSING: Final = "the data stream or its pipeline is missing; `probewatch siem install` makes them"
_RULES: Final = (
    Rule((404,), "hold", _MISSING),
    Rule((401, 403), "hold", "the server does not let us"),
)


class OpenSearchSink:
    """Creates one ECS document for each alert."""

    def __init__(self, name: str, settings: OpenSearchSettings) -> None:
        """Trouble where a secret cannot be read."""
        self.name: Final = name
        self.max_batch: Final = settings.batch
        self._node = Node(settings)
        self._writer = HttpSink(name, self._node.http, _Bulk(settings, self._node))
        self._blind = False

    def send(self, alerts: Sequence[Finding], doubtful: Collection[str] = ()) -> list[Outcome]:
        """Writes those alerts that are not there yet."""
        present = self._present([alert.id for alert in alerts])
        if isinstance(present, Outcome):
            return self._passed_on([present] * len(alerts))
        fresh = [alert for alert in alerts if alert.id not in present]
        written = iter(self._writer.send(fresh) if fresh else [])
        return self._passed_on([DELIVERED if alert.id in present else next(written) for alert in alerts])

    def read_back(self, alert: Finding) -> str:
        """Where the alert was found. Trouble where it was not, or cannot be asked for."""
        present = self._present([alert.id])
        if isinstance(present, Outcome) or alert.id not in present:
            why = present.reason if isinstance(present, Outcome) else "it is not in the stream"
            raise Trouble(
                what=f"the alert was not found: {why}", where=f"sink {self.name}", mend="see the server's log"
            )
        return f"found in {present[alert.id]}"

    def close(self) -> None:
        """Closes the connections."""
        self._writer.close()

    def _present(self, ids: Sequence[str]) -> dict[str, str] | Outcome:
        """Which of the ids are in the stream already, and in which backing index."""
        if self._blind:
            return {}
        query = {"query": {"ids": {"values": sorted(ids)}}, "size": len(ids), "_source": False}
        hits: dict[str, str] = {}
        for path, body in (("_refresh", b""), ("_search", query)):
            reply = self._node.ask("POST", f"/{self._node.stream}/{path}", body)
            if isinstance(reply, Outcome):
                return reply
            if reply.status == 403:
                return self._turned_blind()
            outcome = reply.meant(_RULES)
            if outcome.verdict != "delivered":
                return Outcome("hold", outcome.reason) if outcome.verdict == "refused" else outcome
            try:
                hits = {} if path == "_refresh" else {hit["_id"]: hit["_index"] for hit in reply.json()["hits"]["hits"]}
            except GARBLED_ERRORS:
                return GARBLED
        return hits

    def _turned_blind(self) -> dict[str, str]:
        """Our user may write alone: the newest backing index still knows its ids."""
        self._blind = True
        log.warning("alerts cannot be looked up: after a rollover one can come twice", extra={"sink": self.name})
        return {}

    def _passed_on(self, outcomes: list[Outcome]) -> list[Outcome]:
        if any(outcome.reason.startswith("no answer") for outcome in outcomes):
            self._node.turn()
        return outcomes


class Node:
    """The node that is asked now."""

    def __init__(self, settings: OpenSearchSettings) -> None:
        self.http: Final = Http(settings, answer_bytes=_ANSWER)
        self.stream: Final = stream_name(settings.namespace)
        self._settings = settings
        self._turn = 0
        self.identity()

    def url(self, path: str) -> str:
        """An address at that node."""
        hosts = self._settings.hosts
        return hosts[self._turn % len(hosts)].rstrip("/") + path

    def turn(self) -> None:
        """The next node."""
        self._turn += 1

    def identity(self) -> dict[str, str]:
        """The header that says who we are; Trouble where the secret cannot be read."""
        return authorization(self._settings.token, self._settings.basic)

    def ask(self, method: str, path: str, body: Any = b"") -> Reply | Outcome:
        """One request with a JSON body."""
        try:
            headers = {"content-type": JSON, **self.identity()}
        except Trouble as trouble:
            return Outcome("hold", trouble.what)
        content = body if isinstance(body, bytes) else orjson.dumps(body)
        return self.http.ask(Request(self.url(path), content, headers, method))


class _Bulk:
    def __init__(self, settings: OpenSearchSettings, node: Node) -> None:
        self.max_batch = settings.batch
        self.max_bytes = settings.batch_bytes
        self._settings, self._node = settings, node
        self._form = Form.named("ecs", settings.link)
        self._answers = Answers(_MISSING)

    def item(self, alert: Finding) -> bytes:
        """The two lines of one document."""
        return b"".join(line + b"\n" for line in operation(alert, self._settings.namespace, self._form))

    def request(self, alerts: Sequence[Finding], items: Sequence[bytes]) -> Request:
        """A bulk request."""
        headers = {"content-type": LINES, **self._node.identity()}
        url = self._node.url(f"/{self._node.stream}/_bulk")
        return packed(url, b"".join(items), headers, compress=self._settings.compress)

    def heard(self, reply: Reply, count: int) -> list[Outcome]:
        """Each document has an answer of its own."""
        outcome = reply.meant(_RULES)
        if outcome.verdict != "delivered":
            return [outcome] * count
        try:
            outcomes = [self._answers.item(item["create"]) for item in reply.json()["items"]]
        except GARBLED_ERRORS:
            return [GARBLED] * count
        return outcomes if len(outcomes) == count else [GARBLED] * count
