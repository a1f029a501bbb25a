"""The one piece of HTTP behind all targets: guarded connections, certificates, proxy, time-outs, compression, batches.

Neither an address nor a secret stands in any reason, log line or error; the sink's name has to do.
"""

from __future__ import annotations

import gzip
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, Protocol

import orjson
import urllib3
from urllib3.exceptions import HTTPError, LocationValueError
from urllib3.response import BaseHTTPResponse

from monitor.alerts.finding import Finding
from monitor.config.secret import Secret
from monitor.config.transport import BasicAuth, HttpSettings, TlsSettings
from monitor.config.trouble import Trouble
from monitor.sinks.answers import BAD, Rule, meant
from monitor.sinks.guard import Forbidden, guarded
from monitor.sinks.protocol import Outcome

JSON: Final = "application/json"
AGENT: Final = "probewatch"
_PIECE: Final = 65_536
_ANSWER: Final = 65_536  # bytes of an answer that are read, unless a target needs more


@dataclass(frozen=True, slots=True)
class Request:
    """What is posted."""

    url: str
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    method: str = "POST"


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back. `at` is when, in seconds since 1970; names of headers are in small letters."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    at: float

    def meant(self, own: Sequence[Rule] = ()) -> Outcome:
        """What the status means."""
        return meant(self.status, self.headers.get("retry-after"), self.at, own)

    def json(self) -> Any:
        """The body as a tree; None where it is no JSON."""
        try:
            return orjson.loads(self.body)
        except orjson.JSONDecodeError:
            return None


class Http:
    """Connections of one sink. `answer_bytes` is how much of an answer is read."""

    def __init__(
        self, settings: HttpSettings, clock: Callable[[], float] = time.time, answer_bytes: int = _ANSWER
    ) -> None:
        self._pool = _pool(settings)
        self._seconds = settings.timeout_s
        self._clock = clock
        self._most = answer_bytes

    def ask(self, request: Request) -> Reply | Outcome:
        """One request. An outcome where there is no answer; redirects are not followed, nothing is tried again."""
        try:
            response = self._pool.request(
                request.method,
                request.url,
                body=request.body or None,
                headers={"user-agent": AGENT, **request.headers},
                preload_content=False,
                retries=False,
                redirect=False,
            )
            try:
                body = self._read(response)
            finally:
                response.close()
        except Forbidden:
            return Outcome("hold", "the receiver's address is not public; see the setting `networks`")
        except (HTTPError, LocationValueError) as problem:  # their text holds the address
            return Outcome("retry", f"no answer: {type(problem).__name__}", doubtful=True)
        headers = {name.lower(): value for name, value in response.headers.items()}
        return Reply(response.status, headers, body, self._clock())

    def close(self) -> None:
        """Closes the connections."""
        self._pool.clear()

    def _read(self, response: BaseHTTPResponse) -> bytes:
        """The answer, as much of it as is wanted: who answers in drips gets no more of our time."""
        end = time.monotonic() + self._seconds
        pieces: list[bytes] = []
        size = 0
        while size < self._most and time.monotonic() < end:
            piece = response.read1(min(_PIECE, self._most - size))
            if not piece:
                break
            pieces.append(piece)
            size += len(piece)
        return b"".join(pieces)


class Target(Protocol):
    """What one kind of far side wants to hear, and how it is understood. `max_bytes` bounds a request before it is
    compressed."""

    max_batch: int
    max_bytes: int

    def item(self, alert: Finding) -> bytes:
        """One alert, as it stands in a request."""
        ...

    def request(self, alerts: Sequence[Finding], items: Sequence[bytes]) -> Request | Outcome:
        """The request for these alerts; an outcome where there can be none. Secrets are read here, each time, so that a
        new one counts at once: Trouble where one cannot be read."""
        ...

    def heard(self, reply: Reply, count: int) -> list[Outcome]:
        """What became of the alerts, one outcome for each."""
        ...


class HttpSink:
    """Sends alerts to a target, in batches that it takes."""

    def __init__(self, name: str, http: Http, target: Target) -> None:
        self.name: Final = name
        self.max_batch: Final = target.max_batch
        self._http = http
        self._target = target

    def send(self, alerts: Sequence[Finding], doubtful: Collection[str] = ()) -> list[Outcome]:
        """Sends the alerts in their order. After a request that failed no further one is made, so that no revision
        overtakes an earlier one."""
        items = [self._target.item(alert) for alert in alerts]
        outcomes: list[Outcome] = []
        for start, end in parts([len(item) for item in items], self._target.max_bytes):
            outcomes += self._part(alerts[start:end], items[start:end])
            last = outcomes[-1]
            if last.verdict in {"retry", "hold"} and end < len(items):
                return outcomes + [replace(last, doubtful=False)] * (len(items) - end)
        return outcomes

    def close(self) -> None:
        """Closes the connections."""
        self._http.close()

    def _part(self, alerts: Sequence[Finding], items: Sequence[bytes]) -> list[Outcome]:
        if len(items) == 1 and len(items[0]) > self._target.max_bytes:
            return [Outcome("refused", "too large for the target")]
        try:
            request = self._target.request(alerts, items)
        except Trouble as trouble:  # a secret's file is gone, or not written yet; `what` names none
            return [Outcome("hold", trouble.what)] * len(alerts)
        reply = request if isinstance(request, Outcome) else self._http.ask(request)
        if isinstance(reply, Outcome):
            return [reply] * len(alerts)
        if reply.status in BAD and len(alerts) > 1:  # one alert may be at fault: its neighbours are not
            half = len(alerts) // 2
            return self._part(alerts[:half], items[:half]) + self._part(alerts[half:], items[half:])
        return self._target.heard(reply, len(alerts))


def parts(sizes: Sequence[int], most: int) -> Iterator[tuple[int, int]]:
    """Stretches of items that together have at most so many bytes, with two more for each; an item that is too large
    stands alone.

    >>> list(parts([4, 4, 4, 90, 4], 12))
    [(0, 2), (2, 3), (3, 4), (4, 5)]
    """
    start = total = 0
    for position, size in enumerate(sizes):
        if position > start and total + size + 2 > most:
            yield start, position
            start, total = position, 0
        total += size + 2
    if sizes:
        yield start, len(sizes)


def packed(url: str, body: bytes, headers: Mapping[str, str], *, compress: bool, method: str = "POST") -> Request:
    """A request, its body compressed with gzip where that is wanted; equal bodies give equal bytes."""
    if not compress:
        return Request(url, body, headers, method)
    return Request(url, gzip.compress(body, mtime=0), {**headers, "content-encoding": "gzip"}, method)


def authorization(token: Secret | None, basic: BasicAuth | None = None, scheme: str = "Bearer") -> dict[str, str]:
    """The header of a token, or of a user with a password; Trouble where the secret cannot be read or is no header."""
    if token is not None:
        return {"authorization": f"{scheme} {header_text(token)}"}
    if basic is not None:
        return dict(urllib3.make_headers(basic_auth=f"{basic.user}:{basic.password.text()}"))
    return {}


def header_text(secret: Secret) -> str:
    """A secret that goes into a header; Trouble where it cannot."""
    text = secret.text().strip()
    if not text.isascii() or not text.isprintable():
        raise Trouble(
            what="the secret is not one line of ASCII", where=secret.place, mend="write the token, and nothing else"
        )
    return text


def _pool(settings: HttpSettings) -> urllib3.PoolManager:
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
