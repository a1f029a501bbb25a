"""The ways to the far sides, faulty on demand: a proxy before the real search server, and a receiver of webhooks."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import orjson
import urllib3
from elasticsearch import Elasticsearch
from loopback import Answer, Call, loopback

PRODUCT = {"x-elastic-product": "Elasticsearch", "content-type": "application/vnd.elasticsearch+json;compatible-with=9"}
HANG = 3.0  # seconds; the sinks wait for one
TOO_MANY = 3  # documents in one request that gets a 413


@dataclass
class SearchWay:
    """Passes requests on to the search server, unless its `mode` is another than "pass".

    down: the connection breaks. slow: the answer takes half a second. late: the request is carried out, and its answer
    comes when nobody waits any more. rolled: the same, and the stream rolls over before the next attempt. half: every
    other document of a bulk is not taken. A number: that status for everything; 413 for large requests only."""

    server: str
    stream: str
    mode: str = "pass"
    tampered: int = 0  # requests that did not simply pass
    _pool: urllib3.PoolManager = field(default_factory=lambda: urllib3.PoolManager(maxsize=16))

    def __call__(self, call: Call) -> Answer:
        mode = self.mode
        bulk = "_bulk" in call.path
        if mode == "pass" or (mode in {"late", "rolled", "half", "413"} and not bulk):
            return self._forward(call)
        self.tampered += 1
        if mode == "down":
            return Answer(drop=True)
        if mode == "slow":
            answer = self._forward(call)
            answer.hang = 0.5
            return answer
        if mode in {"late", "rolled"}:
            answer = self._forward(call)
            if mode == "rolled":
                self.roll()
            answer.hang = HANG
            return answer
        if mode == "half":
            return self._half(call)
        if mode == "413" and len(_operations(call)) <= TOO_MANY:
            return self._forward(call)
        error = {"error": {"type": "made_up_exception", "reason": "made up"}, "status": int(mode)}
        return Answer(int(mode), orjson.dumps(error), PRODUCT)

    def roll(self) -> None:
        """A new backing index."""
        client = Elasticsearch(self.server)
        client.indices.rollover(alias=self.stream)
        client.close()

    def _forward(self, call: Call) -> Answer:
        headers = {k: v for k, v in call.headers.items() if k not in {"host", "content-length", "accept-encoding"}}
        answer = self._pool.request(call.method, self.server + call.path, body=call.body, headers=headers)
        kept = {k: v for k, v in answer.headers.items() if k.lower() in {"x-elastic-product", "content-type"}}
        return Answer(answer.status, answer.data, kept)

    def _half(self, call: Call) -> Answer:
        operations = _operations(call)
        taken = b"".join(action + b"\n" + document + b"\n" for action, document in operations[::2])
        headers = {k: v for k, v in call.headers.items() if k != "content-encoding"}
        answer = self._forward(Call(call.method, call.path, headers, taken))
        if answer.status != 200:
            return answer
        said = iter(orjson.loads(answer.body)["items"])
        items = [next(said) if number % 2 == 0 else _busy(action) for number, (action, _) in enumerate(operations)]
        return Answer(200, orjson.dumps({"errors": True, "took": 1, "items": items}), PRODUCT)


def _operations(call: Call) -> list[tuple[bytes, bytes]]:
    """Action and document of each operation of a bulk."""
    body = gzip.decompress(call.body) if call.headers.get("content-encoding") == "gzip" else call.body
    lines = body.splitlines()
    return list(zip(lines[::2], lines[1::2], strict=True))


def _busy(action: bytes) -> dict[str, Any]:
    error = {"type": "es_rejected_execution_exception", "reason": "made up"}
    return {"create": {**orjson.loads(action)["create"], "status": 429, "error": error}}


@dataclass
class Receiver:
    """Takes webhooks. `mode`: "pass", a status, "hang" (takes it, answers too late), "drop" (takes it, closes)."""

    mode: str = "pass"
    got: dict[str, set[bytes]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, call: Call) -> Answer:
        mode = self.mode
        if mode.isdigit():
            return Answer(int(mode), headers={"retry-after": "1"} if mode == "429" else {})
        with self._lock:
            self.got.setdefault(call.headers["webhook-id"], set()).add(call.body)
        return {"pass": Answer(), "hang": Answer(hang=HANG), "drop": Answer(drop=True)}[mode]

    def arrived(self) -> list[tuple[str, bytes]]:
        """Every alert as it came. The same again under the same id is what its id is for; another text is not."""
        with self._lock:
            return [(name, body) for name, bodies in self.got.items() for body in bodies]


@contextmanager
def open_way(script: Callable[[Call], Answer]) -> Iterator[str]:
    """The address at which it listens."""
    with loopback(script) as server:
        yield server.url
