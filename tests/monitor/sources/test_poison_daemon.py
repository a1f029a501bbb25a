"""Batches that hang a stock kafka-python for ever, on a real broker and before the whole daemon: it sets them aside,
with their coordinates, and goes on."""

from __future__ import annotations

import json
import signal
import sqlite3
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from installed import REPOSITORY, Daemon
from kafka import KafkaProducer
from probing import records
from services.launch import Server, launch

pytestmark = [pytest.mark.servers, pytest.mark.timeout(300)]

PIECE = 50  # records that a producer sends at once
PIECES = 6
BAD_CHECKSUM, BAD_CODEC = 1, 3  # pieces that rot on the disk
STOCK = """
import sys
from kafka import KafkaConsumer, TopicPartition
consumer = KafkaConsumer(bootstrap_servers=sys.argv[1], auto_offset_reset="earliest", group_id=None)
consumer.assign([TopicPartition("rotten", 0)])
for _ in range(100):
    try:
        consumer.poll(timeout_ms=500)
    except Exception as problem:
        print(type(problem).__name__, flush=True)
print("came back", flush=True)
"""


@pytest.fixture
def rotten(start_kafka: Callable[..., Server]) -> Server:
    """A topic of which one batch has a wrong checksum, and one a codec that nobody has."""
    server = start_kafka()
    lines = [line for _, line in records(PIECE * PIECES)]
    producer = KafkaProducer(bootstrap_servers=server.address, linger_ms=500, batch_size=1 << 20)
    for start in range(0, len(lines), PIECE):
        for line in lines[start : start + PIECE]:
            producer.send("rotten", line)
        producer.flush()
    producer.close()
    server.stop()
    assert server.data is not None
    rot(server.data / "node-1" / "rotten-0" / "00000000000000000000.log")
    return launch("kafka", server.data).ready()


def rot(segment: Path) -> None:
    """Flips a byte of one batch, and gives another a codec of the future, under a checksum that is right."""
    from crc32c import crc32c

    data, at = bytearray(segment.read_bytes()), 0
    while at < len(data):
        first, length = struct.unpack_from(">qi", data, at)
        end = at + 12 + length
        if first == BAD_CHECKSUM * PIECE:
            data[end - 1] ^= 0xFF
        if first == BAD_CODEC * PIECE:
            data[at + 22] = 7  # the low byte of the attributes
            struct.pack_into(">I", data, at + 17, crc32c(bytes(data[at + 21 : end])))
        at = end
    segment.write_bytes(data)


def test_what_hangs_the_stock_client_costs_the_daemon_two_batches(rotten: Server, tmp_path: Path) -> None:
    try:
        assert not comes_back(rotten.address), "the client has been mended: the guards may go"
        daemon = Daemon(REPOSITORY, settings(tmp_path, rotten.address), tmp_path / "log")
        end = time.monotonic() + 120
        while daemon.metric("probewatch_records_received_total") < PIECE * (PIECES - 2) and time.monotonic() < end:
            time.sleep(0.2)
        assert daemon.metric("probewatch_records_received_total") == PIECE * (PIECES - 2)
        assert daemon.metric("probewatch_lag_records{") == 0
        daemon.process.send_signal(signal.SIGTERM)
        assert daemon.process.wait(60) == 0, daemon.lines()
    finally:
        rotten.stop()
    with sqlite3.connect(tmp_path / "state" / "outbox.db") as connection:
        rows = "SELECT topic, partition, offset, reason FROM letters WHERE reason != 'time-skew' ORDER BY offset"
        letters = connection.execute(rows).fetchall()  # the records are older than the broker's times for them
    assert letters == [
        ("rotten", 0, BAD_CHECKSUM * PIECE, "bad-checksum"),
        ("rotten", 0, BAD_CODEC * PIECE, "unknown-codec"),
    ]


def comes_back(address: str) -> bool:
    """Whether the client's own poll returns after such a batch; where it does not, its process is ended."""
    stock = subprocess.Popen([sys.executable, "-c", STOCK, address], stdout=subprocess.PIPE, text=True)
    try:
        out, _ = stock.communicate(timeout=15)
    except subprocess.TimeoutExpired:
        stock.kill()
        out, _ = stock.communicate()
    return "came back" in out


def settings(folder: Path, address: str) -> Path:
    file = folder / "probewatch.toml"
    state = json.dumps(str(folder / "state"))
    file.write_text(
        f'[source.kafka]\nbrokers = ["{address}"]\ntopics = ["rotten"]\nsession_seconds = 6\n'
        f"[runtime]\nstate = {state}\n[health]\nport = 0\n"
    )
    return file
