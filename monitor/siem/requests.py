"""Requests as values, so that all of them can be printed before any is sent."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Final, Literal

import orjson

from monitor.config.trouble import Trouble

Product = Literal["elasticsearch", "opensearch"]
Method = Literal["GET", "PUT", "POST", "PATCH", "DELETE"]
Version = tuple[int, int]
Json = dict[str, Any]

MARK: Final = "probewatch"
OLDEST: Final[dict[Product, Version]] = {
    "elasticsearch": (8, 14),  # the first with a data stream lifecycle that is meant for use
    "opensearch": (3, 0),
}
NAMES: Final[dict[Product, str]] = {"elasticsearch": "Elasticsearch", "opensearch": "OpenSearch"}


@dataclass(frozen=True, slots=True)
class Server:
    """Whose requests: product and version; its additions as far as they matter to us."""

    product: Product = "elasticsearch"
    version: Version = (9, 99)
    security: bool = True
    states: bool = False
    """OpenSearch's index state management, which is a plug-in."""

    @property
    def failure_store(self) -> bool:
        """Whether a template can switch the failure store off."""
        return self.product == "elasticsearch" and (self.version >= (9, 1) or (8, 19) <= self.version < (9, 0))

    @property
    def name(self) -> str:
        """For people: `OpenSearch 3.8`."""
        return f"{NAMES[self.product]} {self.version[0]}.{self.version[1]}"


@dataclass(frozen=True, slots=True)
class Request:
    """One request. `what` says for people what it is about; `lines` are the objects of an uploaded file."""

    what: str
    method: Method
    path: str
    body: Json | None = None
    lines: tuple[Json, ...] = ()

    @property
    def is_security(self) -> bool:
        """Whether it needs the security features of Elasticsearch."""
        return self.path.startswith("/_security/")


def console(request: Request) -> Iterator[str]:
    """The request in the form in which Kibana's console takes it; an uploaded file as its lines."""
    yield f"{request.method} {request.path}"
    if request.body is not None:
        yield orjson.dumps(request.body, option=orjson.OPT_INDENT_2).decode()
    yield from (orjson.dumps(line).decode() for line in request.lines)


def digest(body: Json) -> str:
    """A short digest of a body, by which a second installation sees that nothing is to do."""
    return blake2b(orjson.dumps(body, option=orjson.OPT_SORT_KEYS), digest_size=8).hexdigest()


def marked(body: Json, key: str) -> Json:
    """The body with our mark and its digest; under `description`, where the server keeps no other place for it."""
    if key == "description":
        return body | {key: f"{body[key]} ({MARK} {digest(body)})"}
    return body | {key: {"managed_by": MARK, "digest": digest(body)}}


def mark_of(found: Json) -> str | None:
    """The digest of what `marked` has made; None for what somebody else has made."""
    for key in ("_meta", "metadata"):
        mark = found.get(key)
        if isinstance(mark, dict) and mark.get("managed_by") == MARK:
            return str(mark.get("digest"))
    _, open_, rest = str(found.get("description", "")).rpartition(f" ({MARK} ")
    return rest.removesuffix(")") if open_ else None


def server_from(text: str) -> Server:
    """The server that a text such as `opensearch-3.8` or `8.19` names; Trouble where it names none.

    >>> server_from("8.19").version, server_from("opensearch-3").product
    ((8, 19), 'opensearch')
    """
    name, _, number = text.rpartition("-")
    parts = number.split(".")
    if name not in {"", *NAMES} or not all(part.isdecimal() for part in parts[:2]):
        mend = "write elasticsearch-8.19 or opensearch-3, say"
        raise Trouble(what="that names no server", where="--for", mend=mend)
    product: Product = "opensearch" if name == "opensearch" else "elasticsearch"
    version = int(parts[0]), int(parts[1]) if len(parts) > 1 else 0
    check_version(product, version)
    return Server(product, version, security=product == "elasticsearch", states=product == "opensearch")


def check_version(product: Product, version: Version) -> None:
    """Trouble where a server is too old."""
    if version < OLDEST[product]:
        oldest = ".".join(map(str, OLDEST[product]))
        what = f"{NAMES[product]} {version[0]}.{version[1]} is too old"
        raise Trouble(what=what, where=NAMES[product], mend=f"use {oldest} or later")
