"""What is fuzzed. A target takes the inputs of one execution; what it raises is a fault of the product.

Properties: nothing raises but what the reader promises; nothing of an input stands in a message; memory and time are
bounded (by the driver). Messages are made of the words of our own sources, so a word that is not among them came out of
an input.
"""

from __future__ import annotations

import base64
import io
import os
import re
import struct
import tempfile
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np
from elastic_transport import ApiResponseMeta as Meta
from elastic_transport import BaseNode, HttpHeaders
from elastic_transport._node._base import NodeApiResponse
from elasticsearch import Elasticsearch
from findings import several
from kafka import TopicPartition
from kafka.protocol.consumer import IsolationLevel
from kafka.record import MemoryRecords
from pydantic_core._pydantic_core import list_all_errors

from detectors.sketch.fingerprints import FingerprintsRefused, unpacked
from monitor.config.load import load
from monitor.config.targets import OpenSearchSettings, PagerDutySettings, SplunkSettings
from monitor.config.trouble import Trouble
from monitor.formats.native import encode, parse
from monitor.record.decode import Decoder
from monitor.record.keys import Keys, load_keys
from monitor.record.limits import Limits
from monitor.record.raw import Partition, RawBatch
from monitor.record.refusal import REASONS, Refused, Unfamiliar
from monitor.record.tensors import DATATYPES, from_bytes, read_base64, read_shape
from monitor.runtime import framed, sealed
from monitor.runtime.folder import SnapshotFolder
from monitor.runtime.generations import _MAGIC as SNAPSHOT
from monitor.runtime.generations import _MAGIC_1 as SNAPSHOT_1
from monitor.runtime.snapshots import Refused as RefusedSnapshot
from monitor.runtime.snapshots import Snapshot
from monitor.sinks.answers import seconds
from monitor.sinks.elasticsearch import ElasticsearchSink
from monitor.sinks.http import Reply, Target
from monitor.sinks.opensearch import OpenSearchSink
from monitor.sinks.pagerduty import PagerDutySink
from monitor.sinks.splunk import SplunkSink
from monitor.sources.batches import _BatchTaker
from monitor.sources.codecs import UnreadableError, inflate
from monitor.sources.inflate import DamageError, pieces
from monitor.sources.lines import Lines

Inputs = Sequence[bytes]
KEYS: Final = Keys.derive(bytes(32), "e")
ONLY: Final = Partition("log", 0)
LIMITS: Final = Limits(record=1 << 16, text=1 << 14, elements=1 << 12, classes=1 << 10, keys=1 << 10, queries=64)
CEILING: Final = 1 << 20
SOURCES: Final = Path(__file__).parents[2]
WORD: Final = re.compile(r"[A-Za-z]{4,}")


@cache
def vocabulary() -> frozenset[str]:
    """The words of our own sources, and of the parsers whose messages we pass on."""
    own = [file.read_text() for file in (SOURCES / "monitor").rglob("*.py")]
    theirs = [error["message_template_python"] for error in list_all_errors()]
    return frozenset(word for text in (*own, *theirs) for word in WORD.findall(text))


def ours(message: str) -> None:
    """AssertionError where the message holds a word that is not ours."""
    foreign = [word for word in WORD.findall(message) if word not in vocabulary()]
    assert not foreign, f"{foreign} came out of an input"


def known(reason: str) -> None:
    """AssertionError where it is no code of ours, or the one for a fault of ours."""
    assert reason in REASONS
    assert reason != "decoder-failed"


def records(inputs: Inputs) -> None:
    """The decoder: each input one record, without headers."""
    _decode(inputs, None)


def envelopes(inputs: Inputs) -> None:
    """The decoder with CloudEvents attributes in headers, and around the input in structured mode."""
    headers = [
        [("ce_specversion", b"1.0"), ("ce_" + text(one[:9]), one[:64]), ("ce_time", one[-24:])] for one in inputs
    ]
    _decode(inputs, headers)
    coded = (base64.b64encode(one).decode() for one in inputs[::4])
    _decode([b'{"specversion":"1.0","data_base64":"%s"}' % one.encode() for one in coded], None)
    _decode([b'{"specversion":"1.0","time":"2026-11-21T10:00:00Z","data":%s}' % one for one in inputs[1::4]], None)


def text(data: bytes) -> str:
    """Readable whatever the bytes are."""
    return data.decode("utf-8", "replace")


