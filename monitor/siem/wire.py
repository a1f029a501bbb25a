"""A search server or its dashboards, over the HTTP of all targets, with the addresses and secrets of a sink.

Not the Elasticsearch client, which refuses OpenSearch and does not know Kibana. Errors repeat no address and no secret.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_network
from typing import Any, Final, Protocol, Self
from uuid import uuid4

import orjson

from monitor.config.transport import BasicAuth, HttpSettings, Network, TlsSettings
from monitor.config.trouble import Trouble
from monitor.siem.requests import Request
from monitor.sinks.http import JSON, Http, Reply, authorization, packed

#: Kibana and OpenSearch Dashboards want a header that no page of somebody else can send.
DASHBOARDS: Final = {"kbn-xsrf": "probewatch", "osd-xsrf": "probewatch"}
#: A sink of Elasticsearch has no `networks`: its client connects wherever `hosts` says.
_ANYWHERE: Final[tuple[Network, ...]] = (ip_network("0.0.0.0/0"), ip_network("::/0"))
_LONGEST: Final = 120.0  # seconds
_ANSWER: Final = 16 * 1024 * 1024  # bytes of an answer that are read


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
        self._headers = {"accept": JSON, **_login(settings), **({} if url is None else DASHBOARDS)}
        self._http = Http(_way(settings), answer_bytes=_ANSWER)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._http.close()

    def ask(self, request: Request) -> Answer:
        """The answer, whatever it says; Trouble where nobody answers."""
        body, kind = _payload(request)
        headers = self._headers | ({"content-type": kind} if kind else {})
        reason = "no answer"
        for host in self._hosts:
            reply = self._http.ask(packed(host + request.path, body, headers, compress=False, method=request.method))
            if isinstance(reply, Reply):
                tree = reply.json()
                return Answer(reply.status, tree if isinstance(tree, dict) else {})
            reason = reply.reason
        raise Trouble(what=reason, where=self.where, mend="check hosts, certificates and the server")

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


def _payload(request: Request) -> tuple[bytes, str]:
    if request.lines and request.path.partition("?")[0].endswith("/_import"):
        boundary = uuid4().hex
        part = f'--{boundary}\r\ncontent-disposition: form-data; name="file"; filename="probewatch.ndjson"\r\n'
        head = f"{part}content-type: application/x-ndjson\r\n\r\n".encode()
        return head + _ndjson(request) + f"\r\n--{boundary}--\r\n".encode(), f"multipart/form-data; boundary={boundary}"
    if request.lines:
        return _ndjson(request), "application/x-ndjson"
    return (b"", "") if request.body is None else (orjson.dumps(request.body), JSON)


def _ndjson(request: Request) -> bytes:
    return b"".join(orjson.dumps(line) + b"\n" for line in request.lines)


def _login(settings: Reachable) -> dict[str, str]:
    key = getattr(settings, "api_key", None)
    if key is not None:
        return authorization(key, scheme="ApiKey")
    return authorization(getattr(settings, "token", None), settings.basic)


def _way(settings: Reachable) -> HttpSettings:
    """Proxy and networks are those of the sink, where it has any."""
    if isinstance(settings, HttpSettings):
        return settings
    return HttpSettings(tls=settings.tls, timeout_s=min(settings.timeout_s, _LONGEST), networks=_ANYWHERE)
