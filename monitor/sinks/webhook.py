"""Sink that posts each alert to a receiver, signed as Standard Webhooks 1.0.0 asks.

Neither the address nor a secret of it stands in any reason, log line or error; the sink's name has to do.
"""

from __future__ import annotations

import hmac
import time
from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final

import orjson
import urllib3
from urllib3.exceptions import HTTPError, LocationValueError

from monitor.alerts.finding import Finding
from monitor.config.secret import Secret
from monitor.config.sinks import TlsSettings, WebhookSettings, address_problem
from monitor.config.trouble import Trouble
from monitor.formats.native import moment, render
from monitor.sinks.guard import Forbidden, guarded
from monitor.sinks.protocol import DELIVERED, Outcome

_PREFIX: Final = "whsec_"
_LENGTHS: Final = range(24, 65)  # bytes that a signing secret may have
_LONGEST_WAIT: Final = 86_400.0  # seconds; a receiver that names a longer rest is asked again after a day
_TRY_LATER: Final = frozenset({408, 425, 429})
_BAD_ALERT: Final = frozenset({400, 413, 422})
_REST: Final = 4_096  # bytes; after a shorter answer the connection can be used again


class WebhookSink:
    """One request for each alert. Only an answer from 200 to 299 counts as delivered; redirects are not followed."""

    max_batch: Final = 1

    def __init__(self, name: str, settings: WebhookSettings, clock: Callable[[], float] = time.time) -> None:
        """Trouble where the address or a secret cannot be read, or is not what it should be."""
        self.name: Final = name
        self._clock = clock
        self._url = _address(name, settings.url)
        self._keys = tuple(signing_key(secret) for secret in settings.secrets)
        self._pool = _pool(settings)

    def send(self, alerts: Sequence[Finding], doubtful: Collection[str] = ()) -> list[Outcome]:
        """Posts the alerts, one after the other. The receiver knows an alert that comes again by its `webhook-id`."""
        return [self._post(alert) for alert in alerts]

    def close(self) -> None:
        """Closes the connections."""
        self._pool.clear()

    def _post(self, alert: Finding) -> Outcome:
        body = payload(alert)
        headers = signed_headers(alert.id, int(self._clock()), body, self._keys)
        try:
            response = self._pool.request(
                "POST", self._url, body=body, headers=headers, preload_content=False, retries=False, redirect=False
            )
            try:
                response.read1(_REST)  # one look: who answers in drips gets no more of our time
            finally:
                response.close()
        except Forbidden:
            return Outcome("hold", "the receiver's address is not public; see the setting `networks`")
        except (HTTPError, LocationValueError) as problem:  # their text holds the address
            return Outcome("retry", f"no answer: {type(problem).__name__}", doubtful=True)
        return self._outcome(response.status, response.headers.get("retry-after"))

    def _outcome(self, status: int, retry_after: str | None) -> Outcome:
        if 200 <= status < 300:
            return DELIVERED
        if status in _TRY_LATER or status >= 500:
            return Outcome("retry", f"status {status}", _seconds(retry_after, self._clock()), doubtful=status >= 500)
        if status in _BAD_ALERT:
            return Outcome("refused", f"status {status}")
        if status == 410:
            return Outcome("hold", "status 410: the receiver is gone; give another address or delete the sink")
        if 300 <= status < 400:
            return Outcome("hold", f"status {status}: redirects are not followed; give the final address")
        return Outcome("hold", f"status {status}")


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
        "content-type": "application/json",
        "user-agent": "probewatch",
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


def _address(name: str, secret: Secret) -> str:
    text = secret.text().strip()
    problem = address_problem(text)
    if problem is not None:
        raise Trouble(
            what=f"the receiver's address: {problem}", where=f"sink {name}, {secret.place}", mend="write it so"
        )
    return text


def _pool(settings: WebhookSettings) -> urllib3.PoolManager:
    options: dict[str, Any] = {
        "timeout": urllib3.Timeout(total=settings.timeout_s),
        "maxsize": 1,
        **_tls(settings.tls),
    }
    if settings.proxy is not None:
        return urllib3.ProxyManager(settings.proxy, **options)
    return guarded(settings.networks, options)


def _tls(tls: TlsSettings) -> dict[str, Any]:
    files = {"ca_certs": tls.ca_file, "cert_file": tls.certificate_file, "key_file": tls.key_file}
    given: dict[str, Any] = {key: str(path) for key, path in files.items() if path is not None}
    return given | {"cert_reqs": "CERT_REQUIRED" if tls.verify else "CERT_NONE"}


def _seconds(retry_after: str | None, now: float) -> float | None:
    """What `Retry-After` asks for, which is a number of seconds or a date; None where it is neither.

    >>> _seconds("120", 0.0), _seconds("Thu, 01 Jan 1970 00:01:00 GMT", 0.0), _seconds("soon", 0.0)
    (120.0, 60.0, None)
    """
    if retry_after is None:
        return None
    seconds = retry_after.strip()
    if seconds.isascii() and seconds.isdecimal():
        return min(float(seconds), _LONGEST_WAIT)
    try:
        at = parsedate_to_datetime(retry_after)
    except (ValueError, OverflowError, TypeError):  # a year or a zone that no calendar has
        return None
    aware = at if at.tzinfo is not None else at.replace(tzinfo=UTC)
    return min(max(0.0, (aware - datetime.fromtimestamp(now, UTC)).total_seconds()), _LONGEST_WAIT)
