"""Sink that posts each alert to a receiver, signed as Standard Webhooks 1.0.0 asks."""

from __future__ import annotations

import hmac
import time
from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from collections.abc import Callable, Sequence
from typing import Final

import orjson

from monitor.alerts.finding import Finding
from monitor.config.secret import Secret
from monitor.config.targets import WebhookSettings
from monitor.config.transport import address_problem
from monitor.config.trouble import Trouble
from monitor.formats.native import moment, render
from monitor.sinks.form import LINES, Form
from monitor.sinks.http import JSON, Http, HttpSink, Reply, Request, authorization, packed
from monitor.sinks.protocol import Outcome

_PREFIX: Final = "whsec_"
_LENGTHS: Final = range(24, 65)  # bytes that a signing secret may have
_MOST: Final = 4 * 1024 * 1024  # bytes of one alert


class WebhookSink(HttpSink):
    """One request for each alert. Only an answer from 200 to 299 counts as delivered; redirects are not followed."""

    def __init__(self, name: str, settings: WebhookSettings, clock: Callable[[], float] = time.time) -> None:
        """Trouble where the address or a secret cannot be read, or is not what it should be."""
        http = Http(settings, clock)
        super().__init__(name, http, _Webhook(name, settings, clock))


class _Webhook:
    max_batch: int = 1
    max_bytes: int = _MOST

    def __init__(self, name: str, settings: WebhookSettings, clock: Callable[[], float]) -> None:
        self._name, self._settings, self._clock = name, settings, clock
        self._form = Form.named(settings.format, settings.link)
        self._keys()
        secret_address(name, settings.url)
        authorization(settings.token)

    def item(self, alert: Finding) -> bytes:
        """The whole body."""
        return payload(alert) if self._settings.format == "native" else self._form.line(alert)

    def request(self, alerts: Sequence[Finding], items: Sequence[bytes]) -> Request:
        """Signed by the keys as they are now. The receiver knows an alert that comes again by its `webhook-id`."""
        settings = self._settings
        kind = "text/plain; charset=utf-8" if settings.format in LINES else JSON
        headers = {"content-type": kind, **authorization(settings.token)}
        request = packed(secret_address(self._name, settings.url), items[0], headers, compress=settings.compress)
        signed = signed_headers(alerts[0].id, int(self._clock()), request.body, self._keys())
        return Request(request.url, request.body, {**request.headers, **signed})

    def heard(self, reply: Reply, count: int) -> list[Outcome]:
        """By the status alone."""
        return [reply.meant()] * count

    def _keys(self) -> list[bytes]:
        return [signing_key(secret) for secret in self._settings.secrets]


def payload(alert: Finding) -> bytes:
    """What is posted: `type` says whether the finding was opened, updated or closed, `data` is its native form."""
    data = render(alert)
    return orjson.dumps({"type": f"finding.{alert.status}", "timestamp": moment(alert.updated_at), "data": data})


def signed_headers(name: str, at: int, body: bytes, keys: Sequence[bytes]) -> dict[str, str]:
    """Headers of one attempt: `name` stays the same over attempts, `at` (seconds since 1970) is the attempt's own
    time, and there is one signature by each key."""
    signed = b".".join((name.encode(), str(at).encode(), body))
    signatures = (b64encode(hmac.digest(key, signed, "sha256")).decode() for key in keys)
    return {
        "webhook-id": name,
        "webhook-timestamp": str(at),
        "webhook-signature": " ".join(f"v1,{signature}" for signature in signatures),
    }


def signing_key(secret: Secret) -> bytes:
    """The bytes of a signing secret; Trouble where it is not `whsec_` and Base64 of 24 to 64 bytes."""
    text = secret.text().strip()
    try:
        key = b64decode(text.removeprefix(_PREFIX), validate=True)
    except (NotBase64, ValueError):
        key = b""
    if not text.startswith(_PREFIX) or len(key) not in _LENGTHS:
        raise Trouble(
            what="the signing secret is not `whsec_` and Base64 of 24 to 64 bytes",
            where=secret.place,
            mend='make one: echo "whsec_$(head -c 32 /dev/urandom | base64)"',
        )
    return key


def secret_address(name: str, secret: Secret) -> str:
    """An address that is kept as a secret; Trouble, which does not repeat it, where it is none."""
    text = secret.text().strip()
    problem = address_problem(text)
    if problem is not None:
        raise Trouble(
            what=f"the receiver's address: {problem}", where=f"sink {name}, {secret.place}", mend="write it so"
        )
    return text
