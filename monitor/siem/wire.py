"""HTTP to a search server or its dashboards, with the addresses, certificates and secrets of a sink.

Not the Elasticsearch client, which refuses OpenSearch and does not know Kibana. Errors repeat no address and no secret.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol, Self
from uuid import uuid4

import orjson
import urllib3
from urllib3.exceptions import HTTPError

from monitor.config.transport import BasicAuth, TlsSettings
from monitor.config.trouble import Trouble
from monitor.siem.requests import Request

#: Kibana and OpenSearch Dashboards want a header that no page of somebody else can send.
DASHBOARDS: Final = {"kbn-xsrf": "probewatch", "osd-xsrf": "probewatch"}


class Reachable(Protocol):
    """Settings of a sink that writes into a search server; they may have an `api_key` or a `token` as well."""

    @property
    def hosts(self) -> tuple[str, ...]:
        """Addresses of the nodes."""

    @property
    def basic(self) -> BasicAuth | None:
        """User and password."""

    @property
    def tls(self) -> TlsSettings:
        """Certificates."""

    @property
    def timeout_s(self) -> float:
        """Seconds to wait for an answer."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A status, and the body where it is a JSON object; empty otherwise."""

    status: int
    body: Mapping[str, Any]

    @property
    def good(self) -> bool:
        """Whether it was done."""
        return 200 <= self.status < 300

    @property
    def error(self) -> str:
        """The type of the error, without its text, which repeats values."""
        error = self.body.get("error")
        if isinstance(error, dict):
            return str(error.get("type", "unknown error"))
        return str(error) if isinstance(error, str) and error.replace(" ", "").isalpha() else "unknown error"


class Wire:
    """Sends requests to the first of several addresses that answers."""

    def __init__(self, settings: Reachable, where: str = "Elasticsearch", url: str | None = None) -> None:
        """`where` names the far side in errors. With `url` it is at that address, with the secrets and certificates of
        the settings. Trouble where a secret cannot be read."""
        self.where: Final = where
        self._hosts: Sequence[str] = [one.rstrip("/") for one in (settings.hosts if url is None else (url,))]
        self._headers = {"accept": "application/json", **_login(settings), **({} if url is None else DASHBOARDS)}
        self._pool = urllib3.PoolManager(timeout=settings.timeout_s, retries=False, maxsize=2, **_tls(settings))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._pool.clear()

    def ask(self, request: Request) -> Answer:
        """The answer, whatever it says; Trouble where nobody answers."""
        body, kind = _payload(request)
        headers = self._headers | ({"content-type": kind} if kind else {})
        problem: HTTPError | None = None
        for host in self._hosts:
            try:
                response = self._pool.request(
                    request.method, host + request.path, body=body, headers=headers, redirect=False
                )
            except HTTPError as failed:
                problem = failed
                continue
            return Answer(response.status, _object(response.data))
        kind = type(problem).__name__
        raise Trouble(what=f"no answer: {kind}", where=self.where, mend="check hosts, certificates and the server")

    def send(self, request: Request) -> Mapping[str, Any]:
        """The body of a good answer; Trouble for any other."""
        answer = self.ask(request)
        if not answer.good:
            raise refusal(answer, self.where, request.what)
        return answer.body


def refusal(answer: Answer, where: str, what: str) -> Trouble:
    """What an answer that is no good means, in words that say how to mend it."""
    if answer.status == 401:
        return Trouble(
            what="the server does not know us", where=where, mend="check the API key, or the user and password"
        )
    if answer.status == 403:
        return Trouble(
            what=f"we may not do that: {what}", where=where, mend="use an identity with the privileges that are needed"
        )
    return Trouble(
        what=f"the server answered {answer.status}: {answer.error} ({what})", where=where, mend="look into its log"
    )


def _payload(request: Request) -> tuple[bytes | None, str]:
    if request.lines and request.path.partition("?")[0].endswith("/_import"):
        boundary = uuid4().hex
        part = f'--{boundary}\r\ncontent-disposition: form-data; name="file"; filename="probewatch.ndjson"\r\n'
        head = f"{part}content-type: application/x-ndjson\r\n\r\n".encode()
        return head + _ndjson(request) + f"\r\n--{boundary}--\r\n".encode(), f"multipart/form-data; boundary={boundary}"
    if request.lines:
        return _ndjson(request), "application/x-ndjson"
    return (None, "") if request.body is None else (orjson.dumps(request.body), "application/json")


def _ndjson(request: Request) -> bytes:
    return b"".join(orjson.dumps(line) + b"\n" for line in request.lines)


def _object(data: bytes) -> Mapping[str, Any]:
    try:
        body = orjson.loads(data)
    except orjson.JSONDecodeError:
        return {}
    return body if isinstance(body, dict) else {}


def _login(settings: Reachable) -> dict[str, str]:
    key, token = getattr(settings, "api_key", None), getattr(settings, "token", None)
    if key is not None:
        return {"authorization": f"ApiKey {key.text().strip()}"}
    if token is not None:
        return {"authorization": f"Bearer {token.text().strip()}"}
    if settings.basic is not None:
        pair = f"{settings.basic.user}:{settings.basic.password.text()}"
        return {"authorization": f"Basic {b64encode(pair.encode()).decode()}"}
    return {}


def _tls(settings: Reachable) -> dict[str, Any]:
    tls = settings.tls
    files = {"ca_certs": tls.ca_file, "cert_file": tls.certificate_file, "key_file": tls.key_file}
    given: dict[str, Any] = {key: str(path) for key, path in files.items() if path is not None}
    return given | {"cert_reqs": "CERT_REQUIRED" if tls.verify else "CERT_NONE"}
