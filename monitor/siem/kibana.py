"""Installs data view, Discover session, dashboards and rule through Kibana's API, and removes them again.

Kibana 9.5 and later have a stable API for dashboards; older ones import them as saved objects, and so does OpenSearch
Dashboards, which gets its own. All of them have ids of ours, so that a second installation replaces the first.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import quote

import orjson

from monitor.config.trouble import Trouble
from monitor.siem import dashboards, savedobjects, visualizations
from monitor.siem.install import Done
from monitor.siem.panels import DASHBOARDS, SESSION, VIEW
from monitor.siem.requests import Json, Product, Request, Version
from monitor.siem.rule import RULE, rule
from monitor.siem.wire import Answer, Wire, refusal

OLDEST: Final[dict[Product, Version]] = {"elasticsearch": (8, 19), "opensearch": (3, 0)}
STABLE: Final[Version] = (9, 5)  # of the Dashboards API; 9.4 has it as a preview of another form

_IMPORT: Final = "/api/saved_objects/_import?overwrite=true"
_RULES: Final = "/api/detection_engine/rules"
_NAMES: Final[dict[Product, str]] = {"elasticsearch": "Kibana", "opensearch": "OpenSearch Dashboards"}


def version(wire: Wire, product: Product, space: str = "") -> Version:
    """Its version; Trouble where it is too old, or answers as something else."""
    status = wire.send(Request("version", "GET", _in(space, "/api/status")))
    told = status.get("version")
    number = str(told.get("number", "")) if isinstance(told, dict) else ""
    parts = number.split(".")
    if len(parts) < 2 or not all(part.isdecimal() for part in parts[:2]):
        raise Trouble(what=f"this is not {_NAMES[product]}", where=wire.where, mend="give its address with --kibana")
    found = int(parts[0]), int(parts[1])
    if found < OLDEST[product]:
        oldest = ".".join(map(str, OLDEST[product]))
        what = f"{_NAMES[product]} {found[0]}.{found[1]} is older than the dashboards"
        raise Trouble(what=what, where=wire.where, mend=f"use {oldest} or later")
    return found


def requests(product: Product, of: Version, space: str = "", with_rule: bool = True) -> list[Request]:
    """What `install` sends, in this order."""
    if product == "opensearch":
        lines = tuple(visualizations.saved_objects())
        return [Request("index pattern, search, dashboards", "POST", _in(_none(space), _IMPORT), lines=lines)]
    stable = of >= STABLE
    what = "data view and Discover session" if stable else "data view, Discover session, dashboards"
    lines = tuple(_own(savedobjects.saved_objects(dashboards=not stable), space))
    made = [Request(what, "POST", _in(space, _IMPORT), lines=lines)]
    if stable:
        pages = ((one, _in(space, f"/api/dashboards/{_id(one.id, space)}")) for one in DASHBOARDS)
        made += [
            Request(f"dashboard {one.title}", "PUT", path, _own(dashboards.body(one), space)) for one, path in pages
        ]
    return [*made, *([Request("detection rule", "POST", _in(space, _RULES), rule())] if with_rule else [])]


def install(wire: Wire, product: Product, space: str = "", with_rule: bool = True) -> list[Done]:
    """Sends them. A rule that is there is changed in place and stays on or off. Trouble where one is refused."""
    done = []
    for request in requests(product, version(wire, product, space), space, with_rule):
        if request.what == "detection rule":
            done.append(_put_rule(wire, request))
        elif request.lines:
            done.append(_import(wire, request))
        else:
            answer = _good(wire, request)
            done.append(Done(request, "created" if answer.status == 201 else "updated"))
    return done


def removals(product: Product, of: Version, space: str = "", with_rule: bool = True) -> list[Request]:
    """What `uninstall` sends, in this order."""
    objects = savedobjects.saved_objects() if product == "elasticsearch" else visualizations.saved_objects()
    found = []
    for one in reversed(_own(objects, space if product == "elasticsearch" else _none(space))):
        path = f"/api/saved_objects/{one['type']}/{one['id']}?force=true"
        if product == "elasticsearch" and one["type"] == "index-pattern":
            path = f"/api/data_views/data_view/{one['id']}"
        elif product == "elasticsearch" and one["type"] == "dashboard" and of >= STABLE:
            path = f"/api/dashboards/{one['id']}"
        found.append(Request(f"{one['type']} {one['id']}", "DELETE", _in(space, path)))
    if product == "opensearch" or not with_rule:
        return found
    return [Request("detection rule", "DELETE", _in(space, f"{_RULES}?rule_id={RULE}")), *found]


def uninstall(wire: Wire, product: Product, space: str = "", with_rule: bool = True) -> list[Done]:
    """Removes what `install` has made; alerts that the rule has made stay. Trouble where one is refused."""
    done = []
    for request in removals(product, version(wire, product, space), space, with_rule):
        answer = wire.ask(request)
        if answer.status != 404 and not answer.good:
            raise refusal(answer, wire.where, request.what)
        done.append(Done(request, "absent" if answer.status == 404 else "removed"))
    return done


def missing(wire: Wire, product: Product, space: str = "", with_rule: bool = True) -> list[str]:
    """What of it is not there. Trouble where we may not look."""
    lacks = []
    for request in removals(product, version(wire, product, space), space, with_rule):
        path = request.path.removesuffix("?force=true")
        answer = wire.ask(Request(request.what, "GET", path))
        if answer.status != 404 and not answer.good:
            raise refusal(answer, wire.where, request.what)
        lacks += [request.what] * (answer.status == 404)
    return lacks


def _import(wire: Wire, request: Request) -> Done:
    answer = _good(wire, request).body
    if answer.get("success") is not True:
        errors = ", ".join(sorted(set(_errors(answer)))) or "no reason given"
        what = f"the import was refused: {errors}"
        raise Trouble(what=what, where=wire.where, mend="see whether its version fits the file; look into its log")
    new = all(not one.get("overwrite", False) for one in answer.get("successResults", []))
    return Done(request, "created" if new else "updated", f"{answer.get('successCount', 0)} objects")


def _errors(answer: Mapping[str, Any]) -> Iterator[str]:
    for one in answer.get("errors", []):
        error = one.get("error", {}) if isinstance(one, dict) else {}
        yield str(error.get("type", "unknown"))


def _put_rule(wire: Wire, request: Request) -> Done:
    there = wire.ask(Request(request.what, "GET", f"{request.path}?rule_id={RULE}"))
    if there.status == 404:
        _good(wire, request)
        return Done(request, "created", "switched off; switch it on in Kibana")
    if not there.good:
        raise refusal(there, wire.where, request.what)
    kept: Json = {key: value for key, value in (request.body or {}).items() if key not in {"enabled", "version"}}
    if all(there.body.get(key) == value for key, value in kept.items()):
        return Done(request, "unchanged")
    _good(wire, Request(request.what, "PATCH", request.path, kept))
    return Done(request, "updated")


def _good(wire: Wire, request: Request) -> Answer:
    answer = wire.ask(request)
    if not answer.good:
        raise refusal(answer, wire.where, request.what)
    return answer


def _own(tree: Any, space: str) -> Any:
    """The same with the ids of a space: an id may stand in one space alone."""
    text = orjson.dumps(tree)
    for name in (VIEW, SESSION, *(one.id for one in DASHBOARDS)):
        text = text.replace(name.encode(), _id(name, space).encode())
    return orjson.loads(text)


def _none(space: str) -> str:
    if space:
        raise Trouble(what="OpenSearch Dashboards has no spaces", where="--space", mend="leave --space out")
    return space


def _id(name: str, space: str) -> str:
    return f"{name}.{quote(space, safe='')}" if space else name


def _in(space: str, path: str) -> str:
    return f"/s/{quote(space, safe='')}{path}" if space else path
