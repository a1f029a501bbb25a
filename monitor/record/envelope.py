"""CloudEvents 1.0 around a record: structured (one JSON object) or binary (attributes in the message's headers)."""

from __future__ import annotations

from binascii import Error as NotBase64
from binascii import a2b_base64
from typing import Any, Final

import numpy as np
import orjson

from monitor.record.census import key_count
from monitor.record.raw import Headers
from monitor.record.refusal import Refused
from monitor.record.scan import scan

Json = dict[str, Any]

_VERSION: Final = "specversion"
_HEADER: Final = "ce_"


Document = tuple[Json, int, bool]
"""A record as parsed; how many keys its text has; whether it has bare words in arrays."""


def parse(payload: bytes) -> Any:
    """The parsed payload; Refused where it is not JSON."""
    try:
        return orjson.loads(payload)
    except orjson.JSONDecodeError:
        raise Refused("not-json", "record: JSON in UTF-8 was expected" if payload else "record: no bytes") from None


def unwrap(document: Any, keys: int, bare_words: bool, headers: Headers | None) -> Document:
    """The record in a parsed payload, with `id`, `time` and `subject` of its envelope where it has none itself.

    `keys` and `bare_words` are what the scan of the payload found.
    """
    if type(document) is not dict:
        raise Refused("not-object", "record: a JSON object was expected")
    if _VERSION in document and ("data" in document or "data_base64" in document):
        return _structured(document, keys, bare_words)
    if headers:
        return _completed(document, _attributes(headers), keys, bare_words)
    return document, keys, bare_words


def _structured(event: Json, keys: int, bare_words: bool) -> Document:
    data = event.get("data")
    if type(data) is dict:
        around = {name: value for name, value in event.items() if name != "data"}
        return _completed(data, event, keys - 1 - key_count(around), bare_words)
    if key_count(event) != keys:
        raise Refused("duplicate-key", "record: the same key twice in one object")
    inner = _inner(event, data)
    record = parse(inner)
    if type(record) is not dict:
        raise Refused("bad-envelope", "data: a JSON object was expected")
    counts, words = scan(np.frombuffer(inner, np.uint8), np.array([0, len(inner)], np.int64))
    return _completed(record, event, int(counts[0]), bool(words[0]))


def _inner(event: Json, data: Any) -> bytes:
    if type(data) is str:
        return data.encode()
    encoded = event.get("data_base64")
    if type(encoded) is not str:
        raise Refused("bad-envelope", "data: an object, JSON in a string, or data_base64 was expected")
    try:
        return a2b_base64(encoded, strict_mode=True)
    except (NotBase64, ValueError):
        raise Refused("bad-envelope", "data_base64: base64 was expected") from None


def _attributes(headers: Headers) -> Json:
    """The attributes that stand in the headers of a message in binary mode; what is not UTF-8 is left out."""
    found: Json = {}
    for name, value in headers:
        if name.startswith(_HEADER) and type(value) is bytes:
            try:
                found[name.removeprefix(_HEADER)] = value.decode()
            except UnicodeDecodeError:
                continue
    return found if _VERSION in found else {}


def _completed(record: Json, event: Json, keys: int, bare_words: bool) -> Document:
    given = {"id": event.get("id"), "time": event.get("time"), "model": event.get("subject")}
    added = {key: value for key, value in given.items() if value is not None and record.get(key) is None}
    return {**record, **added}, keys + len(added.keys() - record.keys()), bare_words
