"""Installs what alerts need in Elasticsearch: ingest pipeline, index template, roles and the writer's API key.

Every request can be printed before anything is sent. Each object carries a digest of its body, so that a second
installation changes nothing and one that somebody else has made is not overwritten.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Final, Literal

import orjson
from elastic_transport import TransportError
from elasticsearch import ApiError, Elasticsearch, UnsupportedProductError

from monitor.config.trouble import Trouble
from monitor.sinks.assets import asset
from monitor.sinks.elasticsearch import stream_name

Result = Literal["created", "updated", "unchanged", "skipped"]
Version = tuple[int, int]

NAME: Final = "logs-probewatch.alert"
OLDEST: Final[Version] = (8, 14)  # the first with a data stream lifecycle that is meant for use
NEWEST: Final[Version] = (9, 99)

_MARK: Final = "probewatch"
_FIELDS: Final = frozenset({"trial", "platinum", "enterprise"})  # licences that know security of single fields


@dataclass(frozen=True, slots=True)
class Request:
    """One request to Elasticsearch. `what` says for people what it makes."""

    what: str
    method: Literal["GET", "PUT", "POST"]
    path: str
    body: dict[str, Any] | None = None

    @property
    def is_security(self) -> bool:
        """Whether it needs the security features of the server."""
        return self.path.startswith("/_security/")


@dataclass(frozen=True, slots=True)
class Done:
    """A request and what it changed; `skipped` where the server has no security features."""

    request: Request
    result: Result


def requests(namespace: str = "default", days: float = 180.0, version: Version = NEWEST) -> list[Request]:
    """What `install` sends to a server of that version that has nothing of it yet, in this order.

    `days` is how long alerts are kept (the EU AI Act asks deployers for logs of at least six months).
    """
    template = asset("index-template")
    template["template"]["lifecycle"]["data_retention"] = _retention(days)
    if not _has_failure_store(version):
        del template["template"]["data_stream_options"]
    return [
        _marked("ingest pipeline", f"/_ingest/pipeline/{NAME}", asset("ingest-pipeline"), "_meta"),
        _marked("index template", f"/_index_template/{NAME}", template, "_meta"),
        _marked("role of the writer", "/_security/role/probewatch-writer", asset("role-writer"), "metadata"),
        _marked("role of analysts", "/_security/role/probewatch-reader", asset("role-reader"), "metadata"),
        Request("data stream", "PUT", f"/_data_stream/{stream_name(namespace)}"),
    ]


def install(client: Elasticsearch, namespace: str = "default", days: float = 180.0) -> list[Done]:
    """Sends what is missing or out of date, and says of each request what it changed.

    An existing data stream gets the retention at once, and a new backing index with the new mapping at its next
    write. Trouble where the server is too old, cannot be reached, refuses us, or has objects of the same names that
    somebody else has made.
    """
    with_security = True
    done = []
    with _explained():
        wanted = requests(namespace, days, server_version(client))
        changed = False
        for request in wanted:
            if request.is_security and with_security:
                with_security = has_security(client)
            if request.is_security and not with_security:
                done.append(Done(request, "skipped"))
            elif request.body is None:
                done.append(Done(request, _stream(client, request, days, changed)))
            else:
                done.append(Done(request, _put(client, request, request.body)))
                changed = changed or (request.what == "index template" and done[-1].result == "updated")
    return done


def make_api_key(client: Elasticsearch) -> str:
    """Makes an API key that may create alerts, and nothing else, for a year; its encoded form, for the settings'
    `api_key`. It cannot be shown again. Trouble as in `install`."""
    with _explained():
        answer = _send(client, api_key_request())
    return str(answer["encoded"])


def make_lookup_key(client: Elasticsearch) -> tuple[str, bool]:
    """Makes an API key that may look up which alerts are there, for a year: its encoded form, for the settings'
    `lookup_key`, and whether it sees nothing but their ids, which takes a licence that knows security of single fields;
    under any other it can read the alerts. Trouble as in `install`."""
    with _explained():
        ids_alone = _license(client) in _FIELDS
        answer = _send(client, lookup_key_request(ids_alone))
    return str(answer["encoded"]), ids_alone


def api_key_request() -> Request:
    """The request behind `make_api_key`."""
    return Request("API key of the writer", "POST", "/_security/api_key", _of_ours("api-key"))


def lookup_key_request(ids_alone: bool) -> Request:
    """The request behind `make_lookup_key`."""
    body = _of_ours("lookup-key")
    if ids_alone:
        for part in body["role_descriptors"]["probewatch-lookup"]["indices"]:
            part["field_security"] = {"grant": ["_id"]}
    return Request("API key for looking alerts up", "POST", "/_security/api_key", body)


def _of_ours(name: str) -> dict[str, Any]:
    return asset(name) | {"metadata": {"managed_by": _MARK}}


def _license(client: Elasticsearch) -> str:
    """The sort of licence that the server runs under."""
    answer = _send(client, Request("licence", "GET", "/_license"))
    return str(answer["license"]["type"])


def server_version(client: Elasticsearch) -> Version:
    """Major and minor version; Trouble where it is too old."""
    number = str(client.info()["version"]["number"])
    major, minor, *_ = number.split(".")
    version = int(major), int(minor)
    if version < OLDEST:
        raise _trouble(f"Elasticsearch {number} is too old", f"use {OLDEST[0]}.{OLDEST[1]} or later")
    return version


def has_security(client: Elasticsearch) -> bool:
    """Whether the server has its security features, switched on."""
    try:
        _send(client, Request("who we are", "GET", "/_security/_authenticate"))
    except ApiError as problem:
        if problem.status_code in {401, 403}:
            raise
        return False
    return True


def _put(client: Elasticsearch, request: Request, body: dict[str, Any]) -> Result:
    key = "metadata" if request.is_security else "_meta"
    found = _found(client, request)
    if found is None:
        _send(client, request)
        return "created"
    mark = found.get(key) or {}
    if mark.get("managed_by") != _MARK:
        raise _trouble(
            f"there is another {request.what} under that name, and it is not ours",
            f"rename or delete {request.path}",
        )
    if mark.get("digest") == body[key]["digest"]:
        return "unchanged"
    _send(client, request)
    return "updated"


def _found(client: Elasticsearch, request: Request) -> dict[str, Any] | None:
    """The object that the request would replace."""
    try:
        answer = _send(client, Request(request.what, "GET", request.path))
    except ApiError as problem:
        if problem.status_code == 404:
            return None
        raise
    if "index_templates" in answer:
        found: dict[str, Any] = answer["index_templates"][0]["index_template"]
        return found
    [entry] = answer.values()
    return dict(entry)


def _stream(client: Elasticsearch, request: Request, days: float, changed: bool) -> Result:
    """Makes the data stream, or gives an existing one the retention and the mapping of the template."""
    name = request.path.rpartition("/")[2]
    try:
        answer = _send(client, Request(request.what, "GET", request.path))
    except ApiError as problem:
        if problem.status_code != 404:
            raise
        _send(client, request)
        return "created"
    [found] = answer["data_streams"]
    result: Result = "unchanged"
    if found.get("lifecycle", {}).get("data_retention") != _retention(days):
        lifecycle = {"data_retention": _retention(days)}
        _send(client, Request("retention", "PUT", f"/_data_stream/{name}/_lifecycle", lifecycle))
        result = "updated"
    if changed:
        _send(client, Request("new backing index", "POST", f"/{name}/_rollover?lazy=true"))
        result = "updated"
    return result


def _send(client: Elasticsearch, request: Request) -> dict[str, Any]:
    headers = {"accept": "application/json"}
    if request.body is not None:
        headers["content-type"] = "application/json"
    answer = client.perform_request(request.method, request.path, headers=headers, body=request.body)
    return dict(answer.body)


def _marked(what: str, path: str, body: dict[str, Any], key: str) -> Request:
    digest = blake2b(orjson.dumps(body, option=orjson.OPT_SORT_KEYS), digest_size=8).hexdigest()
    return Request(what, "PUT", path, body | {key: {"managed_by": _MARK, "digest": digest}})


def _retention(days: float) -> str:
    """Days in the words of Elasticsearch, which wants whole numbers.

    >>> _retention(180), _retention(0.5)
    ('180d', '12h')
    """
    return f"{int(days)}d" if float(days).is_integer() else f"{max(1, round(days * 24))}h"


def _has_failure_store(version: Version) -> bool:
    return version >= (9, 1) or (8, 19) <= version < (9, 0)


def _trouble(what: str, mend: str) -> Trouble:
    return Trouble(what=what, where="Elasticsearch", mend=mend)


@contextmanager
def _explained() -> Iterator[None]:
    """Errors of the client as Trouble; their own text, which holds addresses, is left out."""
    try:
        yield
    except (ApiError, TransportError) as problem:
        raise _explain(problem) from None


def _explain(problem: ApiError | TransportError) -> Trouble:
    if isinstance(problem, UnsupportedProductError):
        return _trouble("this is not Elasticsearch", "give the address of an Elasticsearch server")
    if not isinstance(problem, ApiError):
        return _trouble(f"no answer: {type(problem).__name__}", "check hosts, certificates and the server")
    if problem.status_code == 401:
        return _trouble("the server does not know us", "check the API key, or the user and password")
    if problem.status_code == 403:
        rights = "manage_index_templates, manage_ingest_pipelines, manage_security, and manage on the alerts' streams"
        return _trouble("we may not do that", f"use an identity with {rights}")
    return _trouble(f"the server answered {problem.status_code}: {_type(problem)}", "look into the server's log")


def _type(problem: ApiError) -> str:
    error = problem.body.get("error", {}) if isinstance(problem.body, dict) else {}
    return str(error.get("type", "unknown error")) if isinstance(error, dict) else "unknown error"


def console(request: Request) -> Iterator[str]:
    """The request in the form in which Kibana's console takes it, for a look before anything is sent."""
    yield f"{request.method} {request.path}"
    if request.body is not None:
        yield orjson.dumps(request.body, option=orjson.OPT_INDENT_2).decode()
