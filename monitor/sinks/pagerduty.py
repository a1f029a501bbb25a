"""Sink for PagerDuty's Events API v2: one incident for each finding, resolved when it closes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import orjson

from monitor.alerts.finding import Finding
from monitor.config.targets import PagerDutySettings
from monitor.formats.pagerduty import MOST, render_pagerduty
from monitor.sinks.form import Form
from monitor.sinks.http import JSON, Http, HttpSink, Reply, Request, header_text
from monitor.sinks.protocol import Outcome

_BACK_OFF: Final = 60.0  # seconds; "too many" comes without a time, and a service may have few events in a minute
_KEY: Final = Outcome("hold", "status 400: the routing key is not accepted")


class PagerDutySink(HttpSink):
    """One request for each alert."""

    def __init__(self, name: str, settings: PagerDutySettings) -> None:
        """Trouble where the key cannot be read."""
        super().__init__(name, Http(settings), _Service(settings))


class _Service:
    max_batch: int = 1
    max_bytes: int = MOST - 100  # with the key that is added

    def __init__(self, settings: PagerDutySettings) -> None:
        self._url = f"{settings.url.rstrip('/')}/v2/enqueue"
        self._settings = settings
        self._form = Form(render_pagerduty, settings.link)
        header_text(settings.routing_key)

    def item(self, alert: Finding) -> bytes:
        """The event, without the key, which is a secret."""
        return self._form.line(alert)

    def request(self, alerts: Sequence[Finding], items: Sequence[bytes]) -> Request:
        """The event with the key at its front."""
        key = orjson.dumps({"routing_key": header_text(self._settings.routing_key)})
        return Request(self._url, key[:-1] + b"," + items[0][1:], {"content-type": JSON})

    def heard(self, reply: Reply, count: int) -> list[Outcome]:
        """By the status; an event that is refused for its key is no bad event."""
        outcome = reply.meant()
        if reply.status == 429 and outcome.after is None:
            outcome = replace(outcome, after=_BACK_OFF)
        if reply.status == 400 and b"routing" in reply.body.lower():
            outcome = _KEY
        return [outcome] * count
