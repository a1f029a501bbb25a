"""Records that are made to cost the reader as much as they can, for hostile.py: each is as large as a ceiling allows,
or as small as a record can be, or takes the slowest way through a part of the code.

Whoever sends queries chooses what stands in the log. Each maker gives the record of a number; numbers make clients,
inputs and labels differ where that costs more.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import orjson
from load import NUMBERS, WORDS

from monitor.record.limits import NAME_BYTES, Limits

START: Final = 1_790_000_000_000
LIMITS: Final = Limits()
DEEP: Final = 1_000  # levels; the parser takes 1,024 in all
CLIENTS: Final = 100  # where many clients make no difference
HALF: Final = LIMITS.record // 2


@dataclass(frozen=True, slots=True)
class Attack:
    """One way to cost more: what it is, and the record of a number."""

    name: str
    record: Callable[[int], bytes]


def filled(at: int, given: str, **more: Any) -> bytes:
    """A record with this JSON as its input."""
    head = {"client": f"key-{at % CLIENTS}", "model": "vectors", "time": START + at} | more
    return orjson.dumps(head)[:-1] + b',"input":' + given.encode() + b"}"


def vector(at: int, **more: Any) -> bytes:
    """A record with an ordinary vector."""
    numbers = np.random.default_rng(at).normal(size=NUMBERS).round(4).tolist()
    return filled(at, orjson.dumps({"vector": numbers}).decode(), **more)


def near(at: int) -> bytes:
    """One client whose window is full of inputs that are nearly the same, whose labels flip."""
    rng = np.random.default_rng(at)
    numbers = (np.sin(np.arange(NUMBERS)) + rng.normal(0, 1e-3, NUMBERS)).round(6).tolist()
    sure = [0.502, 0.498][:: 1 if at % 2 else -1]
    return filled(at, orjson.dumps({"vector": numbers}).decode(), client="one", output={"probabilities": sure})


def sweep(at: int) -> bytes:
    """One client who moves another column each time; rows of 64 columns."""
    columns = {f"c{number}": 0 for number in range(64)}
    columns[f"c{at % 64}"] = at
    return filled(at, orjson.dumps({"columns": columns}).decode(), client="one", model="rows")


def text(words: str, at: int) -> bytes:
    """A prompt."""
    return filled(at, orjson.dumps({"text": words}).decode(), model="texts")


def tensor(shape: list[int], datatype: str, data: bytes, at: int, **more: Any) -> bytes:
    """A tensor in base64."""
    tree = {"shape": shape, "datatype": datatype, "data": b64encode(data).decode()} | more
    return filled(at, orjson.dumps({"tensor": tree}).decode(), model=f"tensors-{len(shape)}")


def repeated(part: str, count: int) -> str:
    """A list of so many."""
    return "[" + ",".join([part] * count) + "]"


def keys(count: int, value: str = "0") -> str:
    """An object of so many keys."""
    return "{" + ",".join(f'"{at:x}":{value}' for at in range(count)) + "}"


def listed(at: int, number: str, count: int, last: str = "") -> bytes:
    """A vector of the same number so many times, given as JSON, and what comes last."""
    return filled(at, '{"vector":' + repeated(number, count)[:-1] + last + "]}", model=f"list-{count}-{number}")


def row(at: int, columns: str) -> bytes:
    """A row, given as JSON."""
    return filled(at, f'{{"columns":{columns}}}', model=f"row-{len(columns)}")


def with_field(at: int, field: str, value: str) -> bytes:
    """An ordinary record with one more field, given as JSON."""
    return vector(at)[:-1] + f',"{field}":{value}'.encode() + b"}"


def attacks() -> list[Attack]:
    """All of them, those that are accepted first."""
    wide, most = LIMITS.elements, LIMITS.queries
    words = " ".join(WORDS * (LIMITS.text // 500))[: LIMITS.text]
    letters = " ".join(chr(97 + at % 26) for at in range(LIMITS.text // 2))
    ones, eights = bytes(wide), bytes(8 * (wide // 4))
    prompt = " ".join(WORDS[:60])
    names = [f"{at:x}" for at in range(60_000)]
    many = {"role": "user", "content": "a"}
    calls: list[tuple[str, Callable[[int], bytes]]] = [
        ("smallest record", lambda at: filled(at, '{"digest":"a"}', client="a", model="m")),
        ("smallest record, a new client each", lambda at: filled(at, '{"digest":"a"}', client=f"{at:x}", model="m")),
        ("ordinary, a new client each", lambda at: vector(at, client=f"new-{at}")),
        ("ordinary, a new model each", lambda at: vector(at, model=f"model-{at}")),
        ("ordinary, a new version each", lambda at: vector(at, model={"name": "vectors", "version": str(at)})),
        ("ordinary, a new label each", lambda at: vector(at, output={"label": f"label-{at}"})),
        ("another width each", lambda at: filled(at, orjson.dumps({"vector": [1.5] * (9 + at % 900)}).decode())),
        ("longest names", lambda at: vector(at, client=f"{at}".ljust(NAME_BYTES, "x"), model="m" * NAME_BYTES)),
        ("longest text", lambda at: text(words, at)),
        ("longest text, one-letter words", lambda at: text(letters, at)),
        ("longest text, one word", lambda at: text("a" * LIMITS.text, at)),
        ("longest text, escapes", lambda at: filled(at, '{"text":"' + "\\u4e2d" * (HALF // 6) + '"}', model="texts")),
        ("text of four-byte letters", lambda at: text("𝔞 " * (LIMITS.text // 4), at)),
        ("most messages", lambda at: filled(at, orjson.dumps({"messages": [many] * 33_000}).decode(), model="texts")),
        ("widest vector, zeros", lambda at: listed(at, "0", wide)),
        ("vector of 17 digits", lambda at: listed(at, "0.12345678901234567", 9_999)),
        ("vector of 1e-300", lambda at: listed(at, "1.234567e-300", 9_999)),
        ("widest tensor, UINT8", lambda at: tensor([wide], "UINT8", ones, at)),
        ("wide tensor, FP64", lambda at: tensor([wide // 4, 1], "FP64", eights, at)),
        ("wide tensor, BOOL", lambda at: tensor([wide, 1, 1], "BOOL", ones, at)),
        ("tensor of most dimensions", lambda at: tensor([1] * 7 + [8], "UINT8", bytes(8), at)),
        ("most queries in a tensor", lambda at: _paid(tensor([most, 1], "UINT8", bytes(most), at, batch=True))),
        ("most queries, no inputs", lambda at: _paid(_several(at, "null", most))),
        ("most queries, digests", lambda at: _paid(_several(at, '{"digest":"a"}', most))),
        ("most columns", lambda at: row(at, keys(LIMITS.columns))),
        ("most columns, strings", lambda at: row(at, keys(LIMITS.columns, '"a"'))),
        ("one column", lambda at: row(at, f'{{"a":{at}}}')),
        ("most classes", lambda at: vector(at, output={"probabilities": [0] * LIMITS.classes})),
        ("most classes, by name", lambda at: vector(at, output={"probabilities": dict.fromkeys(names, 0)})),
        ("many log-probabilities", lambda at: vector(at, output={"logprobs": [-1] * 200_000})),
        ("longest answer", lambda at: vector(at, output={"text": words})),
        ("many biases", lambda at: vector(at, request={"logit_bias": dict.fromkeys(names, 0)})),
        ("deepest nesting", lambda at: with_field(at, "x", "[" * DEEP + "]" * DEEP)),
        ("deepest nesting, objects", lambda at: with_field(at, "x", '{"a":' * DEEP + "0" + "}" * DEEP)),
        ("most unknown keys", lambda at: with_field(at, "x", keys(90_000))),
        ("long unknown string", lambda at: with_field(at, "x", '"' + "a" * HALF + '"')),
        ("kernel: a full window of near inputs", near),
        ("kernel: another column each time", sweep),
        ("kernel: prompts that differ in a word", lambda at: text(f"{prompt} {WORDS[at % len(WORDS)]}", at)),
        ("refused: a wrong type at the end", lambda at: with_field(at, "status", '"a"')),
        ("refused: wide, a wrong type at the end", lambda at: listed(at, "0", wide - 1, ',"a"')),
        ("refused: a list of bare words", lambda at: listed(at, "true", 400_000)),
        ("refused: the same key twice, among most", lambda at: with_field(at, "x", keys(90_000)[:-1] + ',"0":0}')),
        ("refused: cut off", lambda at: filled(at, '{"vector":' + repeated("0", wide))),
        ("refused: queries of a byte", lambda at: tensor([most, 1], "UINT8", bytes(most), at, batch=True)),
        ("refused: too deep", lambda at: with_field(at, "x", "[" * 2_000)),
        ("refused: too large", lambda at: with_field(at, "x", '"' + "a" * (LIMITS.record) + '"')),
        ("refused: smallest", lambda at: orjson.dumps({"client": "a", "model": "m", "time": START + at})),
    ]  # fmt: skip
    return [Attack(name, make) for name, make in calls]


def _paid(payload: bytes) -> bytes:
    """A record of the most queries, as long as it has to be for so many."""
    lacking = LIMITS.query_bytes * LIMITS.queries - len(payload)
    return payload[:-1] + b',"x":"' + b"a" * lacking + b'"}'


def _several(at: int, one: str, count: int) -> bytes:
    head = orjson.dumps({"client": f"key-{at % CLIENTS}", "model": "several", "time": START + at})
    return (
        head[:-1]
        + b',"inputs":'
        + repeated(one, count).encode()
        + b',"outputs":'
        + repeated("null", count).encode()
        + b"}"
    )
