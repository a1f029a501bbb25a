"""Sink for the HTTP Event Collector of Splunk.

Its 200 says that events look valid, no more: what counts is the indexer's acknowledgement, which is asked for under a
channel of our own. Alerts that are not acknowledged in time are not delivered, and are sent again.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Sequence
from typing import Any, Final

import orjson

from monitor.alerts.finding import Finding
from monitor.config.targets import SplunkSettings
from monitor.formats.ecs import MODULE
from monitor.sinks.answers import Rule
from monitor.sinks.form import Form
from monitor.sinks.http import JSON, Http, HttpSink, Reply, Request, authorization, packed
from monitor.sinks.protocol import DELIVERED, Outcome

_EVENTS: Final = "/services/collector/event"
_ACKS: Final = "/services/collector/ack"
_FIRST_LOOK: Final = 0.1  # seconds after which the indexer is asked; then twice as long each time
_LONGEST_LOOK: Final = 2.0
_UNACKNOWLEDGED: Final = Outcome("retry", "the indexer has not acknowledged in time", doubtful=True)
_NO_ACKS: Final = Outcome(
    "hold", "no acknowledgement is offered: switch it on for the token, or set `acknowledge` to false", doubtful=True
)

#: What the collector's own codes mean where they say more than the status.
CODES: Final = {
    7: Outcome("hold", "the token may not write to that index"),
    9: Outcome("retry", "the server is busy"),
    10: Outcome("hold", "the collector misses a channel"),
    11: Outcome("hold", "the collector refuses the channel"),
    14: _NO_ACKS,
    18: Outcome("retry", "the indexer's queues are full"),
    19: Outcome("retry", "acknowledgements are not available now"),
    20: Outcome("retry", "the indexer's queues are full"),
    23: Outcome("retry", "the server is shutting down"),
}
_RULES: Final = (
    Rule((401, 403), "hold", "the collector does not know the token, or it is switched off"),
    Rule((404,), "hold", "there is no event collector at that address"),
)


class SplunkSink(HttpSink):
    """Events in batches, acknowledged."""

    def __init__(
        self,
        name: str,
        settings: SplunkSettings,
        wait: Callable[[float], None] = time.sleep,
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        """Trouble where the token cannot be read."""
        http = Http(settings)
        super().__init__(name, http, _Collector(settings, http, wait, steady))


class _Collector:
    def __init__(
        self, settings: SplunkSettings, http: Http, wait: Callable[[float], None], steady: Callable[[], float]
    ) -> None:
        self.max_batch = settings.batch
        self.max_bytes = settings.batch_bytes
        self._settings, self._http, self._wait, self._steady = settings, http, wait, steady
        self._form = Form.named(settings.format, settings.link)
        self._channel = str(uuid.uuid4())
        self._headers()

    def item(self, alert: Finding) -> bytes:
        """One event; `fields` are indexed, so that an alert that comes twice is found by its id."""
        event = {
            "time": alert.updated_at / 1e6,
            "host": MODULE,
            "source": MODULE,
            "sourcetype": self._settings.sourcetype,
            "event": self._form.tree(alert),
            "fields": {"id": alert.id, "finding": alert.finding, "family": alert.family, "severity": alert.severity},
        }
        return orjson.dumps(event if self._settings.index is None else event | {"index": self._settings.index})

    def request(self, alerts: Sequence[Finding], items: Sequence[bytes]) -> Request:
        """Events one after the other, as the collector wants them."""
        url = self._settings.url.rstrip("/") + _EVENTS
        return packed(url, b"\n".join(items), self._headers(), compress=self._settings.compress)

    def heard(self, reply: Reply, count: int) -> list[Outcome]:
        """All of a batch have the same fate."""
        tree = reply.json()
        said = tree if isinstance(tree, dict) else {}
        outcome = CODES.get(_code(said), reply.meant(_RULES)) if reply.status != 200 else DELIVERED
        if outcome is DELIVERED and self._settings.acknowledge:
            outcome = self._acknowledged(said.get("ackId"))
        return [outcome] * count

    def _acknowledged(self, number: object) -> Outcome:
        if not isinstance(number, int):
            return _NO_ACKS
        end, rest = self._steady() + self._settings.acknowledge_seconds, _FIRST_LOOK
        while self._steady() < end:
            self._wait(min(rest, max(0.0, end - self._steady())))
            rest = min(2 * rest, _LONGEST_LOOK)
            if self._is_indexed(number):
                return DELIVERED
        return _UNACKNOWLEDGED

    def _is_indexed(self, number: int) -> bool:
        url = self._settings.url.rstrip("/") + _ACKS
        reply = self._http.ask(Request(url, orjson.dumps({"acks": [number]}), self._headers()))
        tree = reply.json() if isinstance(reply, Reply) and reply.status == 200 else None
        acks = tree.get("acks") if isinstance(tree, dict) else None
        return isinstance(acks, dict) and acks.get(str(number)) is True

    def _headers(self) -> dict[str, str]:
        own = authorization(self._settings.token, scheme="Splunk")
        channel = {"x-splunk-request-channel": self._channel} if self._settings.acknowledge else {}
        return {"content-type": JSON, **own, **channel}


def _code(said: dict[str, Any]) -> int:
    """The collector's own code; -1 where it gives none."""
    code = said.get("code")
    return code if isinstance(code, int) else -1
