"""Installs what alerts need in the search server, and removes it again.

Every request can be printed before anything is sent. Each object carries our mark and a digest of its body, so that a
second installation changes nothing, and what somebody else has made under one of our names is neither overwritten nor
removed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from monitor.config.trouble import Trouble
from monitor.siem import bodies
from monitor.siem.bodies import DAYS, MAPPINGS, NAME, POLICY, SETTINGS, Keep, retention
from monitor.siem.requests import MARK, Json, Product, Request, Server, check_version, mark_of, marked
from monitor.siem.wire import Wire, refusal
from monitor.sinks.bulk import stream_name

Result = Literal["created", "updated", "unchanged", "skipped", "removed", "absent", "kept"]

_FIELDS: Final = frozenset({"trial", "platinum", "enterprise"})  # licences that know security of single fields
_KEYS: Final = ("probewatch-writer", "probewatch-lookup")
POLICY_NAME: Final = "retention policy"

_ISM: Final = f"/_plugins/_ism/policies/{POLICY}"


@dataclass(frozen=True, slots=True)
class Done:
    """A request and what it changed; `skipped` where the server has no such feature. `why` says more for people."""

    request: Request
    result: Result
    why: str = ""


def server(wire: Wire) -> Server:
    """Which server that is; Trouble where it is none that we know, or too old."""
    about = wire.send(Request("version", "GET", "/"))
    told = about.get("version")
    version = told if isinstance(told, dict) else {}
    parts = str(version.get("number", "")).split(".")
    product: Product = "opensearch" if version.get("distribution") == "opensearch" else "elasticsearch"
    if len(parts) < 2 or not all(part.isdecimal() for part in parts[:2]):
        mend = "give the address of an Elasticsearch or OpenSearch server"
        raise Trouble(what="this is neither Elasticsearch nor OpenSearch", where=wire.where, mend=mend)
    found = int(parts[0]), int(parts[1])
    check_version(product, found)
    if product == "opensearch":
        return Server(product, found, security=False, states=_has(wire, "/_plugins/_ism/policies"))
    return Server(product, found, security=_has(wire, "/_security/_authenticate"))


def requests(to: Server, namespace: str = "default", days: float = DAYS, keep: Keep = "stream") -> list[Request]:
    """What `install` sends to a server that has nothing of it yet, in this order."""
    pipeline_mark = "_meta" if to.product == "elasticsearch" else "description"
    template = marked(bodies.index_template(to), "_meta")
    return [
        *_policies(to, days, keep),
        Request("ingest pipeline", "PUT", f"/_ingest/pipeline/{NAME}", marked(bodies.pipeline(to), pipeline_mark)),
        Request(
            "settings",
            "PUT",
            f"/_component_template/{SETTINGS}",
            marked(bodies.settings(to, days, keep), "_meta"),
        ),
        Request("mappings", "PUT", f"/_component_template/{MAPPINGS}", marked(bodies.mappings(to), "_meta")),
        Request("index template", "PUT", f"/_index_template/{NAME}", template),
        *_roles(to),
        Request("data stream", "PUT", f"/_data_stream/{stream_name(namespace)}"),
    ]


def install(
    wire: Wire, namespace: str = "default", days: float = DAYS, keep: Keep = "stream", to: Server | None = None
) -> list[Done]:
    """Sends what is missing or out of date, and says of each request what it changed.

    An existing data stream gets the retention at once, and a new backing index with the new mapping. Trouble where the
    server is too old, cannot be reached, refuses us, or has objects of the same names that somebody else has made.
    """
    to = server(wire) if to is None else to
    done: list[Done] = []
    for request in requests(to, namespace, days, keep):
        if request.is_security and not to.security:
            done.append(Done(request, "skipped", "the server has no security"))
        elif request.body is None:
            changed = any(one.result == "updated" and "template" in one.request.path for one in done)
            done.append(_stream(wire, to, request, days if keep == "stream" else None, changed))
        else:
            done.append(Done(request, _put(wire, request, request.body)))
    return done


def removals(to: Server, namespace: str | None = None) -> list[Request]:
    """What `uninstall` removes, in this order; with a namespace its data stream and the alerts in it, too."""
    data = [] if namespace is None else [Request("data stream", "DELETE", f"/_data_stream/{stream_name(namespace)}")]
    made = [one for one in reversed(requests(to, keep="ilm")) if one.body is not None]
    return [
        *([Request("API keys", "DELETE", "/_security/api_key", {"ids": []})] if to.product == "elasticsearch" else []),
        *data,
        *(Request(one.what, "DELETE", one.path) for one in made),
    ]


def uninstall(wire: Wire, namespace: str | None = None, to: Server | None = None) -> list[Done]:
    """Removes what `install` has made; alerts stay, unless a namespace is given, whose data stream goes with them.

    What others have made is kept, and so is what a data stream still needs. Trouble as in `install`.
    """
    to = server(wire) if to is None else to
    done = []
    for request in removals(to, namespace):
        if request.is_security and not to.security:
            done.append(Done(request, "skipped", "the server has no security"))
        elif request.body is not None:
            done.append(_end_keys(wire, request))
        else:
            done.append(_remove(wire, request))
    return done


def make_api_key(wire: Wire) -> str:
    """Makes an API key that may create alerts, and nothing else, for a year; its encoded form, for the settings'
    `api_key`. It cannot be shown again. Trouble as in `install`."""
    return str(wire.send(api_key_request())["encoded"])


def make_lookup_key(wire: Wire) -> tuple[str, bool]:
    """Makes an API key that may look up which alerts are there, for a year: its encoded form, for the settings'
    `lookup_key`, and whether it sees nothing but their ids, which takes a licence that knows security of single fields;
    under any other it can read the alerts. Trouble as in `install`."""
    licence = wire.send(Request("licence", "GET", "/_license"))["license"]["type"]
    ids_alone = licence in _FIELDS
    return str(wire.send(lookup_key_request(ids_alone))["encoded"]), ids_alone


def api_key_request() -> Request:
    """The request behind `make_api_key`."""
    return Request("API key of the writer", "POST", "/_security/api_key", bodies.api_key())


def lookup_key_request(ids_alone: bool) -> Request:
    """The request behind `make_lookup_key`."""
    return Request("API key for looking alerts up", "POST", "/_security/api_key", bodies.lookup_key(ids_alone))


def found(wire: Wire, request: Request) -> Json | None:
    """The object at the path of a request; None where there is none."""
    path, what = request.path, request.what
    answer = wire.ask(Request(what, "GET", path))
    if answer.status == 404 or (answer.status in {400, 405} and request.what == POLICY_NAME):
        return None  # a server without policies has none
    if not answer.good:
        raise refusal(answer, wire.where, what)
    body = answer.body
    if "policy_id" in body or "policy" in body:  # of OpenSearch
        return dict(body) | {"description": body["policy"].get("description", "")}
    for several, one in (("index_templates", "index_template"), ("component_templates", "component_template")):
        if several in body:
            return dict(body[several][0][one])
    [entry] = body.values()
    inner = entry.get("policy", {}) if "/_ilm/" in path else {}
    return dict(entry) | {"_meta": inner["_meta"]} if "_meta" in inner else dict(entry)


def _policies(to: Server, days: float, keep: Keep) -> list[Request]:
    if to.states:
        inner = bodies.state_policy(days)["policy"]
        return [Request(POLICY_NAME, "PUT", _ISM, {"policy": marked(inner, "description")})]
    if to.product == "elasticsearch" and keep == "ilm":
        inner = bodies.lifecycle_policy(days)["policy"]
        return [Request(POLICY_NAME, "PUT", f"/_ilm/policy/{POLICY}", {"policy": marked(inner, "_meta")})]
    return []


def _roles(to: Server) -> list[Request]:
    if to.product == "opensearch":
        return []
    return [
        Request("role of the writer", "PUT", "/_security/role/probewatch-writer", _role("writer")),
        Request("role of analysts", "PUT", "/_security/role/probewatch-reader", _role("reader")),
    ]


def _role(kind: Literal["writer", "reader"]) -> Json:
    return marked(bodies.role(kind), "metadata")


def _put(wire: Wire, request: Request, body: Json) -> Result:
    there = found(wire, request)
    if there is None:
        wire.send(request)
        return "created"
    mark = mark_of(there)
    if mark is None:
        what = f"there is another {request.what} under that name, and it is not ours"
        raise Trouble(what=what, where=wire.where, mend=f"rename or delete {request.path}")
    if mark == mark_of(body.get("policy", body)):
        return "unchanged"
    wire.send(_over(request, there))
    return "updated"


def _over(request: Request, there: Mapping[str, Any]) -> Request:
    """The request, made to replace what is there: a policy of OpenSearch wants to be told which one it replaces."""
    if "_seq_no" not in there:
        return request
    version = f"?if_seq_no={there['_seq_no']}&if_primary_term={there['_primary_term']}"
    return Request(request.what, request.method, request.path + version, request.body)


def _stream(wire: Wire, to: Server, request: Request, days: float | None, changed: bool) -> Done:
    """Makes the data stream, or gives an existing one the retention and the mapping of the template."""
    name = request.path.rpartition("/")[2]
    answer = wire.ask(Request(request.what, "GET", request.path))
    if answer.status == 404:
        wire.send(request)
        return Done(request, "created")
    if not answer.good:
        raise refusal(answer, wire.where, request.what)
    [stream] = answer.body["data_streams"]
    result: Result = "unchanged"
    wanted = None if days is None else retention(days)
    if to.product == "elasticsearch" and wanted not in (None, stream.get("lifecycle", {}).get("data_retention")):
        lifecycle = {"data_retention": wanted}
        wire.send(Request("retention", "PUT", f"/_data_stream/{name}/_lifecycle", lifecycle))
        result = "updated"
    if changed:
        lazy = "?lazy=true" if to.product == "elasticsearch" else ""
        wire.send(Request("new backing index", "POST", f"/{name}/_rollover{lazy}"))
        result = "updated"
    return Done(request, result)


def _remove(wire: Wire, request: Request) -> Done:
    there: Json | None
    if request.what == "data stream":
        there = None if wire.ask(Request(request.what, "GET", request.path)).status == 404 else {"managed_by": MARK}
    else:
        if request.what == POLICY_NAME and wire.ask(Request(request.what, "GET", request.path)).status == 403:
            return Done(request, "kept", "we may not look at policies")
        there = found(wire, request)
        if there is not None and mark_of(there) is None:
            return Done(request, "kept", "somebody else has made it")
    if there is None:
        return Done(request, "absent")
    answer = wire.ask(request)
    if answer.status == 400:
        return Done(request, "kept", "a data stream still needs it; --data removes that")
    if not answer.good:
        raise refusal(answer, wire.where, request.what)
    return Done(request, "removed")


def _end_keys(wire: Wire, request: Request) -> Done:
    ours = []
    for name in _KEYS:
        body = wire.send(Request("API keys", "GET", f"/_security/api_key?name={name}&active_only=true"))
        ours += [key["id"] for key in body["api_keys"] if (key.get("metadata") or {}).get("managed_by") == MARK]
    if not ours:
        return Done(request, "absent")
    wire.send(Request(request.what, "DELETE", request.path, {"ids": ours}))
    return Done(request, "removed", f"{len(ours)} of them")


def _has(wire: Wire, path: str) -> bool:
    """Whether the server has a feature; Trouble where it does not know us."""
    answer = wire.ask(Request("features", "GET", path))
    if answer.status in {401, 403}:
        raise refusal(answer, wire.where, f"look at {path}")
    return answer.good
