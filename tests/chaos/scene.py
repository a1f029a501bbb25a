"""What the chaos is played on: a log in Kafka, and the oracle, a quiet replay of that log in one process."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import orjson
from installed import KEY
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from probing import partitioned

from monitor.alerts.finding import Finding
from monitor.config.settings import Settings
from monitor.formats.ecs import render_ecs
from monitor.record.decode import Decoder
from monitor.record.keys import load_keys
from monitor.record.limits import Limits
from monitor.record.raw import Partition, RawBatch
from monitor.runtime.engines import engine_maker
from monitor.sinks.webhook import payload

BROKEN = b'{"client": "broken'
BATCH = 777  # records that the oracle is fed at once; on purpose not what the daemons read
Line = tuple[int, bytes]  # the log's own time in milliseconds, and the record


@dataclass(frozen=True)
class Scene:
    """A topic and what is in it, partition by partition."""

    topic: str
    parts: Sequence[Sequence[Line]]

    @property
    def records(self) -> int:
        return sum(map(len, self.parts))


@dataclass(frozen=True)
class Oracle:
    """What has to arrive: the findings by id, and the places of records that are no records."""

    findings: Mapping[str, Finding]
    rejected: frozenset[tuple[int, int]]

    def documents(self, namespace: str) -> dict[str, Any]:
        """As Elasticsearch has to have them."""
        return {name: orjson.loads(orjson.dumps(render_ecs(one, namespace))) for name, one in self.findings.items()}

    def payloads(self) -> dict[str, bytes]:
        """As a receiver of webhooks has to have got them."""
        return {name: payload(one) for name, one in self.findings.items()}


def lines(records: int, partitions: int, broken: int = 4) -> list[list[Line]]:
    """A log with probing in it, and in each partition a few lines that are no records."""
    parts = []
    for texts in partitioned(records, partitions):
        timed = list(_timed(texts))
        for number in range(broken):
            at = number * len(timed) // broken
            timed.insert(at, (timed[at][0], BROKEN))
        parts.append(timed)
    return parts


def _timed(texts: Sequence[bytes]) -> Iterator[Line]:
    for text in texts:
        yield int(datetime.fromisoformat(orjson.loads(text)["time"]).timestamp() * 1000), text


def fill(brokers: str, parts: Sequence[Sequence[Line]], replicas: int = 1) -> Scene:
    """A topic of its own with these lines, each in its partition and in this order; nothing in it twice."""
    name = f"chaos-{uuid.uuid4().hex[:8]}"
    admin = KafkaAdminClient(bootstrap_servers=brokers)
    about = {"num_partitions": len(parts), "replication_factor": replicas, "configs": {"retention.ms": "-1"}}
    admin.create_topics({name: about})
    admin.close()
    producer = KafkaProducer(bootstrap_servers=brokers, compression_type="zstd", linger_ms=20, batch_size=32_768)
    for number, part in enumerate(parts):
        for at, text in part:
            producer.send(name, value=text, partition=number, timestamp_ms=at)
    producer.flush()
    producer.close()
    consumer = KafkaConsumer(bootstrap_servers=brokers)
    ends = consumer.end_offsets([TopicPartition(name, number) for number in range(len(parts))])
    consumer.close()
    assert [ends[TopicPartition(name, number)] for number in range(len(parts))] == list(map(len, parts))
    return Scene(name, parts)


def oracle(scene: Scene, settings: Settings) -> Oracle:
    """The quiet replay: the same decoder and engines, one process, one partition after the other, no faults."""
    keys = load_keys(None, {"PROBEWATCH_KEY": KEY})
    decoder, make = Decoder(keys, Limits.of(settings.records)), engine_maker(settings, keys)
    findings: dict[str, Finding] = {}
    rejected = set()
    for number, part in enumerate(scene.parts):
        partition = Partition(scene.topic, number)
        engine = make(partition, None)
        for batch in _batches(partition, part):
            decoded = decoder.decode(batch)
            rejected |= {(number, one.offset) for one in decoded.rejected}
            for finding in engine.feed(decoded.queries):
                assert finding.id not in findings, "two findings of the oracle have one id"
                findings[finding.id] = finding
    return Oracle(findings, frozenset(rejected))


def _batches(partition: Partition, part: Sequence[Line]) -> Iterator[RawBatch]:
    for start in range(0, len(part), BATCH):
        piece = part[start : start + BATCH]
        offsets = np.arange(start, start + len(piece), dtype=np.int64)
        times = np.array([at for at, _ in piece], np.int64)
        yield RawBatch(partition, [text for _, text in piece], offsets, times, start + len(piece))
