"""Where fuzzing starts: one small good input of each sort for every target."""

from __future__ import annotations

import base64
import gzip
import json
import struct
from collections.abc import Iterator

import numpy as np
import orjson
from findings import EXAMPLE
from kafka.record import MemoryRecordsBuilder

from detectors.sketch.fingerprints import Fingerprints
from fuzz.targets import ALERTS, KEYS, ONLY, SNAPSHOT, folder
from monitor.formats.native import encode
from monitor.runtime.folder import SnapshotFolder
from monitor.runtime.snapshots import Snapshot

INPUTS = (
    {"columns": {"age": 41, "race": "white", "income": 52000.0}},
    {"vector": [0.1, -2.5, 3e4, 1.0]},
    {"tensor": {"shape": [2, 2], "datatype": "UINT8", "data": "AAECAw=="}},
    {"tensor": {"shape": [2, 2], "datatype": "FP32", "data": [0.1, 0.2, 0.3, 0.4], "batch": True}},
    {"text": "how do I bake bread"},
    {"messages": [{"role": "system", "content": "be kind"}, {"role": "user", "content": "hello there"}]},
    {"embedding": [0.25] * 16},
    {"digest": "9f2c41aa"},
    {"sketch": {"v": 1, "key": "e", "kind": "opaque", "exact": "00112233445566aa", "size": 1, "data": ""}},
)
OUTPUTS = (
    {"label": "yes", "probabilities": {"yes": 0.91, "no": 0.09}},
    {"probabilities": [0.5, 0.25, 0.25]},
    {"text": "with flour", "logprobs": [-0.1, -2.0]},
    {"confidence": 0.5, "value": 3.25},
)
SETTINGS = """
[source.kafka]
brokers = ["127.0.0.1:9092"]
topics = ["queries"]
group = "g"
[engine]
budget = 2.0
[engine.known.credit]
sensitive_columns = ["race"]
[sinks.search]
type = "elasticsearch"
hosts = ["http://127.0.0.1:9200"]
api_key = {env = "KEY"}
[sinks.hook]
type = "webhook"
url = {file = "/x"}
secrets = [{env = "S"}]
"""
YAML = """
source: {file: {paths: [a.ndjson]}}
sinks:
  out: {type: stdout}
runtime:
  state: /tmp/x
"""


def record(**more: object) -> dict[str, object]:
    """A whole record."""
    return {
        "id": "b6f1",
        "time": "2026-11-21T10:00:00.123Z",
        "client": {"id": "key-123", "group": "acme", "address": "203.0.113.9", "user_agent": "sdk/1.2"},
        "model": {"name": "credit", "version": "7"},
        "request": {"logprobs": False, "top_k": 5, "temperature": 0.0, "max_tokens": 256, "logit_bias": {"17": 5}},
        "status": 200,
        "latency_ms": 12.5,
        **more,
    }


def seeds(target: str) -> Iterator[bytes]:
    """Inputs for the target of that name."""
    yield from {"records": _records, "envelopes": _envelopes, "batches": _batches, "snapshots": _snapshots}.get(
        target, lambda: _others(target)
    )()


def _records() -> Iterator[bytes]:
    for given in INPUTS:
        yield orjson.dumps(record(input=given, output=OUTPUTS[0]))
    for answer in OUTPUTS:
        yield orjson.dumps({"client": "a", "model": "m", "input": INPUTS[0], "output": answer})
    yield orjson.dumps({"client": "a", "model": "m", "inputs": INPUTS[:2], "outputs": OUTPUTS[:2]})


def _envelopes() -> Iterator[bytes]:
    inner = {"client": "a", "model": "m", "input": INPUTS[0], "output": OUTPUTS[0]}
    event = {"specversion": "1.0", "id": "1", "type": "t", "source": "s", "time": "2026-11-21T10:00:00Z"}
    yield orjson.dumps(event | {"data": inner})
    yield orjson.dumps(event | {"data": json.dumps(inner)})
    yield orjson.dumps(event | {"data_base64": base64.b64encode(orjson.dumps(inner)).decode(), "subject": "m"})
    yield orjson.dumps(inner)


def _batches() -> Iterator[bytes]:
    for codec in (0, 1, 2, 3, 4):
        builder = MemoryRecordsBuilder(2, codec, 1 << 16)
        for number in range(3):
            builder.append(1_000 + number, b"k", b"value %d" % number, [("h", b"x"), ("n", None)])
        builder.close()
        whole = bytes(builder.buffer())
        yield whole
        yield struct.pack("BB", 2, codec) + whole[61:]


def _snapshots() -> Iterator[bytes]:
    arrays = {"a": np.arange(3), "b": np.zeros((2, 2), np.float32), "text": np.frombuffer(b"[]", np.uint8)}
    store = SnapshotFolder(folder() / "seeds")
    store.take(ONLY)
    store.save(Snapshot(ONLY, 7, "c", "e", arrays, []))
    for file in (folder() / "seeds").glob("*.snapshot"):
        whole = file.read_bytes()
        yield whole
        yield whole[len(SNAPSHOT) + 16 :]


def _others(target: str) -> Iterator[bytes]:
    if target == "settings":
        yield from (SETTINGS.encode(), YAML.encode())
    elif target == "keys":
        secret = base64.b64encode(KEYS.sketches).decode()
        yield from (f'epoch = "1"\nsecret = "{secret}"\n'.encode(), orjson.dumps({"epoch": "1", "secret": secret}))
    elif target == "findings":
        yield from (encode(one) for one in (EXAMPLE, *ALERTS))
    elif target == "answers":
        done = {"create": {"status": 201, "_id": "x"}}
        wrong = {"create": {"status": 400, "error": {"type": "document_parsing_exception", "reason": "field [a.b]"}}}
        yield orjson.dumps({"items": [done, wrong, {"create": {"status": 429}}]})
        yield orjson.dumps({"hits": {"hits": [{"_id": ALERTS[0].id}]}, "items": [done] * 3})
        yield from (b"120", b"Thu, 01 Jan 2026 00:01:00 GMT")
    elif target == "codecs":
        yield from (b"\x01" + gzip.compress(b"line\nline\n"), gzip.compress(b"line\n" * 9), b"\x00plain\nlines\n")
    elif target == "fingerprints":
        made = Fingerprints(3, 3, frozenset({(2, 2, (5, 9))}), np.arange(8, dtype=np.uint64).reshape(1, 8))
        yield made.packed(KEYS.sketches, "e", "m")
    else:
        yield bytes(range(64))