@cache
def decoder() -> Decoder:
    """One for all, so that its caches are fuzzed as well."""
    return Decoder(KEYS, LIMITS)


def _decode(inputs: Inputs, headers: Sequence[Any] | None) -> None:
    n = len(inputs)
    batch = RawBatch(ONLY, inputs, np.arange(n), np.full(n, 1_795_255_200_000), n, headers)
    decoded = decoder().decode(batch)
    bad = {one.offset for one in decoded.rejected}
    assert len(bad) == len(decoded.rejected)
    assert bad | set(decoded.queries.offset.tolist()) == set(range(n)), "a record is neither read nor rejected"
    for one in decoded.rejected:
        known(one.reason)
        assert one.size == len(inputs[one.offset])
        ours(one.detail)
    assert np.isfinite(decoded.queries.dense.projection).all()


def tensors(inputs: Inputs) -> None:
    """Shape, datatype and data of tensors: the first bytes choose, the rest is the data."""
    names = list(DATATYPES)
    for one in inputs:
        shape = [int(side) - 1 for side in one[1 : 1 + one[0] % 10]] if one else []
        datatype = names[one[-1] % len(names)] if one else "FP32"
        try:
            sides = read_shape(shape if len(one) % 7 else one, LIMITS.elements)
            size = int(np.prod(sides))
            raw = one[10 : 10 + size * np.dtype(DATATYPES[datatype]).itemsize]
            data = base64.b64encode(raw).decode() if len(one) % 3 else text(one[10:])
            values = from_bytes(read_base64(data, datatype, size), datatype)
            assert values.shape == (size,)
        except Refused as refused:
            known(refused.reason)
            ours(refused.detail)
        except Unfamiliar:
            continue


HEADER: Final = struct.Struct(">qiibIhiqqqhii")


def batches(inputs: Inputs) -> None:
    """Answers of a broker: the input as it is, and as the body of a batch whose header is right."""
    for number, one in enumerate(inputs):
        if number % 2:
            _take(one)
        count = 1 + (one[0] if one else 0) % 8
        codec = (one[1] if len(one) > 1 else 0) % 6
        body = one[2:]
        head = (9 + 40 + len(body), 0, 2, 0, codec, count - 1, 0, 0, -1, -1, -1, count)
        _take(HEADER.pack(7, *head) + body, check_crcs=False)


def _take(data: bytes, **options: object) -> None:
    settings = {"check_crcs": True, "isolation_level": IsolationLevel.READ_COMMITTED} | options
    try:
        memory = MemoryRecords(data)
    except Exception:  # noqa: BLE001  (the client itself cuts the answer; it does so before we see it)
        return
    taker = _BatchTaker(CEILING, 0, TopicPartition("log", 0), memory, **settings)
    while taker:
        before = taker.next_fetch_offset
        arrivals = list(taker.take(500))
        assert taker.next_fetch_offset >= before
        assert taker.next_fetch_offset > before or not arrivals, "reading would not go on"


def codecs(inputs: Inputs) -> None:
    """What inflates: each codec, and files after their suffix, with a ceiling."""
    for one in inputs:
        try:
            assert len(inflate(one[0] % 6 if one else 0, memoryview(one)[1:], CEILING)) <= CEILING
        except UnreadableError as problem:
            ours(problem.reason)
        cutter = Lines(256)
        try:
            suffix = (".zst", ".gz", "")[len(one) % 3]
            total = 0
            for piece in pieces(io.BytesIO(one), Path("log" + suffix)):
                total += len(piece)
                for _, line in cutter.feed(piece):
                    assert len(line) <= 257
                if total > 1 << 22:
                    break
        except DamageError as problem:
            ours(problem.reason)


@cache
def folder() -> Path:
    """A folder in memory, where there is one, for readers of files."""
    return Path(tempfile.mkdtemp(dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None))


def sealed_anew(content: bytes, first: bool) -> bytes:
    """The bytes as a snapshot whose checksum is right, of the first version of files or of the latest."""
    magic = next((magic for magic in (SNAPSHOT, SNAPSHOT_1) if content.startswith(magic)), None)
    rest = content if magic is None else content[len(magic) + framed.DIGEST :]
    if first:
        return SNAPSHOT_1 + sealed._hash(rest).digest() + rest
    line, end, _ = rest.partition(b"\n")
    return SNAPSHOT + framed._hash(line + end) + rest


