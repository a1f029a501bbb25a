"""The load of the speed benchmark: native records of about 700 bytes, whose volumes over clients follow Zipf's law."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
import orjson
import zstandard
from kafka import KafkaAdminClient, KafkaProducer
from kafka.admin import NewTopic

CLIENTS: Final = 10_000
NUMBERS: Final = 48
CLASSES: Final = 10
PARTITIONS: Final = 4
CHUNK: Final = 5_000
GAP: Final = 20  # milliseconds between two records


def records(count: int, seed: int = 1) -> Iterator[tuple[bytes, bytes]]:
    """So many records, each with its client: 48 numbers of four decimals, 10 probabilities; of now, as the log's own
    time is, which may not differ much."""
    first = int(time.time() * 1000)
    rng = np.random.default_rng(seed)
    shares = 1 / np.arange(1, CLIENTS + 1)
    shares /= shares.sum()
    for start in range(0, count, CHUNK):
        n = min(CHUNK, count - start)
        clients = rng.choice(CLIENTS, n, p=shares).tolist()
        inputs = rng.normal(size=(n, NUMBERS)).round(4).tolist()
        answers = rng.dirichlet(np.full(CLASSES, 0.3), n).round(4).tolist()
        for i, client in enumerate(clients):
            yield f"key-{client}".encode(), orjson.dumps(_record(start + i, first, client, inputs[i], answers[i]))


def _record(at: int, first: int, client: int, numbers: list[float], answer: list[float]) -> dict[str, object]:
    return {
        "id": f"request-{at:09d}",
        "time": first + at * GAP,
        "client": {"id": f"key-{client}", "group": f"tenant-{client % 50}", "address": f"203.0.113.{client % 250}"},
        "model": {"name": "vectors", "version": "1"},
        "input": {"vector": numbers},
        "output": {"probabilities": answer},
        "request": {"top_k": CLASSES},
        "status": 200,
        "latency_ms": 12.5,
    }


def write_file(path: Path, count: int) -> None:
    """The records as a log in a file, packed with zstd."""
    with path.open("wb") as file, zstandard.ZstdCompressor(level=3).stream_writer(file) as packed:
        for _, record in records(count):
            packed.write(record + b"\n")


def fill_topic(bootstrap: str, topic: str, count: int) -> None:
    """Make a topic of four partitions and send the records, keyed by client, packed with zstd."""
    admin = KafkaAdminClient(bootstrap_servers=bootstrap)
    admin.create_topics([NewTopic(name=topic, num_partitions=PARTITIONS, replication_factor=1)])
    admin.close()
    producer = KafkaProducer(
        bootstrap_servers=bootstrap, compression_type="zstd", linger_ms=50, batch_size=1 << 18, acks="all"
    )
    for key, record in records(count):
        producer.send(topic, key=key, value=record)
    producer.flush()
    producer.close()


def remove_topic(bootstrap: str, topic: str) -> None:
    """Give the broker its disk back."""
    admin = KafkaAdminClient(bootstrap_servers=bootstrap)
    admin.delete_topics([topic])
    admin.close()
