"""Writes the recorded day that ships with the package into a topic, keyed by client, as if it had just ended.

play.py BROKER TOPIC: makes the topic, with one partition, where it is not there yet.
"""

from __future__ import annotations

import contextlib
import io
import sys
from collections.abc import Iterator
from datetime import UTC, datetime

import orjson
import zstandard
from kafka import KafkaAdminClient, KafkaProducer
from kafka.errors import TopicAlreadyExistsError

from monitor.console.recordings import recording


def records() -> Iterator[dict[str, object]]:
    """The recorded queries, in their order."""
    for log in recording().logs:
        with log.open("rb") as packed, zstandard.ZstdDecompressor().stream_reader(packed) as stream:
            yield from map(orjson.loads, io.BufferedReader(stream))


def moved(queries: list[dict[str, object]], end: datetime) -> Iterator[tuple[bytes, bytes]]:
    """Key and value of each, with times moved so that the last one comes at `end`."""
    shift = end - datetime.fromisoformat(str(queries[-1]["time"]))
    for query in queries:
        client = query["client"]
        key = str(client["id"] if isinstance(client, dict) else client)
        yield key.encode(), orjson.dumps(query | {"time": datetime.fromisoformat(str(query["time"])) + shift})


def main(broker: str, topic: str) -> None:
    """Fills the topic, and says how much that was."""
    admin = KafkaAdminClient(bootstrap_servers=broker)
    with contextlib.suppress(TopicAlreadyExistsError):
        admin.create_topics({topic: {"num_partitions": 1, "replication_factor": 1}})
    admin.close()
    producer = KafkaProducer(bootstrap_servers=broker, compression_type="zstd", linger_ms=50)
    queries = list(records())
    for key, value in moved(queries, datetime.now(UTC)):
        producer.send(topic, key=key, value=value)
    producer.flush()
    producer.close()
    sys.stdout.write(f"{len(queries)} queries of a recorded day are in {topic}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