def snapshots(inputs: Inputs) -> None:
    """The reader of snapshots: as the bytes are, and with a checksum that is right."""
    store = SnapshotFolder(folder() / "snapshots")
    file = folder() / "snapshots" / "log-0.000000001.snapshot"
    for number, one in enumerate(inputs):
        file.write_bytes(one if number % 8 == 0 else sealed_anew(one, first=number % 2 == 1))
        for found in store.load(ONLY, "e"):
            assert isinstance(found, Snapshot | RefusedSnapshot)


def fingerprints(inputs: Inputs) -> None:
    """The reader of training fingerprints."""
    for one in inputs:
        try:
            unpacked(one, KEYS.sketches, "e", "m")
        except FingerprintsRefused:
            continue


def settings(inputs: Inputs) -> None:
    """Settings in TOML and YAML."""
    for number, one in enumerate(inputs):
        file = folder() / ("settings.toml" if number % 2 else "settings.yaml")
        file.write_bytes(one)
        try:
            load(file, {})
        except* Trouble:  # anything else, and what else is in a group, is raised again
            pass


def keys(inputs: Inputs) -> None:
    """Files with a key: no message holds any of it."""
    file = folder() / "key"
    file.touch(0o600)
    for one in inputs:
        file.write_bytes(one)
        try:
            load_keys(file, {})
        except Trouble as trouble:
            ours(f"{trouble.what} {trouble.mend}".replace(str(file), ""))


def findings(inputs: Inputs) -> None:
    """Findings that come back from the outbox or a file: read, written and read again they are the same."""
    for one in inputs:
        try:
            found = parse(one)
        except Trouble as trouble:
            ours(trouble.what)
        else:
            assert parse(encode(found)) == found


ALERTS: Final = several(3)
PRODUCT: Final = HttpHeaders({"x-elastic-product": "Elasticsearch", "content-type": "application/json"})


class Server(BaseNode):
    """A search server that gives the bytes for an answer that the fuzzer has made."""

    answer = b""
    status = 200

    def perform_request(self, *_: Any, **__: Any) -> NodeApiResponse:
        meta = Meta(node=self.config, duration=0.0, http_version="1.1", status=Server.status, headers=PRODUCT)
        return NodeApiResponse(meta, Server.answer)

    def close(self) -> None:
        pass


@cache
def search() -> ElasticsearchSink:
    """The sink with the real client over that server."""
    client = Elasticsearch("http://127.0.0.1:1", node_class=Server, max_retries=0)
    return ElasticsearchSink("search", client)


@cache
def http_targets() -> list[Target]:
    """Targets that read what stands in an answer."""
    secret, url = {"env": "PATH"}, "http://127.0.0.1:1"
    splunk = SplunkSettings.model_validate({"type": "splunk", "url": url, "token": secret, "acknowledge": False})
    pager = PagerDutySettings.model_validate({"type": "pagerduty", "url": url, "routing_key": secret})
    search = OpenSearchSettings.model_validate({"type": "opensearch", "hosts": [url]})
    sinks = (SplunkSink("a", splunk), PagerDutySink("b", pager), OpenSearchSink("c", search)._writer)
    return [sink._target for sink in sinks]


def answers(inputs: Inputs) -> None:
    """Answers of search servers, of a webhook's receiver and of other targets."""
    statuses = (200, 200, 200, 400, 401, 413, 429, 503)
    for number, one in enumerate(inputs):
        Server.answer, Server.status = one, statuses[number % len(statuses)]
        outcomes = search().send(ALERTS, {ALERTS[0].id} if number % 3 == 0 else ())
        assert len(outcomes) == len(ALERTS)
        for outcome in outcomes:
            assert outcome.verdict in ("delivered", "retry", "refused", "hold")
            assert len(outcome.reason) < 300
        for target in http_targets():
            for outcome in target.heard(Reply(statuses[number % len(statuses)], {}, one, 1e9), 2):
                assert outcome.verdict in ("delivered", "retry", "refused", "hold")
                assert len(outcome.reason) < 300
        rest = seconds(text(one[:80]), 1e9)
        assert rest is None or 0 <= rest <= 86_400


TARGETS: Final[dict[str, Callable[[Inputs], None]]] = {
    one.__name__: one
    for one in (
        records,
        envelopes,
        tensors,
        batches,
        codecs,
        snapshots,
        fingerprints,
        settings,
        keys,
        findings,
        answers,
    )
}
