"""Sink for Prometheus Alertmanager, API v2.

It forgets an alert that is not sent again: open findings are repeated until they have closed, each with the time at
which it may be taken for resolved, and ends are repeated for a while. The Alertmanagers of a cluster do not tell each
other of alerts, so each is told of everything.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from typing import Final

import orjson

from monitor.alerts.finding import Finding
from monitor.config.targets import AlertmanagerSettings
from monitor.formats.alertmanager import render_alertmanager
from monitor.formats.native import moment
from monitor.sinks.form import Form
from monitor.sinks.http import JSON, Http, HttpSink, Reply, Request, authorization
from monitor.sinks.protocol import Outcome

_BATCH: Final = 100
_MOST: Final = 1_000_000  # bytes of a request
_MINUTE: Final = 60.0
_WORSE: Final = ("hold", "refused", "retry", "delivered")  # of several answers the last in this order counts


class AlertmanagerSink:
    """Alerts at every Alertmanager of a cluster; one that takes them is enough."""

    max_batch: Final = _BATCH

    def __init__(self, name: str, settings: AlertmanagerSettings, clock: Callable[[], float] = time.time) -> None:
        """Trouble where a secret cannot be read."""
        self.name: Final = name
        self.again_seconds: Final = settings.resend_minutes * _MINUTE
        self._members = [HttpSink(name, Http(settings, clock), _Member(url, settings, clock)) for url in settings.urls]

    def send(self, alerts: Sequence[Finding], doubtful: Collection[str] = ()) -> list[Outcome]:
        """Tells every member; the best answer to each alert counts."""
        answers = [member.send(alerts) for member in self._members]
        return [max(several, key=lambda one: _WORSE.index(one.verdict)) for several in zip(*answers, strict=True)]

    def again(self, alerts: Sequence[Finding]) -> bool:
        """The same once more, for what is open and for what has closed lately."""
        starts = range(0, len(alerts), _BATCH)
        outcomes = [outcome for start in starts for outcome in self.send(alerts[start : start + _BATCH])]
        return all(outcome.verdict in {"delivered", "refused"} for outcome in outcomes)

    def close(self) -> None:
        """Closes the connections."""
        for member in self._members:
            member.close()


class _Member:
    max_batch: int = _BATCH
    max_bytes: int = _MOST

    def __init__(self, url: str, settings: AlertmanagerSettings, clock: Callable[[], float]) -> None:
        self._url = f"{url.rstrip('/')}/api/v2/alerts"
        self._settings, self._clock = settings, clock
        self._form = Form(render_alertmanager, settings.link)
        authorization(settings.token, settings.basic)

    def item(self, alert: Finding) -> bytes:
        """The alerts of one finding, without the brackets of their list."""
        until = moment(int((self._clock() + self._settings.valid_minutes * _MINUTE) * 1e6))
        return orjson.dumps([{"endsAt": until, **one} for one in self._form.tree(alert)])[1:-1]

    def request(self, alerts: Sequence[Finding], items: Sequence[bytes]) -> Request:
        """A list of alerts."""
        headers = {"content-type": JSON, **authorization(self._settings.token, self._settings.basic)}
        return Request(self._url, b"[" + b",".join(items) + b"]", headers)

    def heard(self, reply: Reply, count: int) -> list[Outcome]:
        """By the status alone."""
        return [reply.meant()] * count
