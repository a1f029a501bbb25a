"""Sink for Microsoft Sentinel: rows through the Logs Ingestion API, with a token of the login by client credentials."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Final
from urllib.parse import quote, urlencode

from monitor.alerts.finding import Finding
from monitor.config.targets import SentinelSettings
from monitor.sinks.answers import Rule
from monitor.sinks.form import Form
from monitor.sinks.http import JSON, Http, HttpSink, Reply, Request, packed
from monitor.sinks.protocol import Outcome

VERSION: Final = "2023-01-01"
MOST: Final = 1_000_000  # bytes of a request; the API takes 1 MB, compressed or not
_MARGIN: Final = 300.0  # seconds before its end at which a token is exchanged
_SHORTEST: Final = 60.0  # seconds for which a token is used at least
_RULES: Final = (
    Rule((401,), "hold", "the token is not accepted"),
    Rule((403,), "hold", "the application needs the role Monitoring Metrics Publisher on the rule"),
    Rule((404,), "hold", "there is no such rule or stream at that endpoint"),
)
_LOGIN: Final = (
    Rule((400, 401, 403, 404), "hold", "the login does not know the tenant, the application or its secret"),
)


class SentinelSink(HttpSink):
    """Rows in batches of at most a megabyte."""

    def __init__(self, name: str, settings: SentinelSettings, clock: Callable[[], float] = time.time) -> None:
        """Trouble where the secret cannot be read."""
        http = Http(settings, clock)
        super().__init__(name, http, _Stream(settings, http, clock))


class _Stream:
    max_bytes: int = MOST - 2  # the brackets

    def __init__(self, settings: SentinelSettings, http: Http, clock: Callable[[], float]) -> None:
        self.max_batch = settings.batch
        self._settings, self._http, self._clock = settings, http, clock
        self._form = Form.named(settings.format, settings.link)
        path = f"/dataCollectionRules/{settings.rule}/streams/{quote(settings.stream, safe='')}"
        self._url = f"{settings.endpoint.rstrip('/')}{path}?api-version={VERSION}"
        self._token: str | None = None
        self._until = 0.0
        settings.client_secret.text()

    def item(self, alert: Finding) -> bytes:
        """One row."""
        return self._form.line(alert)

    def request(self, alerts: Sequence[Finding], items: Sequence[bytes]) -> Request | Outcome:
        """The rows as an array, with a token that is good for a while yet."""
        token = self._good_token()
        if isinstance(token, Outcome):
            return token
        headers = {"content-type": JSON, "authorization": f"Bearer {token}"}
        return packed(self._url, b"[" + b",".join(items) + b"]", headers, compress=self._settings.compress)

    def heard(self, reply: Reply, count: int) -> list[Outcome]:
        """By the status; a token that was refused is not used again."""
        if reply.status in {401, 403}:
            self._token = None
        return [reply.meant(_RULES)] * count

    def _good_token(self) -> str | Outcome:
        if self._token is None or self._clock() >= self._until:
            fresh = self._log_in()
            if isinstance(fresh, Outcome):
                return fresh
            self._token, lifetime = fresh
            self._until = self._clock() + max(_SHORTEST, lifetime - _MARGIN)
        return self._token

    def _log_in(self) -> tuple[str, float] | Outcome:
        """A fresh token and its lifetime in seconds."""
        settings = self._settings
        form = {
            "grant_type": "client_credentials",
            "client_id": settings.client_id,
            "client_secret": settings.client_secret.text().strip(),
            "scope": settings.scope,
        }
        url = f"{settings.login.rstrip('/')}/{settings.tenant}/oauth2/v2.0/token"
        kind = {"content-type": "application/x-www-form-urlencoded"}
        reply = self._http.ask(Request(url, urlencode(form).encode(), kind))
        if isinstance(reply, Outcome):
            return Outcome(reply.verdict, f"login: {reply.reason}")
        outcome, tree = reply.meant(_LOGIN), reply.json()
        if outcome.verdict != "delivered":
            return Outcome(outcome.verdict, f"login: {outcome.reason}", outcome.after)
        token = tree.get("access_token") if isinstance(tree, dict) else None
        if not isinstance(token, str) or not token.isascii() or not token.isprintable():
            return Outcome("retry", "login: an answer without a token")
        lifetime = tree.get("expires_in")
        return token, float(lifetime) if isinstance(lifetime, int | float) else _SHORTEST
