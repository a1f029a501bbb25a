"""The trial with compose: judged by compose's own reader; the day that it plays is read from a real broker."""

from __future__ import annotations

import runpy
import uuid
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from kafka import KafkaConsumer, TopicPartition
from services.launch import Server

from monitor.config.load import load
from monitor.record.decode import Decoder
from monitor.record.keys import make_keys
from monitor.record.raw import Partition, RawBatch

COMPOSE = Path(__file__).parents[2] / "deploy" / "compose"


@pytest.mark.deployment
def test_compose_reads_it(call: Any) -> None:
    done = call("compose", "compose.yaml", cwd=COMPOSE)
    assert done.returncode == 0, done.stderr
    services = yaml.safe_load(done.stdout)["services"]
    for name in ("prepare", "play", "probewatch"):
        assert services[name]["read_only"] is True
        assert services[name]["cap_drop"] == ["ALL"]
    for name, service in services.items():
        for port in service.get("ports", ()):
            assert port["host_ip"] == "127.0.0.1", name


@pytest.mark.deployment
def test_compose_refuses_what_it_does_not_know(call: Any, tmp_path: Path) -> None:
    (tmp_path / "compose.yaml").write_text("services: {a: {image: b, readonly: true}}")
    assert call("compose", "compose.yaml", cwd=tmp_path).returncode != 0


def test_files_that_are_mounted_are_there() -> None:
    services = yaml.safe_load((COMPOSE / "compose.yaml").read_text())["services"]
    mounts = [
        volume for service in services.values() for volume in service.get("volumes", ()) if volume.startswith(".")
    ]
    assert len(mounts) >= 4
    for mount in mounts:
        assert (COMPOSE / mount.partition(":")[0]).exists(), mount


def test_the_daemon_takes_the_settings() -> None:
    daemon = yaml.safe_load((COMPOSE / "compose.yaml").read_text())["services"]["probewatch"]
    settings = load(COMPOSE / "probewatch.toml", daemon["environment"]).settings
    assert settings.health.address == "0.0.0.0"
    assert settings.health.token is not None
    assert settings.source.kafka is not None
    assert settings.source.kafka.topics == ("model-queries",)


@pytest.mark.deployment
def test_the_day_is_played(kafka: Server) -> None:
    topic = f"played-{uuid.uuid4().hex[:8]}"
    runpy.run_path(str(COMPOSE / "play.py"))["main"](kafka.address, topic)
    consumer = KafkaConsumer(bootstrap_servers=kafka.address, auto_offset_reset="earliest")
    place = TopicPartition(topic, 0)
    consumer.assign([place])
    last = consumer.end_offsets([place])[place]
    assert last > 10_000
    read: list[Any] = []
    while len(read) < last:
        read += consumer.poll(timeout_ms=1000).get(place, [])
    consumer.close()
    assert {len(record.key) > 0 for record in read} == {True}
    payload, offsets = [record.value for record in read], np.arange(last, dtype=np.int64)
    times = np.array([record.timestamp for record in read], np.int64)
    result = Decoder(make_keys("6b" * 32, "1", "here")).decode(
        RawBatch(Partition(topic, 0), payload, offsets, times, last)
    )
    assert not result.rejected, result.rejected[:3]
