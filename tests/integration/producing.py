"""`python producing.py BROKERS TOPIC FILE...`: writes the lines of each file into the partition of its number."""

from __future__ import annotations

import sys
from datetime import datetime
from pathlib import Path

import orjson
from kafka import KafkaProducer


def main(brokers: str, topic: str, *files: str) -> None:
    """Writes with zstd, and with the time of each record as the log's own."""
    producer = KafkaProducer(bootstrap_servers=brokers, compression_type="zstd", linger_ms=20, batch_size=65_536)
    for partition, file in enumerate(files):
        at = 0
        for line in Path(file).read_bytes().splitlines():
            at = _time(line, at)
            producer.send(topic, value=line, partition=partition, timestamp_ms=at)
    producer.flush()
    producer.close()


def _time(line: bytes, before: int) -> int:
    try:
        return int(datetime.fromisoformat(orjson.loads(line)["time"]).timestamp() * 1000)
    except ValueError:  # a broken record
        return before


if __name__ == "__main__":
    main(*sys.argv[1:])
