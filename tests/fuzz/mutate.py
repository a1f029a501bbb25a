"""Derives further inputs from one: the fuzzer's coverage finds the first, these look around it, at little cost."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

#: What readers stumble over, in JSON, TOML, YAML, HTTP and binary forms alike.
TOKENS: Sequence[bytes] = (
    *(b"null", b"true", b"-1", b"0", b"1e400", b"-1e-400", b"NaN", b"Infinity", b"18446744073709551616", b"0.1"),
    *(
        b'""',
        b"[]",
        b"{}",
        b"[[",
        b"]]",
        b'{"a":',
        b'"\\ud800"',
        b'"\\u0000"',
        b"\xff\xfe",
        b"\xed\xa0\x80",
        b"\xc0\x80",
    ),
    *(
        b"\x00",
        b"\x01",
        b"\x7f",
        b"\x80",
        b"\xff" * 4,
        b"\xff" * 10 + b"\x01",
        b"\x80" * 9 + b"\x02",
        b"\n",
        b"\\",
        b":",
    ),
    *(b'"client":', b'"model":', b'"input":', b'"inputs":', b'"output":', b'"outputs":', b'"time":', b'"id":'),
    *(
        b'"vector":',
        b'"tensor":',
        b'"columns":',
        b'"text":',
        b'"messages":',
        b'"embedding":',
        b'"sketch":',
        b'"digest":',
    ),
    *(b'"shape":', b'"datatype":', b'"data":', b'"batch":true', b'"UINT8"', b'"FP16"', b'"BOOL"', b'"probabilities":'),
    *(
        b'"specversion":"1.0"',
        b'"data_base64":',
        b'"subject":',
        b'"logprobs":',
        b'"label":',
        b'"status":',
        b'"request":',
    ),
    *(
        b"&a",
        b"*a",
        b"- ",
        b"[[a]]",
        b"= ",
        b"[sinks.x]",
        b"type = ",
        b"{file = ",
        b"0x",
        b"1979-99-99",
        b"!!python/none",
    ),
)
MOST = 4_096  # bytes of a derived input


def around(data: bytes, count: int) -> Iterator[bytes]:
    """The input and `count - 1` that were made of it, always the same ones."""
    yield data
    chance = random.Random(data)
    for _ in range(count - 1):
        changed = bytearray(data)
        for _ in range(1 + chance.getrandbits(2)):
            _step(changed, chance)
        yield bytes(changed[:MOST])


def _step(data: bytearray, chance: random.Random) -> None:
    """One change: a byte, a token put in or over, a stretch cut out, doubled, or swapped with another."""
    at = int(chance.random() * (len(data) + 1))
    match chance.getrandbits(3):
        case 0 | 1 if at < len(data):
            data[at] ^= 1 << chance.getrandbits(3) % 8
        case 2 | 3:
            token = TOKENS[int(chance.random() * len(TOKENS))]
            data[at:at] = token
        case 4:
            token = TOKENS[int(chance.random() * len(TOKENS))]
            data[at : at + len(token)] = token
        case 5:
            del data[at : at + 1 + chance.getrandbits(4)]
        case 6:
            data[at:at] = data[at : at + 1 + chance.getrandbits(5)]
        case _:
            other = int(chance.random() * (len(data) + 1))
            data[at : at + 8], data[other : other + 8] = data[other : other + 8], data[at : at + 8]
